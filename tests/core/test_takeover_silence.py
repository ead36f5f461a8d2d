"""What a node prepares, decides and waits for while the peer is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import blocking, fitness, takeover
from hafw.core.duties import (
    FENCE_RUNS,
    FOREVER,
    LEASE_NOT_OURS,
    LEASE_RUNS,
    NEVER,
    NOT_OFF,
    Certificate,
    wait_ns,
)
from hafw.core.effects import Note
from hafw.core.liveness import PeerState
from hafw.core.model import Ask, OpKind, Phase
from hafw.core.settings import SECOND, Classes
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.takers import (
    FENCED_OR_LEASED,
    dead,
    lease_held_by,
    make_durable,
    notes,
    parts,
    say,
    silent,
    standby,
    starts,
)

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group

# --- the peer is silent -----------------------------------------------------------------------


def test_nothing_is_decided_while_the_peer_is_only_late() -> None:
    group, engine = dead()
    engine.peer.state = PeerState.LATE

    takeover.consider(group, engine)

    assert group.state is State.STANDBY


def test_nothing_is_decided_before_the_wait_is_over() -> None:
    group, engine = dead()
    say(group, engine, shut_ms=60_000)

    takeover.consider(group, engine)

    assert group.state is State.STANDBY


def test_what_silence_proves_is_taken() -> None:
    group, engine = dead()
    make_durable(group, Certificate.REFLECTED, engine)

    takeover.consider(group, engine)

    assert group.state is State.STARTING


def test_who_could_not_run_it_is_blocked_and_says_why() -> None:
    group, engine = dead()
    group.service_up = False

    takeover.consider(group, engine)

    assert group.state is State.BLOCKED
    assert fitness.why_unwilling(group, engine) in group.blocked_why


def test_a_start_that_failed_is_told_once_until_the_next_try() -> None:
    group, engine = dead()
    group.failures = 3
    group.unwilling_ns = engine.now_ns + group.hold_down_ns()

    for _ in range(4):
        takeover.consider(group, engine)
        engine.now_ns += SECOND - 1

    assert notes(engine) == ["group.blocked"]
    assert "a start failed here; next try 4 s after that" in group.blocked_why


def test_what_no_certificate_gives_is_blocked() -> None:
    group, engine = dead()
    group.armed = False

    takeover.consider(group, engine)

    assert group.state is State.BLOCKED


@pytest.mark.parametrize(
    ("classes", "why"),
    [(Classes.REFLECTED, "not armed"), (Classes.NONE, "silence alone proves nothing")],
)
def test_a_block_says_what_is_lacking(classes: Classes, why: str) -> None:
    group, engine = dead(classes)
    group.armed = False

    takeover.consider(group, engine)

    assert why in group.blocked_why


def test_who_waits_says_for_what_is_tried_last() -> None:
    group, engine = dead(FENCED_OR_LEASED)
    lease_held_by(group, engine, ALPHA, 0)
    assert group.lease is not None
    waits = []
    for trouble in ("", "no answer"):
        group.blocked_why, group.lease.trouble = "", trouble
        takeover.consider(group, engine)
        waits.append(group.blocked_why)

    assert group.state is State.STANDBY
    assert waits == [f"leased: {LEASE_RUNS}", f"fenced: {FENCE_RUNS}"]


@pytest.mark.parametrize(("why", "again"), [("the same", 1), ("another", 2)])
def test_a_block_is_told_once_for_each_reason(why: str, again: int) -> None:
    _, group, engine = standby()

    blocking.block(group, ["the same"], engine)
    blocking.block(group, [why], engine)

    assert notes(engine) == ["group.blocked"] * again


def test_what_only_a_person_can_move_says_how() -> None:
    _, group, engine = standby()

    blocking.block(group, ["a", "b"], engine)

    blocked = [e.text for e in engine._effects if isinstance(e, Note)]
    assert blocked == [f"blocked: a; b. {blocking.unblock_hint(group, engine)}"]
    assert "hafw takeover --force --peer-is-off alpha" in blocking.unblock_hint(group, engine)


@pytest.mark.parametrize("why", [LEASE_RUNS, LEASE_NOT_OURS, FENCE_RUNS])
def test_what_will_be_had_in_time_is_waited_for(why: str) -> None:
    _, group, _ = standby(FENCED_OR_LEASED)

    assert blocking.only_waits(group, [f"leased: {why}"])


@pytest.mark.parametrize(
    ("classes", "trouble", "why"),
    [
        (Classes.LEASED, "no answer", LEASE_RUNS),
        (Classes.REFLECTED, "", LEASE_RUNS),
        (Classes.LEASED, "", NOT_OFF),
    ],
    ids=["store lost", "no store", "another reason"],
)
def test_what_may_never_be_had_is_not_waited_for(classes: Classes, trouble: str, why: str) -> None:
    _, group, _ = standby(classes)
    if group.lease is not None:
        group.lease.trouble = trouble

    assert not blocking.only_waits(group, [f"leased: {why}"])


def test_a_wait_is_told_once() -> None:
    _, group, engine = standby(Classes.LEASED)

    blocking.wait(group, f"leased: {LEASE_RUNS}", engine)
    blocking.wait(group, f"leased: {LEASE_RUNS}", engine)

    assert notes(engine) == ["group.waiting"]
    assert group.blocked_why == f"leased: {LEASE_RUNS}"


def test_who_is_blocked_does_not_say_that_it_waits() -> None:
    _, group, engine = standby(Classes.LEASED)
    group.state = State.BLOCKED

    blocking.wait(group, f"leased: {LEASE_RUNS}", engine)

    assert notes(engine) == []


# --- a person's word --------------------------------------------------------------------------


def vouched(classes: Classes = Classes.REFLECTED) -> tuple[Group, Engine]:
    group, engine = dead(classes)
    group.armed = False
    group.vouched = True
    make_durable(group, Certificate.OPERATOR, engine)
    return group, engine


def test_what_a_person_vouches_for_is_taken() -> None:
    group, engine = vouched()

    takeover.consider(group, engine)

    assert group.certificate is Certificate.OPERATOR


def test_a_persons_word_does_not_make_an_unfit_node_fit() -> None:
    group, engine = vouched()
    group.service_up = False

    takeover.consider(group, engine)

    assert group.state is State.BLOCKED


@pytest.mark.parametrize(("left_ns", "checked"), [(1, False), (0, True)])
def test_the_lease_is_watched_before_a_persons_word_counts(left_ns: int, *, checked: bool) -> None:
    group, engine = vouched(Classes.LEASED)
    renew_ns = engine.settings.renew_ns
    lease_held_by(group, engine, ALPHA, renew_ns + renew_ns // 4 - left_ns)
    assert group.lease is not None

    waits = takeover._taken_by_operator(group, engine)

    assert waits
    assert bool(group.lease.wanted) is checked
    assert group.state is State.STANDBY


def test_a_persons_word_is_of_no_use_to_who_would_have_to_let_go_at_once() -> None:
    group, engine = vouched(Classes.BEST_EFFORT)
    for echoes in engine.echoes:
        echoes._newest_answered = [NEVER]

    assert not takeover._taken_by_operator(group, engine)
    assert group.state is State.STANDBY


# --- what is done in the silence --------------------------------------------------------------


def prepared_for(group: Group) -> Certificate | None:
    return group.intent[1] if group.intent is not None else None


@pytest.mark.parametrize(
    ("classes", "both", "armed", "certificate"),
    [
        (Classes.REFLECTED, False, True, Certificate.REFLECTED),
        (Classes.REFLECTED, False, False, None),
        (Classes.BEST_EFFORT, False, False, Certificate.BEST_EFFORT),
        (Classes.LEASED, False, False, Certificate.LEASED),
        (Classes.FENCED, False, False, Certificate.FENCED),
        (FENCED_OR_LEASED, False, False, Certificate.LEASED),
        (FENCED_OR_LEASED, True, False, Certificate.FENCED),
        (Classes.REFLECTED | Classes.BEST_EFFORT, False, True, Certificate.REFLECTED),
        (Classes.REFLECTED | Classes.BEST_EFFORT, False, False, Certificate.BEST_EFFORT),
    ],
)
def test_the_start_that_is_likeliest_is_prepared_in_the_silence(
    classes: Classes, certificate: Certificate | None, *, both: bool, armed: bool
) -> None:
    group, engine = silent(classes, both=both)
    group.intent, group.armed = None, armed

    takeover._prepare_in_silence(group, engine)

    assert prepared_for(group) is certificate


@pytest.mark.parametrize(("late_ns", "prepares"), [(-1, False), (0, True)])
def test_the_preparation_begins_with_the_first_missed_beat(late_ns: int, *, prepares: bool) -> None:
    group, engine = silent()
    group.intent = None
    engine.now_ns = engine.peer.first_missed_ns(engine.settings) + late_ns

    takeover._prepare_in_silence(group, engine)

    assert (prepared_for(group) is not None) is prepares


def test_when_the_wait_is_over_only_what_is_taken_is_prepared() -> None:
    group, engine = dead()
    group.intent = None

    takeover._prepare_in_silence(group, engine)

    assert group.intent is None


def probing() -> tuple[Group, Engine]:
    """Beta, in the last third of the silence, with no probe under way."""
    group, engine = silent(Classes.BEST_EFFORT)
    engine.now_ns = takeover._probe_ns(takeover.due_ns(group, engine), engine)
    group.probe, group.probe_next_ns = None, NEVER
    return group, engine


def test_the_address_is_probed_in_the_last_third_of_the_wait() -> None:
    group, engine = probing()

    takeover._prepare_in_silence(group, engine)

    assert starts(engine, OpKind.PROBE) == 1
    assert group.probe is not None
    assert (group.probe.group, group.probe.index) == (group.id, 0)
    assert group.probe.deadline_ns == engine.now_ns + engine.probe_budget_ns
    wait = wait_ns(engine.settings.shut_ns, engine.settings)
    assert takeover.due_ns(group, engine) - engine.now_ns == wait // 3
    assert group.probe_next_ns == engine.now_ns + wait // 8


@pytest.mark.parametrize("reason", ["early", "too soon again", "under way", "no worker", "class"])
def test_the_address_is_not_probed(reason: str) -> None:
    group, engine = probing()
    if reason == "early":
        engine.now_ns -= 1
    elif reason == "too soon again":
        group.probe_next_ns = engine.now_ns + 1
    elif reason == "under way":
        group.probe = engine.new_op(OpKind.PROBE, group.id, 0, 0, SECOND)
    elif reason == "no worker":
        engine.worker_up = False
    else:
        group.settings = running_pair(Classes.REFLECTED).nodes[BETA].settings.groups[0]

    takeover._prepare_in_silence(group, engine)

    assert starts(engine, OpKind.PROBE) == 0


@pytest.mark.parametrize(("phase", "prepares"), [(Phase.ACTIVE, True), (Phase.CLEAR, False)])
def test_while_the_peer_is_late_a_start_is_prepared_if_it_holds_the_group(
    phase: Phase, *, prepares: bool
) -> None:
    group, engine = silent()
    group.intent = None
    say(group, engine, phase=phase)

    takeover.consider(group, engine)

    assert (group.intent is not None) is prepares


def test_who_has_asked_for_a_group_prepares_that_start_and_no_other() -> None:
    group, engine = silent()
    group.intent, group.ask = None, Ask.GIVE_IT

    takeover.consider(group, engine)

    assert group.intent is None


# --- when the wait is over --------------------------------------------------------------------


def test_the_wait_runs_from_the_last_beat_or_the_end_of_an_own_pause() -> None:
    _, group, engine = standby()
    wait = wait_ns(engine.settings.shut_ns, engine.settings)
    heard = takeover.due_ns(group, engine)
    engine.peer.gap_end_ns = engine.peer.last_ns + 7

    assert heard == engine.peer.last_ns + wait
    assert takeover.due_ns(group, engine) == engine.peer.last_ns + 7 + wait


@pytest.mark.parametrize("number", [ALPHA, BETA])
@pytest.mark.parametrize("pause_s", [0, 30])
def test_who_boots_alone_waits_for_initdead_and_the_preferred_node_goes_first(
    number: int, pause_s: int
) -> None:
    group, engine = parts(running_pair(), number)
    peer, timing = engine.peer, engine.settings.timing
    peer.last_ns = NEVER
    peer.gap_end_ns = peer.started_ns + pause_s * SECOND

    due_ns = peer.started_ns + max(timing.initdead_ns, pause_s * SECOND + timing.deadtime_ns)

    assert takeover.due_ns(group, engine) == due_ns + number * timing.deadtime_ns


def test_the_longest_wait_is_that_of_the_longest_bound_announced() -> None:
    world = running_pair(groups=2)
    group, engine = parts(world)
    own_ns = wait_ns(engine.settings.shut_ns, engine.settings)
    before = takeover.longest_wait_ns(engine)
    say(group, engine, shut_ms=60_000)
    after = takeover.longest_wait_ns(engine)
    engine.peer.groups = {}

    assert before == own_ns
    assert after == wait_ns(60 * SECOND, engine.settings)
    assert takeover.longest_wait_ns(engine) == own_ns


def test_a_standby_wakes_for_each_thing_that_waiting_makes_possible() -> None:
    _, group, engine = standby()
    group.unwilling_ns = takeover.due_ns(group, engine) + SECOND
    engine.now_ns = engine.peer.last_ns
    woken = []

    while (at_ns := takeover.next_ns(group, engine)) != FOREVER:
        woken.append(at_ns)
        engine.now_ns = at_ns

    assert woken == [
        engine.peer.first_missed_ns(engine.settings),
        takeover._probe_ns(takeover.due_ns(group, engine), engine),
        takeover.due_ns(group, engine),
        group.unwilling_ns,
    ]


def test_a_holder_wakes_for_nothing_of_this() -> None:
    group, engine = parts(running_pair(), ALPHA)

    assert takeover.next_ns(group, engine) == FOREVER
