"""The roles that a pair needs on Azure, written from the calls that it makes.

One rule: cutting power is a role of its own, to be assigned on the other node's machine alone,
because no role can say "every machine but mine".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hafw.providers.azure.calls import CONFIGS_MOVE, DISK_CALLS, FENCE_CALLS, MOVER_CALLS

if TYPE_CHECKING:
    from collections.abc import Collection

    from hafw.hooks.hookspecs import PolicyRequest

_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{resource_group}"
_ANYWHERE: Final = {"subscription": "SUBSCRIPTION", "resource_group": "GROUP", "vm": "PEER"}


def policy(request: PolicyRequest) -> str:
    """Both roles as `az role definition create` takes them, in one list; or Terraform."""
    placed = (*request.vips, *request.resources)
    movers = {str(vip.options["mover"]) for vip in request.vips} if placed else {*MOVER_CALLS}
    fence = request.peer_fence is not None or not placed
    moving = permissions(movers, disk=bool(request.resources) or not placed)
    if any("one_call" in vip.options for vip in request.vips):
        moving = sorted({*moving, *CONFIGS_MOVE.permissions})
    stopping = sorted({one for call in FENCE_CALLS for one in call.permissions})
    if request.terraform:
        text = _TERRAFORM.replace("@LISTED@", _lines(moving))
        return text + _TERRAFORM_FENCE.replace("@LISTED@", _lines(stopping)) * fence
    known = dict(placed[0].options) if placed else dict(request.peer_fence or {})
    place = _ANYWHERE | {key: str(known[key]) for key in known if key in _ANYWHERE and key != "vm"}
    group = _GROUP.format(**place)
    roles = [_role("hafw", "What a node of hafw calls", moving, group)]
    if fence:
        peer = _ANYWHERE | {key: str(value) for key, value in (request.peer_fence or {}).items()}
        machine = _GROUP.format(**peer)
        text = (
            "Cut the power of a machine; to be assigned on that of the other node alone: "
            f"{machine}/providers/Microsoft.Compute/virtualMachines/{peer['vm']}"
        )
        roles.append(_role("hafw fence", text, stopping, machine))
    return json.dumps(roles, indent=2)


def permissions(movers: Collection[str], *, disk: bool) -> list[str]:
    """What the role on the resource group includes."""
    calls = [call for mover in movers for call in MOVER_CALLS[mover]]
    calls += DISK_CALLS if disk else ()
    return sorted({permission for call in calls for permission in call.permissions})


def _role(name: str, description: str, actions: list[str], scope: str) -> dict[str, object]:
    return {
        "Name": name,
        "IsCustom": True,
        "Description": description,
        "Actions": actions,
        "NotActions": [],
        "AssignableScopes": [scope],
    }


def _lines(listed: Collection[str]) -> str:
    return "\n".join(f'      "{one}",' for one in listed)


_TERRAFORM: Final = """\
variable "hafw_resource_group_id" {
  type = string
}

variable "hafw_nodes" {
  description = "By node: the principal of its managed identity, and the id of its machine."
  type = map(object({
    principal_id = string
    vm_id        = string
  }))
}

resource "azurerm_role_definition" "hafw" {
  name  = "hafw"
  scope = var.hafw_resource_group_id
  permissions {
    actions = [
@LISTED@
    ]
  }
}

resource "azurerm_role_assignment" "hafw" {
  for_each           = var.hafw_nodes
  scope              = var.hafw_resource_group_id
  role_definition_id = azurerm_role_definition.hafw.role_definition_resource_id
  principal_id       = each.value.principal_id
}
"""
_TERRAFORM_FENCE: Final = """
resource "azurerm_role_definition" "hafw_fence" {
  name  = "hafw fence"
  scope = var.hafw_resource_group_id
  permissions {
    actions = [
@LISTED@
    ]
  }
}

locals {
  hafw_fences = {
    for pair in setproduct(keys(var.hafw_nodes), keys(var.hafw_nodes)) :
    "${pair[0]} stops ${pair[1]}" => {
      principal = var.hafw_nodes[pair[0]].principal_id
      target    = var.hafw_nodes[pair[1]].vm_id
    } if pair[0] != pair[1]
  }
}

# On the machine of the other node alone: no node may stop itself, or a third machine.
resource "azurerm_role_assignment" "hafw_fence" {
  for_each           = local.hafw_fences
  scope              = each.value.target
  role_definition_id = azurerm_role_definition.hafw_fence.role_definition_resource_id
  principal_id       = each.value.principal
}
"""
