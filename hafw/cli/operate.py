"""The operator's verbs: who shall hold which groups.

One rule: before, say in words what will move; after, what became of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import click

from hafw.cli.confirm import confirm
from hafw.cli.options import Target, target_options, yes_option
from hafw.cli.status_model import GroupStatus, Status, read_status

if TYPE_CHECKING:
    from hafw.agent.client import Message

AGREE_TIMEOUT_S: Final = 20.0
"""The nodes agree on a hand-over within 10 s or cancel it; twice that for the answer to come."""
MOVE_TIMEOUT_S: Final = 45.0
"""The agent's own deadline for one group is its start and stop budget, 20 s each."""
SHORT_TIMEOUT_S: Final = 30.0
"""For what needs no other node."""


class What(StrEnum):
    """Which groups: all, those that prefer this node, or those that prefer the other."""

    ALL = "all"
    LOCAL = "local"
    FOREIGN = "foreign"
    FAILBACK = "failback"


what_argument = click.argument(
    "what", type=click.Choice([str(what) for what in What]), default=str(What.ALL)
)


def selected(status: Status, what: What, *, taking: bool) -> list[GroupStatus]:
    """The groups that a verb is about, seen from the node that runs it.

    `failback` is local when taking, and foreign when giving: each group goes where it prefers.
    """
    if what is What.FAILBACK:
        what = What.LOCAL if taking else What.FOREIGN
    return [
        group
        for group in status.groups
        if (what is What.ALL or (group.preferred == status.node) is (what is What.LOCAL))
        and (group.owner == status.node) is not taking
    ]


@click.command()
@target_options
@what_argument
@click.option("--force", is_flag=True, help="Release even if the other node cannot take over.")
@yes_option
def standby(target: Target, *, what: str, force: bool, yes: bool) -> None:
    """Give this node's groups to the other node.

    WHAT is "all", "local" (those that prefer this node), or "foreign" or "failback" (those that
    prefer the other). Without the other node's consent nothing is released.
    """
    status = read_status(target.status())
    groups = selected(status, What(what), taking=False)
    consequence = _moves(groups, _other(status))
    if force:
        consequence += " If it is silent they are released all the same, and nobody serves them."
    confirm(consequence, yes=yes, disruptive=force)
    request: Message = {"verb": "standby", "what": what, "force": force}
    _carry_out(target, request, groups)


@click.command()
@target_options
@what_argument
@click.option("--force", is_flag=True, help="Press a live node that refuses.")
@click.option(
    "--peer-is-off", metavar="NAME", help="You vouch that node NAME is off. Needs --force."
)
@click.option("--reason", metavar="TEXT", help="How you know; recorded. Needs --peer-is-off.")
@yes_option
def takeover(  # noqa: PLR0913 - one parameter per option
    target: Target,
    *,
    what: str,
    force: bool,
    peer_is_off: str | None,
    reason: str | None,
    yes: bool,
) -> None:
    """Take groups over from the other node.

    WHAT is "all", "local" or "failback" (those that prefer this node), or "foreign" (those that
    prefer the other). The other node stops them first, or says why it does not.

    A silent node proves nothing. If you know that it is off, and only then:

        hafw takeover --force --peer-is-off NAME --reason TEXT
    """
    if (peer_is_off is None) is not (reason is None):
        raise click.UsageError("--peer-is-off and --reason go together")
    if peer_is_off is not None and not force:
        raise click.UsageError("--peer-is-off needs --force")
    status = read_status(target.status())
    if peer_is_off is not None and peer_is_off != _other(status):
        raise click.UsageError(f'the other node is {_other(status)}, not "{peer_is_off}"')
    groups = selected(status, What(what), taking=True)
    consequence = _moves(groups, status.node)
    if peer_is_off is not None:
        consequence += f" If {peer_is_off} is not off, two nodes will own them."
    confirm(consequence, yes=yes, disruptive=force)
    request: Message = {
        "verb": "takeover",
        "what": what,
        "force": force,
        "peer_is_off": peer_is_off,
        "reason": reason,
    }
    _carry_out(target, request, groups)


@click.command()
@target_options
@yes_option
def failback(target: Target, *, yes: bool) -> None:
    """Bring every group to its preferred node."""
    status = read_status(target.status())
    groups = [group for group in status.groups if group.owner != group.preferred]
    moves = "\n".join(_move(group, group.preferred) for group in groups)
    confirm(moves or "Every group is where it prefers to be.", yes=yes)
    _carry_out(target, {"verb": "failback"}, groups)


@click.command()
@target_options
@yes_option
def release(target: Target, *, yes: bool) -> None:
    """Emergency: stop and close what this node holds.

    Resources are stopped, addresses removed and the gate shut. The groups stay down until another
    command, or the other node, takes them.
    """
    status = read_status(target.status())
    held = [group for group in status.groups if group.owner == status.node]
    names = ", ".join(_name(group) for group in held) or "nothing it knows of"
    confirm(
        f"At once, and whether or not another node can take over, {status.node} stops: {names}.",
        yes=yes,
        disruptive=True,
    )
    _carry_out(target, {"verb": "release"}, held)


@click.command()
@target_options
def reload(target: Target) -> None:
    """Let the agent read the cluster file again.

    If the new file is wrong, the agent keeps the old one and says what is wrong.
    """
    target.check_node()
    click.echo(target.ask({"verb": "reload"}, SHORT_TIMEOUT_S)["message"])


def _carry_out(target: Target, request: Message, groups: list[GroupStatus]) -> None:
    """Send it, wait until it is done or refused, and say what became of it."""
    timeout_s = AGREE_TIMEOUT_S + MOVE_TIMEOUT_S * max(len(groups), 1)
    click.echo(target.ask(request, timeout_s)["message"])


def _moves(groups: list[GroupStatus], to: str) -> str:
    if not groups:
        return "No group has to move."
    return "\n".join(_move(group, to) for group in groups)


def _move(group: GroupStatus, to: str) -> str:
    if group.owner is None:
        return f"{_name(group)} starts on {to}."
    return f"{_name(group)} moves from {group.owner} to {to}."


def _name(group: GroupStatus) -> str:
    addresses = ", ".join(vip.address.partition("/")[0] for vip in group.vips)
    return f"Group {group.id} ({addresses})" if addresses else f"Group {group.id}"


def _other(status: Status) -> str:
    """The name of the other node."""
    return next((node.name for node in status.nodes if node.name != status.node), "the other node")
