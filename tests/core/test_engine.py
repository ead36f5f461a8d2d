"""What an engine knows of its own state and of what is around it, each at its bound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from hafw.core import fencing, handover, lease, maintenance, operator, takeover
from hafw.core.duties import NEVER, Certificate
from hafw.core.effects import Note, Persist
from hafw.core.engine import PERSIST_RETRY_NS, Engine
from hafw.core.group import Group
from hafw.core.liveness import Peer
from hafw.core.model import BeatHeard, GateFailed, Instant, Tick
from hafw.core.reflection import Echoes
from hafw.core.settings import MS, SECOND, Classes
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair, settings_pair

if TYPE_CHECKING:
    from types import ModuleType

PAUSED = "agent.paused"
BOUND = pytest.mark.parametrize("late_ns", [0, 1], ids=["in time", "too late"])


def node(number: int = ALPHA, *, pings: int = 1) -> Engine:
    return running_pair(Classes.BEST_EFFORT, pings=pings).engine(number)


def answered(engine: Engine, ping: int, sent_ns: int) -> None:
    """A ping node answered an echo that was sent then."""
    engine.echoes[ping] = Echoes()
    engine.echoes[ping].send(1, sent_ns, 0)
    assert engine.echoes[ping].answer(1)


def test_a_first_start_knows_of_no_epoch_and_met_nobody() -> None:
    settings, _ = settings_pair()

    engine = Engine(settings, 1, Instant(0, 0))

    assert [group.epoch for group in engine.groups.values()] == [0]
    assert not fencing.has_met(engine)
    assert engine.trusted


# --- ping nodes -----------------------------------------------------------------------------------


@BOUND
def test_a_ping_node_answers_now_that_answered_one_of_the_last_two_beats(late_ns: int) -> None:
    engine = node()
    answered(engine, 0, 1_000 * SECOND)
    limit_ns = 2 * engine.settings.beat_ns + engine.settings.max_delay_ns

    engine.now_ns = 1_000 * SECOND + limit_ns - 1 + late_ns

    assert engine.ping_answers() is not bool(late_ns)


@BOUND
def test_without_a_ping_node_whoever_was_heard_within_deadtime_answers_for_it(
    late_ns: int,
) -> None:
    engine = node(pings=0)
    engine.neighbour_ns = 1_000 * SECOND

    engine.now_ns = 1_000 * SECOND + engine.settings.timing.deadtime_ns - 1 + late_ns

    assert engine.ping_answers() is not bool(late_ns)


@BOUND
def test_a_ping_node_is_up_that_answered_within_the_right_to_hold(late_ns: int) -> None:
    engine = node(pings=2)
    answered(engine, 0, 1_000 * SECOND)
    engine.now_ns = 1_000 * SECOND + engine.settings.hold_ns - 1 + late_ns
    answered(engine, 1, engine.now_ns)

    assert engine.ping_up(0) is not bool(late_ns)
    assert engine.ping_up(1)
    assert engine.pings_up() == 2 - late_ns


def test_the_newest_answer_of_any_ping_node_counts() -> None:
    engine = node(pings=2)
    answered(engine, 0, 7)
    answered(engine, 1, 5)

    assert engine.ping_evidence_ns() == 7


# --- the disk -------------------------------------------------------------------------------------


def test_after_a_failed_write_nothing_is_written_for_a_second() -> None:
    engine = node()
    engine._persist_failed(1, "no room")

    engine.now_ns += PERSIST_RETRY_NS - 1
    early = engine.may_persist()
    engine.now_ns += 1

    assert (early, engine.may_persist()) == (False, True)


def test_a_write_is_durable_once_it_or_a_later_one_is_confirmed() -> None:
    engine = node()
    engine._durable_token = 5

    assert [engine.durable(token) for token in (4, 5, 6)] == [True, True, False]


def test_what_is_written_names_the_certificate_of_each_intent() -> None:
    engine = node()
    engine.groups[1].intent = 8, Certificate.BEST_EFFORT
    engine._effects = []

    engine.persist()

    assert isinstance(engine._effects[0], Persist)
    assert engine._effects[0].state.intents == ((1, 8, "best-effort"),)


# --- what it wakes for ----------------------------------------------------------------------------


@pytest.mark.parametrize("part", [handover, takeover, lease, operator, fencing, maintenance])
def test_it_wakes_for_what_is_due_in_each_of_its_parts(part: ModuleType) -> None:
    engine = node()

    with patch.object(part, "next_ns", lambda *_: engine.now_ns + 1):
        engine.step(Tick(), engine.now)

    assert engine.deadline() == engine.now_ns + 1


@pytest.mark.parametrize(
    ("kind", "method"), [(Group, "next_ns"), (Peer, "next_judgement_ns")], ids=["group", "peer"]
)
def test_it_wakes_for_its_groups_and_to_judge_the_peer(kind: type, method: str) -> None:
    engine = node()

    with patch.object(kind, method, lambda *_: engine.now_ns + 1):
        engine.step(Tick(), engine.now)

    assert engine.deadline() == engine.now_ns + 1


def test_it_wakes_for_its_own_next_beat() -> None:
    engine = node()
    engine.next_echo_ns = engine.now_ns + 1

    engine.step(Tick(), engine.now)

    assert engine.deadline() == engine.now_ns + 1


def test_a_gate_that_cannot_be_set_ends_the_hold() -> None:
    engine = node()

    engine.step(GateFailed(1, "no such table"), engine.now)

    assert engine.groups[1].state is State.STOPPING
    assert engine.groups[1].stop_why == "the gate could not be set: no such table"


# --- pauses ---------------------------------------------------------------------------------------


def paused_for(engine: Engine, elapsed_ns: int, slept_ns: int = 0) -> list[str]:
    """What people are told of a step that comes so late, the machine having slept so long."""
    mono_ns = engine.now.mono_ns + elapsed_ns - slept_ns
    effects = engine.step(Tick(), Instant(engine.now.boot_ns + elapsed_ns, mono_ns))
    return [each.text for each in effects if isinstance(each, Note) and each.name == PAUSED]


@pytest.mark.parametrize("more_ns", [0, 1])
def test_a_step_that_comes_more_than_two_beats_late_shows_a_pause(more_ns: int) -> None:
    engine = node()
    late_ns = 2 * engine.settings.beat_ns + engine.settings.margin_ns + more_ns

    told = paused_for(engine, late_ns)

    assert told == [f"this agent did not run for {late_ns // MS} ms"] * more_ns
    assert engine.pauses == more_ns
    assert (engine.peer.gap_end_ns == engine.now_ns) is bool(more_ns)


@pytest.mark.parametrize("more_ns", [0, 1])
def test_a_machine_that_slept_for_more_than_a_beat_shows_a_pause(more_ns: int) -> None:
    engine = node()
    slept_ns = engine.settings.beat_ns + more_ns

    told = paused_for(engine, slept_ns, slept_ns)

    assert len(told) == more_ns


def test_pauses_are_counted() -> None:
    engine = node()

    for _ in range(3):
        paused_for(engine, SECOND * 60)

    assert engine.pauses == 3


def test_time_does_not_go_backwards() -> None:
    engine = node()

    with pytest.raises(AssertionError, match="time went backwards"):
        engine.step(Tick(), Instant(engine.now.boot_ns - 1, engine.now.mono_ns))


# --- the other node -------------------------------------------------------------------------------


@BOUND
def test_the_peer_is_fresh_while_it_answers_what_was_sent_within_the_right_to_hold(
    late_ns: int,
) -> None:
    engine = node()
    assert engine.peer.beat is not None
    sent_ns = engine.sent.sent_ns(engine.peer.beat.acked_n)

    engine.now_ns = sent_ns + engine.settings.hold_ns - 1 + late_ns

    assert engine.fresh() is not bool(late_ns)


def test_an_answer_to_an_earlier_start_of_this_node_is_no_answer() -> None:
    engine = node()
    assert (engine.addressed(), engine.fresh()) == (True, True)
    engine.incarnation += 1

    assert (engine.addressed(), engine.fresh()) == (False, False)


@BOUND
def test_a_group_goes_back_to_an_agent_that_was_restarted_for_a_time(late_ns: int) -> None:
    engine = node()
    engine.returning[1] = engine.now_ns + 1 - late_ns

    assert engine.should_return(engine.groups[1]) is not bool(late_ns)


@pytest.mark.parametrize(("early_ns", "is_whole"), [(1, False), (0, True)])
def test_a_beat_that_is_no_news_is_a_whole_step_when_something_is_due(
    early_ns: int, *, is_whole: bool
) -> None:
    engine = node()
    assert engine.peer.beat is not None
    engine._due_ns = engine.now_ns + early_ns

    engine.step(BeatHeard(1, engine.peer.beat), engine.now)

    assert (engine._due_ns == engine._next_due_ns()) is is_whole


def test_people_are_told_how_long_the_peer_has_been_silent() -> None:
    engine = node()
    late_ns = engine.settings.timing.warntime_ns
    engine.now_ns = engine.peer.last_ns + late_ns
    engine._effects = []

    engine._judge_peer()

    told = [each.text for each in engine._effects if isinstance(each, Note)]
    assert told == [f"beta is late (was up, silent {late_ns // MS} ms)"]


def test_a_peer_that_was_never_heard_answers_nothing_and_has_no_other_file() -> None:
    engine = node()
    engine.peer.beat = None

    assert (engine.addressed(), engine.fresh(), engine.drift()) == (False, False, False)


@pytest.mark.parametrize(("file", "differs"), [(b"the file", False), (b"another", True)])
def test_the_peer_has_another_file_if_its_beat_says_so(file: bytes, *, differs: bool) -> None:
    engine = node()
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(config_hash=file)

    assert engine.drift() is differs


def test_who_cannot_trust_its_state_does_until_the_peer_was_heard() -> None:
    engine = node()
    engine.distrust = "the state file is missing"
    assert engine.trusted

    engine.peer.last_ns = NEVER

    assert not engine.trusted


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "parity"), [(ALPHA, 0), (BETA, 1)])
def test_no_epoch_is_of_both_nodes(number: int, parity: int) -> None:
    engine = node(number)

    following = [engine.next_after(epoch) for epoch in range(6)]

    assert all(epoch % 2 == parity for epoch in following)
    assert all(0 < new - old <= 2 for old, new in enumerate(following))


@pytest.mark.parametrize(
    ("deadtime_ns", "budget_ns"),
    [(30 * MS, 5 * MS), (300 * MS, 30 * MS), (10 * SECOND, 300 * MS)],
    ids=["no shorter than it takes", "a tenth of deadtime", "no longer than it takes"],
)
def test_a_probe_takes_a_tenth_of_deadtime_within_reason(deadtime_ns: int, budget_ns: int) -> None:
    engine = node()
    timing = replace(engine.settings.timing, deadtime_ns=deadtime_ns)
    engine.settings = replace(engine.settings, timing=timing)

    assert engine.probe_budget_ns == budget_ns
