"""When a changed file comes into force, the kernel is told of it before the peer is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.core import reload as coming_into_force
from hafw.core.duties import hold_until
from hafw.core.effects import HoldGate, Note, SendBeat
from hafw.core.settings import SECOND, Classes, Timing
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories.reloading import QUICK, reload
from tests.core.givers import noted, pair

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import Event, Instant
    from hafw.core.settings import Settings
    from hafw_sim.world import Machine


def changed(engine: Engine) -> Settings:
    """The file with times that bind the other node in other ways."""
    return replace(engine.settings, timing=QUICK, config_hash=b"the next")


def announcing() -> tuple[Group, Engine]:
    """An owner that announces other times, and whose peer has the same file by now."""
    group, engine = pair(ALPHA)
    coming_into_force.begin(changed(engine), engine)
    assert engine.coming is not None
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(config_hash=b"the next")
    engine.peer.heard_ns = engine.coming_ns + 1
    engine._effects = []
    return group, engine


def in_force(engine: Engine) -> bool:
    coming_into_force.run(engine)
    return engine.coming is None


def test_a_file_that_binds_otherwise_waits_for_the_other_node_by_name() -> None:
    _, engine = pair(ALPHA)

    coming_into_force.begin(changed(engine), engine)

    text = "the new cluster file comes into force when beta has it too"
    assert noted(engine) == [("config.announced", text)]
    assert engine.settings.timing != QUICK


def test_a_file_that_binds_alike_is_in_force_at_once() -> None:
    _, engine = pair(ALPHA)

    coming_into_force.begin(replace(engine.settings, config_hash=b"the next"), engine)

    assert noted(engine) == [("config.reloaded", "the new cluster file is in force")]
    assert coming_into_force.config_hash(engine) == b"the next"


def test_it_comes_into_force_once_the_other_node_has_it_and_heard_of_it() -> None:
    _, engine = announcing()

    assert in_force(engine)
    assert engine.settings.timing == QUICK


def test_beats_come_in_the_new_rhythm_at_once_if_it_is_faster() -> None:
    _, engine = announcing()
    engine.next_echo_ns = engine.next_link_ns = engine.now_ns + 1000 * QUICK.keepalive_ns

    assert in_force(engine)
    assert engine.next_echo_ns == engine.now_ns + engine.settings.beat_ns
    assert engine.next_link_ns == engine.now_ns + QUICK.keepalive_ns


def test_a_beat_that_is_due_sooner_comes_sooner() -> None:
    _, engine = announcing()
    engine.next_echo_ns = engine.next_link_ns = engine.now_ns + 1

    assert in_force(engine)
    assert engine.next_echo_ns == engine.next_link_ns == engine.now_ns + 1


@pytest.mark.parametrize("times", [QUICK, Timing(keepalive_ns=5 * SECOND, deadtime_ns=60 * SECOND)])
def test_until_it_is_in_force_beats_keep_the_faster_rhythm(times: Timing) -> None:
    _, engine = pair(ALPHA)
    coming = replace(engine.settings, timing=times)
    coming_into_force.begin(coming, engine)

    both = (engine.settings, coming)
    assert coming_into_force.echo_interval_ns(engine) == min(each.beat_ns for each in both)
    keepalives = [each.timing.keepalive_ns for each in both]
    assert coming_into_force.link_interval_ns(engine) == min(keepalives)


@pytest.mark.parametrize(
    ("now", "next_"),
    [
        (Classes.LEASED, Classes.REFLECTED | Classes.LEASED),
        (Classes.REFLECTED | Classes.LEASED, Classes.LEASED),
        (Classes.REFLECTED, Classes.LEASED),
    ],
)
def test_until_it_is_in_force_only_what_binds_under_both_is_announced(
    now: Classes, next_: Classes
) -> None:
    group, engine = pair(ALPHA)
    group.settings = replace(group.settings, classes=now)
    coming = replace(engine.settings, groups=(replace(group.settings, classes=next_),))
    engine.coming = coming

    binds, _ = coming_into_force.announced(group, engine)

    assert binds == group.settings.binds & coming.groups[0].binds


def test_a_beat_that_is_as_old_as_the_announcement_does_not_count() -> None:
    _, engine = announcing()
    engine.peer.heard_ns = engine.coming_ns

    assert not in_force(engine)


@pytest.mark.parametrize("late_ns", [0, 1], ids=["in time", "a nanosecond too late"])
def test_the_evidence_of_what_runs_must_outlast_the_next_beat(late_ns: int) -> None:
    group, engine = announcing()
    coming = engine.coming
    assert coming is not None
    evidence = group.evidence(engine, unarmed=group.unarmed)
    until_ns = hold_until(evidence, coming.group(group.id).binds, coming)
    engine.now_ns = until_ns - coming.beat_ns - coming.max_delay_ns - 1 + late_ns

    assert in_force(engine) is not bool(late_ns)


def test_the_gate_is_moved_before_the_shorter_bound_is_announced() -> None:
    """What a freeze between the two leaves undone leaves the peer waiting for the longer one."""
    world = running_pair()
    steps: list[tuple[Instant, list[Effect]]] = []

    def tap(node: Machine, _event: Event, now: Instant, effects: list[Effect]) -> None:
        if node.number == ALPHA and any(
            isinstance(each, Note) and each.name == "config.reloaded" for each in effects
        ):
            steps.append((now, effects))

    world.taps.append(tap)
    for number in (BETA, ALPHA):
        reload(world, number, QUICK)
    world.run(1)

    [(now, effects)] = steps
    *_, (moved, held) = [(at, it) for at, it in enumerate(effects) if isinstance(it, HoldGate)]
    announced = next(at for at, it in enumerate(effects) if isinstance(it, SendBeat))
    engine = world.engine(ALPHA)
    assert held.until_ns is not None
    assert held.until_ns - now.boot_ns <= engine.settings.hold_ns
    assert moved < announced
