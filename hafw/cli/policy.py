"""`hafw policy` and `hafw plan`: what a provider needs to be allowed, and what it would do.

One rule: neither asks the cloud anything; both say what the plugin's own list of calls says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from hafw.cli.options import Target, config_option, node_option
from hafw.cli.requests import Asker
from hafw.hooks.hookspecs import PolicyRequest, VipRequest
from hafw.hooks.registry import Registry
from hafw.hooks.resources import ResourceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw.config.model import Cluster

PLANS: Final = {VipRequest: "hafw_vip_plan", ResourceRequest: "hafw_resource_plan"}
CERTIFICATES: Final = ("released", "fenced", "leased", "reflected", "best-effort", "operator")


@click.command()
@click.argument("provider")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    help="Narrow it down to the resources and fences of this cluster file.",
)
@node_option
@click.option("--terraform", is_flag=True, help="Write a Terraform resource.")
def policy(provider: str, config: str | None, node: str | None, *, terraform: bool) -> None:
    """Write the permissions that a provider needs.

    PROVIDER is its plugin, such as aws; what is written is the least-privilege policy of one node.

    Without --config it covers all that the provider can do. With it, each node has a policy of its
    own: what its resources need, the right to stop the other node, and none to stop itself.
    """
    request = PolicyRequest(terraform=terraform)
    if config is not None:
        cluster, number = _read(config, node)
        own, peer = (_fence(cluster, each, provider) for each in (number, 1 - number))
        asker = Asker(cluster=cluster, number=number)
        request = PolicyRequest(
            vips=tuple(vip for name, vip in asker.vips() if name == provider),
            resources=tuple(each for name, _, each in asker.others() if name == provider),
            own_fence=own,
            peer_fence=peer,
            terraform=terraform,
        )
        if not (request.vips or request.resources or peer):
            raise click.UsageError(
                f"{config} has no VIP and no disk of {provider}, and no such fence"
            )
    click.echo(str(Registry([provider]).call(provider, "hafw_policy_write", request=request)))


@click.command()
@config_option
@node_option
@click.option(
    "--certificate",
    type=click.Choice(CERTIFICATES),
    default="released",
    show_default=True,
    help="What the takeover rests on.",
)
def plan(config: Path, node: str | None, certificate: str) -> None:
    """Show what a takeover by this node would do.

    Each resource's calls and local steps, in their order; nothing is asked and nothing is changed.
    """
    cluster, number = _read(str(config), node)
    registry = Registry({each.provider for group in cluster.groups for each in group.resources})
    asker = Asker(cluster=cluster, number=number, certificate=certificate)
    for provider, name, request in asker.every():
        click.echo(f"group {request.group}: {name} comes to {cluster.nodes[number]}")
        steps = registry.call(provider, PLANS[type(request)], request=request)
        assert isinstance(steps, tuple), "as the hook has it"
        for count, step in enumerate(steps, 1):
            click.echo(f"  {count}. {step}")


def _read(config: str, node: str | None) -> tuple[Cluster, int]:
    from pathlib import Path

    target = Target(Path(config).absolute(), Path(), node)
    cluster = target.cluster()
    return cluster, cluster.node_number(target.node_name())


def _fence(cluster: Cluster, number: int, method: str) -> Mapping[str, str | int | bool] | None:
    found = [dict(level.options) for level in cluster.fences[number] if level.method == method]
    return found[0] if found else None
