"""The status for a person at a terminal, at 80 columns, with or without colour.

One rule: colour only repeats what a word or sign says already.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from hafw.cli.status_model import (
        AgentStatus,
        GroupStatus,
        LinkStatus,
        MaintenanceStatus,
        Status,
        TakeoverStatus,
        Warned,
    )

GOOD: Final = "green"
BAD: Final = "bold red"
LOUD: Final = "bold black on yellow"
FAIR: Final = "yellow"
QUIET: Final = "dim"

_SIGNS: Final = {GOOD: "●", FAIR: "◐", BAD: "○"}
_STYLES: Final = {
    "up": GOOD,
    "active": GOOD,
    "standby": GOOD,
    "dead": BAD,
    "gone": BAD,
    "down": BAD,
    "blocked": BAD,
    "failed": BAD,
}


def view(status: Status) -> RenderableType:
    """The whole picture, section by section; sections without content are left out."""
    sections: list[RenderableType] = [_heading(status)]
    if status.cluster.maintenance.on:
        sections.append(_maintenance(status.cluster.maintenance))
    sections += _section("nodes", _nodes(status))
    sections += _section("groups", _groups(status))
    sections += _section("addresses", _addresses(status))
    sections += _section("disks", _disks(status))
    sections += _section("leases", _leases(status))
    sections += _section("links", _links(status.links))
    sections += _section("ping nodes", _pings(status))
    sections += _section("agent", _agent(status.agent))
    if status.last_takeover is not None:
        sections += _section("last takeover here", _takeover(status.last_takeover))
    if status.warnings:
        sections += _section("warnings", _warnings(status.warnings))
    return Group(*sections)


def _heading(status: Status) -> Text:
    cluster = status.cluster
    text = Text(cluster.name, style="bold")
    facts = [cluster.mode, f"protection {cluster.protection}" if cluster.protection else ""]
    facts.append(f"seen from {status.node}")
    bad = cluster.protection == "none" or any(group.forced for group in status.groups)
    for fact in filter(None, facts):
        loud = bad and fact.startswith("protection ")
        text.append(f" · {fact}", style=BAD if loud else "not bold")
    return text


def _maintenance(found: MaintenanceStatus) -> RenderableType:
    lasts = "until it is switched off"
    if found.remaining_s is not None:
        lasts = f"for another {timedelta(seconds=found.remaining_s)} (h:mm:ss)"
    what = f"MAINTENANCE, ordered at {found.by}, {lasts}: nothing moves by itself"
    return Text(f"{what}\n→ hafw maintenance off", style=LOUD)


def _section(title: str, body: RenderableType | None) -> list[RenderableType]:
    if body is None:
        return []
    return [Text(), Text(title.upper(), style=QUIET), Padding(body, (0, 0, 0, 2), expand=False)]


def _nodes(status: Status) -> RenderableType | None:
    table = _grid()
    for node in status.nodes:
        owned = [str(group.id) for group in status.groups if group.owner == node.name]
        owns = f"owns {node.owns}" + (f" (group {', '.join(owned)})" if owned else "")
        table.add_row(_sign(node.state), node.name, node.role, node.service, node.state, owns)
    return table if status.nodes else None


def _groups(status: Status) -> RenderableType | None:
    table = _grid()
    for group in status.groups:
        table.add_row(
            _sign(group.state if group.owner else "blocked"),
            f"group {group.id}",
            _ownership(group),
            f"epoch {group.epoch}",
            f"by {group.certificate}" if group.certificate else "",
            _protection(group),
        )
    return table if status.groups else None


def _addresses(status: Status) -> RenderableType | None:
    table = _grid()
    for group in status.groups:
        for vip in group.vips:
            where = f"on {vip.owner}" if vip.owner else "on no node"
            sign = _sign("up" if vip.owner else "down")
            table.add_row(sign, vip.address, where, f"group {group.id}")
    return table if any(group.vips for group in status.groups) else None


def _disks(status: Status) -> RenderableType | None:
    table = _grid()
    for group in status.groups:
        for disk in group.resources:
            if disk.type == "cloud-disk":
                where = f"on {group.owner}" if group.owner else "on no node"
                sign = _sign("up" if group.owner else "down")
                table.add_row(sign, disk.name, where, f"group {group.id}", disk.provider)
    return table if table.rows else None


def _leases(status: Status) -> RenderableType | None:
    table = _grid()
    for group in status.groups:
        lease = group.lease
        if lease is not None:
            held = f"held by {lease.holder}" if lease.holder else "free"
            known = f"{held}, epoch {lease.epoch}" if lease.epoch else "never held"
            when = "never read" if lease.answered_ms is None else _ago(lease.answered_ms, "read")
            table.add_row(_sign(lease.state), f"group {group.id}", lease.store, known, when)
    return table if any(group.lease for group in status.groups) else None


def _ownership(group: GroupStatus) -> Text:
    if group.owner is None:
        return Text(f"no owner, {group.state}", style=BAD)
    away = "" if group.owner == group.preferred else f", prefers {group.preferred}"
    return Text(f"{group.state} on {group.owner}{away}")


def _protection(group: GroupStatus) -> Text:
    return Text(group.protection, style=BAD if group.protection == "none" or group.forced else "")


def _links(links: list[LinkStatus]) -> RenderableType | None:
    table = _grid()
    for link in links:
        table.add_row(
            _sign(link.state),
            link.name,
            link.interface,
            f"to {link.peer}",
            link.state,
            _heard(link.last_heard_ms),
            f"{link.late} late",
        )
    return table if links else None


def _heard(last_heard_ms: float | None) -> str:
    return "never heard" if last_heard_ms is None else _ago(last_heard_ms, "heard")


def _ago(ms: float, what: str) -> str:
    return f"{what} {ms:.0f} ms ago" if ms < 1000 else f"{what} {ms / 1000:.1f} s ago"  # noqa: PLR2004 - a second


def _pings(status: Status) -> RenderableType | None:
    table = _grid()
    for ping in status.ping:
        reflects = {True: ", reflects heartbeats", False: ", does not reflect", None: ""}
        state = ping.state + (reflects[ping.reflects] if ping.state == "up" else "")
        table.add_row(_sign(ping.state), ping.address, state)
    return table if status.ping else None


def _agent(agent: AgentStatus) -> RenderableType | None:
    facts = [
        f"worker {agent.worker}" if agent.worker else "",
        f"gate {agent.gate}" if agent.gate else "",
        agent.scheduling,
    ]
    lines = [" · ".join(filter(None, facts))]
    if agent.dropped:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(agent.dropped.items()))
        lines.append(f"datagrams dropped: {kinds}")
    return Text("\n".join(filter(None, lines))) if any(lines) else None


def _takeover(takeover: TakeoverStatus) -> RenderableType:
    group = "" if takeover.group is None else f"group {takeover.group} "
    moved = f"{takeover.from_node or 'nobody'} → {takeover.to_node or 'nobody'}"
    by = f" by {takeover.certificate}" if takeover.certificate else ""
    lines = [Text(f"{takeover.at}  {group}{moved}{by}".strip())]
    if takeover.cause:
        lines.append(Text(takeover.cause))
    if takeover.phases_ms:
        steps = [f"{name} {took_ms:.1f}" for name, took_ms in takeover.phases_ms.items()]
        total_ms = sum(takeover.phases_ms.values())
        lines.append(Text(" + ".join(steps) + f" = {total_ms:.1f} ms", style=QUIET))
    return Group(*lines)


def _warnings(warnings: list[Warned]) -> RenderableType:
    table = _grid()
    for warning in warnings:
        table.add_row(Text("!", style=FAIR), Text(warning.text))
        if warning.next:
            table.add_row("", Text(f"→ {warning.next}", style="bold"))
    return table


def _grid() -> Table:
    return Table.grid(padding=(0, 2))


def _sign(state: str) -> Text:
    style = _STYLES.get(state, FAIR)
    return Text(_SIGNS[style], style=style)
