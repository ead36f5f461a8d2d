"""Stories of certificates: stale words, doubtful operations, torn state."""

from __future__ import annotations

from functools import partial

from hafw.core.effects import Effect, StartOp
from hafw.core.model import REFLECTED_PATH, ForeignAnnounced, GateFailed, OpKind, Outcome, Verb
from hafw.core.settings import MS, SECOND, Classes
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories import story, wrong


@story
def offer_that_arrives_much_too_late() -> list[str]:
    """Alpha offers, is not heard, takes it again by silence; then the old offer arrives."""
    world = running_pair(Classes.BEST_EFFORT, links=1)
    world.weather.op_ns = (SECOND, SECOND)
    world.ask(ALPHA, Verb.STANDBY)
    world.run(0.5)  # agreed, and stopping
    offering = world.net.links[0, ALPHA]
    world.net.hold(offering)
    world.net.links[0, BETA].cut = True
    world.net.cut_ping(BETA)
    world.run(1)
    offer, offering.held, offering.cut = offering.held, None, True
    world.run(25)
    problems = wrong(world, "alpha")
    world.net.mend_ping(BETA)
    world.run(5)
    offering.held = offer
    world.net.deliver_held(offering)
    world.run(5)
    return problems + wrong(world, "alpha")


@story
def offer_is_taken_and_let_go_before_its_maker_knows() -> list[str]:
    """Beta takes what alpha offers, and must stop at once; to alpha the offer still stands."""
    world = running_pair(Classes.BEST_EFFORT, links=1)
    world.ask(ALPHA, Verb.STANDBY)
    alpha = world.engine(ALPHA)
    while not alpha.groups[1].offer_no:
        world.run(0.000_1)
        assert world.now_ns < 5 * SECOND, "alpha never offered it"
    world.net.links[0, BETA].cut = True
    world.run(0.02)
    world.feed(world.nodes[BETA], GateFailed(1, "simulated: no space left"))
    world.run(0.1)
    world.net.links[0, BETA].cut = False  # alpha hears of the epoch, and its offer still stands
    world.run(3)
    taken = sum(note.name == "certificate.used" for _, note in world.nodes[BETA].notes)
    found = list(world.violations)
    return found + ([] if taken == 1 else [f"beta took it {taken} times"])


@story
def an_offer_that_is_given_back_is_not_taken() -> list[str]:
    """Alpha starts again while beta's offer stands, and gives the group back to whose it was."""
    problems: list[str] = []
    for why in ("maintenance", "notice"):
        world = running_pair()
        world.ask(BETA, Verb.TAKEOVER)
        world.run(1)
        if why == "maintenance":
            world.ask(ALPHA, Verb.MAINTENANCE_ON)
            world.run(1)
        world.ask(BETA, Verb.STANDBY)
        beta = world.engine(BETA)
        while not beta.groups[1].offer_no:
            world.run(0.000_1)
            assert world.now_ns < 5 * SECOND, "beta never offered it"
        world.kill_agent(ALPHA, landed=True)
        if why == "notice":
            world.announce(ALPHA, "the instance will be stopped")
        world.boot(ALPHA)
        world.run(30)
        problems += wrong(world, "beta")
    return problems


@story
def an_offer_that_was_given_back_is_not_taken_later() -> list[str]:
    """Alpha could not run it, and gave it back; then it could, and did not hear who took it."""
    world = running_pair(links=1)
    alpha, beta = world.engine(ALPHA), world.engine(BETA)
    world.ask(BETA, Verb.TAKEOVER)
    world.run(20)  # nothing is left of the offer by which it got it
    world.ask(BETA, Verb.STANDBY)
    while beta.groups[1].state is not State.STOPPING:
        world.run(0.000_1)
        assert world.now_ns < 25 * SECOND, "beta never stopped it"
    world.workers.prepare(world.nodes[ALPHA], 1, works=False)
    while not alpha.groups[1].offer_no:
        world.run(0.000_1)
        assert world.now_ns < 25 * SECOND, "alpha never gave it back"
    world.net.links[0, BETA].cut = True
    world.net.cut_ping(BETA)
    world.workers.prepare(world.nodes[ALPHA], 1, works=True)
    world.run(0.5)
    return wrong(world, "beta")


@story
def reflected_beat_that_was_held_up_for_a_minute() -> list[str]:
    """The ping node reflects no longer; what it reflected long ago arrives, then all links die."""
    world = running_pair()
    world.net.to_ping[ALPHA].loss = 1.0
    world.run(1)  # the last reflected beat of alpha, which is held up somewhere
    world.net.ping_reflects = False
    world.net.to_ping[ALPHA].loss = 0.0
    world.run(60)
    world.net.replay(REFLECTED_PATH, ALPHA)
    world.run(2)
    world.net.cut_links()
    world.run(60)
    return wrong(world, "alpha")


@story
def switchover_over_a_slow_network() -> list[str]:
    """Whoever offered it does not take it back before the other can have answered."""
    world = running_pair()
    world.weather.delay_ns = (20 * MS, 30 * MS)
    world.ask(ALPHA, Verb.STANDBY)
    world.run(2)
    return wrong(world, "beta")


@story
def switchover_with_a_slow_stop() -> list[str]:
    """The other starts only after the stop is confirmed."""
    world = running_pair()
    world.weather.op_ns = (2 * SECOND, 3 * SECOND)
    request = world.ask(BETA, Verb.TAKEOVER)
    world.run(20)
    answer = world.nodes[BETA].answers.get(request)
    refused = [] if answer is not None and answer.code == 0 else [f"takeover ended with {answer}"]
    return wrong(world, "beta") + refused


@story
def stop_in_doubt_is_no_release() -> list[str]:
    """Stops end UNKNOWN: nothing is released until one is confirmed."""
    world = running_pair()
    world.weather.op_lost = 1.0
    world.ask(BETA, Verb.TAKEOVER)
    world.run(5)
    problems = wrong(world, None)
    world.weather.op_lost = 0.0
    world.run(20)
    return problems + wrong(world, "beta")


@story
def start_in_flight_when_the_right_ends() -> list[str]:
    """A start that lands after the group was let go is undone before anything is released."""
    world = running_pair()
    world.weather.op_ns = (6 * SECOND, 6 * SECOND)
    world.ask(BETA, Verb.TAKEOVER)
    world.run(8)  # beta's start is in flight now
    world.ask(ALPHA, Verb.TAKEOVER)
    world.net.cut_links()
    world.net.cut_ping(BETA)
    world.run(40)
    world.weather.op_ns = (MS, MS)
    world.heal()
    world.run(60)
    beta = world.nodes[BETA]
    left = [f"left on beta: {beta.addresses}"] if beta.addresses else []
    return wrong(world, "alpha") + left if world.owner(1) == "alpha" else wrong(world, "beta")


@story
def failed_start_rolls_back_and_goes_to_the_peer() -> list[str]:
    """A start that fails is stopped again, and the other node gets its chance."""
    world = running_pair()
    world.nodes[BETA].fates[OpKind.START] = Outcome.FAILED_NO_EFFECT, False
    world.ask(BETA, Verb.TAKEOVER)
    world.run(5)
    return wrong(world, "alpha")


@story
def start_in_doubt_is_no_start() -> list[str]:
    """UNKNOWN is resolved by stopping, never taken for success."""
    world = running_pair()
    world.nodes[BETA].fates[OpKind.START] = Outcome.UNKNOWN, True
    world.ask(BETA, Verb.TAKEOVER)
    world.run(5)
    return wrong(world, "alpha")


@story
def nothing_is_acquired_with_a_full_disk() -> list[str]:
    """The next epoch cannot be made durable: no start. The holder goes on."""
    world = running_pair()
    world.weather.disk_full = True
    world.run(30)
    problems = wrong(world, "alpha")
    world.crash(ALPHA)
    world.run(30)
    problems += wrong(world, None)
    world.weather.disk_full = False
    world.run(5)
    return problems + wrong(world, "beta")


@story
def epoch_is_durable_before_the_start() -> list[str]:
    """A slow disk delays the start, not the order of things."""
    world = running_pair()
    world.weather.fsync_ns = (20 * SECOND, 20 * SECOND)
    world.crash(ALPHA)
    world.run(15)
    problems = wrong(world, None)
    world.run(20)
    return problems + wrong(world, "beta")


@story
def epochs_rise_and_are_never_shared() -> list[str]:
    """Every change of owner has a new epoch, whatever is lost in between."""
    world = running_pair(groups=2)
    seen: dict[int, list[tuple[int, str]]] = {1: [], 2: []}
    for round_number in range(6):
        victim = (ALPHA, BETA)[round_number % 2]
        world.crash(victim)
        world.run(14)
        world.boot(victim)
        world.run(5)
        for node in world.nodes:
            assert node.engine is not None
            for group in node.engine.groups.values():
                if group.held_epoch:
                    seen[group.id].append((group.held_epoch, node.name))
    problems = []
    for group_id, held in seen.items():
        owners: dict[int, set[str]] = {}
        for epoch, name in held:
            owners.setdefault(epoch, set()).add(name)
        problems += [
            f"group {group_id}: epoch {epoch} was held by {sorted(names)}"
            for epoch, names in owners.items()
            if len(names) > 1
        ]
    return problems


@story
def address_removed_by_another_program() -> list[str]:
    """It is put back at once."""
    world = running_pair()
    world.steal_address(ALPHA, 1)
    world.run(1)
    return wrong(world, "alpha")


@story
def ended_operation_of_another_name_changes_nothing() -> list[str]:
    """A late reply to an operation that is no longer awaited is ignored."""
    world = running_pair()
    world.weather.op_ns = (3 * SECOND, 3 * SECOND)
    world.ask(BETA, Verb.TAKEOVER)
    world.run(1)
    world.forge_success(ALPHA)
    world.run(0.1)
    engine = world.engine(ALPHA)
    early = [] if engine.groups[1].held else ["alpha believed an answer to another question"]
    world.run(20)
    return early + wrong(world, "beta")


@story
def without_protection_nothing_expires() -> list[str]:
    """No class: the holder's right does not end by a clock."""
    world = running_pair(Classes.NONE)
    world.net.cut_links()
    world.net.ping_up = False
    world.run(120)
    return wrong(world, "alpha")


@story
def owner_and_rival_do_not_fill_the_network() -> list[str]:
    """A rival answers each announcement of the owner, which contradicts at once, then patiently."""
    world = running_pair()
    world.run(10)
    announced: list[int] = []
    endless, allowed = 1_000, 30
    alpha = world.nodes[ALPHA]

    def rival() -> None:
        if len(announced) < endless:
            world.feed(alpha, ForeignAnnounced(1, "02:00:00:00:00:99"))

    def count(_node: object, _event: object, _now: object, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartOp) and effect.op.kind is OpKind.ANNOUNCE:
                announced.append(world.now_ns)
                world.clockwork.after(MS, partial(rival))

    world.taps.append(count)
    began_ns = world.now_ns
    rival()
    world.run(1)
    world.taps.remove(count)
    problems = [] if announced and announced[0] == began_ns else ["not contradicted at once"]
    if len(announced) > allowed:
        problems.append(f"{len(announced)} announcements in a second")
    return problems
