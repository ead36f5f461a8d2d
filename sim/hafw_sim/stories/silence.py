"""Stories of failures: who dies, who is cut off from whom, and who must have the group then."""

from __future__ import annotations

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
    world.cut_links()
    world.cut_ping(ALPHA)
    world.run(12)
    return wrong(world, "beta")


@story
def owner_isolated_best_effort() -> list[str]:
    """The same without reflection, and the service LAN does not carry the probe."""
    world = running_pair(Classes.BEST_EFFORT)
    world.cut_links()
    world.cut_ping(ALPHA)
    world.service_lan = False
    world.run(12)
    return wrong(world, "beta")


@story
def standby_isolated() -> list[str]:
    """The standby loses everything: it must not take."""
    problems: list[str] = []
    for classes in (Classes.REFLECTED, Classes.BEST_EFFORT, BOTH):
        world = running_pair(classes)
        world.cut_links()
        world.cut_ping(BETA)
        world.service_lan = False
        world.run(40)
        problems += wrong(world, "alpha")
    return problems


@story
def split_while_both_see_a_reflecting_gateway() -> list[str]:
    """No peer of hafw survives this one: nothing moves, nobody lets go."""
    world = running_pair()
    world.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def split_while_the_gateway_does_not_reflect() -> list[str]:
    """The probe finds the owner on the service LAN."""
    world = running_pair(Classes.BEST_EFFORT)
    world.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def gateway_stopped_reflecting_long_before_the_split() -> list[str]:
    """Then the standby was not armed any more, and may not take."""
    world = running_pair()
    world.ping_reflects = False
    world.run(10)
    world.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def standby_arms_only_with_the_holders_grant() -> list[str]:
    """The holder, which rests on the standby's not being armed, refuses; then the links go."""
    world = running_pair()
    world.cut_ping(ALPHA)
    world.cut_ping(BETA)
    world.run(12)
    # Now beta alone sees the gateway again, while the links still live one way: beta asks to be
    # armed, but alpha's grant cannot reach it.
    world.cut_links(both=False, sender=ALPHA)
    world.heal_ping(BETA)
    world.run(0.5)
    world.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def ping_node_dies_then_links() -> list[str]:
    """The holder knows that the other disarmed, and keeps the group."""
    world = running_pair()
    world.ping_up = False
    world.run(15)
    world.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def standby_dies_then_ping_node() -> list[str]:
    """The holder knows that nobody can take it."""
    world = running_pair()
    world.crash(BETA)
    world.run(15)
    world.ping_up = False
    world.run(60)
    return wrong(world, "alpha")


@story
def links_and_ping_node_die_at_once() -> list[str]:
    """Nobody can know: the holder lets go, nobody takes, and it heals."""
    world = running_pair()
    world.cut_links()
    world.ping_up = False
    world.run(30)
    problems = wrong(world, None)
    world.heal()
    world.ping_up = True
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
def thaw_with_fresh_answers_waiting() -> list[str]:
    """A freeze just short of the takeover: what lapsed is judged before the sockets are read."""
    world = running_pair()
    world.freeze(ALPHA)
    world.run(8)
    world.thaw(ALPHA)
    lapsed = any(note.name == "group.right_ended" for _, note in world.nodes[ALPHA].notes)
    world.run(5)
    return wrong(world, "alpha") + ([] if lapsed else ["it did not notice that its right ended"])


@story
def stalled_standby_does_not_take() -> list[str]:
    """A standby that did not run for a while must hear again before it judges."""
    world = running_pair(timing=FAST)
    for _ in range(20):
        world.freeze(BETA)
        world.run(0.29)
        world.drop_waiting(BETA)
        world.thaw(BETA)
        world.run(0.12)
    return wrong(world, "alpha")


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
    world.service_lan = False
    world.links[0, ALPHA].cut = world.links[0, BETA].cut = True
    world.run(60)
    return wrong(world, "alpha")


@story
def silence_shorter_than_deadtime() -> list[str]:
    """Eight seconds of silence warn, and move nothing."""
    world = running_pair(Classes.BEST_EFFORT)
    world.service_lan = False
    world.cut_links()
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
        world.cut_links(both=False, sender=sender)
        world.run(60)
        problems += wrong(world, "alpha")
    return problems


@story
def one_way_cut_best_effort() -> list[str]:
    """The same where nothing reflects: the probe saves it."""
    world = running_pair(Classes.BEST_EFFORT)
    world.cut_links(both=False, sender=ALPHA)
    world.run(60)
    return wrong(world, "alpha")


@story
def replayed_datagrams_keep_nobody_alive() -> list[str]:
    """After a crash somebody replays the newest datagram every second."""
    world = running_pair()
    world.crash(ALPHA)
    for _ in range(12):
        world.run(1)
        world.replay(0, ALPHA)
    return wrong(world, "beta")


@story
def heal_after_a_dual_split() -> list[str]:
    """What best-effort cannot know: after the heal exactly the lower epoch yields."""
    world = running_pair(Classes.BEST_EFFORT)
    world.cut_links()
    world.service_lan = False
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
    world.cut_ping(ALPHA)
    world.run(10)
    return wrong(world, "beta")


@story
def both_lose_the_ping_node() -> list[str]:
    """Equal views move nothing."""
    world = running_pair(BOTH)
    world.ping_up = False
    world.run(60)
    return wrong(world, "alpha")


@story
def fast_pair_crash() -> list[str]:
    """Deadtime 300 ms works as 10 s does."""
    world = running_pair(timing=FAST)
    world.crash(ALPHA)
    world.run(0.31)
    return wrong(world, "beta")
