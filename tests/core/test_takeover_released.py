"""What a node takes by the living peer's word, and how it takes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import takeover
from hafw.core.duties import (
    NEVER,
    Certificate,
)
from hafw.core.effects import SendBeat
from hafw.core.model import BeatHeard, Phase
from hafw.core.settings import Classes
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.beats import newest
from tests.core.takers import (
    OFFER,
    dead,
    make_durable,
    offered,
    parts,
    say,
    standby,
)

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat

# --- the peer lives ---------------------------------------------------------------------------


def test_a_group_that_the_peer_holds_is_left_to_it() -> None:
    _, group, engine = standby()
    say(group, engine, epoch=8)

    takeover.consider(group, engine)

    assert group.state is State.STANDBY
    assert group.epoch == 8


def test_a_right_that_would_end_before_newer_evidence_can_come_begins_nothing() -> None:
    _, group, engine = standby(Classes.BEST_EFFORT, pings=0)
    engine.neighbour_ns = NEVER
    engine.peer.heard_ns = engine.now_ns - engine.settings.hold_ns + engine.settings.begin_ns

    assert not group.could_hold(Certificate.RELEASED, engine)
    assert group.ready(engine)

    engine.peer.heard_ns += 1
    assert group.could_hold(Certificate.RELEASED, engine)


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


@pytest.mark.parametrize(("told", "stands"), [(3, True), (4, True), (5, False)])
def test_an_offer_is_void_once_a_newer_epoch_is_heard_of(told: int, *, stands: bool) -> None:
    _, group, engine = standby()
    group.epoch, group.offer_no = 4, OFFER

    group.heard_of(told, engine)

    assert bool(group.offer_no) is stands
    quarantine_ns = engine.now_ns + engine.settings.timing.deadtime_ns
    assert group.quarantine_ns == (NEVER if stands else quarantine_ns)


def test_who_offers_nothing_need_not_wait_for_what_a_newer_epoch_ends() -> None:
    _, group, engine = standby()

    group.heard_of(group.epoch + 1, engine)

    assert group.quarantine_ns == NEVER


def test_what_acknowledges_a_newer_epoch_says_nothing_of_an_older_offer() -> None:
    world, group, engine = standby()
    group.offer_no = OFFER
    beat = newest(world, BETA)
    [word] = beat.groups
    newer = beat._replace(n=beat.n + 1, groups=(word._replace(epoch=group.epoch + 2),))

    effects = engine.step(BeatHeard(0, newer), world.nodes[BETA].instant(world.now_ns))

    said = [each.beat for each in effects if isinstance(each, SendBeat)]
    assert any(beat.is_ack for beat in said)
    assert {beat.groups[0].offer for beat in said} == {0}


# --- what is released -------------------------------------------------------------------------


def test_an_offer_is_taken() -> None:
    _, group, engine = standby()

    assert takeover.released_to_us(group, offered(group, engine), engine)


def test_an_offer_counts_once() -> None:
    _, group, engine = standby()
    group.consumed_offer = (engine.peer.incarnation, OFFER)

    assert not takeover.released_to_us(group, offered(group, engine), engine)


@pytest.mark.parametrize(("starts", "offers"), [(-1, 0), (0, 1)], ids=["start", "number"])
def test_an_offer_of_another_start_or_number_is_another_offer(starts: int, offers: int) -> None:
    _, group, engine = standby()
    group.consumed_offer = (engine.peer.incarnation + starts, OFFER + offers)

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
