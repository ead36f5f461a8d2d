"""Turns what the operator chose, or on a terminal is asked for, into a `Cluster`.

One rule: the wizard only fills in; whether the result is right is judged by the very reader that
the agent uses.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, TypeVar

import click

from hafw.cli.detect import address_towards, default_gateway
from hafw.cli.parameters import ADDRESS, VIP, Form, VipChoice
from hafw.config.model import Cluster, Group, Link, LinkEnd, Mode, Ping, Protection, Vip

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.cli.choices import Choices
    from hafw.config.model import IPAddress

T = TypeVar("T")


class Wizard:
    """Fills in what is missing: by asking if there is a terminal, else by refusing."""

    def __init__(self, this_node: str, *, interactive: bool) -> None:
        """`this_node`: the name of this machine; `interactive`: somebody is there to answer."""
        self._this = this_node
        self._interactive = interactive

    def complete(self, choices: Choices, key_file: Path) -> Cluster:
        """The cluster that the operator wants. Raises `click.UsageError` for what is missing."""
        nodes = choices.nodes or self._ask_nodes()
        if self._this not in nodes:
            raise click.UsageError(
                f'this machine is "{self._this}", which is neither {nodes[0]} nor {nodes[1]}; '
                "names must equal `uname -n` (or say with --node which one this is)"
            )
        links = choices.links or self._ask_links(nodes)
        pings = self._pings(choices)
        reflect = choices.reflect or self._ask_reflect(pings)
        best_effort = choices.best_effort or (reflect is None and self._ask_best_effort())
        vips = choices.vips or self._ask_vips(choices.mode, links[0].ends[0].interface)
        return Cluster(
            name=choices.name,
            id=uuid.uuid4(),
            port=choices.port,
            mode=choices.mode,
            key_file=key_file,
            protection=Protection.BEST_EFFORT if best_effort else None,
            nodes=nodes,
            links=links,
            ping=Ping(addresses=pings, reflect=reflect),
            timing=choices.timing,
            groups=_groups(choices, vips),
        )

    def _ask_nodes(self) -> tuple[str, str]:
        first = self._ask_text("--nodes", "Primary node, its `uname -n`", self._this)
        second = self._ask_text("--nodes", "Secondary node, its `uname -n`")
        return first, second

    def _ask_links(self, nodes: tuple[str, str]) -> tuple[Link, ...]:
        links = [self._ask_link(1, nodes)]
        if self._confirm("Add a second heartbeat link, on another network (recommended)?"):
            links.append(self._ask_link(2, nodes))
        return tuple(links)

    def _ask_link(self, number: int, nodes: tuple[str, str]) -> Link:
        """Ask for the other node's address first: it tells which own address leads there."""
        gateway = default_gateway()
        interface = gateway.interface if gateway and number == 1 else None
        link = f"Heartbeat link {number}"
        ends: dict[str, LinkEnd] = {}
        address: IPAddress | None = None
        for node in sorted(nodes, key=lambda node: node == self._this):
            nearest = address_towards(address) if address else None
            default = str(nearest) if nearest else None
            address = self._ask("--link", f"{link}: address of {node}", ADDRESS, default)
            interface = self._ask_text("--link", f"{link}: its interface on {node}", interface)
            ends[node] = LinkEnd(interface=interface, address=address)
        return Link(ends=(ends[nodes[0]], ends[nodes[1]]))

    def _pings(self, choices: Choices) -> tuple[IPAddress, ...]:
        """The ping nodes; the default gateway is proposed, or taken where nobody can be asked."""
        if choices.no_ping or choices.pings:
            return choices.pings
        gateway = default_gateway()
        if self._interactive:
            default = str(gateway.address) if gateway else None
            question = "Ping node (usually the default gateway)"
            return (self._ask("--ping", question, ADDRESS, default),)
        if gateway is None:
            raise _missing("--ping (or --no-ping)")
        click.echo(f"the ping node is the default gateway, {gateway.address}", err=True)
        return (gateway.address,)

    def _ask_reflect(self, pings: tuple[IPAddress, ...]) -> IPAddress | None:
        if not pings:
            return None
        vouched = self._confirm(
            f"Is {pings[0]} one single box for certain (no VRRP, anycast or MLAG address), so that "
            "the nodes may hear each other by its echoes?"
        )
        return pings[0] if vouched else None

    def _ask_best_effort(self) -> bool:
        return self._confirm(
            "Then nothing proves the death of a node. Accept takeovers on circumstantial evidence "
            "(best-effort)?"
        )

    def _ask_vips(self, mode: Mode, interface: str) -> tuple[VipChoice, ...]:
        count = 2 if mode is Mode.ACTIVE_ACTIVE else 1
        return tuple(
            self._ask("--vip", f"Virtual IP {number}, as in 10.1.1.111/24@{interface}", VIP)
            for number in range(1, count + 1)
        )

    def _ask(self, option: str, question: str, form: Form[T], default: str | None = None) -> T:
        if not self._interactive:
            raise _missing(option)
        answer: T = click.prompt(question, type=form, default=default, err=True)
        return answer

    def _ask_text(self, option: str, question: str, default: str | None = None) -> str:
        return self._ask(option, question, Form("text", str, "eth0"), default)

    def _confirm(self, question: str) -> bool:
        return self._interactive and click.confirm(question, default=False, err=True)


def _missing(option: str) -> click.UsageError:
    return click.UsageError(f"{option} is missing, and there is no terminal to ask for it")


def _groups(choices: Choices, vips: tuple[VipChoice, ...]) -> tuple[Group, ...]:
    """Active-passive: one group with all VIPs. Active-active: a group for each, in turns."""
    shares = [vips] if choices.mode is Mode.ACTIVE_PASSIVE else [(vip,) for vip in vips]
    ids = choices.group_ids or tuple(range(1, len(shares) + 1))
    if len(ids) != len(shares):
        raise click.UsageError(f"--group-id is needed {len(shares)} times, once for each group")
    return tuple(
        Group(
            id=group_id,
            preferred=number % 2,
            auto_failback=choices.auto_failback,
            resources=tuple(
                Vip(provider="onprem", address=vip.address, interfaces=vip.interfaces)
                for vip in share
            ),
        )
        for number, (group_id, share) in enumerate(zip(ids, shares, strict=True))
    )
