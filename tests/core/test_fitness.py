"""What an engine makes of a worker that cannot prepare for a group, and of its interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import blocking, fitness
from hafw.core.effects import SendBeat
from hafw.core.handover import AGREE_NS
from hafw.core.model import Event, NoticeCame, ServiceChanged, Verb, WorkerChanged
from hafw_sim.pairs import ALPHA, BETA, running_pair

if TYPE_CHECKING:
    from hafw_sim.world import World

COLD = WorkerChanged(up=True, cold=((2, "there is no route"),))
WARM = WorkerChanged(up=True)


def notes_of(world: World, *events: Event) -> list[tuple[str, int, str]]:
    """What alpha says while it is told this."""
    alpha = world.nodes[ALPHA]
    before = len(alpha.notes)
    for event in events:
        world.feed(alpha, event)
    return [(note.name, note.group, note.text) for _, note in alpha.notes[before:]]


def test_what_is_cold_is_told_once_and_when_it_ends() -> None:
    assert notes_of(running_pair(groups=2), COLD, COLD, WARM, WARM) == [
        ("group.cold", 2, "it cannot be taken here: there is no route"),
        ("group.prepared", 2, "it can be taken here again"),
    ]


def test_another_reason_is_told_as_well() -> None:
    other = WorkerChanged(up=True, cold=((2, "a permission is missing"),))

    assert [text for *_, text in notes_of(running_pair(groups=2), COLD, other)] == [
        "it cannot be taken here: there is no route",
        "it cannot be taken here: a permission is missing",
    ]


def test_a_worker_that_goes_says_nothing_of_what_it_could_not_prepare_for() -> None:
    names = [name for name, *_ in notes_of(running_pair(groups=2), COLD, WorkerChanged(up=False))]

    assert names == ["group.cold", "worker.down"]


@pytest.mark.parametrize(
    "event", [ServiceChanged(1, up=False), NoticeCame("the instance will be stopped")]
)
def test_the_other_node_hears_at_once_that_this_one_is_no_longer_ready(event: Event) -> None:
    engine = running_pair().engine(BETA)
    assert engine.now_ns < engine.next_echo_ns

    effects = engine.step(event, engine.now)

    said = [effect.beat.groups[0].ready for effect in effects if isinstance(effect, SendBeat)]
    assert said
    assert not any(said)


def test_the_reason_is_what_an_operator_is_told() -> None:
    world = running_pair(groups=2)
    world.feed(world.nodes[ALPHA], COLD)
    engine = world.engine(ALPHA)

    assert fitness.why_unwilling(engine.groups[2], engine) == "there is no route"
    assert fitness.why_unwilling(engine.groups[1], engine) == "it is ready"


@pytest.mark.parametrize(
    ("left_ns", "why"),
    [(1, "a start failed here; next try 1 s after that, or at hafw takeover"), (0, "it is ready")],
)
def test_a_failed_start_is_a_reason_until_its_pause_is_over(left_ns: int, why: str) -> None:
    engine = running_pair().engine(BETA)
    group = engine.groups[1]
    group.failures, group.unwilling_ns = 1, engine.now_ns + left_ns

    assert fitness.why_unwilling(group, engine) == why


def test_news_of_what_is_cold_is_no_news_of_how_long_the_worker_is_lost() -> None:
    world = running_pair(groups=2)
    alpha, engine = world.nodes[ALPHA], world.engine(ALPHA)
    world.feed(alpha, WorkerChanged(up=False))
    lost_ns = engine.now_ns
    world.run(AGREE_NS / 2e9)
    world.feed(alpha, WorkerChanged(up=False))

    assert engine.worker_ns == lost_ns


def test_no_command_is_named_that_would_take_what_cannot_be_taken_here() -> None:
    world = running_pair(groups=2)
    world.feed(world.nodes[ALPHA], COLD)
    engine = world.engine(ALPHA)

    assert blocking.unblock_hint(engine.groups[2], engine) == ""
    assert "hafw takeover --force" in blocking.unblock_hint(engine.groups[1], engine)


def test_an_interface_is_told_of_when_it_changes() -> None:
    down, up = ServiceChanged(2, up=False), ServiceChanged(2, up=True)

    assert notes_of(running_pair(groups=2), up, down, down, up) == [
        ("service.down", 2, "the service interface is down"),
        ("service.up", 2, "the service interface is up"),
    ]


def test_an_owner_whose_interface_comes_back_says_again_that_it_has_the_address() -> None:
    world = running_pair()
    world.run(10)
    alpha, group = world.nodes[ALPHA], world.engine(ALPHA).groups[1]
    world.feed(alpha, ServiceChanged(1, up=False))
    before_ns = group.announced_ns
    world.feed(alpha, ServiceChanged(1, up=True))

    assert before_ns < group.announced_ns == world.engine(ALPHA).now_ns


@pytest.mark.parametrize(
    ("kept_by", "why"),
    [
        (COLD, "there is no route"),
        (ServiceChanged(2, up=False), "the service interface is down"),
        (WorkerChanged(up=False), "the worker is not up"),
    ],
)
def test_who_asks_for_a_takeover_that_cannot_be_is_told_why_and_not_to_force_it(
    kept_by: Event, why: str
) -> None:
    world = running_pair(groups=2)
    world.crash(BETA)
    world.feed(world.nodes[ALPHA], kept_by)
    world.run(20)

    request = world.ask(ALPHA, Verb.TAKEOVER)

    assert world.nodes[ALPHA].answers[request].text == f"nothing moved; group 2: {why}"
