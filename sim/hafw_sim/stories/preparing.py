"""Stories of a worker that cannot prepare what one of two groups needs, such as a missing route."""

from __future__ import annotations

from hafw.core.model import Verb
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories import story, wrong


@story
def the_survivor_takes_what_it_could_prepare_for() -> list[str]:
    """Not the other group, and that one as soon as it can be prepared."""
    world = running_pair(groups=2)
    beta = world.nodes[BETA]
    world.workers.prepare(beta, 1, works=False)
    world.crash(ALPHA)
    world.run(30)
    problems = wrong(world, None, "beta")
    world.workers.prepare(beta, 1, works=True)
    world.run(1)
    return problems + wrong(world, "beta", "beta")


@story
def an_owner_that_could_not_prepare_again_keeps_what_it_has() -> list[str]:
    """Its worker was replaced, and may do less than before: what runs, runs on."""
    world = running_pair(groups=2)
    alpha = world.nodes[ALPHA]
    world.workers.lose(alpha)
    world.workers.prepare(alpha, 1, works=False)
    world.workers.find(alpha)
    world.run(30)
    problems = wrong(world, "alpha", "beta")
    world.ask(ALPHA, Verb.STANDBY)
    world.run(1)
    return problems + wrong(world, "beta", "beta")


@story
def a_new_owner_is_found_for_what_the_preferred_node_cannot_prepare() -> list[str]:
    """Both boot, and alpha, which should have the first group, cannot: it passes that on."""
    world = running_pair(groups=2)
    for number in (ALPHA, BETA):
        world.ask(number, Verb.STOP)
    world.run(2)
    alpha = world.nodes[ALPHA]
    world.workers.prepare(alpha, 1, works=False)
    for number in (ALPHA, BETA):
        world.boot(number)
    world.run(30)
    return wrong(world, "beta", "beta")
