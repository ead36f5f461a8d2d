"""Stories of failures: who dies, who is cut off from whom, and who must have the group then."""

from __future__ import annotations

from hafw.core.model import Verb
from hafw.core.settings import SECOND, Classes
from hafw_sim.pairs import ALPHA, BETA, FAST, running_pair
from hafw_sim.stories import story, wrong

BOTH = Classes.REFLECTED | Classes.BEST_EFFORT


@story
def crash_reflected() -> list[str]:
    """The holder's machine dies: the other takes over within deadtime and little more."""
    world = running_pair()
    world.crash(ALPHA)
    world.run(10.5)
    return wrong(world, "beta")


@story
def crash_best_effort() -> list[str]:
    """The same without reflection."""
    world = running_pair(Classes.BEST_EFFORT)
    world.crash(ALPHA)
    world.run(10.5)
    return wrong(world, "beta")


@story
def crash_with_a_lossy_way_to_the_ping_node() -> list[str]:
    """Reflection is not to be had at the end of the silence: best-effort takes its place."""
    world = running_pair(BOTH, groups=2)
    world.crash(ALPHA)
    world.run(7)
    world.net.from_ping[BETA].cut = True
    world.run(1)
    world.net.from_ping[BETA].cut = False
    world.run(4)
    return wrong(world, "beta", "beta")


@story
def crash_without_protection_is_blocked() -> list[str]:
    """Without any class silence moves nothing, and the block says what to type."""
    world = running_pair(Classes.NONE)
    world.crash(ALPHA)
    world.run(60)
    said = any("--peer-is-off alpha" in note.text for _, note in world.nodes[BETA].notes)
    return wrong(world, None) + ([] if said else ["nobody said how to unblock it"])


@story
def crashed_node_returns_and_does_not_disturb() -> list[str]:
    """Back from the dead, without auto failback: nothing moves."""
    world = running_pair()
    world.crash(ALPHA)
    world.run(15)
    world.boot(ALPHA)
    epoch = world.nodes[BETA].engine.groups[1].held_epoch  # type: ignore[union-attr]
    world.run(60)
    now = world.nodes[BETA].engine.groups[1].held_epoch  # type: ignore[union-attr]
    return wrong(world, "beta") + ([] if now == epoch else ["the winner was interrupted"])


@story
def owner_isolated_reflected() -> list[str]:
    """The holder loses links and ping node: it lets go before the other takes."""
    world = running_pair()
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.run(12)
    return wrong(world, "beta")


@story
def owner_isolated_best_effort() -> list[str]:
    """The same without reflection, and the service LAN does not carry the probe."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.net.service_lan = False
    world.run(12)
    return wrong(world, "beta")


@story
def one_of_two_links_dies() -> list[str]:
    """The other one still brings the peer, with and without a ping node: nothing moves."""
    problems: list[str] = []
    for pings in (1, 0):
        world = running_pair(Classes.BEST_EFFORT, pings=pings)
        for sender in (ALPHA, BETA):
            world.net.links[0, sender].cut = True
        world.net.service_lan = False
        world.run(30)
        problems += wrong(world, "alpha")
    return problems


@story
def standby_isolated() -> list[str]:
    """The standby loses everything: it must not take."""
    problems: list[str] = []
    for classes in (Classes.REFLECTED, Classes.BEST_EFFORT, BOTH):
        world = running_pair(classes)
        world.net.cut_links()
        world.net.cut_ping(BETA)
        world.net.service_lan = False
        world.run(40)
        problems += wrong(world, "alpha")
    return problems


@story
def standby_loses_the_ping_node_just_before_the_end_of_the_silence() -> list[str]:
    """What it was answered some seconds ago does not show that it is not isolated now."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.service_lan = False
    world.net.cut_links()
    world.run(7)
    world.net.cut_ping(BETA)
    world.run(6)
    return wrong(world, "alpha")


@story
def split_while_both_see_a_reflecting_gateway() -> list[str]:
    """No peer of hafw survives this one: nothing moves, nobody lets go."""
    world = running_pair()
    world.net.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def split_while_the_gateway_does_not_reflect() -> list[str]:
    """The probe finds the owner on the service LAN."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def gateway_stopped_reflecting_long_before_the_split() -> list[str]:
    """Then the standby was not armed any more, and may not take."""
    world = running_pair()
    world.net.ping_reflects = False
    world.run(10)
    world.net.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def standby_is_armed_only_by_a_holder_with_other_evidence() -> list[str]:
    """The holder rests on the standby's not being armed alone: it does not grant, and keeps it."""
    world = running_pair()
    world.net.to_ping[BETA].cut = True
    world.run(6)  # beta disarms and says so
    world.net.cut_ping(ALPHA)
    world.net.cut_links(both=False, sender=ALPHA)
    world.run(6)  # alpha has no other evidence left
    world.net.to_ping[BETA].cut = False
    world.run(20)  # beta asks to be armed again
    return wrong(world, "alpha")


@story
def ping_node_dies_then_links() -> list[str]:
    """The holder knows that the other disarmed, and keeps the group."""
    world = running_pair()
    world.net.ping_up = False
    world.run(15)
    world.net.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def standby_dies_then_ping_node() -> list[str]:
    """The holder knows that nobody can take it."""
    world = running_pair()
    world.crash(BETA)
    world.run(15)
    world.net.ping_up = False
    world.run(60)
    return wrong(world, "alpha")


@story
def links_and_ping_node_die_at_once() -> list[str]:
    """Nobody can know: the holder lets go, nobody takes, and it heals."""
    world = running_pair()
    world.net.cut_links()
    world.net.ping_up = False
    world.run(30)
    problems = wrong(world, None)
    world.heal()
    world.net.ping_up = True
    world.run(5)
    return problems + wrong(world, "alpha")


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
def standby_with_a_bad_way_to_the_ping_node() -> list[str]:
    """The split hides the owner, and of its own echoes every fifth is lost: it must not take."""
    world = running_pair()
    beta, way = world.nodes[BETA], world.net.from_ping[BETA]
    world.run(0.3)  # so that the two nodes' beats are apart in time
    world.kill_agent(BETA)
    world.boot(BETA)
    world.run(5)
    world.net.cut_links()
    way.cut = True
    for number in range(60):
        assert beta.engine is not None
        due_ns = beta.world_ns(beta.engine.next_echo_ns)
        world.run_until(due_ns - 1_000)
        way.cut = number % 5 == 0
        world.run_until(due_ns + 1_000)
        way.cut = True
    return wrong(world, "alpha")


@story
def standby_hears_nothing_while_the_owner_hears_it() -> list[str]:
    """The owner cannot send any more: what it hears is no evidence that it is heard."""
    world = running_pair()
    world.net.cut_links(both=False, sender=ALPHA)
    world.net.cut_ping(ALPHA)
    world.run(9)
    world.net.cut_links()
    world.run(6)
    return wrong(world, "beta")


@story
def killed_agent() -> list[str]:
    """SIGKILL while the host lives: the kernel shuts the address by itself."""
    world = running_pair()
    world.kill_agent(ALPHA)
    world.run(12)
    return wrong(world, "beta")


@story
def one_link_of_two_is_cut() -> list[str]:
    """Any link keeps the peer alive."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.service_lan = False
    world.net.links[0, ALPHA].cut = world.net.links[0, BETA].cut = True
    world.run(60)
    return wrong(world, "alpha")


@story
def silence_shorter_than_deadtime() -> list[str]:
    """Eight seconds of silence warn, and move nothing."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.service_lan = False
    world.net.cut_links()
    world.run(8)
    world.heal()
    world.run(30)
    return wrong(world, "alpha")


@story
def one_way_cut() -> list[str]:
    """Beta is deaf, alpha is not: the reflected path still carries; nothing moves."""
    problems: list[str] = []
    for sender in (ALPHA, BETA):
        world = running_pair()
        world.net.cut_links(both=False, sender=sender)
        world.run(60)
        problems += wrong(world, "alpha")
    return problems


@story
def one_way_cut_best_effort() -> list[str]:
    """The same where nothing reflects: the probe saves it."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.cut_links(both=False, sender=ALPHA)
    world.run(60)
    return wrong(world, "alpha")


@story
def replayed_datagrams_keep_nobody_alive() -> list[str]:
    """After a crash somebody replays the newest datagram every second."""
    world = running_pair()
    world.crash(ALPHA)
    for _ in range(12):
        world.run(1)
        world.net.replay(0, ALPHA)
    return wrong(world, "beta")


@story
def heal_after_a_dual_split() -> list[str]:
    """What best-effort cannot know: after the heal exactly the lower epoch yields."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.cut_links()
    world.net.service_lan = False
    world.run(20)
    higher = max(n.engine.groups[1].held_epoch for n in world.nodes if n.engine)
    world.heal()
    world.run(5)
    problems = wrong(world, "beta", never_both=False)
    beta = world.nodes[BETA].engine
    if beta is None or beta.groups[1].held_epoch != higher:
        problems.append("the winner was interrupted")
    return problems


@story
def loser_of_a_heal_shuts_its_address_at_once() -> list[str]:
    """Its stop may be slow; its gate is not."""
    world = running_pair(Classes.BEST_EFFORT)
    world.net.cut_links()
    world.net.service_lan = False
    world.run(20)
    world.weather.op_ns = (3 * SECOND, 3 * SECOND)
    before_ms = world.both_ms()
    world.heal()
    world.run(8)
    both_ms = world.both_ms() - before_ms
    late = [] if both_ms < 2_000 else [f"both answered for {both_ms:.0f} ms after the heal"]  # noqa: PLR2004 - two keepalives
    return wrong(world, "beta", never_both=False) + late


@story
def silent_peer_is_not_taken_before_its_bound() -> list[str]:
    """A peer that announced a longer bound than ours is given it."""
    world = running_pair(timing=None)
    slow = world.nodes[ALPHA]
    assert slow.engine is not None
    world.freeze(ALPHA)
    world.run_until(world.now_ns + 9 * SECOND)
    return wrong(world, None)


@story
def service_lan_lost_by_the_owner() -> list[str]:
    """The interface goes down while the links live: the group moves, cooperatively."""
    world = running_pair()
    world.set_service(ALPHA, up=False)
    world.run(1)
    return wrong(world, "beta")


@story
def owner_alone_loses_the_ping_node() -> list[str]:
    """The side that sees fewer ping nodes hands over, while the links live."""
    world = running_pair()
    world.net.cut_ping(ALPHA)
    world.run(10)
    return wrong(world, "beta")


@story
def both_lose_the_ping_node() -> list[str]:
    """Equal views move nothing."""
    world = running_pair(BOTH)
    world.net.ping_up = False
    world.run(60)
    return wrong(world, "alpha")


@story
def fast_pair_crash() -> list[str]:
    """Deadtime 300 ms works as 10 s does."""
    world = running_pair(timing=FAST)
    world.crash(ALPHA)
    world.run(0.31)
    return wrong(world, "beta")
