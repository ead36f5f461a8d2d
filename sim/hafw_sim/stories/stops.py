"""Stories of agents and machines that stop: frozen, stalled, killed, suspended, paused."""

from __future__ import annotations

from hafw.core.model import Verb
from hafw.core.settings import Classes
from hafw_sim.pairs import ALPHA, BETA, FAST, running_pair
from hafw_sim.stories import story, wrong

BOTH = Classes.REFLECTED | Classes.BEST_EFFORT


@story
def frozen_owner() -> list[str]:
    """SIGSTOP: the gate shuts, the other takes; on SIGCONT the first lets go, disturbing nobody."""
    problems: list[str] = []
    for classes in (Classes.REFLECTED, Classes.BEST_EFFORT, BOTH):
        world = running_pair(classes)
        world.freeze(ALPHA)
        world.run(15)
        world.thaw(ALPHA)
        world.run(5)
        problems += wrong(world, "beta")
    return problems


@story
def frozen_within_a_renewal_of_the_gate() -> list[str]:
    """Between computing what is left and the system call; thawed when it is much too late."""
    problems: list[str] = []
    for seconds in (3, 6, 9, 30):
        world = running_pair()
        world.freeze_within(ALPHA, "renewal")
        world.run(seconds)
        froze = world.nodes[ALPHA].frozen
        world.net.cut_links()
        world.net.cut_ping(ALPHA)
        world.run(12)
        world.thaw(ALPHA, briefly=True)
        world.run(1)
        world.thaw(ALPHA)
        world.run(1)
        problems += wrong(world, "beta") + ([] if froze else ["it was not frozen"])
    return problems


@story
def frozen_within_the_opening_of_the_gate() -> list[str]:
    """The same where it had not been open: a takeover that is stopped just before its end."""
    problems: list[str] = []
    for seconds in (0.5, 5, 30):
        world = running_pair()
        world.freeze_within(BETA, "opening")
        world.ask(BETA, Verb.TAKEOVER)
        world.run(seconds)
        froze = world.nodes[BETA].frozen
        world.run(20)
        world.thaw(BETA)
        world.run(5)
        problems += wrong(world, "alpha") + ([] if froze else ["it was not frozen"])
    return problems


@story
def suspended_owner() -> list[str]:
    """The whole machine sleeps, and its clock tells it: it lets go the moment it wakes."""
    world = running_pair()
    world.pause(ALPHA, 20, shows=True)
    world.run(25)
    return wrong(world, "beta")


@story
def machine_pause_that_no_clock_shows() -> list[str]:
    """The limit of what a node can know: until it hears the other, it believes in its right."""
    world = running_pair()
    world.pause(ALPHA, 20, shows=False)
    world.run(25)
    both_ms = world.both_ms()
    short = [] if both_ms < 10 else [f"both answered for {both_ms:.1f} ms, with links alive"]  # noqa: PLR2004 - a round trip
    return wrong(world, "beta", never_both=False) + short


@story
def thaw_with_fresh_answers_waiting() -> list[str]:
    """What lapsed during a freeze is judged before the answers that wait are read."""
    world = running_pair()
    alpha = world.nodes[ALPHA]
    ways = (world.net.from_ping[ALPHA], *(world.net.links[link, BETA] for link in (0, 1)))
    for way in ways:
        way.held = []
    world.run(3)
    world.freeze(ALPHA)
    for way in ways:
        way.held = (way.held or [])[-1:]  # the newest overtook the others
        world.net.deliver_held(way)
    world.run(2.5)
    world.thaw(ALPHA)
    lapsed = any(note.name == "group.right_ended" for _, note in alpha.notes)
    world.run(5)
    return wrong(world, "alpha") + ([] if lapsed else ["it did not notice that its right ended"])


@story
def stalled_standby_does_not_take() -> list[str]:
    """A standby that did not run for a while must hear again before it judges."""
    problems: list[str] = []
    for classes in (Classes.REFLECTED, Classes.BEST_EFFORT):
        world = running_pair(classes, timing=FAST)
        world.net.service_lan = False
        for _ in range(20):
            world.freeze(BETA)
            world.run(0.25)
            world.drop_waiting(BETA)
            world.net.cut_links()
            world.thaw(BETA)
            world.run(0.1)
            world.net.mend_links()
            world.run(0.06)
        problems += wrong(world, "alpha")
    return problems


@story
def killed_agent() -> list[str]:
    """SIGKILL while the host lives: the kernel shuts the address by itself."""
    world = running_pair()
    world.kill_agent(ALPHA)
    world.run(12)
    return wrong(world, "beta")
