"""What a person asks of a running agent, and when the answer can be given.

One rule: an answer is given only when the thing is done, refused, or its time is up; a refusal says
why and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import blocking, fitness, handover, lease, maintenance, takeover
from hafw.core.duties import FOREVER, NEVER, Certificate
from hafw.core.model import Ask, OperatorAsked, Phase, Verb, What
from hafw.core.settings import SECOND
from hafw.core.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw.core.engine import Engine
    from hafw.core.group import Group

OK: Final = 0
DEGRADED: Final = 3
REFUSED: Final = 5
UNKNOWN: Final = 8
LINGER_NS: Final = 1 * SECOND
"""After the last group is stopped, a leaving agent waits this long for the peer to take over."""
STOP_NS: Final = 60 * SECOND
"""A graceful stop that takes longer goes without what it could not stop, and says so."""

_LEAVING: Final = "the agent is stopping"
_NOTHING_TO_MOVE: Final = {
    Verb.STANDBY: "nothing was held here",
    Verb.TAKEOVER: "already here",
    Verb.FAILBACK: "every group is where it prefers to be",
}


class Request:
    """One command that is under way."""

    __slots__ = ("asked", "deadline_ns", "groups")

    def __init__(self, asked: OperatorAsked, groups: Iterable[Group], deadline_ns: int) -> None:
        """`groups`: what the command is about; answered by `deadline_ns`."""
        self.asked = asked
        self.groups = tuple(group.id for group in groups)
        self.deadline_ns = deadline_ns

    def about(self, engine: Engine) -> list[Group]:
        """The groups that the command is about."""
        return [engine.groups[group_id] for group_id in self.groups]


def asked(event: OperatorAsked, engine: Engine) -> None:
    """Begin a command."""
    match event.verb:
        case Verb.STANDBY:
            _standby(event, engine)
        case Verb.TAKEOVER:
            _takeover(event, engine)
        case Verb.FAILBACK:
            _failback(event, engine)
        case Verb.RELEASE:
            for group in engine.groups.values():
                group.held_off = True
                group.let_go("an operator ordered the release", engine)
            _await(event, list(engine.groups.values()), engine)
        case Verb.MAINTENANCE_ON | Verb.MAINTENANCE_OFF:
            _maintain(event, engine)
        case Verb.STOP:
            _leave(event, engine)


def selected(event: OperatorAsked, engine: Engine) -> list[Group]:
    """The groups that a command is about, relative to the node that runs it.

    `takeover failback` is `takeover local`; `standby failback` is `standby foreign`.
    """
    what = event.what
    if what is What.FAILBACK:
        what = What.LOCAL if event.verb is Verb.TAKEOVER else What.FOREIGN
    mine = engine.settings.node
    return [
        group
        for group in engine.groups.values()
        if what is What.ALL or (group.settings.preferred == mine) is (what is What.LOCAL)
    ]


def _standby(event: OperatorAsked, engine: Engine) -> None:
    groups = [group for group in selected(event, engine) if group.held]
    if engine.peer.alive():
        _move([], groups, event, engine)
    elif not event.force:
        text = "the other node is silent, nobody could take over; --force releases anyway"
        engine.answer(event.request, REFUSED, text)
    else:
        for group in groups:
            group.held_off = True
            group.let_go("an operator ordered it", engine)
        _await(event, groups, engine)


def _takeover(event: OperatorAsked, engine: Engine) -> None:
    _move([group for group in selected(event, engine) if _elsewhere(group)], [], event, engine)


def _failback(event: OperatorAsked, engine: Engine) -> None:
    """Every group to its preferred node."""
    groups, mine = engine.groups.values(), engine.settings.node
    fetched = [g for g in groups if g.settings.preferred == mine and _elsewhere(g)]
    given = [g for g in groups if g.settings.preferred != mine and g.held]
    _move(fetched, given, event, engine)


def _maintain(event: OperatorAsked, engine: Engine) -> None:
    if maintenance.peer_is_too_old(engine):
        name = engine.settings.names[engine.settings.peer]
        text = f"the agent on {name} is too old to know maintenance: upgrade it first"
        engine.answer(event.request, REFUSED, text)
        return
    maintenance.order(engine, on=event.verb is Verb.MAINTENANCE_ON, for_ms=event.for_ms)
    _await(event, [], engine)


def _elsewhere(group: Group) -> bool:
    return group.state not in (State.STARTING, State.ACTIVE)


def _move(fetched: list[Group], given: list[Group], event: OperatorAsked, engine: Engine) -> None:
    """Begin to fetch some groups and to give others; all of it, or nothing."""
    for group in fetched:
        group.held_off = False
        group.unwilling_ns = NEVER
    obstacles = [(group, _no_fetching(group, event, engine)) for group in fetched]
    obstacles += [(group, _no_giving(group, engine)) for group in given]
    for group, why in obstacles:
        if why is not None:
            engine.answer(event.request, REFUSED, f"nothing moved; group {group.id}: {why}")
            return
    for group in fetched:
        group.ask_failed = ""
        _fetch(group, event, engine)
    for group in given:
        handover.give(group, f"an operator ordered {event.verb}", engine)
    _await(event, fetched + given, engine)


def _no_giving(group: Group, engine: Engine) -> str | None:
    """Why a group that is held here cannot be given away now."""
    if group.state is not State.ACTIVE:
        return f"it is {group.state}; try again when that is over"
    if group.ask is not Ask.NOTHING:
        return "a hand-over is under way"
    return handover.obstacle(group, Ask.TAKE_IT, engine)


def _no_fetching(group: Group, event: OperatorAsked, engine: Engine) -> str | None:
    """Why a group cannot be taken over now."""
    if group.held:
        return f"it is {group.state} here; try again when that is over"
    if not group.willing(engine):
        return fitness.why_unwilling(group, engine)
    if engine.peer_word(group) is not None:
        if event.peer_is_off is not None:
            return "the other node is not off: it is heard; use plain hafw takeover"
        return handover.obstacle(group, Ask.GIVE_IT, engine)
    if not event.force:
        return f"the other node is silent. {blocking.vouching_hint(engine)}"
    if event.peer_is_off != engine.settings.names[engine.settings.peer] or not event.reason:
        return "name the other node exactly, and give a reason: " + blocking.vouching_hint(engine)
    if group.lease is not None and group.lease.trouble:
        return f"the lease store does not answer ({group.lease.trouble}). {takeover.NO_STORE}"
    if not group.could_hold(Certificate.OPERATOR, engine, won=group.lease is not None):
        return takeover.ISOLATED
    return None


def _fetch(group: Group, event: OperatorAsked, engine: Engine) -> None:
    word = engine.peer_word(group)
    if word is None:
        engine.note("operator.vouched", group.id, f"{event.peer_is_off} is off: {event.reason}")
        group.vouched = True
    elif word.phase is not Phase.CLEAR or group.settings.preferred != engine.settings.node:
        handover.pull(group, f"an operator ordered {event.verb}", engine)
    else:  # nobody holds it and the right to take is ours: it starts by itself
        maintenance.entrust(group, engine)


def _leave(event: OperatorAsked, engine: Engine) -> None:
    engine.leaving = True
    engine.leaving_ns = engine.now_ns
    engine.changed()
    for group in engine.groups.values():
        if group.state is State.ACTIVE and group.ask is Ask.NOTHING:
            wanted = handover.obstacle(group, Ask.TAKE_IT, engine) is None
            if wanted and not maintenance.forbids_moves(engine):
                handover.give(group, _LEAVING, engine)
            else:
                _let_go_and_leave(group, engine)
        elif group.state is State.STARTING:
            _let_go_and_leave(group, engine)
    engine.requests.append(Request(event, list(engine.groups.values()), engine.now_ns + STOP_NS))


def _let_go_and_leave(group: Group, engine: Engine) -> None:
    """Stop it for the other node to take, or, in maintenance, for this one to take again."""
    if maintenance.forbids_moves(engine):
        group.let_go(_LEAVING, engine)
    else:
        handover.surrender(group, _LEAVING, engine)


def _await(event: OperatorAsked, groups: list[Group], engine: Engine) -> None:
    budget_ns = handover.AGREE_NS + sum(
        group.settings.start_budget_ns + group.settings.stop_budget_ns for group in groups
    )
    engine.requests.append(Request(event, groups, engine.now_ns + budget_ns))


def run(engine: Engine) -> None:
    """Answer what can be answered."""
    if not engine.requests:
        return
    for request in list(engine.requests):
        done = _progress(request, engine)
        if done is None and engine.now_ns >= request.deadline_ns:
            done = (UNKNOWN, "not finished in time; hafw status shows where it stands")
            if request.asked.verb is Verb.STOP:
                engine.may_exit()
        if done is not None:
            engine.requests.remove(request)
            engine.answer(request.asked.request, *done)


def _progress(request: Request, engine: Engine) -> tuple[int, str] | None:
    match request.asked.verb:
        case Verb.STOP:
            return _left(request, engine)
        case Verb.RELEASE:
            if any(group.held for group in request.about(engine)):
                return None
            return OK, "released: nothing is held here"
        case Verb.MAINTENANCE_ON | Verb.MAINTENANCE_OFF:
            return _maintained(request, engine)
        case Verb.STANDBY | Verb.TAKEOVER | Verb.FAILBACK:
            return _moved(request, engine)


def _refused(request: Request, engine: Engine) -> tuple[int, str] | None:
    for group in request.about(engine):
        if group.ask_failed and group.ask is Ask.NOTHING and not group.offer_no:
            why, group.ask_failed = group.ask_failed, ""
            return REFUSED, f"group {group.id}: {why}"
    return None


def _moved(request: Request, engine: Engine) -> tuple[int, str] | None:
    refused = _refused(request, engine)
    if refused is not None:
        return refused
    arrivals: dict[str, list[str]] = {}
    for group in request.about(engine):
        where = _arrived(group, _destination(group, request, engine), engine)
        if where is None:
            return None
        arrivals.setdefault(where, []).append(str(group.id))
    told = [f"group {', '.join(ids)} {where}" for where, ids in arrivals.items()]
    return OK, "; ".join(told) or _NOTHING_TO_MOVE[request.asked.verb]


def _destination(group: Group, request: Request, engine: Engine) -> int:
    match request.asked.verb:
        case Verb.STANDBY:
            return engine.settings.peer
        case Verb.TAKEOVER:
            return engine.settings.node
        case _:
            return group.settings.preferred


def _arrived(group: Group, node: int, engine: Engine) -> str | None:
    """Where a group is once its move to `node` is over; None: not yet."""
    if node == engine.settings.node:
        there = group.state is State.ACTIVE
    elif group.held:
        return None
    else:
        word = engine.peer_word(group)
        if word is None:
            return "released; nobody is known to hold it"
        there = word.phase is Phase.ACTIVE
    return f"now on {engine.settings.names[node]}" if there else None


def _left(request: Request, engine: Engine) -> tuple[int, str] | None:
    for group in request.about(engine):
        if group.state is State.ACTIVE and group.ask is Ask.NOTHING:
            _let_go_and_leave(group, engine)
    if any(group.held and group.state is not State.CLEANING for group in request.about(engine)):
        engine.leaving_ns = engine.now_ns
        return None
    groups = request.about(engine)
    offered = engine.peer.alive() and any(group.offer_no for group in groups)
    waits = offered or any(lease.is_releasing(group, engine) for group in groups)
    if waits and engine.now_ns - engine.leaving_ns < LINGER_NS:
        return None
    engine.changed()
    engine.may_exit()
    text = "stopped; everything was released"
    if maintenance.forbids_moves(engine):
        text += ", and waits for this node: in maintenance nothing moves by itself"
    return OK, text


def _maintained(request: Request, engine: Engine) -> tuple[int, str] | None:
    """Both nodes must know, or the other one must be silent."""
    name, on = engine.settings.names[engine.settings.peer], maintenance.in_force(engine)
    now = f"maintenance is {'on' if on else 'off'}"
    if maintenance.both_know(engine) and engine.peer.alive():
        if on is not (request.asked.verb is Verb.MAINTENANCE_ON):
            return REFUSED, f"{now}: it was ordered otherwise at the same time, or is over already"
        return OK, f"{now}, on both nodes"
    if not maintenance.is_durable(engine) or engine.peer.alive():
        return None
    return DEGRADED, (
        f"{now} here; {name} is silent and hears of it when it is back, "
        f"so until then it may act as {'if it were off' if on else 'in maintenance'}"
    )


def next_ns(engine: Engine) -> int:
    """When a command's time is up."""
    due = min((request.deadline_ns for request in engine.requests), default=FOREVER)
    if engine.leaving and engine.leaving_ns + LINGER_NS > engine.now_ns:
        due = min(due, engine.leaving_ns + LINGER_NS)
    return due
