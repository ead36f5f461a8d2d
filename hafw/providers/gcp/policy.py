"""The roles that a pair needs on Google Cloud, written from the calls that it makes.

One rule: stopping an instance is a role of its own, to be bound on the other node's instance alone,
because no role can say "every instance but mine".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.providers.gcp.calls import DISK_CALLS, FENCE_CALLS, MOVER_CALLS, STOP

if TYPE_CHECKING:
    from collections.abc import Collection

    from hafw.hooks.hookspecs import PolicyRequest

_ANYBODY: Final = {"project": "PROJECT", "zone": "ZONE_OF_PEER", "instance": "PEER"}


def policy(request: PolicyRequest) -> str:
    """Both roles as gcloud takes them, one after the other; or Terraform for the pair."""
    placed = (*request.vips, *request.resources)
    movers = {str(vip.options["mover"]) for vip in request.vips} if placed else {*MOVER_CALLS}
    fence = request.peer_fence is not None or not placed
    moving = permissions(movers, disk=bool(request.resources) or not placed, fence=fence)
    if not moving:
        return "# Nothing is called on Google Cloud, so no role is needed.\n"
    if request.terraform:
        return _terraform(moving, fence=fence)
    peer = _ANYBODY | {key: str(value) for key, value in (request.peer_fence or {}).items()}
    for one in placed:
        peer["project"] = str(one.options.get("project", peer["project"]))
    text = _ROLE.format(listed=_lines(moving, "- {}"), **peer)
    return text + _FENCE_ROLE.format(listed=_lines(STOP.permissions, "- {}"), **peer) * fence


def permissions(movers: Collection[str], *, disk: bool, fence: bool) -> tuple[str, ...]:
    """What the role on the project includes; stopping is in the other one."""
    calls = [call for mover in movers for call in MOVER_CALLS.get(mover, ())]
    calls += DISK_CALLS if disk else ()
    calls += [call for call in FENCE_CALLS if fence and call is not STOP]
    return tuple(sorted({permission for call in calls for permission in call.permissions}))


def _terraform(moving: Collection[str], *, fence: bool) -> str:
    text = _TERRAFORM.replace("@LISTED@", _lines(moving, '    "{}",'))
    if fence:
        text += _TERRAFORM_FENCE.replace("@LISTED@", _lines(STOP.permissions, '    "{}",'))
    return text


def _lines(listed: Collection[str], form: str) -> str:
    return "\n".join(form.format(one) for one in listed)


_ROLE: Final = """\
# The role of both nodes. As hafw.yaml:
#   gcloud iam roles create hafw --project={project} --file=hafw.yaml
#   gcloud projects add-iam-policy-binding {project} --role=projects/{project}/roles/hafw \\
#     --member=serviceAccount:THIS_NODES_ACCOUNT
title: hafw
description: What a node of hafw calls
stage: GA
includedPermissions:
{listed}
"""
_FENCE_ROLE: Final = """\
---
# To stop the other node. Each node needs a service account of its own. As hafw-fence.yaml:
#   gcloud iam roles create hafwFence --project={project} --file=hafw-fence.yaml
#   gcloud compute instances add-iam-policy-binding {instance} --zone={zone} \\
#     --project={project} --role=projects/{project}/roles/hafwFence \\
#     --member=serviceAccount:THIS_NODES_ACCOUNT
title: hafw fence
description: Stop an instance; to be bound on the instance of the other node alone
stage: GA
includedPermissions:
{listed}
"""
_TERRAFORM: Final = """\
variable "hafw_project" {
  type = string
}

variable "hafw_nodes" {
  description = "By node: a service account of its own, the zone and the name of its instance."
  type = map(object({
    service_account = string
    zone            = string
    instance        = string
  }))
}

resource "google_project_iam_custom_role" "hafw" {
  project = var.hafw_project
  role_id = "hafw"
  title   = "hafw"
  permissions = [
@LISTED@
  ]
}

resource "google_project_iam_member" "hafw" {
  for_each = var.hafw_nodes
  project  = var.hafw_project
  role     = google_project_iam_custom_role.hafw.id
  member   = "serviceAccount:${each.value.service_account}"
}
"""
_TERRAFORM_FENCE: Final = """
resource "google_project_iam_custom_role" "hafw_fence" {
  project = var.hafw_project
  role_id = "hafwFence"
  title   = "hafw fence"
  permissions = [
@LISTED@
  ]
}

locals {
  hafw_fences = {
    for pair in setproduct(keys(var.hafw_nodes), keys(var.hafw_nodes)) :
    "${pair[0]} stops ${pair[1]}" => {
      account = var.hafw_nodes[pair[0]].service_account
      target  = var.hafw_nodes[pair[1]]
    } if pair[0] != pair[1]
  }
}

# On the instance of the other node alone: no node may stop itself, or a third machine.
resource "google_compute_instance_iam_member" "hafw_fence" {
  for_each      = local.hafw_fences
  project       = var.hafw_project
  zone          = each.value.target.zone
  instance_name = each.value.target.instance
  role          = google_project_iam_custom_role.hafw_fence.id
  member        = "serviceAccount:${each.value.account}"
}
"""
