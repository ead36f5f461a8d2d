"""What `hafw status` shows, from the engine's state and the agent's own facts.

One rule: it says what this node knows, and calls unknown what it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.config import Vip
from hafw.config.engine import forced_of, with_force
from hafw.config.explain import assumptions
from hafw.config.storage import FENCE_IT, risk_of
from hafw.core import fitness, maintenance
from hafw.core.blocking import unblock_hint
from hafw.core.duties import FOREVER, NEVER, protection
from hafw.core.handover import FAILBACKS_MAX
from hafw.core.liveness import PeerState
from hafw.core.model import Phase
from hafw.core.settings import MS, SECOND, Classes
from hafw.core.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.agent.driver import Driver
    from hafw.config.model import IPAddress
    from hafw.core.engine import Engine
    from hafw.core.group import Group

SCHEMA = "hafw.status/1"
SHOWN_NS = 3_600 * SECOND
"""What is over, but should not have happened, is warned of for this long."""
RIVAL_SHOWN_NS = 60 * SECOND
"""A rival that was not heard for this long has probably gone."""
Json = dict[str, object]


def status(driver: Driver) -> Json:
    """The whole answer (schema hafw.status/1)."""
    engine, cluster = driver.engine, driver.cluster
    groups = [_group(group, driver) for group in engine.groups.values()]
    protections = sorted({str(group["protection"]) for group in groups})
    return {
        "schema": SCHEMA,
        "cluster": {
            "name": cluster.name,
            "mode": str(cluster.mode),
            "protection": ", ".join(protections),
            "config_hash": engine.settings.config_hash.hex(),
            "drift": engine.drift(),
            "maintenance": _maintenance(engine),
        },
        "node": engine.settings.names[engine.settings.node],
        "nodes": [_node(number, driver) for number in (0, 1)],
        "groups": groups,
        "links": _links(driver),
        "ping": _pings(driver),
        "last_takeover": _last_takeover(driver),
        "warnings": _warnings(driver),
        "agent": _agent(driver),
    }


def _maintenance(engine: Engine) -> Json:
    """`by`: the node at which it was switched on; `remaining_s` None: until it is switched off."""
    if not maintenance.in_force(engine):
        return {"on": False, "remaining_s": None, "by": None}
    until_ns = engine.maintenance.until_ns
    left_s = None if until_ns == FOREVER else -(-(until_ns - engine.now_ns) // SECOND)
    return {"on": True, "remaining_s": left_s, "by": maintenance.ordered_by(engine)}


def headline(engine: Engine) -> str:
    """The whole state in one line, for `systemctl status`: "active: group 3 (epoch 7); ..."."""
    names = engine.settings.names
    told: dict[str, list[str]] = {}
    for group in engine.groups.values():
        holder = owner(group, engine)
        if group.held:
            about = f"group {group.id} (epoch {group.held_epoch or group.epoch})"
        elif holder is None:
            about = f"group {group.id}"
        else:
            about = f"group {group.id} on {names[holder]}"
        told.setdefault(str(group.state), []).append(about)
    states = [f"{state}: {', '.join(told[state])}" for state in State if state in told]
    if maintenance.in_force(engine):
        states.insert(0, f"IN MAINTENANCE ({maintenance.ENDS_IT})")
    return "; ".join([*states, f"{names[engine.settings.peer]} is {engine.peer.state}"])


def owner(group: Group, engine: Engine) -> int | None:
    """The node that holds a group, as far as this one knows; None: nobody, or unknown."""
    if group.state is State.ACTIVE:
        return engine.settings.node
    word = engine.peer_word(group)
    return engine.settings.peer if word is not None and word.phase is Phase.ACTIVE else None


def _group(group: Group, driver: Driver) -> Json:
    engine, names = driver.engine, driver.engine.settings.names
    wanted = driver.cluster.group(group.id)
    forced = forced_of(driver.cluster, wanted)
    held_by = owner(group, engine)
    word = engine.peer_word(group)
    epoch = group.held_epoch if group.held else max(group.epoch, word.epoch if word else 0)
    shown = names[held_by] if held_by is not None else None
    state = str(group.state)
    if not group.held and held_by is not None:
        state = "active"
    return {
        "id": group.id,
        "preferred": names[group.settings.preferred],
        "owner": shown,
        "state": state,
        "epoch": epoch,
        "certificate": str(group.certificate) if group.certificate else None,
        "protection": with_force(
            protection(group.settings.classes, both=group.settings.both), forced
        ),
        "forced": forced or None,
        "assumptions": assumptions(group.settings.classes, engine.settings),
        "blocked": group.blocked_why or None,
        "armed": group.armed,
        "lease": _lease(group, driver),
        "vips": [
            {"address": str(vip.address.ip), "owner": shown}
            for (number, _), vip in driver.vips.by_place.items()
            if number == group.id
        ],
        "resources": [
            {
                "type": each.type,
                "name": str(each.address) if isinstance(each, Vip) else each.name,
                "provider": each.provider,
            }
            for each in wanted.resources
        ],
    }


def _lease(group: Group, driver: Driver) -> Json | None:
    """What this node last read of the group's lease; None where the file names no store."""
    lease, authority, engine = group.lease, driver.cluster.authority, driver.engine
    if lease is None or authority is None:
        return None
    record = lease.record
    holder = record.holder if record is not None else None
    answered_ms = None
    if lease.answered_ns != NEVER:
        answered_ms = (engine.now_ns - lease.answered_ns) // MS
    return {
        "store": authority.lease,
        "state": "down" if lease.trouble else "unknown" if answered_ms is None else "up",
        "holder": None if holder is None else engine.settings.names[holder],
        "epoch": 0 if record is None else record.epoch,
        "answered_ms": answered_ms,
        "trouble": lease.trouble or None,
    }


def _node(number: int, driver: Driver) -> Json:
    engine = driver.engine
    mine = number == engine.settings.node
    held = {g.id for g in engine.groups.values() if owner(g, engine) == number}
    moving = any(
        group.state in (State.STARTING, State.STOPPING)
        if mine
        else (word := engine.peer_word(group)) is not None
        and word.phase in (Phase.STARTING, Phase.STOPPING)
        for group in engine.groups.values()
    )
    state = ("leaving" if engine.leaving else "up") if mine else str(engine.peer.state)
    return {
        "name": engine.settings.names[number],
        "role": "primary" if number == 0 else "secondary",
        "service": "running" if mine or engine.peer.alive() else _service(engine.peer.state),
        "state": state,
        "active": bool(held),
        "owns": "transition" if moving else _owns(number, held, driver),
        "incarnation": engine.incarnation if mine else engine.peer.incarnation,
        "fenced": not mine and engine.fencing.off,
    }


def _service(state: PeerState) -> str:
    return "stopped" if state is PeerState.GONE else "unknown"


def _owns(number: int, held: set[int], driver: Driver) -> str:
    """Heartbeat's words: none, local, foreign, all."""
    groups = driver.engine.groups.values()
    local = {group.id for group in groups if group.settings.preferred == number}
    if not held:
        return "none"
    if held == {group.id for group in groups}:
        return "all"
    return "local" if held <= local else "foreign"


def _links(driver: Driver) -> list[Json]:
    engine = driver.engine
    found: list[Json] = []
    for number, end in enumerate(driver.traffic.links):
        heard_ns = engine.peer.link_ns[number]
        up = engine.peer.link_up(number, engine.now_ns, engine.settings)
        peer_end = driver.cluster.links[number].ends[engine.settings.peer]
        hears_us = engine.peer.beat is not None and bool(engine.peer.beat.heard >> number & 1)
        state = "up" if up and hears_us else "one-way" if up else "down"
        found.append(
            {
                "name": f"link{number + 1}",
                "interface": end.own.interface,
                "peer": str(peer_end.address),
                "state": state,
                "last_heard_ms": None if heard_ns == NEVER else (engine.now_ns - heard_ns) // MS,
                "late": engine.peer.links_late[number],
                "trouble": end.trouble or None,
            }
        )
    return found


def _pings(driver: Driver) -> list[Json]:
    engine = driver.engine
    reflect: IPAddress | None = driver.cluster.ping.reflect
    return [
        {
            "address": str(ping.target),
            "state": "up" if engine.ping_up(number) else "down",
            "reflects": engine.peer.known(engine.settings)
            if ping.target == reflect and engine.peer.met()
            else None,
            "trouble": ping.trouble or None,
        }
        for number, ping in enumerate(driver.traffic.pings)
    ]


def _last_takeover(driver: Driver) -> Json | None:
    takeovers = driver.timeline.takeovers.values()
    newest = max(takeovers, key=lambda takeover: takeover.starting_ns, default=None)
    if newest is None:
        return None
    names, node = driver.engine.settings.names, driver.engine.settings.node
    return {
        "group": newest.group,
        "from": names[1 - node] if driver.engine.groups[newest.group].from_peer else None,
        "to": names[node],
        "at": newest.wall,
        "certificate": newest.certificate,
        "phases_ms": newest.phases_ms(),
    }


def _warnings(driver: Driver) -> list[Json]:
    found = [*_node_warnings(driver)]
    for group in driver.engine.groups.values():
        found += _group_warnings(group, driver.engine)
        found += _protection_warnings(group, driver)
    return [{"text": text, "next": following} for text, following in found]


def _node_warnings(driver: Driver) -> Iterator[tuple[str, str]]:
    """What is wrong with this node, and what to do about it."""
    engine = driver.engine
    if maintenance.in_force(engine):
        yield f"nothing moves by itself: {maintenance.why(engine)}", "hafw maintenance off"
    if engine.maintenance.word.revision and not maintenance.both_know(engine):
        peer = engine.settings.names[engine.settings.peer]
        text = f"{peer} has not heard what was ordered last about maintenance"
        yield text, f"see hafw status on {peer}"
    if engine.notice:
        yield (
            f"this machine is to be disturbed: {engine.notice}",
            "its groups go to the other node if that is ready; see hafw status there",
        )
    if engine.drift():
        yield (
            "the cluster files of the two nodes differ",
            "make them equal, then hafw reload on both",
        )
    if not engine.trusted:
        yield f"joined as standby: {engine.distrust}", "it ends when the other node is heard"
    if not engine.worker_up and not driver.supervisor.warm:
        yield f"the worker is not up: {driver.supervisor.trouble}", "see hafw events"
    if engine.settings.reflect and engine.peer.alive() and not engine.peer.known(engine.settings):
        yield (
            "no heartbeat comes by way of the ping node, so no takeover can rest on reflection",
            "see that it answers pings for both nodes, and that no switch drops foreign sources",
        )
    if engine.fencing.trouble:
        peer = engine.settings.names[engine.settings.peer]
        yield (
            f"{peer} could not be switched off: {engine.fencing.trouble}",
            f"hafw fence status {peer}",
        )
    yield from _host_warnings(driver)


def _host_warnings(driver: Driver) -> Iterator[tuple[str, str]]:
    """What is wrong with what this node's agent uses, and what to do about it."""
    engine = driver.engine
    if driver.guard is not None and driver.guard.trouble:
        yield driver.guard.trouble, "see watchdog and fence of this node in the cluster file"
    if driver.control_trouble:
        yield driver.control_trouble, "see control_group under [agent] in the cluster file"
    if driver.journal.trouble:
        lost = driver.journal.lost
        yield (
            f"the journal cannot be written, {lost} steps are lost: {driver.journal.trouble}",
            "make room on the disk; nothing new is acquired while state cannot be written",
        )
    if engine.now_ns - driver.vips.reinstalled_ns < SHOWN_NS:
        yield (
            "within the last hour somebody removed the gate; it was installed again at once",
            "find who flushes the nftables ruleset; until it was back nothing shut the addresses",
        )
    if engine.now_ns - engine.right_ended_ns < SHOWN_NS:
        yield (
            "within the last hour this node let go, because its evidence was too old",
            "see hafw events; if the network was well, deadtime is too short for this machine",
        )


def _group_warnings(group: Group, engine: Engine) -> Iterator[tuple[str, str]]:
    """What is wrong with a group, and what to do about it."""
    if group.state is State.BLOCKED:
        hint = unblock_hint(group, engine) or "hafw precheck may say more"
        yield f"group {group.id} is blocked: {group.blocked_why}", hint
    peer, word = engine.settings.names[engine.settings.peer], engine.peer_word(group)
    if not group.service_up:
        yield f"the service interface of group {group.id} is down here", "see cable and switch"
    elif group.id in engine.cold and group.state is not State.BLOCKED:
        what = "could not be taken here again" if group.held else "cannot be taken here"
        yield f"group {group.id} {what}: {engine.cold[group.id]}", "hafw precheck may say more"
    elif group.state is State.STANDBY and engine.worker_up and not group.willing(engine):
        why = fitness.why_unwilling(group, engine)
        yield f"group {group.id} cannot run here: {why}", "see hafw events"
    if engine.now_ns - group.rival_ns < RIVAL_SHOWN_NS:
        yield (
            f"somebody else announces an address of group {group.id}",
            "see hafw events for its hardware address; is the address configured twice?",
        )
    if group.state is State.ACTIVE and word is not None and not word.ready:
        yield f"{peer} could not take over group {group.id} now", f"see hafw status on {peer}"
    if group.lease is not None and group.lease.trouble:
        yield (
            f"the lease store does not serve group {group.id}: {group.lease.trouble}",
            f"repair it: without it, this node stops serving when it loses {peer} as well",
        )
    if len(group.failbacks) >= FAILBACKS_MAX:
        yield f"group {group.id} failed back too often", "hafw takeover failback, by hand"


def _protection_warnings(group: Group, driver: Driver) -> Iterator[tuple[str, str]]:
    """What no certificate protects, and what to do about it."""
    cluster, wanted = driver.cluster, driver.cluster.group(group.id)
    if forced_of(cluster, wanted):
        yield f"{wanted.force}: {risk_of(wanted, leased=cluster.authority is not None)}", FENCE_IT
    elif group.settings.classes == Classes.NONE:
        yield (
            f"group {group.id} has no protection: only a hand-over or a person moves it",
            'set ping.reflect, authority.lease, or protection = "best-effort"',
        )


def _dropped(driver: Driver) -> dict[str, int]:
    """Datagrams that changed nothing but a counter, by reason."""
    heard = {str(verdict): count for verdict, count in driver.engine.peer.counters.items()}
    return driver.traffic.dropped() | heard


def _agent(driver: Driver) -> Json:
    engine = driver.engine
    return {
        "incarnation": engine.incarnation,
        "worker": "up" if engine.worker_up else driver.supervisor.trouble,
        "worker_restarts": driver.supervisor.restarts,
        "pauses": engine.pauses,
        "worst_gap_ms": engine.peer.worst_gap_ns / MS,
        "right_endings": engine.right_endings,
        "dropped": _dropped(driver),
        "gate": driver.vips.guarding.name.lower(),
        "gate_reinstalled": driver.vips.reinstalled,
        "scheduling": driver.scheduling,
        "journal": driver.journal.trouble or "ok",
        "journal_lost": driver.journal.lost,
        "hold_ms": engine.settings.hold_ns // MS,
        "shut_ms": engine.settings.shut_ns // MS,
    }
