"""Stories of cluster files that are changed while a group is held."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.core.model import Reconfigured
from hafw.core.settings import MS, SECOND, Classes, Timing
from hafw_sim.pairs import ALPHA, BETA, FAST, running_pair
from hafw_sim.stories import story, wrong

if TYPE_CHECKING:
    from hafw_sim.world import World

SLOW: Final = Timing(
    keepalive_ns=5 * SECOND,
    warntime_ns=20 * SECOND,
    deadtime_ns=60 * SECOND,
    initdead_ns=120 * SECOND,
)
QUICK: Final = Timing(
    keepalive_ns=100 * MS, warntime_ns=300 * MS, deadtime_ns=1 * SECOND, initdead_ns=2 * SECOND
)


def reload(world: World, number: int, timing: Timing, classes: Classes | None = None) -> None:
    """A node is given a file with other times, or other classes."""
    node = world.nodes[number]
    groups = node.settings.groups
    if classes is not None:
        groups = tuple(replace(group, classes=classes) for group in groups)
    changed = replace(node.settings, timing=timing, groups=groups, config_hash=b"the next")
    world.feed(node, Reconfigured(changed))


def isolate(world: World, number: int) -> None:
    """A node loses the other and the ping node at once."""
    world.net.cut_links()
    world.net.cut_ping(number)


@story
def longer_times_that_the_other_has_not_heard_of() -> list[str]:
    """Alpha is given longer times in the moment in which it is cut off."""
    world = running_pair()
    isolate(world, ALPHA)
    reload(world, ALPHA, SLOW)
    world.run(70)
    return wrong(world, "beta")


@story
def longer_times_while_only_one_node_has_them() -> list[str]:
    """Beta keeps the old file; then alpha is cut off."""
    world = running_pair()
    reload(world, ALPHA, SLOW)
    world.run(30)
    isolate(world, ALPHA)
    world.run(70)
    return wrong(world, "beta")


@story
def longer_times_in_force_on_one_node_when_the_cut_comes() -> list[str]:
    """Alpha has just begun to obey them; beta knows them only from what was announced before."""
    world = running_pair()
    reload(world, ALPHA, SLOW)
    world.run(1)
    reload(world, BETA, SLOW)
    world.net.cut_links(both=False, sender=ALPHA)
    world.net.cut_ping(ALPHA)
    world.run(0.001)
    world.net.cut_links()
    alpha, beta = (node.engine for node in world.nodes)
    assert alpha is not None
    assert beta is not None
    begun = alpha.settings.timing == SLOW and beta.settings.timing != SLOW
    world.run(80)
    return wrong(world, "beta") + ([] if begun else ["the moment was missed"])


@story
def longer_times_on_both_nodes_come_into_force() -> list[str]:
    """With the same file on both, silence has to last for the new deadtime."""
    world = running_pair()
    reload(world, ALPHA, SLOW)
    world.run(1)
    reload(world, BETA, SLOW)
    world.run(60)
    world.crash(ALPHA)
    world.run(50)
    early = wrong(world, None)
    world.run(30)
    return early + wrong(world, "beta")


@story
def shorter_times_on_both_nodes_close_no_address() -> list[str]:
    """Evidence of the old rhythm is too old for the new times; the owner does not let go."""
    problems = []
    for first, second in ((ALPHA, BETA), (BETA, ALPHA)):
        world = running_pair()
        reload(world, first, QUICK)
        world.run(3.3)
        reload(world, second, QUICK)
        world.run(30)
        engine = world.engine(ALPHA)
        problems += wrong(world, "alpha")
        problems += ["the right ended"] if engine.right_endings else []
        world.crash(ALPHA)
        world.run(3)
        problems += wrong(world, "beta")
    return problems


def _killed_once_in_force(world: World, classes: Classes) -> list[str]:
    """Both nodes are given the file; within a second of its being in force alpha's agent dies."""
    for number in (BETA, ALPHA):
        reload(world, number, QUICK, classes)
    world.run(1)
    in_force = all(
        node.engine is not None and node.engine.settings.timing == QUICK for node in world.nodes
    )
    world.kill_agent(ALPHA)
    world.run(3)
    return wrong(world, "beta") + ([] if in_force else ["the moment was missed"])


@story
def owner_is_killed_just_after_shorter_times_are_in_force() -> list[str]:
    """What its kernel was told under the longer times would outlast what beta waits now."""
    return _killed_once_in_force(running_pair(), Classes.REFLECTED)


@story
def owner_is_killed_just_after_a_class_binds_it() -> list[str]:
    """Its kernel was told to keep the address open for good."""
    return _killed_once_in_force(running_pair(Classes.NONE), Classes.BEST_EFFORT)


@story
def a_class_that_is_given_up_binds_until_the_other_knows() -> list[str]:
    """Alpha stops obeying best-effort in the moment in which it loses beta and the ping node."""
    both = Classes.BEST_EFFORT
    world = running_pair(both)
    isolate(world, ALPHA)
    reload(world, ALPHA, world.nodes[ALPHA].settings.timing, Classes.NONE)
    world.run(40)
    return wrong(world, "beta")


@story
def a_file_that_binds_no_differently_is_in_force_at_once() -> list[str]:
    """Failback is switched on with the other node dead."""
    world = running_pair()
    world.crash(BETA)
    world.run(20)
    node = world.nodes[ALPHA]
    groups = tuple(replace(group, auto_failback=True) for group in node.settings.groups)
    world.feed(node, Reconfigured(replace(node.settings, groups=groups, config_hash=b"the next")))
    engine = node.engine
    assert engine is not None
    waiting = [] if engine.groups[1].settings.auto_failback else ["it is not in force"]
    return wrong(world, "alpha") + waiting


@story
def a_refused_request_is_not_repeated_at_once() -> list[str]:
    """The owner's service interface is down, and the other refuses: the files differ."""
    world = running_pair()
    reload(world, BETA, SLOW)
    world.run(2)
    asked = sum(note.name == "handover.asked" for _, note in world.nodes[ALPHA].notes)
    world.set_service(ALPHA, up=False)
    world.run(25)
    asked = sum(note.name == "handover.asked" for _, note in world.nodes[ALPHA].notes) - asked
    found = wrong(world, "alpha") + ([] if 1 < asked < 5 else [f"asked {asked} times"])  # noqa: PLR2004 - once a deadtime
    reload(world, ALPHA, SLOW)
    world.run(15)
    return found + wrong(world, "beta")


@story
def a_refused_request_is_repeated_after_a_deadtime() -> list[str]:
    """The same with short times: the owner does not wait as long as for an agreement."""
    world = running_pair(timing=FAST)
    reload(world, BETA, SLOW)
    world.run(1)
    world.set_service(ALPHA, up=False)
    world.run(4)
    asked = sum(note.name == "handover.asked" for _, note in world.nodes[ALPHA].notes)
    return wrong(world, "alpha") + ([] if 5 < asked < 20 else [f"asked {asked} times"])  # noqa: PLR2004 - once a deadtime


@story
def shorter_times_wait_for_fresh_evidence() -> list[str]:
    """The acknowledgement that would bring them into force is itself late, and all there is."""
    world = running_pair(Classes.BEST_EFFORT, pings=0)
    world.net.service_lan = False
    world.weather.delay_ns = (200 * MS, 240 * MS)
    for number in (ALPHA, BETA):
        reload(world, number, QUICK)
    world.run(20)
    return wrong(world, "alpha")
