"""Stories of leases: the store watched, claimed, renewed, lost, and what outlives a lost reply."""

from __future__ import annotations

from hafw.core.model import LeaseOutcome, LeaseReading, LeaseTold, OpId, Verb
from hafw.core.settings import MS, SECOND, Classes
from hafw_sim.pairs import ALPHA, BETA, isolate, leased_pair, running_pair, settings_pair
from hafw_sim.stories import story, wrong
from hafw_sim.world import World

TTL_S = 20.0
LONE_S = 40
"""A node that is not preferred gives the other one a deadtime more than initdead to appear."""


@story
def leased_owner_crashes() -> list[str]:
    """The standby waits for W from the first reading in the silence, and no longer."""
    world = leased_pair()
    world.crash(ALPHA)
    world.run(TTL_S)
    problems = wrong(world, None)
    world.run(3)
    return problems + wrong(world, "beta")


@story
def links_cut_while_both_reach_the_store() -> list[str]:
    """The owner renews, so nothing moves."""
    world = leased_pair()
    world.net.cut_links()
    world.run(300)
    return wrong(world, "alpha")


@story
def owner_loses_peer_and_store() -> list[str]:
    """It is shut before W has passed for the other, who takes over then."""
    world = leased_pair()
    isolate(world, ALPHA)
    world.run(60)
    return wrong(world, "beta")


@story
def frozen_owner_loses_its_lease() -> list[str]:
    """A frozen agent renews nothing; the kernel shuts the gate before the lease can be had."""
    world = leased_pair()
    world.freeze(ALPHA)
    world.run(60)
    world.thaw(ALPHA)
    world.run(5)
    return wrong(world, "beta")


@story
def lease_moves_with_a_switchover() -> list[str]:
    """The new owner writes the lease soon, and needs no store to begin."""
    world = leased_pair()
    world.ask(ALPHA, Verb.STANDBY)
    world.run(0.1)
    problems = wrong(world, "beta")
    world.run(10)
    world.net.cut_links()
    world.nodes[ALPHA].store_cut = True
    world.run(120)
    return problems + wrong(world, "beta")


@story
def released_lease_is_taken_without_a_wait() -> list[str]:
    """Alpha stops for good while beta is off; beta then boots alone, and finds the lease free."""
    world = leased_pair(lease_ttl_ns=120 * SECOND)
    world.crash(BETA)
    world.run(30)
    world.ask(ALPHA, Verb.STOP)
    world.run(20)
    world.boot(BETA)
    world.run(LONE_S + 1)
    return wrong(world, "beta")


@story
def lone_boot_waits_for_the_lease() -> list[str]:
    """Both are off, alpha held it: beta boots alone, and waits for W before it takes over."""
    world = leased_pair(lease_ttl_ns=120 * SECOND)
    world.crash(ALPHA)
    world.crash(BETA)
    world.run(1)
    world.boot(BETA)
    world.run(119)
    problems = wrong(world, None)
    world.run(3)
    return problems + wrong(world, "beta")


@story
def both_boot_apart() -> list[str]:
    """Both nodes boot with all links cut: the store makes one of them the owner."""
    world = leased_pair()
    world.crash(ALPHA)
    world.crash(BETA)
    world.net.cut_links()
    world.run(1)
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(120)
    owner = world.owner(1)
    return wrong(world, owner if owner in ("alpha", "beta") else "one of them")


@story
def reply_to_the_claim_is_lost() -> list[str]:
    """The claim was written, nobody said so: a reading shows it, and it counts from its sending."""
    world = leased_pair()
    world.crash(ALPHA)
    world.run(19)
    world.weather.store_unanswered = 1.0
    world.run(6)
    problems = wrong(world, None)
    world.weather.store_unanswered = 0.0
    world.run(6)
    return problems + wrong(world, "beta")


@story
def replies_to_all_swaps_are_lost() -> list[str]:
    """With the links cut as well: what a reading shows is as good as a reply."""
    world = leased_pair()
    world.weather.store_unanswered = 1.0
    world.net.cut_links()
    world.run(600)
    return wrong(world, "alpha")


@story
def renewal_that_is_answered_late() -> list[str]:
    """It counts from its sending, not from the answer."""
    world = leased_pair()
    engine = world.engine(ALPHA)
    lease = engine.groups[1].lease
    assert lease is not None
    world.net.cut_links()
    world.run_until(
        world.nodes[ALPHA].world_ns(lease.renewed_ns + engine.settings.renew_ns) + MS // 4
    )
    sent_ns = lease.ordered_ns
    world.weather.store_ns = (3 * SECOND, 3 * SECOND)
    world.run(3.5)
    late = lease.renewed_ns > sent_ns
    return wrong(world, "alpha") + (["it counts from its answer"] if late else [])


@story
def frozen_within_the_last_renewal_of_a_gate() -> list[str]:
    """The worst: the standby reads just after a renewal, and the gate shuts as late as it can.

    The owner loses the store at that reading, and its agent is stopped between reckoning what is
    left and the system call, until just before the gate would have shut. Some phase is the worst.
    """
    problems: list[str] = []
    for phase in range(0, 4_000, 400):
        world = leased_pair()
        world.run(phase / 1_000)
        owner = world.nodes[ALPHA]
        engine = owner.engine
        assert engine is not None
        world.net.cut_links()
        world.run(1.55)  # the first missed beat, and the reading that follows it
        owner.store_cut = True
        right_ns = owner.world_ns(engine.groups[1].right_ns(engine))
        world.run_until(right_ns - owner.settings.hold_ns - owner.settings.beat_ns // 2)
        world.freeze_within(ALPHA, "renewal")
        world.run(1.2)
        if owner.frozen:
            world.run_until(owner.gate_ns[1] - 5 * MS)
            world.thaw(ALPHA, briefly=True)
        world.run(30)
        problems += wrong(world, "beta")
    return problems


@story
def answer_to_another_request() -> list[str]:
    """A good answer that nobody waits for must not renew a lease that nobody could renew."""
    world = leased_pair()
    owner = world.nodes[ALPHA]
    engine = owner.engine
    assert engine is not None
    lease = engine.groups[1].lease
    assert lease is not None
    world.run_until(owner.world_ns(lease.renewed_ns + owner.settings.renew_ns) + 20 * MS)
    isolate(world, ALPHA)
    for _ in range(120):  # the store is busy and says so: no request is in doubt
        world.run(0.1)
        if lease.op is not None:
            busy = LeaseTold(lease.op.id, LeaseOutcome.FAILED_NO_EFFECT, None, "try again")
            world.feed(owner, busy)
    while lease.new is None and world.now_ns < 60 * SECOND:
        world.run(0.1)
    foreign = OpId(ALPHA, engine.incarnation, 0, 0)
    reading = LeaseReading(lease.new, "forged")
    world.feed(owner, LeaseTold(foreign, LeaseOutcome.OK, reading, ""))
    world.run(60)
    return wrong(world, "beta")


@story
def owner_whose_file_knows_no_lease() -> list[str]:
    """Nothing binds alpha to the lease, and it says so: beta must not take by it."""
    with_lease = settings_pair(Classes.LEASED, pings=0)
    without = settings_pair(Classes.NONE, pings=0)
    world = World((without[ALPHA], with_lease[BETA]))
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(30)
    world.net.cut_links()
    world.run(120)
    return wrong(world, "alpha")


@story
def owner_that_was_given_up_is_told_by_the_store() -> list[str]:
    """A machine is paused unseen, the other takes the lease: the next renewal is refused."""
    world = leased_pair()
    world.pause(ALPHA, 60, shows=False)
    world.net.cut_links()
    world.run(50)
    problems = wrong(world, "beta", never_both=False)
    world.run(60)
    if world.both_ms() > world.nodes[ALPHA].settings.renew_ns / MS + 100:
        problems.append(f"both nodes answered for {world.both_ms():.0f} ms")
    return problems + wrong(world, "beta", never_both=False)


@story
def renewal_of_a_lost_hold_is_no_claim() -> list[str]:
    """The same, but it had renewed in that silence: under an epoch that is of no use any more."""
    world = leased_pair()
    world.net.cut_links()
    world.run(15)
    world.pause(ALPHA, 60, shows=False)
    world.run(110)
    problems = wrong(world, "beta", never_both=False)
    if world.both_ms() > world.nodes[ALPHA].settings.renew_ns / MS + 100:
        problems.append(f"both nodes answered for {world.both_ms():.0f} ms")
    return problems


@story
def person_errs_about_a_node_that_renews() -> list[str]:
    """All links are cut; somebody says that alpha is off, but its lease says that it is not."""
    world = leased_pair()
    world.net.cut_links()
    world.run(15)
    request = world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha", reason="it burns")
    world.run(15)
    answer = world.nodes[BETA].answers.get(request)
    refused = answer is not None and answer.code == 5  # noqa: PLR2004 - refused for safety
    return wrong(world, "alpha") + ([] if refused else [f"it was answered with {answer}"])


@story
def person_is_right_about_a_node_that_is_off() -> list[str]:
    """The word of a person spares the wait for W, but not the lease itself."""
    world = leased_pair()
    world.crash(ALPHA)
    world.run(12)
    world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha", reason="it burns")
    world.run(3)
    return wrong(world, "beta")


@story
def lease_and_reflection_bind_together() -> list[str]:
    """The owner reaches the store, but neither peer nor ping node: it obeys the earlier end."""
    world = running_pair(Classes.LEASED | Classes.REFLECTED)
    world.run(30)
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.run(30)
    return wrong(world, "beta")


@story
def reflection_proves_but_the_lease_is_needed() -> list[str]:
    """The other side of it: whoever takes by reflection needs the lease as well to go on."""
    world = running_pair(Classes.LEASED | Classes.REFLECTED)
    world.run(30)
    world.nodes[BETA].store_cut = True
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.run(40)
    return wrong(world, None)


@story
def claim_that_is_given_up_is_given_back() -> list[str]:
    """Beta claims, and hears alpha before it has begun: the lease must not stay with beta."""
    world = leased_pair()
    isolate(world, ALPHA)
    world.run(21.3)
    world.weather.store_ns = (100 * MS, 100 * MS)
    world.net.mend_links()
    world.run(5)
    world.nodes[ALPHA].store_cut = False
    world.run(30)
    record = world.store.holder(1)
    owner = world.owner(1)
    names = {0: "alpha", 1: "beta"}
    holder = names.get(record.holder) if record is not None and record.holder is not None else None
    return wrong(world, owner or "somebody") + (
        [] if holder == owner else [f"the lease is {holder}'s, the address {owner}'s"]
    )
