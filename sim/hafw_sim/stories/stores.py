"""Stories of lease stores that are down, and of what may be asked of one that is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.effects import ReadLease, SwapLease
from hafw.core.model import OpKind, Outcome, Verb
from hafw.core.settings import SECOND
from hafw_sim.pairs import ALPHA, BETA, isolate, leased_pair
from hafw_sim.stories import story, wrong

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Event, Instant
    from hafw_sim.world import Machine

ASKED_MAX: Final = 8
"""Requests in 10 s at the usual period: those of a renewal, and a few that events cause."""


@story
def store_is_down_for_ten_minutes() -> list[str]:
    """As long as the nodes hear each other the loss of the store stops nothing."""
    world = leased_pair()
    world.store.up = False
    world.run(600)
    return wrong(world, "alpha")


@story
def standby_restarts_while_the_store_is_down() -> list[str]:
    """What the standby promised by waiting in silence, its next start keeps as well."""
    world = leased_pair()
    world.store.up = False
    world.run(60)
    world.kill_agent(BETA)
    world.run(0.5)
    world.boot(BETA)
    world.run(60)
    ended = [note for _, note in world.nodes[ALPHA].notes if note.name == "group.right_ended"]
    return wrong(world, "alpha") + [note.text for note in ended]


@story
def store_is_down_and_then_the_links() -> list[str]:
    """Who has lost both lets go; nobody takes what no lease can be had for, until it is back."""
    world = leased_pair()
    world.store.up = False
    world.run(60)
    world.net.cut_links()
    world.run(120)
    problems = wrong(world, None)
    world.store.up = True
    world.run(60)
    return problems + wrong(world, world.owner(1) or "somebody")


@story
def switchover_while_the_store_is_down() -> list[str]:
    """Two nodes that hear each other may move what they like."""
    world = leased_pair()
    world.store.up = False
    world.run(60)
    world.ask(ALPHA, Verb.STANDBY)
    world.run(60)
    return wrong(world, "beta")


@story
def person_vouches_while_the_store_is_down() -> list[str]:
    """Nobody could go on without a lease, so the command is refused, with what to do."""
    world = leased_pair()
    world.store.up = False
    world.crash(ALPHA)
    world.run(30)
    request = world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha", reason="it burns")
    world.run(1)
    answer = world.nodes[BETA].answers.get(request)
    told = answer is not None and answer.code == 5 and "[authority]" in answer.text  # noqa: PLR2004 - refused for safety
    return wrong(world, None) + ([] if told else [f"it was answered with {answer}"])


@story
def worker_is_lost_while_a_renewal_is_under_way() -> list[str]:
    """The owner's worker dies with a request in it; the next one renews in time."""
    world = leased_pair()
    world.weather.store_ns = (SECOND, SECOND)
    world.run(10)
    world.workers.lose(world.nodes[ALPHA])
    world.net.cut_links()
    world.run(2)
    world.workers.find(world.nodes[ALPHA])
    world.run(60)
    return wrong(world, "alpha")


@story
def a_stop_that_hangs_leaves_the_store_in_peace() -> list[str]:
    """The store gave alpha's group to beta, alpha's stop is never confirmed: it asks in rhythm."""
    world = leased_pair()
    isolate(world, ALPHA)
    alpha = world.nodes[ALPHA]
    alpha.fates[OpKind.STOP] = Outcome.UNKNOWN, False
    world.run(45)
    alpha.store_cut = False
    asked: list[Effect] = []

    def listen(node: Machine, _event: Event, _now: Instant, effects: list[Effect]) -> None:
        if node is alpha:
            asked.extend(each for each in effects if isinstance(each, ReadLease | SwapLease))

    world.taps.append(listen)
    world.run(10)
    problems = wrong(world, "beta")
    if len(asked) > ASKED_MAX:
        problems.append(f"alpha asked the store {len(asked)} times in 10 s")
    return problems
