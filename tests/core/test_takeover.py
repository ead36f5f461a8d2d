"""What a node that holds nothing sees, prepares, waits for, and takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.core import takeover
from hafw.core.duties import (
    FOREVER,
    LEASE_NOT_OURS,
    LEASE_RUNS,
    NEVER,
    NOT_FOUND_FREE,
    NOT_OFF,
    Certificate,
    wait_ns,
)
from hafw.core.liveness import PeerState
from hafw.core.model import Ask, LeaseReading, LeaseRecord, Note, OpKind, Phase, StartOp
from hafw.core.settings import MS, SECOND, Classes
from hafw.core.states import State
from hafw.core.takeover import FENCE_RUNS, ISOLATED
from hafw_sim.pairs import ALPHA, BETA, running_pair

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat
    from hafw_sim.world import World

FENCED_OR_LEASED: Final = Classes.FENCED | Classes.LEASED
EVERY_CLASS: Final = Classes.FENCED | Classes.LEASED | Classes.REFLECTED | Classes.BEST_EFFORT
OFFER: Final = 5


def standby(
    classes: Classes = Classes.REFLECTED, *, pings: int = 1, both: bool = False
) -> tuple[World, Group, Engine]:
    """Beta, which hears alpha hold the group."""
    world = running_pair(classes, pings=pings, both=both)
    world.run(3)
    return world, *parts(world)


def parts(world: World, number: int = BETA) -> tuple[Group, Engine]:
    engine = world.nodes[number].engine
    assert engine is not None
    engine._effects = []
    return engine.groups[1], engine


def silent(
    classes: Classes = Classes.REFLECTED, *, both: bool = False, until_s: float = 4
) -> tuple[Group, Engine]:
    """Beta, whose peer fell silent: nothing is due yet."""
    world, *_ = standby(classes, both=both)
    world.crash(ALPHA)
    world.run(until_s)
    return parts(world)


def dead(classes: Classes = Classes.REFLECTED, *, both: bool = False) -> tuple[Group, Engine]:
    """Beta, to whom the peer is dead: the wait is over, and nothing was decided yet."""
    group, engine = silent(classes, both=both, until_s=9.5)
    engine.now_ns = takeover.due_ns(group, engine)
    engine.peer.judge(engine.now_ns, engine.settings)
    assert engine.peer.state is PeerState.DEAD
    return group, engine


def notes(engine: Engine) -> list[str]:
    return [each.name for each in engine._effects if isinstance(each, Note)]


def starts(engine: Engine, kind: OpKind) -> int:
    return sum(isinstance(each, StartOp) and each.op.kind is kind for each in engine._effects)


def say(group: Group, engine: Engine, **fields: object) -> GroupBeat:
    """What the peer says of the group from now on."""
    word = engine.peer.groups[group.id]._replace(**fields)  # type: ignore[arg-type]
    engine.peer.groups[group.id] = word
    return word


def offered(group: Group, engine: Engine, **fields: object) -> GroupBeat:
    """The peer let the group go and offers it."""
    fields = {"phase": Phase.CLEAR, "offer": OFFER, "epoch": group.epoch, **fields}
    return say(group, engine, **fields)


def lease_held_by(group: Group, engine: Engine, holder: int | None, age_ns: int) -> None:
    assert group.lease is not None
    record = LeaseRecord(group.epoch, holder, 1, 99, engine.settings.lease_ttl_ns // MS)
    group.lease.seen = LeaseReading(record, "20")
    group.lease.seen_ns = engine.now_ns - age_ns


def win(group: Group, engine: Engine) -> None:
    """The lease is in this node's hand, for the start that it has prepared."""
    assert group.lease is not None
    epoch = engine.next_epoch(group)
    group.intent = epoch, Certificate.LEASED
    group.lease.renewed_epoch, group.lease.renewed_ns = epoch, engine.now_ns


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


# --- the peer lives ---------------------------------------------------------------------------


def test_a_group_that_the_peer_holds_is_left_to_it() -> None:
    _, group, engine = standby()
    say(group, engine, epoch=8)

    takeover.consider(group, engine)

    assert group.state is State.STANDBY
    assert group.epoch == 8


def test_who_hears_the_peer_needs_no_persons_word_and_is_not_blocked() -> None:
    _, group, engine = standby()
    group.state, group.blocked_why, group.vouched = State.BLOCKED, "by a test", True

    takeover.consider(group, engine)

    assert group.state is State.STANDBY
    assert group.blocked_why == ""
    assert not group.vouched


@pytest.mark.parametrize(
    ("phase", "stands"),
    [
        (Phase.STARTING, False),
        (Phase.ACTIVE, False),
        (Phase.STOPPING, True),
        (Phase.CLEAR, True),
    ],
)
def test_an_offer_ends_when_the_other_node_took_it(phase: Phase, *, stands: bool) -> None:
    _, group, engine = standby()
    group.offer_no = OFFER
    word = say(group, engine, phase=phase)

    takeover._with_peer(group, word, engine)

    assert bool(group.offer_no) is stands
    quarantine_ns = engine.now_ns + engine.settings.timing.deadtime_ns
    assert group.quarantine_ns == (NEVER if stands else quarantine_ns)


@pytest.mark.parametrize("phase", [Phase.ACTIVE, Phase.CLEAR])
@pytest.mark.parametrize(("told", "epoch"), [(1, 4), (4, 4), (9, 9)])
def test_the_higher_epoch_of_both_is_known_to_both(phase: Phase, told: int, epoch: int) -> None:
    _, group, engine = standby()
    group.epoch = 4
    word = say(group, engine, phase=phase, epoch=told)

    takeover._with_peer(group, word, engine)

    assert group.epoch == epoch


# --- what is released -------------------------------------------------------------------------


def test_an_offer_is_taken() -> None:
    _, group, engine = standby()

    assert takeover.released_to_us(group, offered(group, engine), engine)


def test_an_offer_counts_once() -> None:
    _, group, engine = standby()
    group.consumed_offer = (engine.peer.incarnation, OFFER)

    assert not takeover.released_to_us(group, offered(group, engine), engine)


@pytest.mark.parametrize("other", [(0, OFFER), (1, OFFER + 1)], ids=["start", "number"])
def test_an_offer_of_another_start_or_number_is_another_offer(other: tuple[int, int]) -> None:
    _, group, engine = standby()
    assert engine.peer.incarnation == 1
    group.consumed_offer = other

    assert takeover.released_to_us(group, offered(group, engine), engine)


@pytest.mark.parametrize(("behind", "counts"), [(0, True), (1, False)])
def test_a_word_that_knows_less_of_epochs_releases_nothing(behind: int, *, counts: bool) -> None:
    _, group, engine = standby()
    group.epoch = 6
    word = offered(group, engine, epoch=6 - behind)

    assert takeover.released_to_us(group, word, engine) is counts


def unheld(number: int = ALPHA) -> tuple[Group, Engine, GroupBeat]:
    """Neither node holds the group, nobody offers it; alpha is the preferred one."""
    group, engine = parts(running_pair(), number)
    group.state, group.phase = State.STANDBY, Phase.CLEAR
    word = say(group, engine, phase=Phase.CLEAR, offer=0, epoch=group.epoch)
    return group, engine, word


def test_what_nobody_holds_is_the_preferred_nodes() -> None:
    group, engine, word = unheld()

    assert takeover.released_to_us(group, word, engine)


def test_what_nobody_holds_is_not_the_other_nodes() -> None:
    group, engine, word = unheld(BETA)

    assert not takeover.released_to_us(group, word, engine)


@pytest.mark.parametrize("reason", ["drift", "own offer", "quarantine", "returning"])
def test_the_preferred_node_does_not_take_what_nobody_holds(reason: str) -> None:
    group, engine, word = unheld()
    if reason == "drift":
        assert engine.peer.beat is not None
        engine.peer.beat = engine.peer.beat._replace(config_hash=b"another file")
    elif reason == "own offer":
        group.offer_no = OFFER
    elif reason == "quarantine":
        group.quarantine_ns = engine.now_ns + 1
    else:
        engine.returning[group.id] = engine.now_ns + 1

    assert not takeover.released_to_us(group, word, engine)


def test_a_quarantine_ends() -> None:
    group, engine, word = unheld()
    group.quarantine_ns = engine.now_ns

    assert takeover.released_to_us(group, word, engine)


@pytest.mark.parametrize("lacks", ["ready", "fresh"])
def test_an_offer_waits_for_a_node_that_is_ready_and_heard(lacks: str) -> None:
    _, group, engine = standby()
    word = offered(group, engine)
    group.intent = None
    if lacks == "ready":
        group.service_up = False
    else:
        engine.now_ns += 2 * engine.settings.hold_ns

    takeover._with_peer(group, word, engine)

    assert group.intent is None


# --- taking -----------------------------------------------------------------------------------


def make_durable(group: Group, certificate: Certificate, engine: Engine) -> None:
    takeover.prepare(group, certificate, engine)
    engine._durable_token = group.intent_token


def test_nothing_is_started_before_the_intent_is_durable() -> None:
    group, engine = dead()
    group.intent = None

    takeover.take(group, Certificate.REFLECTED, engine)
    before = group.state
    engine._durable_token = group.intent_token
    takeover.take(group, Certificate.REFLECTED, engine)

    assert before is State.STANDBY
    assert group.state is State.STARTING
    assert group.certificate is Certificate.REFLECTED


def test_what_was_prepared_is_not_prepared_again() -> None:
    group, engine = dead()
    make_durable(group, Certificate.REFLECTED, engine)
    token = group.intent_token

    takeover.prepare(group, Certificate.REFLECTED, engine)

    assert group.intent_token == token


@pytest.mark.parametrize("changed", ["certificate", "epoch"])
def test_an_intent_counts_for_its_certificate_and_a_newer_epoch(changed: str) -> None:
    group, engine = dead()
    make_durable(group, Certificate.REFLECTED, engine)
    assert group.intent is not None
    ready = takeover.prepared(group, Certificate.REFLECTED, engine)

    certificate = Certificate.REFLECTED
    if changed == "certificate":
        certificate = Certificate.BEST_EFFORT
    else:
        group.epoch = group.intent[0]

    assert ready
    assert not takeover.prepared(group, certificate, engine)


def test_while_the_disk_refuses_nothing_is_prepared() -> None:
    group, engine = dead()
    group.intent = None
    engine._persist_retry_ns = engine.now_ns + 1

    takeover.prepare(group, Certificate.REFLECTED, engine)

    assert group.intent is None


def test_taking_an_offer_uses_it_up() -> None:
    _, group, engine = standby()
    offered(group, engine)
    make_durable(group, Certificate.RELEASED, engine)

    takeover.take(group, Certificate.RELEASED, engine)

    assert group.consumed_offer == (engine.peer.incarnation, OFFER)
    assert group.state is State.STARTING


def test_taking_what_nobody_offered_uses_up_no_offer() -> None:
    group, engine, _ = unheld()
    make_durable(group, Certificate.RELEASED, engine)

    takeover.take(group, Certificate.RELEASED, engine)

    assert group.consumed_offer == (0, 0)


@pytest.mark.parametrize(("want", "unarmed"), [(0, True), (3, False)])
def test_who_takes_what_is_released_rests_on_a_peer_that_does_not_want(
    want: int, *, unarmed: bool
) -> None:
    _, group, engine = standby()
    group.unarmed = False
    offered(group, engine, want=want)
    make_durable(group, Certificate.RELEASED, engine)

    takeover.take(group, Certificate.RELEASED, engine)

    assert group.unarmed is unarmed


def test_who_knew_that_the_peer_is_unarmed_knows_it_after_a_release() -> None:
    _, group, engine = standby()
    group.unarmed = True
    offered(group, engine, want=3)
    make_durable(group, Certificate.RELEASED, engine)

    takeover.take(group, Certificate.RELEASED, engine)

    assert group.unarmed


@pytest.mark.parametrize(
    ("phase", "offer", "moved"),
    [(Phase.ACTIVE, 0, True), (Phase.CLEAR, OFFER, True), (Phase.CLEAR, 0, False)],
)
def test_a_group_came_from_the_peer_if_it_held_or_offered_it(
    phase: Phase, offer: int, *, moved: bool
) -> None:
    group, engine = dead()
    say(group, engine, phase=phase, offer=offer)
    make_durable(group, Certificate.REFLECTED, engine)

    takeover.take(group, Certificate.REFLECTED, engine)

    assert group.from_peer is moved


@pytest.mark.parametrize(
    ("certificate", "leaving", "due"),
    [
        (Certificate.RELEASED, False, False),
        (Certificate.RELEASED, True, True),
        (Certificate.REFLECTED, False, True),
    ],
)
def test_only_a_death_or_a_shutdown_is_undone_by_a_failback(
    certificate: Certificate, *, leaving: bool, due: bool
) -> None:
    group, engine = dead()
    offered(group, engine)
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(leaving=leaving)
    make_durable(group, certificate, engine)

    takeover.take(group, certificate, engine)

    assert group.failback_due is due


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
    assert engine.why_unwilling(group) in group.blocked_why


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

    takeover._block(group, ["the same"], engine)
    takeover._block(group, [why], engine)

    assert notes(engine) == ["group.blocked"] * again


def test_what_only_a_person_can_move_says_how() -> None:
    _, group, engine = standby()

    takeover._block(group, ["a", "b"], engine)

    blocked = [e.text for e in engine._effects if isinstance(e, Note)]
    assert blocked == [f"blocked: a; b. {takeover.unblock_hint(engine)}"]
    assert "hafw takeover --force --peer-is-off alpha" in takeover.unblock_hint(engine)


@pytest.mark.parametrize("why", [LEASE_RUNS, LEASE_NOT_OURS, FENCE_RUNS])
def test_what_will_be_had_in_time_is_waited_for(why: str) -> None:
    _, group, _ = standby(FENCED_OR_LEASED)

    assert takeover._only_waits(group, [f"leased: {why}"])


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

    assert not takeover._only_waits(group, [f"leased: {why}"])


def test_a_wait_is_told_once() -> None:
    _, group, engine = standby(Classes.LEASED)

    takeover._wait(group, f"leased: {LEASE_RUNS}", engine)
    takeover._wait(group, f"leased: {LEASE_RUNS}", engine)

    assert notes(engine) == ["group.waiting"]
    assert group.blocked_why == f"leased: {LEASE_RUNS}"


def test_who_is_blocked_does_not_say_that_it_waits() -> None:
    _, group, engine = standby(Classes.LEASED)
    group.state = State.BLOCKED

    takeover._wait(group, f"leased: {LEASE_RUNS}", engine)

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
    engine.now_ns = takeover._probe_ns(group, engine)
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
        takeover._probe_ns(group, engine),
        takeover.due_ns(group, engine),
        group.unwilling_ns,
    ]


def test_a_holder_wakes_for_nothing_of_this() -> None:
    group, engine = parts(running_pair(), ALPHA)

    assert takeover.next_ns(group, engine) == FOREVER
