"""Stories of machines whose end, or pause, the cloud announces in time."""

from __future__ import annotations

from hafw.core.model import Verb
from hafw.core.operator import REFUSED
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories import story, wrong

SOON = "the instance will be stopped"


@story
def an_announced_end_moves_the_group_before_it_comes() -> list[str]:
    """Agreed, so nobody waits for a deadtime; and the end itself disturbs nobody."""
    world = running_pair()
    world.announce(ALPHA, SOON)
    world.run(1)
    problems = wrong(world, "beta")
    world.crash(ALPHA)
    world.run(15)
    return problems + wrong(world, "beta")


@story
def an_announced_end_of_the_standby_moves_nothing() -> list[str]:
    """And a person who would move the group there is told that this is no good time."""
    world = running_pair()
    world.announce(BETA, SOON)
    world.run(1)
    refused = world.ask(ALPHA, Verb.STANDBY)
    world.run(1)
    problems = wrong(world, "alpha")
    if world.nodes[ALPHA].answers[refused].code != REFUSED:
        problems.append(f"answered: {world.nodes[ALPHA].answers[refused].text}")
    return problems


@story
def announced_to_both_nodes_it_moves_nothing_to_and_fro() -> list[str]:
    """Neither is the better place. When one is called off, the group goes there."""
    world = running_pair()
    world.announce(BETA, SOON)
    world.announce(ALPHA, SOON)
    world.run(30)
    problems = wrong(world, "alpha")
    world.announce(BETA, "")
    world.run(12)
    return problems + wrong(world, "beta")


@story
def who_has_a_notice_still_takes_over_from_the_dead() -> list[str]:
    """Better a node that will end soon than none."""
    world = running_pair()
    world.announce(BETA, SOON)
    world.run(1)
    world.crash(ALPHA)
    world.run(15)
    return wrong(world, "beta")


@story
def what_nobody_holds_is_started_whatever_is_announced() -> list[str]:
    """Both machines boot with a notice on the preferred one, or on both: the group comes up."""
    problems: list[str] = []
    for noticed, owner in (((ALPHA,), "beta"), ((ALPHA, BETA), "alpha")):
        world = running_pair()
        for number in (ALPHA, BETA):
            world.crash(number)
        world.run(5)
        for number in noticed:
            world.nodes[number].notice = "it will be stopped"
        world.boot(ALPHA)
        world.boot(BETA)
        world.run(30)
        problems += wrong(world, owner)
    return problems
