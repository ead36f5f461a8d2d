"""What a person asks of a running agent, and when the answer can be given.

One rule: an answer is given only when the thing is done, refused, or its time is up; a refusal says
why and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import handover, takeover
from hafw.core.duties import FOREVER, NEVER
from hafw.core.model import Ask, OperatorAsked, Phase, Verb, What
from hafw.core.settings import SECOND
from hafw.core.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw.core.engine import Engine
    from hafw.core.group import Group

OK: Final = 0
REFUSED: Final = 5
UNKNOWN: Final = 8
LINGER_NS: Final = 1 * SECOND
"""After the last group is stopped, a leaving agent waits this long for the peer to take over."""
STOP_NS: Final = 60 * SECOND
"""A graceful stop that takes longer goes without what it could not stop, and says so."""


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
        case Verb.RELEASE:
            for group in engine.groups.values():
                group.held_off = True
                group.let_go("an operator ordered the release", engine)
            _await(event, list(engine.groups.values()), engine)
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
    if not engine.peer.alive():
        if not event.force:
            text = "the other node is silent, nobody could take over; --force releases anyway"
            engine.answer(event.request, REFUSED, text)
            return
        for group in groups:
            group.held_off = True
            group.let_go("an operator ordered it", engine)
    else:
        for group in groups:
            why = _busy(group) or handover.give(group, "an operator ordered standby", engine)
            if why is not None:
                engine.answer(event.request, REFUSED, f"group {group.id}: {why}; nothing moved")
                return
    _await(event, groups, engine)


def _busy(group: Group) -> str | None:
    if group.state is not State.ACTIVE:
        return f"it is {group.state}; try again when that is over"
    if group.ask is not Ask.NOTHING:
        return "a hand-over is under way"
    return None


def _takeover(event: OperatorAsked, engine: Engine) -> None:
    groups = [g for g in selected(event, engine) if g.state not in (State.STARTING, State.ACTIVE)]
    for group in groups:
        group.held_off = False
        group.ask_failed = ""
        group.unwilling_ns = NEVER
        why = _begin_takeover(group, event, engine)
        if why is not None:
            engine.answer(event.request, REFUSED, f"group {group.id}: {why}")
            return
    _await(event, groups, engine)


def _begin_takeover(group: Group, event: OperatorAsked, engine: Engine) -> str | None:
    if group.held:
        return f"it is {group.state} here; try again when that is over"
    word = engine.peer_word(group)
    if word is not None:
        if event.peer_is_off is not None:
            return "the other node is not off: it is heard; use plain hafw takeover"
        if word.phase is Phase.CLEAR and group.settings.preferred == engine.settings.node:
            return None  # nobody holds it and the right to take is ours: it starts by itself
        return handover.pull(group, "an operator ordered takeover", engine)
    if not event.force:
        return f"the other node is silent. {takeover.unblock_hint(engine)}"
    if event.peer_is_off != engine.settings.names[engine.settings.peer] or not event.reason:
        return "name the other node exactly, and give a reason: " + takeover.unblock_hint(engine)
    if not group.willing(engine):
        return engine.why_unwilling(group)
    engine.note("operator.vouched", group.id, f"{event.peer_is_off} is off: {event.reason}")
    group.vouched = True
    return None


def _leave(event: OperatorAsked, engine: Engine) -> None:
    engine.leaving = True
    engine.leaving_ns = engine.now_ns
    engine.changed()
    for group in engine.groups.values():
        if group.state is State.ACTIVE and group.ask is Ask.NOTHING:
            if handover.give(group, "the agent is stopping", engine) is not None:
                handover.surrender(group, "the agent is stopping", engine)
        elif group.state is State.STARTING:
            handover.surrender(group, "the agent is stopping", engine)
    engine.requests.append(Request(event, list(engine.groups.values()), engine.now_ns + STOP_NS))


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
        case Verb.STANDBY:
            return _stood_by(request, engine)
        case Verb.TAKEOVER:
            return _took_over(request, engine)


def _refused(request: Request, engine: Engine) -> tuple[int, str] | None:
    for group in request.about(engine):
        if group.ask_failed and group.ask is Ask.NOTHING and not group.offer_no:
            why, group.ask_failed = group.ask_failed, ""
            return REFUSED, f"group {group.id}: {why}"
    return None


def _stood_by(request: Request, engine: Engine) -> tuple[int, str] | None:
    refused = _refused(request, engine)
    if refused is not None:
        return refused
    peer = engine.settings.names[engine.settings.peer]
    for group in request.about(engine):
        word = engine.peer_word(group)
        if group.held or (word is not None and word.phase is not Phase.ACTIVE):
            return None
    moved = ", ".join(str(group_id) for group_id in request.groups)
    return OK, f"group {moved} now on {peer}" if moved else "nothing was held here"


def _took_over(request: Request, engine: Engine) -> tuple[int, str] | None:
    refused = _refused(request, engine)
    if refused is not None:
        return refused
    for group in request.about(engine):
        if group.state is not State.ACTIVE:
            return None
    moved = ", ".join(str(group_id) for group_id in request.groups)
    mine = engine.settings.names[engine.settings.node]
    return OK, f"group {moved} now on {mine}" if moved else "already here"


def _left(request: Request, engine: Engine) -> tuple[int, str] | None:
    for group in request.about(engine):
        if group.state is State.ACTIVE and group.ask is Ask.NOTHING:
            handover.surrender(group, "the agent is stopping", engine)
    if any(group.held and group.state is not State.CLEANING for group in request.about(engine)):
        engine.leaving_ns = engine.now_ns
        return None
    offered = any(group.offer_no for group in request.about(engine))
    if offered and engine.peer.alive() and engine.now_ns - engine.leaving_ns < LINGER_NS:
        return None
    engine.changed()
    engine.may_exit()
    return OK, "stopped; everything was released"


def next_ns(engine: Engine) -> int:
    """When a command's time is up."""
    due = min((request.deadline_ns for request in engine.requests), default=FOREVER)
    if engine.leaving and engine.leaving_ns + LINGER_NS > engine.now_ns:
        due = min(due, engine.leaving_ns + LINGER_NS)
    return due
