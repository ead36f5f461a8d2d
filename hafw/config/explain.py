"""What a cluster file means, for the person who wrote it: figures and sentences.

One rule: every figure comes from the very functions that the engine decides by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.config.durations import format_duration, round_duration
from hafw.config.engine import classes_of, forced_of, protection_of, to_settings
from hafw.config.storage import risk_of
from hafw.core.duties import DUTIES, routes, wait_ns
from hafw.core.settings import (
    CLOCK_RATE_ERROR,
    REFLECT_LOST_ALONE,
    REFLECT_MIN_ANSWERED,
    Classes,
)

if TYPE_CHECKING:
    from hafw.config.model import Authority, Cluster, Group
    from hafw.core.settings import Settings

UNPROTECTED: Final = (
    "a silent node moves nothing: only a hand-over between live nodes does, or an operator with "
    "`hafw takeover --force --peer-is-off NAME --reason TEXT`"
)


@dataclass(frozen=True, slots=True)
class Forgiven:
    """How many heartbeats lost in a row have no consequence.

    `keep_open`: the owner's address stays open. `stay`: no group moves.
    """

    keep_open: int
    stay: int


def forgiven(settings: Settings) -> Forgiven:
    """The losses that the times of the file forgive.

    After n losses the next heartbeat still counts if it is sent in time to be answered, or heard,
    within the largest delay that the bounds tolerate. Reflection needs several answered echoes.
    """
    needed = REFLECT_MIN_ANSWERED if settings.reflect else 1
    in_hold = (settings.hold_ns - settings.max_delay_ns) // settings.beat_ns
    wait = wait_ns(settings.shut_ns, settings)
    in_wait = (wait - settings.max_delay_ns) // settings.timing.keepalive_ns
    return Forgiven(keep_open=max(in_hold - needed, 0), stay=max(in_wait - 1, 0))


def assumptions(classes: Classes, settings: Settings) -> list[str]:
    """What has to be true for the protection to be as good as its name, in sentences."""
    found: list[str] = []
    if Classes.FENCED in classes:
        found.append(
            "a device that says, twice, that a machine is off says the truth of the right machine, "
            "and the machine does not come back with its resources running"
        )
    if Classes.LEASED in classes:
        hold, ttl = round_duration(settings.lease_hold_ns), round_duration(settings.lease_ttl_ns)
        found.append(
            "the lease store writes a lease only where the expected one still stands, and forgets "
            "none that it confirmed"
        )
        found.append(
            f"no whole machine is paused, unseen by its own clocks, from before {hold} after its "
            f"last renewal to beyond {ttl}"
        )
    if Classes.REFLECTED in classes:
        lost = _count(REFLECT_LOST_ALONE, "reflected heartbeat")
        found.append(
            "the ping node that reflects is one single box, is not replaced during a silence, and "
            "treats echoes alike whoever asks"
        )
        found.append(
            f"at most {lost} in one silence are lost while the echoes beside them are answered"
        )
    if Classes.BEST_EFFORT in classes:
        found.append(
            "in a split one node loses the ping nodes, or hears the other answer for the address; "
            "where neither is so, both own it until they hear each other"
        )
    if classes & ~Classes.FENCED:
        late, shut = round_duration(settings.max_delay_ns), round_duration(settings.shut_ns)
        found += [
            f"the nodes' clocks are less than {CLOCK_RATE_ERROR:.0%} too fast or too slow",
            f"a heartbeat takes less than {late}",
            f"the kernel's gate shuts the addresses of a frozen or dead agent within {shut}",
            *_paused(classes),
            "it covers the addresses, not what writes to storage behind them",
        ]
    return found


def _paused(classes: Classes) -> list[str]:
    """What a pause of a whole machine would mean where no lease notices it."""
    if classes == Classes.LEASED:
        return []
    return ["no whole machine is paused by its hypervisor: no clock of its own shows that"]


def explain(cluster: Cluster) -> str:
    """The meaning of the file, as `hafw config check` prints it."""
    settings = to_settings(cluster, cluster.nodes[0])
    return "\n".join([*_timing(cluster, settings), *_groups(cluster, settings), ""])


def _timing(cluster: Cluster, settings: Settings) -> list[str]:
    times = settings.timing
    beats = forgiven(settings)
    rows = {
        "cluster": f"{cluster.name}, {cluster.mode}: {cluster.nodes[0]} and {cluster.nodes[1]}, "
        f"{_count(settings.links, 'link')}, {_count(settings.pings, 'ping node')}",
        "a beat": f"at least every {format_duration(times.keepalive_ns)} on each link"
        + (
            f", every {round_duration(settings.beat_ns)} to each ping node"
            if settings.pings
            else ""
        ),
        "a late beat": f"is noted after {format_duration(times.warntime_ns)}",
        "silence": f"of {round_duration(wait_ns(settings.shut_ns, settings))} before a takeover "
        f"(deadtime {format_duration(times.deadtime_ns)}; after a start "
        f"{format_duration(times.initdead_ns)})",
        "an owner": f"without evidence shuts its addresses after H = "
        f"{round_duration(settings.hold_ns)}; frozen, after {round_duration(settings.shut_ns)}",
        "forgiven": f"{_count(beats.keep_open, 'lost beat')} in a row shut no address, "
        f"{beats.stay} move no group",
    }
    if any(cluster.fences):
        rows |= _fences(cluster)
    if cluster.authority is not None:
        rows |= _lease(cluster.authority, settings)
    return [f"{name:<12} {text}" for name, text in rows.items()]


def _fences(cluster: Cluster) -> dict[str, str]:
    told = [
        f"{name} by {', then by '.join(level.method for level in levels)}"
        for name, levels in zip(cluster.nodes, cluster.fences, strict=True)
        if levels
    ]
    delay = format_duration(cluster.fence_delay_ns)
    return {
        "a fence": f"switches off {'; '.join(told)}",
        "who shoots": f"the node that serves, at once; the other after {delay}; nobody who has not "
        "heard the other since it booted, but with the lease in its hand",
    }


def _lease(authority: Authority, settings: Settings) -> dict[str, str]:
    renew, hold = round_duration(settings.renew_ns), round_duration(settings.lease_hold_ns)
    return {
        "the lease": f"at {authority.lease} is renewed every {renew}, and no request lasts longer",
        "its owner": f"may go on for {hold} after its last renewal; without store and other node "
        "it shuts its addresses",
        "a taker": f"claims it after {format_duration(authority.lease_ttl_ns)} without a renewal, "
        "at once if it was released",
    }


def _groups(cluster: Cluster, settings: Settings) -> list[str]:
    lines: list[str] = []
    for group in cluster.groups:
        classes = classes_of(cluster, group)
        name = protection_of(cluster, group)
        lines += ["", _heading(cluster, group), f"  protection: {name}"]
        if forced_of(cluster, group):
            lines.append(f"  forced: {risk_of(group, leased=cluster.authority is not None)}")
        for certificate in routes(classes):
            duty = DUTIES[certificate]
            lines.append(f"  {certificate}, the owner: {duty.holder}")
            lines.append(f"  {certificate}, the taker: {duty.taker}")
        lines += [f"  assumed: {each}" for each in assumptions(classes, settings)]
        if not classes:
            lines.append(f"  {UNPROTECTED}")
    return lines


def _heading(cluster: Cluster, group: Group) -> str:
    owned = ", ".join(resource.name for resource in group.resources)
    back = "returns there by itself" if group.auto_failback else "does not return by itself"
    return f"group {group.id} ({owned}) prefers {cluster.nodes[group.preferred]} and {back}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
