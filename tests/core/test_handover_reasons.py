"""When a node offers a group, and when it gives one away by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.core import handover
from hafw.core.duties import FOREVER, NEVER
from hafw.core.group import HOLD_DOWN_MAX_NS
from hafw.core.handover import (
    AGREE_NS,
    FAILBACK_WINDOW_NS,
    FAILBACKS_MAX,
)
from hafw.core.model import Ask, Phase
from hafw.core.states import PHASES, State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.givers import (
    DEADTIME_NS,
    old_news,
    pair,
    parts,
    say,
    unheld,
)

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group

# --- offers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_ns", "stands"), [(1, True), (0, False)])
def test_an_offer_that_was_not_taken_in_time_is_withdrawn(left_ns: int, *, stands: bool) -> None:
    group, engine = unheld()
    handover.offer(group, engine)
    group.offer_deadline_ns = engine.now_ns + left_ns

    handover.run(group, engine)

    assert bool(group.offer_no) is stands
    assert group.quarantine_ns == (NEVER if stands else engine.now_ns + DEADTIME_NS)


def test_each_offer_has_a_number_of_its_own() -> None:
    group, engine = unheld()
    handover.offer(group, engine)
    first = group.offer_no

    handover.offer(group, engine)

    assert group.offer_no not in (0, first)
    assert engine.news


def passing_on() -> tuple[Group, Engine]:
    """Alpha may take what nobody holds, but could not run it now."""
    group, engine = unheld()
    group.service_up = False
    return group, engine


def test_who_may_take_what_it_cannot_run_offers_it_to_the_other() -> None:
    group, engine = passing_on()

    handover.run(group, engine)

    assert group.offer_no > 0


def test_who_could_run_what_the_other_lost_by_a_restart_offers_it_all_the_same() -> None:
    group, engine = unheld()
    engine.returning[group.id] = engine.now_ns + 1

    handover.run(group, engine)

    assert group.offer_no > 0


def test_who_can_run_what_it_may_take_offers_it_to_nobody() -> None:
    group, engine = unheld()

    handover.run(group, engine)

    assert group.offer_no == 0


@pytest.mark.parametrize("phase", [each for each in Phase if each is not Phase.CLEAR])
def test_what_the_other_node_may_hold_is_not_passed_on(phase: Phase) -> None:
    group, engine = passing_on()
    say(group, engine, phase=phase)

    handover.run(group, engine)

    assert group.offer_no == 0


def test_who_is_not_preferred_passes_nothing_on() -> None:
    group, engine = unheld(BETA)
    group.service_up = False

    handover.run(group, engine)

    assert group.offer_no == 0


@pytest.mark.parametrize("reason", ["quarantine", "not ready", "not heard", "getting warm"])
def test_nothing_is_passed_on_while(reason: str) -> None:
    group, engine = passing_on()
    if reason == "quarantine":
        group.quarantine_ns = engine.now_ns + 1
    elif reason == "not ready":
        say(group, engine, ready=False)
    elif reason == "not heard":
        old_news(engine)
    else:
        engine.worker_up, engine.worker_ns = False, engine.now_ns - AGREE_NS + 1

    handover.run(group, engine)

    assert group.offer_no == 0


@pytest.mark.parametrize("reason", ["quarantine over", "worker lost"])
def test_it_is_passed_on_once(reason: str) -> None:
    group, engine = passing_on()
    if reason == "quarantine over":
        group.quarantine_ns = engine.now_ns
    else:
        engine.worker_up, engine.worker_ns = False, engine.now_ns - AGREE_NS

    handover.run(group, engine)

    assert group.offer_no > 0


# --- reasons to give a group away -------------------------------------------------------------


def reason_to_give(group: Group, engine: Engine) -> str | None:
    return handover._reason_to_give(group, engine.peer.groups[group.id], engine)


def test_a_node_that_is_well_gives_nothing_away() -> None:
    assert reason_to_give(*pair(ALPHA)) is None


def unwell(what: str) -> tuple[Group, Engine]:
    group, engine = pair(ALPHA)
    if what == "service":
        group.service_up = False
    elif what == "worker":
        engine.worker_up, engine.worker_ns = False, engine.now_ns - AGREE_NS
    else:
        engine.echoes[0]._newest_answered = [NEVER] * 3
        group.ping_fewer_ns = engine.now_ns
    return group, engine


UNWELL: Final = pytest.mark.parametrize("what", ["service", "worker", "pings"])


@UNWELL
def test_a_group_that_would_run_better_on_the_other_node_is_given_to_it(what: str) -> None:
    group, engine = unwell(what)

    handover.run(group, engine)

    assert group.ask is Ask.TAKE_IT


@UNWELL
@pytest.mark.parametrize("because", ["not ready", "not heard"])
def test_nothing_is_given_to_who_is(because: str, what: str) -> None:
    group, engine = unwell(what)
    if because == "not ready":
        say(group, engine, ready=False)
    else:
        old_news(engine)

    assert reason_to_give(group, engine) is None


@UNWELL
def test_with_different_files_only_a_dead_interface_moves_a_group(what: str) -> None:
    group, engine = unwell(what)
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(config_hash=b"another file")

    assert (reason_to_give(group, engine) is not None) is (what == "service")


def test_a_worker_that_is_away_for_a_short_time_moves_nothing() -> None:
    group, engine = unwell("worker")
    engine.worker_ns += 1

    assert reason_to_give(group, engine) is None


@pytest.mark.parametrize("state", [each for each in State if each is not State.ACTIVE])
def test_only_who_serves_gives_away(state: State) -> None:
    group, engine = unwell("service")
    group.state = state
    group.phase = PHASES[state]

    handover.run(group, engine)

    assert group.ask is Ask.NOTHING


def test_what_is_asked_already_is_not_asked_again() -> None:
    group, engine = unwell("service")
    handover.run(group, engine)
    before = group.ask_no

    handover.run(group, engine)

    assert group.ask_no == before


def test_fewer_ping_nodes_count_after_two_keepalives() -> None:
    group, engine = unwell("pings")
    group.ping_fewer_ns = FOREVER
    wait_ns = 2 * engine.settings.timing.keepalive_ns

    at_once = reason_to_give(group, engine)
    engine.now_ns += wait_ns - 1
    before = reason_to_give(group, engine)
    engine.now_ns += 1

    assert (at_once, before) == (None, None)
    assert reason_to_give(group, engine) is not None


@pytest.mark.parametrize("because", ["as many", "switched off", "nothing heard"])
def test_the_wait_for_fewer_ping_nodes_begins_anew_when(because: str) -> None:
    group, engine = unwell("pings")
    assert engine.peer.beat is not None
    if because == "as many":
        engine.peer.beat = engine.peer.beat._replace(pings=0)
    elif because == "switched off":
        engine.settings = replace(engine.settings, ping_switchover=False)
    else:
        engine.peer.beat = None

    assert not handover._sees_fewer_pings(group, engine)
    assert group.ping_fewer_ns == FOREVER


def test_who_may_not_give_begins_every_wait_anew() -> None:
    group, engine = pair(ALPHA)
    group.ping_fewer_ns = group.failback_seen_ns = engine.now_ns
    say(group, engine, ready=False)

    reason_to_give(group, engine)

    assert group.ping_fewer_ns == group.failback_seen_ns == FOREVER


# --- when a failback is due -------------------------------------------------------------------


def failing_back() -> tuple[Group, Engine]:
    """Beta holds the group since the preferred node's death, which has been back for deadtime."""
    world = running_pair(auto_failback=True)
    world.crash(ALPHA)
    world.run(15)
    world.boot(ALPHA)
    world.run(3)
    group, engine = parts(world, BETA)
    assert group.state is State.ACTIVE
    assert group.failback_due
    group.failback_seen_ns = engine.now_ns - DEADTIME_NS
    return group, engine


def test_the_preferred_node_that_has_been_back_for_the_hold_down_gets_the_group() -> None:
    group, engine = failing_back()

    assert reason_to_give(group, engine) == "its preferred node is back"
    assert group.failbacks == (engine.now_ns,)


def test_the_hold_down_runs_from_when_it_was_first_seen_ready() -> None:
    group, engine = failing_back()
    group.failback_seen_ns = FOREVER

    assert reason_to_give(group, engine) is None
    assert group.failback_seen_ns == engine.now_ns


@pytest.mark.parametrize("reason", ["hold-down", "manual move", "file", "preferred here", "cap"])
def test_no_failback_is_due_because_of(reason: str) -> None:
    group, engine = failing_back()
    if reason == "hold-down":
        group.failback_seen_ns += 1
    elif reason == "manual move":
        group.failback_due = False
    elif reason == "file":
        group.settings = replace(group.settings, auto_failback=False)
    elif reason == "preferred here":
        group.settings = replace(group.settings, preferred=BETA)
    else:
        group.failback_seen_ns = NEVER
        group.failbacks = (engine.now_ns - FAILBACK_WINDOW_NS + 1,) * FAILBACKS_MAX

    assert reason_to_give(group, engine) is None


def test_failbacks_of_more_than_an_hour_ago_do_not_count_and_are_forgotten() -> None:
    group, engine = failing_back()
    group.failbacks = (engine.now_ns - FAILBACK_WINDOW_NS,) * FAILBACKS_MAX

    assert reason_to_give(group, engine) is not None
    assert list(group.failbacks) == [engine.now_ns]


def test_the_hold_down_is_never_longer_than_its_cap() -> None:
    group, engine = failing_back()
    group.failback_seen_ns = engine.now_ns
    group.failbacks = (engine.now_ns,) * 20

    assert handover.failback_ns(group, engine) == engine.now_ns + HOLD_DOWN_MAX_NS


# --- when it wakes ----------------------------------------------------------------------------


def test_a_node_at_rest_wakes_for_nothing_of_this() -> None:
    assert handover.next_ns(*pair(ALPHA)) == FOREVER
    assert handover.next_ns(*pair(BETA)) == FOREVER


@pytest.mark.parametrize("what", ["offer", "ask", "pause", "quarantine", "pings", "failback"])
def test_a_node_wakes_for(what: str) -> None:
    group, engine = failing_back()
    group.failback_due = what == "failback"
    at_ns = engine.now_ns + 1
    if what == "offer":
        group.offer_no, group.offer_deadline_ns = 3, at_ns
    elif what == "ask":
        group.ask, group.ask_deadline_ns = Ask.TAKE_IT, at_ns
    elif what == "pause":
        group.ask_deadline_ns = at_ns
    elif what == "quarantine":
        group.quarantine_ns = at_ns
    elif what == "pings":
        group.ping_fewer_ns = at_ns
    else:
        group.failback_seen_ns = at_ns - DEADTIME_NS

    assert handover.next_ns(group, engine) == at_ns


@pytest.mark.parametrize("what", ["pings", "failback"])
def test_who_does_not_serve_does_not_wake_for(what: str) -> None:
    group, engine = failing_back()
    group.state, group.phase = State.STANDBY, Phase.CLEAR
    group.failback_due = what == "failback"
    group.failback_seen_ns = engine.now_ns + 1 - DEADTIME_NS
    group.ping_fewer_ns = engine.now_ns + 1

    assert handover.next_ns(group, engine) == FOREVER


def test_it_wakes_for_the_first_of_several() -> None:
    group, engine = failing_back()
    group.failback_due = False
    group.offer_no, group.offer_deadline_ns = 3, engine.now_ns + 4
    group.ask_deadline_ns = engine.now_ns + 3
    group.quarantine_ns = engine.now_ns + 2
    group.ping_fewer_ns = engine.now_ns + 1
    woken = []

    for _ in range(3):
        woken.append(handover.next_ns(group, engine) - engine.now_ns)
        group.ping_fewer_ns = FOREVER if len(woken) == 1 else group.ping_fewer_ns
        group.quarantine_ns = NEVER if len(woken) == 2 else group.quarantine_ns

    assert woken == [1, 2, 3]


def test_a_failback_that_the_file_does_not_want_wakes_nobody() -> None:
    group, engine = failing_back()
    group.settings = replace(group.settings, auto_failback=False)
    group.failback_seen_ns = engine.now_ns + 1 - DEADTIME_NS

    assert handover.next_ns(group, engine) == FOREVER


@pytest.mark.parametrize("what", ["ask", "quarantine"])
def test_what_is_over_hides_nothing_that_comes(what: str) -> None:
    group, engine = unheld()
    group.offer_no, group.offer_deadline_ns = 3, engine.now_ns + 5
    if what == "ask":
        group.ask_deadline_ns = engine.now_ns
    else:
        group.quarantine_ns = engine.now_ns

    assert handover.next_ns(group, engine) == engine.now_ns + 5


@pytest.mark.parametrize("past_ns", [0, 1], ids=["now", "past"])
def test_nothing_is_woken_for_what_is_due_already(past_ns: int) -> None:
    group, engine = unheld()
    group.offer_no, group.offer_deadline_ns = 3, engine.now_ns - past_ns

    assert handover.next_ns(group, engine) == FOREVER
