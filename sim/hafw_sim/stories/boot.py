"""Stories of beginnings: lone boots, boots apart, restarts, lost and old state."""

from __future__ import annotations

from dataclasses import replace

from hafw.core.effects import Durable
from hafw.core.model import Verb
from hafw.core.settings import Classes
from hafw_sim.pairs import ALPHA, BETA, running_pair, settings_pair
from hafw_sim.stories import story, wrong
from hafw_sim.world import World


@story
def both_boot_together() -> list[str]:
    """Each takes its own."""
    world = running_pair(groups=2)
    return wrong(world, "alpha", "beta")


@story
def lone_boot_best_effort_waits_initdead() -> list[str]:
    """Not before initdead, but soon after."""
    world = World(settings_pair(Classes.BEST_EFFORT))
    world.boot(ALPHA)
    world.run(29)
    problems = wrong(world, None)
    world.run(3)
    return problems + wrong(world, "alpha")


@story
def lone_boot_reflected_is_blocked() -> list[str]:
    """Nothing is armed at a first boot: a person decides."""
    world = World(settings_pair())
    world.boot(BETA)
    world.run(120)
    return wrong(world, None)


@story
def both_boot_apart_best_effort() -> list[str]:
    """No link, but the service LAN carries the probe: the preferred node goes first."""
    world = World(settings_pair(Classes.BEST_EFFORT))
    world.net.cut_links()
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(90)
    return wrong(world, "alpha")


@story
def both_boot_apart_and_unseen() -> list[str]:
    """Best-effort without even a probe: both start; after the heal exactly one goes on."""
    world = World(settings_pair(Classes.BEST_EFFORT))
    world.net.cut_links()
    world.net.service_lan = False
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(90)
    world.heal()
    world.run(5)
    owner = world.owner(1)
    return [] if owner in ("alpha", "beta") else [f"after the heal it is owned by {owner}"]


@story
def agent_restarts_within_deadtime() -> list[str]:
    """The group does not move, whoever is preferred; what was left is stopped first."""
    problems: list[str] = []
    for victim, name in ((ALPHA, "alpha"), (BETA, "beta")):
        world = running_pair()
        if victim == BETA:
            world.crash(ALPHA)
            world.run(12)
            world.boot(ALPHA)
            world.run(5)
        world.kill_agent(victim)
        world.run(0.5)
        world.boot(victim)
        world.run(5)
        problems += wrong(world, name)
    return problems


@story
def lost_state_joins_as_standby() -> list[str]:
    """Without its state a node takes nothing by silence before it heard the other."""
    world = World(settings_pair(Classes.BEST_EFFORT))
    world.nodes[ALPHA].disk = None
    world.boot(ALPHA)
    world.run(90)
    problems = wrong(world, None)
    world.boot(BETA)
    world.run(3)
    return problems + wrong(world, "alpha")


@story
def rolled_back_state_is_noticed() -> list[str]:
    """A snapshot restore: the other remembers a later start, and this node starts above it."""
    world = running_pair()
    for _ in range(3):
        world.kill_agent(BETA)
        world.run(1)
        world.boot(BETA)
        world.run(1)
    world.kill_agent(BETA)
    world.nodes[BETA].disk = Durable(0, (), ())
    world.run(1)
    world.boot(BETA)
    world.run(3)
    engine = world.engine(BETA)
    stuck = [] if engine.incarnation > 4 else ["it goes on under an old incarnation"]  # noqa: PLR2004
    world.crash(ALPHA)
    world.run(12)
    return stuck + wrong(world, "beta")


@story
def owner_of_the_same_incarnation_after_rollback() -> list[str]:
    """The rolled back node even has the same incarnation number as before."""
    world = running_pair()
    world.kill_agent(BETA)
    world.nodes[BETA].disk = Durable(0, (), ())
    world.run(2)
    world.boot(BETA)
    world.run(3)
    world.crash(ALPHA)
    world.run(12)
    return wrong(world, "beta")


@story
def a_node_without_a_worker_keeps_nobody_from_the_group() -> list[str]:
    """The preferred node's worker does not become warm: what it left is cleaned all the same."""
    world = World(settings_pair())
    world.boot(ALPHA, worker=False)
    world.boot(BETA)
    world.run(15)
    return wrong(world, "beta")


@story
def a_worker_that_is_slow_to_become_warm_loses_no_group() -> list[str]:
    """The other node is ready first, but the group waits for the node that it prefers."""
    world = World(settings_pair())
    world.boot(ALPHA, worker=False)
    world.boot(BETA)
    world.run(5)
    world.workers.find(world.nodes[ALPHA])
    world.run(1)
    return wrong(world, "alpha")


@story
def drifted_files_move_nothing_by_agreement() -> list[str]:
    """Different cluster files: no switchover, but a certified failover."""
    alpha, beta = settings_pair()
    world = World((alpha, beta))
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(2)
    world.kill_agent(BETA)
    groups = tuple(replace(group, auto_failback=True) for group in beta.groups)
    world.files.edit(BETA, world.now_ns, groups=groups)
    world.boot(BETA)
    world.run(3)
    request = world.ask(BETA, Verb.TAKEOVER)
    world.run(15)
    answer = world.nodes[BETA].answers.get(request)
    problems = wrong(world, "alpha")
    if answer is None or answer.code == 0:
        problems.append(f"takeover with drifted files ended with {answer}")
    world.crash(ALPHA)
    world.run(12)
    return problems + wrong(world, "beta")


@story
def drifted_preference_starts_nothing_twice() -> list[str]:
    """Each file prefers its own node: neither may believe that the right to take is its."""
    alpha, beta = settings_pair()
    beta = replace(
        beta,
        config_hash=b"another!",
        groups=tuple(replace(group, preferred=BETA) for group in beta.groups),
    )
    world = World((alpha, beta))
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(30)
    return wrong(world, None)
