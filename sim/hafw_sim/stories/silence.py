"""Stories of failures: who dies, who is cut off from whom, and who must have the group then."""

from __future__ import annotations

from dataclasses import replace

from hafw.core.settings import MS, SECOND, Classes
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
def whoever_is_left_without_a_ping_node_keeps_what_it_took() -> list[str]:
    """All it has is what its interface hears: that is read so often that the right never ends."""
    fast = replace(FAST, keepalive_ns=75 * MS, warntime_ns=100 * MS)
    world = running_pair(Classes.BEST_EFFORT, pings=0, timing=fast)
    world.crash(ALPHA)
    world.run(10)
    stayed = world.nodes[BETA].engine.right_endings == 0  # type: ignore[union-attr]
    return wrong(world, "beta") + ([] if stayed else ["beta let go of what it had taken"])


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
