"""What a beat of the peer changes in an engine, and what it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import hearing, maintenance
from hafw.core.effects import Note, Reincarnate, SendBeat, StartOp
from hafw.core.handover import OFFER_NS
from hafw.core.model import REFLECTED_PATH, BeatHeard, GroupBeat, OpKind, Phase, Refusal
from hafw.core.settings import SECOND, Timing
from hafw.core.states import PHASES, State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.beats import newest

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import Beat
    from hafw_sim.world import World

LINK = 0


def hear(world: World, number: int, beat: Beat, path: int = LINK) -> list[Effect]:
    """A node hears a beat now; what its engine orders."""
    now = world.nodes[number].instant(world.now_ns)
    return world.engine(number).step(BeatHeard(path, beat), now)


def acks(effects: list[Effect]) -> int:
    return sum(isinstance(each, SendBeat) and each.beat.is_ack for each in effects)


# --- acknowledgements -------------------------------------------------------------------------


def test_a_holders_beat_is_acknowledged_at_once() -> None:
    world = running_pair()
    beat = newest(world, BETA)

    assert acks(hear(world, BETA, beat._replace(n=beat.n + 100))) == 1


def test_what_came_by_the_ping_node_is_not_acknowledged() -> None:
    world = running_pair()
    beat = newest(world, BETA)

    assert acks(hear(world, BETA, beat._replace(n=beat.n + 100), REFLECTED_PATH)) == 0


def test_who_holds_nothing_needs_no_acknowledgement() -> None:
    world = running_pair()
    beat = newest(world, ALPHA)

    assert acks(hear(world, ALPHA, beat._replace(n=beat.n + 100))) == 0


@pytest.mark.parametrize(("later", "counts"), [(0, True), (1, False), (-1, False)])
def test_an_acknowledgement_counts_if_it_is_of_the_incarnation_that_is_known(
    later: int, *, counts: bool
) -> None:
    world = running_pair()
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.run(1.5)
    engine, beat = world.engine(ALPHA), newest(world, ALPHA)
    before_ns = engine.peer.heard_ns
    ack = beat._replace(
        is_ack=True, incarnation=beat.incarnation + later, acked_n=engine.sent.newest_n
    )

    hear(world, ALPHA, ack)

    assert (engine.peer.heard_ns > before_ns) is counts


def test_what_an_earlier_incarnation_sent_is_no_evidence_for_this_one() -> None:
    world = running_pair()
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.run(1.5)
    engine, beat = world.engine(ALPHA), newest(world, ALPHA)
    before_ns = engine.peer.heard_ns

    hear(
        world,
        ALPHA,
        beat._replace(
            n=beat.n + 1,
            acked_incarnation=engine.incarnation - 1,
            acked_n=engine.sent.newest_n,
        ),
    )

    assert engine.peer.heard_ns == before_ns


@pytest.mark.parametrize(("later", "more"), [(0, 1), (1, 0)], ids=["a later beat", "a later start"])
def test_who_is_told_of_what_it_has_not_done_yet_begins_a_new_incarnation(
    later: int, more: int
) -> None:
    world = running_pair()
    engine, beat = world.engine(ALPHA), newest(world, ALPHA)
    told = beat._replace(
        n=beat.n + 1,
        acked_incarnation=engine.incarnation + later,
        acked_n=engine.sent.newest_n + more,
    )

    effects = hear(world, ALPHA, told)

    assert [each for each in effects if isinstance(each, Reincarnate)] == [
        Reincarnate(engine.incarnation + later)
    ]
    assert any(isinstance(each, Note) and each.name == "state.rolled_back" for each in effects)


# --- a restart of the other agent -------------------------------------------------------------

DEADTIME_NS = 10 * SECOND


def restarted(world: World, before: dict[int, GroupBeat], silence_ns: int = 0) -> Engine:
    """Beta learns that alpha's agent was started again, and what alpha had said before."""
    engine = world.engine(BETA)
    hearing._peer_restarted(before, silence_ns, engine)
    return engine


def test_what_was_granted_and_answered_to_the_start_before_counts_no_longer() -> None:
    world = running_pair()
    group = world.engine(BETA).groups[1]
    group.granted_no, group.reply_no, group.refusal = 3, 4, Refusal.BUSY

    restarted(world, {})

    assert (group.granted_no, group.reply_no, group.refusal) == (0, 0, Refusal.NONE)


@pytest.mark.parametrize(
    ("phase", "silence_ns", "returns"),
    [
        (Phase.ACTIVE, 0, True),
        (Phase.STOPPING, DEADTIME_NS - 1, True),
        (Phase.ACTIVE, DEADTIME_NS, False),
        (Phase.CLEAR, 0, False),
    ],
)
def test_a_group_returns_to_the_agent_that_held_it_and_is_back_within_deadtime(
    phase: Phase, silence_ns: int, *, returns: bool
) -> None:
    world = running_pair()
    word = world.engine(BETA).peer.groups[1]._replace(phase=phase)

    engine = restarted(world, {1: word}, silence_ns)

    until_ns = engine.now_ns + max(DEADTIME_NS, OFFER_NS)
    assert engine.returning == ({1: until_ns} if returns else {})


def test_a_group_of_which_nothing_was_said_does_not_return() -> None:
    assert restarted(running_pair(), {}).returning == {}


def test_where_deadtime_is_longer_than_an_offer_a_group_may_return_for_as_long() -> None:
    slow = Timing(keepalive_ns=3 * SECOND, deadtime_ns=30 * SECOND, initdead_ns=60 * SECOND)
    world = running_pair(timing=slow)

    engine = restarted(world, dict(world.engine(BETA).peer.groups))

    assert engine.returning == {1: engine.now_ns + 30 * SECOND}


@pytest.mark.parametrize("known", [True, False])
def test_a_restart_is_told_where_there_was_a_start_before(*, known: bool) -> None:
    world = running_pair()
    engine = world.engine(BETA)
    engine._effects = []

    restarted(world, dict(engine.peer.groups) if known else {})

    told = [(each.name, each.group) for each in engine._effects if isinstance(each, Note)]
    assert told == [("peer.restarted", 0)] * known


# --- two holders ------------------------------------------------------------------------------


def holder(world: World) -> tuple[Group, Engine, GroupBeat]:
    """The owner's group, its engine, and a word of the other, as if it held the group too."""
    engine = world.engine(ALPHA)
    group = engine.groups[1]
    word = engine.peer.groups[1]._replace(phase=Phase.ACTIVE, epoch=group.held_epoch)
    return group, engine, word


def compared(world: World, group: Group, word: GroupBeat) -> list[Effect]:
    """What comes of a comparison, and nothing else."""
    engine = world.engine(ALPHA)
    before = len(engine._effects)
    hearing._compare_epochs(group, word, engine)
    return engine._effects[before:]


def test_the_higher_epoch_stays_and_says_once_that_there_are_two() -> None:
    world = running_pair()
    group, _, word = holder(world)

    effects = compared(world, group, word._replace(epoch=group.held_epoch - 1))
    effects += compared(world, group, word._replace(epoch=group.held_epoch - 1))

    assert group.state is State.ACTIVE
    assert [each.name for each in effects if isinstance(each, Note)] == ["group.conflict"]


def test_of_two_equal_epochs_none_yields() -> None:
    world = running_pair()
    group, _, word = holder(world)

    compared(world, group, word)

    assert group.state is State.ACTIVE


def test_the_lower_epoch_yields() -> None:
    world = running_pair()
    group, _, word = holder(world)

    compared(world, group, word._replace(epoch=group.held_epoch + 1))

    assert group.state is State.STOPPING
    assert group.epoch == word.epoch + 1


@pytest.mark.parametrize("phase", [Phase.CLEAR, Phase.STOPPING])
def test_an_owner_knows_a_newer_epoch_before_it_offers_and_serves_on(phase: Phase) -> None:
    """Otherwise its offer would be older than what the other node knows, and void at once."""
    world = running_pair()
    group, _, word = holder(world)
    held_epoch = group.held_epoch

    compared(world, group, word._replace(phase=phase, epoch=held_epoch + 3))

    assert (group.state, group.held_epoch) == (State.ACTIVE, held_epoch)
    assert group.epoch == held_epoch + 3


def test_who_must_yield_is_not_taken_for_the_last_holder() -> None:
    world = running_pair()
    group, engine, word = holder(world)
    beat = newest(world, ALPHA)
    groups = (word._replace(epoch=group.held_epoch - 1),)

    hear(world, ALPHA, beat._replace(n=beat.n + 1, groups=groups))

    assert maintenance.last_holder(group, engine) == ALPHA


@pytest.mark.parametrize("state", [State.ACTIVE, State.STOPPING])
def test_who_must_yield_takes_the_other_for_the_last_holder(state: State) -> None:
    world = running_pair()
    group, engine, word = holder(world)
    group.state, group.phase = state, PHASES[state]
    beat = newest(world, ALPHA)
    groups = (word._replace(epoch=group.held_epoch + 1),)

    hear(world, ALPHA, beat._replace(n=beat.n + 1, groups=groups))

    assert maintenance.last_holder(group, engine) == BETA


def test_who_let_go_takes_a_holder_under_an_older_epoch_for_the_last_one() -> None:
    world = running_pair()
    group, engine, word = holder(world)
    group.state, group.phase = State.STANDBY, PHASES[State.STANDBY]
    beat = newest(world, ALPHA)
    groups = (word._replace(epoch=group.held_epoch - 1),)

    hear(world, ALPHA, beat._replace(n=beat.n + 1, groups=groups))

    assert maintenance.last_holder(group, engine) == BETA


def test_who_stops_already_has_no_conflict() -> None:
    world = running_pair()
    group, engine, word = holder(world)
    group.state = State.STOPPING

    compared(world, group, word._replace(epoch=group.held_epoch - 1))

    assert engine.conflicts == set()


def test_what_an_earlier_incarnation_left_is_cleaned_whatever_the_other_holds() -> None:
    world = running_pair()
    group, _, word = holder(world)
    group.state = State.CLEANING

    compared(world, group, word._replace(epoch=group.held_epoch + 1))

    assert group.state is State.CLEANING
    assert group.epoch == word.epoch + 1


@pytest.mark.parametrize(
    ("in_conflict", "phase", "again"),
    [
        (True, Phase.CLEAR, True),
        (True, Phase.STOPPING, False),
        (False, Phase.CLEAR, False),
    ],
)
def test_the_winner_announces_again_when_the_other_has_let_go(
    phase: Phase, *, in_conflict: bool, again: bool
) -> None:
    world = running_pair()
    group, engine, word = holder(world)
    if in_conflict:
        engine.conflicts.add(group.id)

    effects = compared(world, group, word._replace(phase=phase))

    announced = [e for e in effects if isinstance(e, StartOp) and e.op.kind is OpKind.ANNOUNCE]
    assert bool(announced) is again
    assert (group.id in engine.conflicts) is (in_conflict and not again)
