"""Looks at a world after everything that happens, and writes down what has changed.

One rule: it only reads. A gate that shuts by itself is no event, but its end is known before: so
who served an address is exact, however seldom something happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.effects import Answer
from hafw.core.states import State
from hafw_sim.report.facts import machine_fact, network_facts
from hafw_sim.report.recording import (
    BOTH,
    NOBODY,
    Answered,
    Fact,
    Key,
    Kind,
    Moment,
    Recording,
    Span,
    Tone,
)
from hafw_sim.world.kernel import SHUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hafw.core.effects import Effect, Note
    from hafw.core.group import Group
    from hafw.core.model import Event, Instant
    from hafw_sim.world import Machine, World

_STATE_TONES: Final = {
    State.CLEANING: Tone.QUIET,
    State.STANDBY: Tone.QUIET,
    State.BLOCKED: Tone.BAD,
    State.STARTING: Tone.FAIR,
    State.ACTIVE: Tone.GOOD,
    State.STOPPING: Tone.FAIR,
}
_GONE: Final = Fact("")
_NOTE_TONES: Final = {
    "group.blocked": Tone.BAD,
    "group.conflict": Tone.BAD,
    "group.start_failed": Tone.BAD,
    "group.stop_failed": Tone.BAD,
    "peer.dead": Tone.BAD,
    "state.not_durable": Tone.BAD,
    "state.rolled_back": Tone.BAD,
    "agent.paused": Tone.FAIR,
    "group.right_ended": Tone.FAIR,
    "peer.late": Tone.FAIR,
    "certificate.used": Tone.GOOD,
}


class Recorder:
    """The record of one world, from the moment at which this is made."""

    def __init__(self, world: World) -> None:
        """From now on the world is watched."""
        self._world = world
        self._begun_ns = world.now_ns
        self._open: dict[Key, tuple[int, Fact]] = {}
        self._closed: dict[Key, list[Span]] = {}
        self._served_until: dict[tuple[int, int], int] = {}
        self._answers: list[Answered] = []
        world.clockwork.watch = self.look
        world.taps.append(self._hear)
        self.look()

    def look(self) -> None:
        """Write down what is no longer as it was."""
        now_ns = self._world.now_ns
        self._expire(now_ns)
        for key, fact in self._facts():
            self._turn(key, now_ns, fact)

    def recording(self, moments: Iterable[Moment] = ()) -> Recording:
        """The record up to now; `moments` are what else happened, beside the nodes' notes."""
        self.look()
        now_ns = self._world.now_ns
        lanes = {
            key: (*self._closed[key], Span(since_ns, now_ns, fact))
            for key, (since_ns, fact) in self._open.items()
        }
        groups = self._world.files.groups
        several = len(groups) > 1
        noted = (
            _moment(node.name, at_ns, note, several=several)
            for node in self._world.nodes
            for at_ns, note in node.notes
        )
        answered = (
            Moment(each.at_ns, each.node, f"answers {each.code}: {each.text}", _answer_tone(each))
            for each in self._answers
        )
        every = sorted([*moments, *noted, *answered], key=lambda moment: moment.at_ns)
        return Recording(tuple(groups), now_ns, lanes, tuple(every), tuple(self._answers))

    # --- what is seen -------------------------------------------------------------------------

    def _turn(self, key: Key, at_ns: int, fact: Fact) -> None:
        since = self._open.get(key)
        if since is None:
            if fact == _GONE:  # a group that was added, but not here
                at_ns = self._begun_ns
            late = at_ns > self._begun_ns
            self._closed[key] = [Span(self._begun_ns, at_ns, _GONE)] if late else []
        elif since[1] == fact:
            return
        elif since[0] < at_ns:
            self._closed[key].append(Span(since[0], at_ns, since[1]))
        self._open[key] = (at_ns, fact)

    def _facts(self) -> Iterator[tuple[Key, Fact]]:
        world = self._world
        for who, fact in network_facts(world):
            yield Key(Kind.NETWORK, who), fact
        for node in world.nodes:
            yield Key(Kind.MACHINE, node.name), machine_fact(node)
            for group in world.files.groups:
                yield Key(Kind.GROUP, node.name, group), _group_fact(node, group)
        for group in world.files.groups:
            for node in world.nodes:
                until_ns = node.gate_ns.get(group, SHUT) if node.holds(group) else SHUT
                self._served_until[node.number, group] = until_ns
            yield Key(Kind.ADDRESS, "", group), self._served(group, world.now_ns)

    def _served(self, group: int, now_ns: int) -> Fact:
        until_ns = self._served_until
        names = [node.name for node in self._world.nodes if until_ns[node.number, group] > now_ns]
        if len(names) > 1:
            return Fact(BOTH, Tone.WRONG)
        return Fact(names[0], Tone.GOOD) if names else Fact(NOBODY, Tone.FAIR)

    def _expire(self, now_ns: int) -> None:
        """Gates that have shut by themselves since the last look."""
        ends = [
            (until_ns, group)
            for (_, group), until_ns in self._served_until.items()
            if SHUT < until_ns <= now_ns
        ]
        for until_ns, group in sorted(ends):
            key = Key(Kind.ADDRESS, "", group)
            if until_ns > self._open[key][0]:
                self._turn(key, until_ns, self._served(group, until_ns))

    def _hear(self, node: Machine, _event: Event, _now: Instant, effects: list[Effect]) -> None:
        for effect in effects:
            if type(effect) is Answer:
                self._answers.append(
                    Answered(self._world.now_ns, node.name, effect.code, effect.text)
                )


def _group_fact(node: Machine, group_id: int) -> Fact:
    engine = node.engine
    group: Group | None = engine.groups.get(group_id) if engine is not None else None
    if group is None:
        return _GONE
    state, tone = group.state, _STATE_TONES[group.state]
    if state in (State.STARTING, State.ACTIVE):
        certificate = group.certificate or "no certificate"
        return Fact(f"{state} ({certificate})", tone, f"epoch {group.held_epoch}")
    return Fact(str(state), tone, group.blocked_why if state is State.BLOCKED else "")


def _moment(name: str, at_ns: int, note: Note, *, several: bool) -> Moment:
    """A note, cut down to what its lane and time do not say."""
    about = f"group {note.group}: " if note.group and several else ""
    about += "certificate " if note.name == "certificate.used" else ""
    sentence = note.text.partition(". ")[0].partition(" (was ")[0]
    tone = _NOTE_TONES.get(note.name, Tone.QUIET)
    return Moment(at_ns, name, about + sentence, tone, note.name)


def _answer_tone(answered: Answered) -> Tone:
    return Tone.BAD if answered.code else Tone.GOOD
