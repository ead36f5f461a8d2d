"""What a node tells the other of a group, and whether it would run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core.model import Ask, Phase
from hafw.core.settings import MS, Classes
from hafw_sim.pairs import ALPHA
from tests.core.givers import pair, unheld

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.engine import Engine
    from hafw.core.group import Group


# --- what is told ---------------------------------------------------------------------------------


def test_a_beat_tells_the_epoch_of_the_hold_while_it_lasts() -> None:
    group, engine = pair(ALPHA)
    group.epoch, group.held_epoch = 8, 6

    assert group.beat(engine).epoch == 6
    group.phase = Phase.CLEAR
    assert group.beat(engine).epoch == 8


def test_who_cleans_up_what_it_knows_nothing_of_tells_the_highest_epoch() -> None:
    group, engine = pair(ALPHA)
    group.epoch, group.held_epoch = 8, 0

    assert group.beat(engine).epoch == 8


def test_only_who_holds_nothing_says_that_it_is_ready() -> None:
    group, engine = unheld()

    assert group.beat(engine).ready
    group.phase = Phase.STOPPING
    assert not group.beat(engine).ready


def test_a_request_has_a_number_only_while_it_stands() -> None:
    group, engine = unheld()
    group.ask, group.ask_no = Ask.GIVE_IT, 7

    assert (group.beat(engine).ask, group.beat(engine).ask_no) == (Ask.GIVE_IT, 7)
    group.ask = Ask.NOTHING
    assert (group.beat(engine).ask, group.beat(engine).ask_no) == (Ask.NOTHING, 0)


def test_a_beat_tells_what_binds_and_by_when_it_lets_go() -> None:
    group, engine = pair(ALPHA)
    told = group.beat(engine)

    assert told.binds == Classes.REFLECTED
    assert told.shut_ms == engine.settings.shut_ns // MS


def test_who_rests_on_the_other_node_being_off_is_bound_by_that_alone() -> None:
    group, engine = pair(ALPHA)
    engine.fencing.off = True
    told = group.beat(engine)

    assert (told.binds, told.shut_ms) == (0, 0)


# --- readiness ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda group, _: setattr(group, "service_up", False),
        lambda group, _: setattr(group, "held_off", True),
        lambda group, engine: setattr(group, "unwilling_ns", engine.now_ns + 1),
        lambda _, engine: setattr(engine, "worker_up", False),
        lambda _, engine: setattr(engine, "leaving", True),
        lambda group, engine: engine.cold.update({group.id: "there is no route"}),
    ],
    ids=["interface down", "held off", "start failed", "no worker", "leaving", "cold"],
)
def test_a_node_will_not_run_a_group(spoil: Callable[[Group, Engine], None]) -> None:
    group, engine = unheld()
    assert group.willing(engine)

    spoil(group, engine)

    assert not group.willing(engine)
    assert not group.ready(engine)


def test_the_pause_after_a_failed_start_is_over_at_its_end() -> None:
    group, engine = unheld()
    group.unwilling_ns = engine.now_ns

    assert group.willing(engine)


def test_who_is_to_be_disturbed_would_run_a_group_but_is_not_ready_for_it() -> None:
    group, engine = unheld()
    engine.notice = "the instance will be stopped"

    assert group.willing(engine)
    assert not group.ready(engine)
