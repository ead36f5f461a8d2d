"""What a node that holds nothing sees of the holder, and the certificate that silence gives it."""

from __future__ import annotations

import pytest

from hafw.core import takeover
from hafw.core.duties import (
    FENCE_RUNS,
    LEASE_NOT_OURS,
    LEASE_RUNS,
    NEVER,
    NOT_FOUND_FREE,
    Certificate,
    wait_ns,
)
from hafw.core.liveness import PeerState
from hafw.core.model import OpKind
from hafw.core.settings import MS, SECOND, Classes
from hafw.core.takeover import ISOLATED
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.takers import (
    FENCED_OR_LEASED,
    dead,
    lease_held_by,
    say,
    standby,
    win,
)

# --- what is seen -----------------------------------------------------------------------------


def test_the_longer_of_the_announced_bound_and_the_own_one_counts() -> None:
    _, group, engine = standby()
    own_ns = engine.settings.shut_ns

    seen = []
    for announced_ns in (own_ns // 2, 2 * own_ns):
        say(group, engine, shut_ms=announced_ns // MS)
        seen.append(takeover.view(group, engine).shut_ns)

    assert seen == [own_ns, 2 * own_ns // MS * MS]


def test_a_holder_is_bound_by_what_its_last_beat_said() -> None:
    _, group, engine = standby()
    say(group, engine, binds=int(Classes.LEASED | Classes.BEST_EFFORT))

    assert takeover.view(group, engine).bound == Classes.LEASED | Classes.BEST_EFFORT


def test_a_group_of_which_the_peer_said_nothing_binds_it_by_nothing() -> None:
    _, group, engine = standby()
    del engine.peer.groups[group.id]

    assert takeover.view(group, engine).bound == Classes.NONE


@pytest.mark.parametrize(
    ("classes", "bound"),
    [
        (Classes.BEST_EFFORT, Classes.BEST_EFFORT),
        (Classes.LEASED, Classes.LEASED),
        (FENCED_OR_LEASED, Classes.FENCED),
    ],
)
def test_who_was_never_heard_holds_by_the_same_file_or_because_it_saw_us_off(
    classes: Classes, bound: Classes
) -> None:
    _, group, engine = standby(classes)
    engine.peer.last_ns = NEVER

    assert takeover.view(group, engine).bound == bound


@pytest.mark.parametrize(
    ("classes", "said", "bound"),
    [
        (Classes.LEASED, Classes.LEASED, Classes.LEASED),
        (Classes.LEASED, Classes.NONE, Classes.NONE),
        (FENCED_OR_LEASED, FENCED_OR_LEASED, Classes.FENCED),
        (FENCED_OR_LEASED, Classes.LEASED, Classes.NONE),
    ],
)
def test_what_was_not_said_to_this_start_binds_no_more_than_if_nothing_was_heard(
    classes: Classes, said: Classes, bound: Classes
) -> None:
    _, group, engine = standby(classes)
    say(group, engine, binds=int(said))
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(acked_incarnation=0)

    assert takeover.view(group, engine).bound == bound


@pytest.mark.parametrize(("younger_ns", "counts"), [(0, True), (-1, False)])
def test_a_probe_counts_if_it_began_in_the_later_half_of_the_wait(
    younger_ns: int, *, counts: bool
) -> None:
    group, engine = dead(Classes.BEST_EFFORT)
    wait = wait_ns(engine.settings.shut_ns, engine.settings)
    group.probe_silent_ns = engine.now_ns - wait // 2 + younger_ns

    assert takeover.view(group, engine).probe_silent is counts


def test_nothing_is_seen_of_what_the_file_does_not_have() -> None:
    _, group, engine = standby(Classes.FENCED, pings=0)

    seen = takeover.view(group, engine)

    assert not seen.echoes_unbroken
    assert not seen.lease_ripe
    assert not seen.lease_won


def test_an_echo_that_was_not_answered_breaks_the_wait() -> None:
    group, engine = dead()
    assert engine.reflector is not None
    before = takeover.view(group, engine).echoes_unbroken

    engine.reflector._answered.clear()

    assert before
    assert not takeover.view(group, engine).echoes_unbroken


@pytest.mark.parametrize(("age", "unbroken"), [(0.5, False), (0.9, False), (1.2, True)])
def test_an_echo_counts_if_it_was_sent_in_the_wait_and_not_before(
    age: float, *, unbroken: bool
) -> None:
    group, engine = dead()
    assert engine.reflector is not None
    from_ns = engine.now_ns - int(age * wait_ns(engine.settings.shut_ns, engine.settings))
    lost = max(n for n, sent_ns in engine.reflector._sent if sent_ns <= from_ns)

    engine.reflector._answered.discard(lost)

    assert takeover.view(group, engine).echoes_unbroken is unbroken


@pytest.mark.parametrize(("left_ns", "ripe"), [(1, False), (0, True)])
def test_a_lease_is_ripe_when_it_stood_unchanged_for_w(left_ns: int, *, ripe: bool) -> None:
    _, group, engine = standby(Classes.LEASED)
    lease_held_by(group, engine, ALPHA, engine.settings.lease_ttl_ns - left_ns)

    assert takeover.view(group, engine).lease_ripe is ripe


def test_what_is_known_of_the_peer_is_shown_as_it_is() -> None:
    group, engine = dead()
    first = takeover.view(group, engine)
    engine.peer.reflected_ns = NEVER
    group.armed = False
    engine.fencing.off = True
    second = takeover.view(group, engine)

    assert (first.known, first.armed, first.fence_confirmed) == (True, True, False)
    assert (second.known, second.armed, second.fence_confirmed) == (False, False, True)
    assert (first.met, first.has_vip, first.released) == (True, True, False)
    assert first.silence_ns == engine.peer.silence_ns(engine.now_ns)


# --- the certificate that silence gives -------------------------------------------------------


def test_silence_after_the_wait_gives_the_certificate_that_the_file_allows() -> None:
    group, engine = dead()

    assert takeover.by_silence(group, engine) == (Certificate.REFLECTED, [])


def test_a_state_file_that_cannot_be_trusted_takes_nothing_before_the_peer_was_heard() -> None:
    group, engine = dead()
    engine.distrust = "by a test"
    heard, _ = takeover.by_silence(group, engine)
    engine.peer.last_ns = NEVER
    lone, refusals = takeover.by_silence(group, engine)

    assert heard is Certificate.REFLECTED
    assert lone is None
    assert len(refusals) == 1


@pytest.mark.parametrize(
    ("classes", "refused"),
    [
        (Classes.NONE, []),
        (Classes.REFLECTED, ["reflected"]),
        (Classes.BEST_EFFORT, ["best-effort"]),
        (Classes.REFLECTED | Classes.BEST_EFFORT, ["reflected", "best-effort"]),
        (Classes.FENCED | Classes.BEST_EFFORT, ["fenced", "best-effort"]),
        (Classes.FENCED | Classes.REFLECTED, ["reflected", "fenced"]),
    ],
)
def test_each_class_of_the_file_is_refused_with_its_name_the_gentler_first(
    classes: Classes, refused: list[str]
) -> None:
    _, group, engine = standby(classes)

    certificate, refusals = takeover.by_silence(group, engine)

    assert certificate is None
    assert [each.split(":")[0] for each in refusals] == refused


def test_whoever_is_off_is_taken_from_by_that_alone() -> None:
    group, engine = dead(Classes.FENCED | Classes.REFLECTED)
    engine.fencing.off, engine.fencing.off_ns = True, engine.now_ns

    assert takeover.by_silence(group, engine) == (Certificate.FENCED, [])


def test_while_the_lease_may_be_had_nobody_is_shot() -> None:
    group, engine = dead(FENCED_OR_LEASED)
    lease_held_by(group, engine, ALPHA, 0)

    certificate, refusals = takeover.by_silence(group, engine)

    assert certificate is None
    assert refusals == [f"leased: {LEASE_RUNS}"]
    assert not engine.fencing.wanted


def test_where_the_store_is_lost_the_other_is_shot_instead() -> None:
    group, engine = dead(FENCED_OR_LEASED)
    lease_held_by(group, engine, ALPHA, 0)
    assert group.lease is not None
    group.lease.trouble = "no answer"

    _, refusals = takeover.by_silence(group, engine)

    assert refusals == [f"leased: {LEASE_RUNS}: no answer", f"fenced: {FENCE_RUNS}"]
    assert engine.fencing.wanted


def test_a_lost_store_of_a_group_that_no_fence_guards_is_no_reason_to_go_on() -> None:
    group, engine = dead(Classes.LEASED | Classes.BEST_EFFORT)
    lease_held_by(group, engine, ALPHA, 0)
    assert group.lease is not None
    group.lease.trouble = "no answer"

    _, refusals = takeover.by_silence(group, engine)

    assert refusals == [f"leased: {LEASE_RUNS}: no answer"]


def test_where_both_are_needed_the_lease_alone_starts_nothing() -> None:
    group, engine = dead(FENCED_OR_LEASED, both=True)
    lease_held_by(group, engine, BETA, 0)
    win(group, engine)

    certificate, refusals = takeover.by_silence(group, engine)

    assert certificate is None
    assert refusals == [f"fenced: {FENCE_RUNS}"]
    assert engine.fencing.wanted


def test_where_both_are_needed_nobody_is_shot_before_the_lease_is_won() -> None:
    group, engine = dead(FENCED_OR_LEASED, both=True)
    lease_held_by(group, engine, ALPHA, 0)

    _, refusals = takeover.by_silence(group, engine)

    assert refusals == [f"fenced: {LEASE_RUNS}"]
    assert not engine.fencing.wanted


def test_where_both_are_needed_both_are_enough() -> None:
    group, engine = dead(FENCED_OR_LEASED, both=True)
    lease_held_by(group, engine, BETA, 0)
    win(group, engine)
    engine.fencing.off, engine.fencing.off_ns = True, engine.now_ns

    assert takeover.by_silence(group, engine) == (Certificate.FENCED, [])


def test_who_never_heard_the_other_needs_the_lease_before_it_shoots() -> None:
    group, engine = dead(FENCED_OR_LEASED)
    lease_held_by(group, engine, ALPHA, 0)
    engine.peer.last_ns, engine.peer.started_ns = NEVER, engine.now_ns - 60 * SECOND
    engine.fencing.met_before = False

    _, refusals = takeover.by_silence(group, engine)

    assert refusals[-1] == f"fenced: {LEASE_RUNS}"
    assert not engine.fencing.wanted


def test_a_shot_that_is_refused_is_refused_with_its_reason() -> None:
    group, engine = dead(Classes.FENCED)
    engine.peer.state = PeerState.GONE

    _, refusals = takeover.by_silence(group, engine)

    assert "agent was stopped" in refusals[0]
    assert not engine.fencing.wanted


def test_while_the_shot_runs_it_is_still_wanted() -> None:
    group, engine = dead(Classes.FENCED)
    engine.fencing.op = engine.new_op(OpKind.FENCE, 0, 0, 0, SECOND)

    _, refusals = takeover.by_silence(group, engine)

    assert refusals == [f"fenced: {FENCE_RUNS}"]
    assert engine.fencing.wanted


def test_what_was_answered_when_asked_is_said() -> None:
    group, engine = dead(Classes.BEST_EFFORT)
    group.probe_silent_ns, group.probe_answer = NEVER, "02:00:00:00:00:01"

    _, refusals = takeover.by_silence(group, engine)

    assert refusals == [f"best-effort: {NOT_FOUND_FREE}: 02:00:00:00:00:01"]


def test_an_answer_to_a_probe_belongs_to_no_other_refusal() -> None:
    _, group, engine = standby(Classes.BEST_EFFORT)
    group.probe_answer = "02:00:00:00:00:01"

    assert "02:00" not in takeover.by_silence(group, engine)[1][0]


# --- what starts must be able to go on --------------------------------------------------------


def test_who_would_have_to_let_go_at_once_does_not_start() -> None:
    group, engine = dead(Classes.BEST_EFFORT)
    group.probe_silent_ns = engine.now_ns
    engine.settings = running_pair(Classes.BEST_EFFORT, pings=0).nodes[BETA].settings
    engine.echoes = []
    engine.neighbour_ns = engine.now_ns - engine.settings.hold_ns

    assert takeover.by_silence(group, engine) == (None, [f"best-effort: {ISOLATED}"])


def test_the_lease_is_claimed_only_once_the_intent_is_durable() -> None:
    group, engine = dead(Classes.LEASED)
    lease_held_by(group, engine, None, 0)
    group.intent = None
    assert group.lease is not None

    _, first = takeover.by_silence(group, engine)
    wanted_before = group.lease.wanted
    engine._durable_token = group.intent_token
    _, second = takeover.by_silence(group, engine)

    assert first == second == [f"leased: {LEASE_NOT_OURS}"]
    assert wanted_before == 0
    assert group.lease.wanted == engine.next_epoch(group)


def test_a_lease_that_is_won_is_kept_until_there_is_a_start() -> None:
    group, engine = dead(Classes.LEASED)
    lease_held_by(group, engine, BETA, 0)
    win(group, engine)
    assert group.lease is not None

    certificate, _ = takeover.by_silence(group, engine)

    assert certificate is Certificate.LEASED
    assert group.lease.wanted == engine.next_epoch(group)
