"""What it proves that the other node was switched off, and what is remembered of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import fencing as fencing_of
from hafw.core.duties import FOREVER, NEVER
from hafw.core.effects import Persist
from hafw.core.fencing import RETRY_MAX_NS, RETRY_NS, WINDOW_NS
from hafw.core.model import OpEnded, Outcome
from hafw.core.settings import SECOND, Classes
from hafw_sim.pairs import BETA
from tests.core.shots import end, fenced, noted, of, shoot

if TYPE_CHECKING:
    from hafw.core.effects import Effect


# --- what a shot proves -----------------------------------------------------------------------


def test_the_end_of_an_order_that_is_not_awaited_changes_nothing() -> None:
    fencing, _, engine = fenced(BETA)
    op = shoot(engine)
    before = of(fencing)

    stranger = OpEnded(op.id._replace(n=op.id.n + 1), Outcome.OK, "")
    fencing_of.ended(stranger, engine)

    assert of(fencing) == before


def test_a_second_end_of_an_order_proves_nothing() -> None:
    fencing, _, engine = fenced(BETA)
    op = shoot(engine)
    end(engine, Outcome.FAILED_NO_EFFECT)

    fencing_of.ended(OpEnded(op.id, Outcome.OK, ""), engine)

    assert not fencing.off


@pytest.mark.parametrize("outcome", [Outcome.FAILED_NO_EFFECT, Outcome.UNKNOWN])
def test_an_order_that_failed_proves_nothing(outcome: Outcome) -> None:
    fencing, _, engine = fenced(BETA)
    shoot(engine)

    end(engine, outcome)

    assert (fencing.off, fencing.done, fencing.op) == (False, (), None)
    assert fencing.trouble == "by a test"
    assert noted(engine) == ["fence.failed"]


def test_a_confirmed_order_proves_the_other_node_off_from_now_on() -> None:
    fencing, _, engine = fenced(BETA)
    shoot(engine)
    fencing.failures, fencing.trouble = 3, "earlier"

    end(engine, Outcome.OK)

    assert (fencing.off, fencing.off_ns) == (True, engine.now_ns)
    assert (fencing.failures, fencing.trouble) == (0, "")
    assert noted(engine) == ["fence.confirmed"]


@pytest.mark.parametrize(("after_ns", "off"), [(-1, True), (0, True), (1, False)])
def test_a_shot_is_void_if_the_other_node_was_heard_after_the_order(
    after_ns: int, *, off: bool
) -> None:
    fencing, _, engine = fenced(BETA)
    shoot(engine)
    engine.peer.last_ns = fencing.ordered_ns + after_ns

    end(engine, Outcome.OK)

    assert fencing.off is off
    assert fencing.done == (engine.now_ns,)
    assert noted(engine) == ["fence.confirmed" if off else "fence.void"]


@pytest.mark.parametrize(("after_ns", "off"), [(0, True), (1, False)])
def test_the_proof_ends_when_the_other_node_is_heard_again(after_ns: int, *, off: bool) -> None:
    fencing, _, engine = fenced(BETA)
    fencing.off, fencing.off_ns = True, engine.now_ns - SECOND
    engine.peer.last_ns = fencing.off_ns + after_ns

    fencing_of.judge(engine)

    assert fencing.off is off
    assert fencing.evidence_ns(engine.now_ns + 5) == engine.now_ns + (5 if off else 0)


def test_without_a_shot_there_is_no_evidence_of_one_whoever_is_heard() -> None:
    fencing, _, engine = fenced(BETA)

    fencing_of.judge(engine)

    assert fencing.evidence_ns(engine.now_ns) == NEVER


@pytest.mark.parametrize("age_ns", [WINDOW_NS - 1, WINDOW_NS])
def test_shots_are_remembered_for_the_window(age_ns: int) -> None:
    fencing, _, engine = fenced(BETA)
    shoot(engine)
    before = engine.now_ns - age_ns
    fencing.done = (before,)

    end(engine, Outcome.OK)

    assert fencing.done == ((before, engine.now_ns) if age_ns < WINDOW_NS else (engine.now_ns,))


def test_a_reboot_must_not_forget_the_shot_that_is_in_flight() -> None:
    fencing, _, engine = fenced(BETA)
    before_ns = engine.now_ns - 5 * SECOND
    fencing.done = (before_ns,)

    assert fencing_of.shots(engine) == (before_ns,)
    shoot(engine)
    assert fencing_of.shots(engine) == (before_ns, fencing.ordered_ns)


def test_the_first_pause_is_the_shortest() -> None:
    fencing, _, engine = fenced(BETA)
    shoot(engine)

    end(engine, Outcome.UNKNOWN)

    assert fencing.retry_ns == engine.now_ns + RETRY_NS


@pytest.mark.parametrize("failures", range(8))
def test_the_pause_after_a_failure_doubles_up_to_its_cap(failures: int) -> None:
    fencing, _, engine = fenced(BETA)
    shoot(engine)
    fencing.failures = failures

    end(engine, Outcome.UNKNOWN)

    assert fencing.failures == failures + 1
    assert fencing.retry_ns == engine.now_ns + min(RETRY_NS * 2**failures, RETRY_MAX_NS)


# --- who was heard since the boot -------------------------------------------------------------


def persisted(effects: list[Effect]) -> list[bool]:
    """What was made durable of the meeting."""
    return [each.state.met for each in effects if isinstance(each, Persist)]


def test_that_the_other_was_heard_is_made_durable_once() -> None:
    fencing, _, engine = fenced(BETA)
    fencing.noted = False

    fencing_of.judge(engine)
    fencing_of.judge(engine)

    assert persisted(engine._effects) == [True]


def test_while_the_disk_refuses_nothing_is_noted_as_durable() -> None:
    fencing, _, engine = fenced(BETA)
    fencing.noted = False
    engine._persist_retry_ns = engine.now_ns + 1

    fencing_of.judge(engine)

    assert not fencing.noted


def test_what_was_not_heard_is_not_noted() -> None:
    fencing, _, engine = fenced(BETA)
    fencing.noted = False
    engine.peer.last_ns = NEVER

    fencing_of.judge(engine)

    assert not fencing.noted
    assert persisted(engine._effects) == []


@pytest.mark.parametrize(
    ("heard", "before", "met"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
def test_the_other_was_met_by_this_start_or_an_earlier_one_of_the_same_boot(
    *, heard: bool, before: bool, met: bool
) -> None:
    fencing, _, engine = fenced(BETA)
    fencing.met_before = before
    if not heard:
        engine.peer.last_ns = NEVER

    assert fencing_of.has_met(engine) is met


def test_where_no_group_rests_on_it_nobody_is_switched_off() -> None:
    fencing, _, engine = fenced(BETA, Classes.LEASED)
    fencing.wanted = True
    fencing.off, fencing.off_ns = True, engine.now_ns - SECOND
    engine.peer.last_ns = engine.now_ns

    fencing_of.judge(engine)
    fencing_of.run(engine)

    assert fencing.op is None
    assert fencing.off
    assert fencing_of.next_ns(engine) == FOREVER
