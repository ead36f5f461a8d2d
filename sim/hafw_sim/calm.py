"""What must hold of a node in maintenance: it moves nothing by itself, and switches nobody off.

One rule: who held a group last is what the node saw of holders, or had on its disk when it started;
not what its engine says. What comes late, twice or is replayed shows nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.duties import Certificate
from hafw.core.effects import Answer, FencePeer, Note
from hafw.core.model import Ask, BeatHeard, OperatorAsked, Phase, Verb, What
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import Beat, Event, GroupBeat, Instant
    from hafw_sim.world import Machine, World

BY_ORDER = "operator"
"""What a hand-over that a person ordered gives as its reason."""


class Calm:
    """Watches both nodes. `returned`: how many starts in maintenance were by the last holder."""

    def __init__(self, world: World) -> None:
        """Nobody holds anything yet."""
        self._world = world
        self.returned = 0
        self._engines: list[Engine | None] = [None, None]
        self._holders: list[dict[int, int]] = [{}, {}]
        self._said: list[tuple[GroupBeat, ...]] = [(), ()]
        self._newest = [(0, 0), (0, 0)]
        self._states: list[dict[int, State]] = [{}, {}]
        self._begun: set[tuple[int, int]] = set()

    def watch(self, node: Machine, event: Event, now: Instant, effects: list[Effect]) -> None:
        """One step of a node's engine."""
        engine, number = node.engine, node.number
        assert engine is not None
        if engine is not self._engines[number]:
            self._begin(node, engine)
        if type(event) is BeatHeard:
            self._hear(engine, number, event.beat)
        refused = any(type(effect) is Answer and effect.code for effect in effects)
        wanted = (
            type(event) is OperatorAsked
            and event.verb in (Verb.TAKEOVER, Verb.FAILBACK)
            and event.what is not What.FOREIGN
        )
        if wanted and not refused:
            self._entrust(engine, number)
        judge_shots(self._world, node, event, now, effects)
        for effect in effects:
            if type(effect) is Note:
                self._judge(node, engine, event, effect)
        self._states[number] = {group.id: group.state for group in engine.groups.values()}

    def _begin(self, node: Machine, engine: Engine) -> None:
        kept = node.disk.maintenance if node.disk is not None else None
        holds = kept.holds if kept is not None and kept.word.on else ()
        self._engines[node.number] = engine
        self._holders[node.number] = {group: epoch % 2 for group, epoch in holds}
        self._said[node.number] = ()
        self._newest[node.number] = 0, 0
        self._states[node.number] = {}
        self._begun = {begun for begun in self._begun if begun[0] != node.number}

    def _hear(self, engine: Engine, number: int, beat: Beat) -> None:
        newness = beat.incarnation, beat.n
        if newness <= self._newest[number]:
            return
        self._newest[number] = newness
        if beat.groups is self._said[number]:
            return
        self._said[number] = beat.groups
        for word in beat.groups:
            group = engine.groups.get(word.id)
            if group is None or word.phase not in (Phase.STARTING, Phase.ACTIVE):
                continue
            if not group.held or word.epoch > group.held_epoch:  # who must yield holds nothing
                self._holders[number][word.id] = 1 - number

    def _entrust(self, engine: Engine, number: int) -> None:
        """A person wants this node to take what prefers it: if nobody holds it, it is its own."""
        clear = {word.id for word in self._said[number] if word.phase is Phase.CLEAR}
        idle = (State.STANDBY, State.BLOCKED)  # before: it may have started at once
        for group in engine.groups.values():
            was_idle = self._states[number].get(group.id) in idle
            if group.settings.preferred == number and was_idle and group.id in clear:
                self._holders[number][group.id] = number

    def _judge(self, node: Machine, engine: Engine, event: Event, note: Note) -> None:
        on, number = engine.maintenance.word.on, node.number
        group = engine.groups.get(note.group)
        if group is None:
            return
        if on:
            self._judge_group(node, engine, event, note, group)
        if note.name == "group.starting":
            self._holders[number][group.id] = number
        elif note.name == "handover.asked" and not on:
            self._begun.add((number, group.id))
        elif note.name in ("handover.cancelled", "group.stopped"):
            self._begun.discard((number, group.id))

    def _judge_group(
        self, node: Machine, engine: Engine, event: Event, note: Note, group: Group
    ) -> None:
        """What is told of a group in maintenance; a hand-over that began before goes on."""
        match note.name:
            case "group.starting":
                self._judge_start(node, engine, group)
            case "handover.asked" if BY_ORDER not in note.text:
                self._violate(node, f"gives group {group.id} away: {note.text}")
            case "group.stopping" if group.surrender:
                unasked = note.text.endswith("the agent is stopping") or (
                    "start failed" in note.text and not group.from_peer
                )
                if unasked and (node.number, group.id) not in self._begun:
                    self._violate(node, f"stops group {group.id} to give it away: {note.text}")
            case "group.offered":
                self._judge_offer(node, event, group)

    def _judge_start(self, node: Machine, engine: Engine, group: Group) -> None:
        if group.certificate is Certificate.OPERATOR or group.consumed_offer[1] == _offered(
            group, engine
        ):
            return
        holder = self._holders[node.number].get(group.id)
        if holder == node.number:
            self.returned += 1
        else:
            who = "nobody" if holder is None else self._world.nodes[holder].name
            self._violate(node, f"starts group {group.id}, which {who} held last")

    def _judge_offer(self, node: Machine, event: Event, group: Group) -> None:
        before = self._states[node.number].get(group.id)
        asked = type(event) is BeatHeard and any(
            word.id == group.id and word.ask is Ask.GIVE_IT for word in event.beat.groups
        )
        if before is State.STOPPING or asked:
            return
        if self._holders[node.number].get(group.id) != 1 - node.number:
            self._violate(node, f"passes group {group.id} on to whom it was not of")

    def _violate(self, node: Machine, what: str) -> None:
        _violate(self._world, node, what)


def judge_shots(
    world: World, node: Machine, _event: Event, _now: Instant, effects: list[Effect]
) -> None:
    """One step of a node's engine: the part of the rule that needs no memory of earlier ones."""
    assert node.engine is not None
    if node.engine.maintenance.word.on and any(type(effect) is FencePeer for effect in effects):
        _violate(world, node, "switches the other node off")


def _violate(world: World, node: Machine, what: str) -> None:
    world.violate(f"maintenance: {node.name} {what}")


def _offered(group: Group, engine: Engine) -> int | None:
    """The number of the offer under which this start is made, if it is made under one."""
    word = engine.peer.groups.get(group.id)
    if group.certificate is not Certificate.RELEASED or word is None or not word.offer:
        return None
    return word.offer
