"""Everything that can be done to a world, by name: faults, their ends, and operators' commands.

One rule: a fault that makes no sense at the moment (a crash of a machine that is off) does nothing,
so that any part of a schedule is a schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from hafw.core.model import (
    REFLECTED_PATH,
    ForeignAnnounced,
    GateFailed,
    OpKind,
    Outcome,
    Verb,
    What,
)
from hafw.core.settings import SECOND
from hafw_sim.file_faults import agree
from hafw_sim.vocabulary import FAULTS, NUMBERS, Node, Refused, check, fault, inflict
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.world import Machine, Way

LinkName = Literal["link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7"]
WayName = Literal[LinkName, "to_ping", "from_ping"]
Landed = Literal["yes", "no", "by chance"]
"""Whether what is under way when somebody dies has had its effect."""
OUTCOMES: Final = {
    "ok": Outcome.OK,
    "failed": Outcome.FAILED_NO_EFFECT,
    "unknown": Outcome.UNKNOWN,
}
_LANDED: Final = {"yes": True, "no": False, "by chance": None}


# --- machines -----------------------------------------------------------------------------------


@fault
def boot(world: World, node: Node) -> None:
    """Start the machine if it is off, and its agent."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is None and not machine.paused:
        world.boot(machine.number)


@fault
def kill(world: World, node: Node, landed: Landed = "by chance") -> None:
    """Kill the agent (-9); the machine goes on."""
    machine = world.nodes[NUMBERS[node]]
    if not machine.paused:
        world.kill_agent(machine.number, landed=_LANDED[landed])


@fault
def crash(world: World, node: Node, landed: Landed = "by chance") -> None:
    """The machine is gone at once."""
    world.crash(NUMBERS[node], landed=_LANDED[landed])


@fault
def freeze(world: World, node: Node) -> None:
    """Stop the agent's process."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not machine.paused:
        world.freeze(machine.number)


@fault
def freeze_within(world: World, node: Node, place: Literal["renewal", "opening"]) -> None:
    """Stop the agent's process inside its next renewal, or opening, of a gate."""
    if world.nodes[NUMBERS[node]].engine is not None:
        world.freeze_within(NUMBERS[node], place)


@fault
def thaw(world: World, node: Node) -> None:
    """Let the agent's process go on."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not machine.paused:
        world.thaw(machine.number)


@fault
def suspend(world: World, node: Node, seconds: float) -> None:
    """The whole machine sleeps; CLOCK_BOOTTIME tells it."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not machine.frozen:
        world.pause(machine.number, seconds, shows=True)


@fault
def pause(world: World, node: Node, seconds: float) -> None:
    """A hypervisor stops the whole machine; no clock of it tells."""
    world.pause(NUMBERS[node], seconds, shows=False)


@fault
def slow(world: World, node: Node, seconds: float) -> None:
    """From now on the agent attends to everything so much later."""
    world.nodes[NUMBERS[node]].slow_ns = int(seconds * SECOND)


@fault
def worker(world: World, node: Node, up: bool, landed: Landed = "by chance") -> None:  # noqa: FBT001 - a fault's argument
    """The worker dies, or is back."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and up:
        world.workers.find(machine)
    elif machine.engine is not None and machine.worker_up:
        world.workers.lose(machine, landed=_LANDED[landed])


@fault
def notice(world: World, node: Node, given: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The cloud announces that it will disturb the machine, or takes that back."""
    world.announce(NUMBERS[node], "it will be stopped" if given else "")


# --- network ------------------------------------------------------------------------------------


def ways(world: World, name: str, node: str) -> Iterator[Way]:
    """The way of that name, as far as `node` sends or (from_ping) receives on it."""
    number = NUMBERS[node]
    if name == "to_ping":
        yield world.net.to_ping[number]
    elif name == "from_ping":
        yield world.net.from_ping[number]
    elif (int(name[-1]), number) in world.net.links:
        yield world.net.links[int(name[-1]), number]


@fault
def cut(world: World, node: Node, way: WayName) -> None:
    """What `node` sends this way is lost (from_ping: what it would receive)."""
    for each in ways(world, way, node):
        each.cut = True


@fault
def mend(world: World, node: Node, way: WayName) -> None:
    """The end of `cut`."""
    for each in ways(world, way, node):
        each.cut = False


@fault
def cut_links(world: World) -> None:
    """All links, both ways."""
    world.net.cut_links()


@fault
def mend_links(world: World) -> None:
    """All links work again."""
    world.net.mend_links()


@fault
def cut_ping(world: World, node: Node) -> None:
    """The node loses the ping node, both ways."""
    world.net.cut_ping(NUMBERS[node])


@fault
def mend_ping(world: World, node: Node) -> None:
    """It reaches it again."""
    world.net.mend_ping(NUMBERS[node])


@fault
def ping_node(world: World, up: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The ping node dies, or is back."""
    world.net.ping_up = up


@fault
def reflection(world: World, works: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The ping node goes on to answer, but no longer reflects: it lies."""
    world.net.ping_reflects = works and world.nodes[0].settings.reflect


@fault
def service_lan(world: World, whole: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Whether a probe of an address can find its owner."""
    world.net.service_lan = whole


@fault
def lose(world: World, node: Node, way: WayName, share: float) -> None:
    """Lose this share of the packets, each by itself."""
    for each in ways(world, way, node):
        each.loss = share


@fault
def burst(world: World, node: Node, way: WayName, begins: float, ends: float) -> None:
    """Lose packets in bursts; the chances per packet that one begins, and ends (0, 0: no more)."""
    for each in ways(world, way, node):
        each.burst = (begins, ends) if begins else None
        each.bursting = False


@fault
def lose_next(world: World, node: Node, packet: Literal["reflected", "echo", LinkName]) -> None:
    """The next packet of this kind that `node` sends is lost."""
    world.net.lose_next(NUMBERS[node], packet)


@fault
def hold(world: World, node: Node, way: WayName) -> None:
    """Keep what is sent this way."""
    for each in ways(world, way, node):
        world.net.hold(each)


@fault
def deliver(world: World, node: Node, way: WayName) -> None:
    """What was kept arrives now."""
    for each in ways(world, way, node):
        world.net.deliver_held(each)


@fault
def replay(world: World, node: Node, path: int, age: int) -> None:
    """A datagram that `node` sent arrives again; path -1 is the reflected one."""
    number = NUMBERS[node]
    world.net.replay(REFLECTED_PATH if path < 0 else path, number, age)


@fault
def weather(  # noqa: PLR0913, PLR0917 - one argument per thing
    world: World,
    loss: float = 0.0,
    duplicate: float = 0.0,
    corrupt: float = 0.0,
    delay_from_s: float = 0.000_05,
    delay_to_s: float = 0.000_2,
) -> None:
    """How packets fare from now on, on every way."""
    own = world.weather
    own.loss, own.duplicate, own.corrupt = loss, duplicate, corrupt
    own.delay_ns = (int(delay_from_s * SECOND), int(delay_to_s * SECOND))


# --- the lease store ----------------------------------------------------------------------------


@fault
def store(world: World, up: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The lease store is down, or back with all that was written."""
    world.store.up = up


@fault
def reach_store(world: World, node: Node, works: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Whether the node reaches the lease store."""
    world.nodes[NUMBERS[node]].store_cut = not works


@fault
def store_weather(  # noqa: PLR0913, PLR0917 - one argument per thing
    world: World,
    lost: float = 0.0,
    unanswered: float = 0.0,
    late: float = 0.0,
    late_s: float = 0.0,
    to_s: float = 0.003,
) -> None:
    """How requests to the lease store fare: lost, swapped and not answered, done long after."""
    own = world.weather
    own.store_lost, own.store_unanswered, own.store_late = lost, unanswered, late
    own.store_late_ns = int(late_s * SECOND)
    own.store_ns = (int(to_s * SECOND) // 6, int(to_s * SECOND))


@fault
def store_forgets(world: World) -> None:
    """The store loses what was written: no engine withstands that, every checker must see it."""
    world.store.forget()


@fault
def store_shows_old(world: World, old: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Reads of the store show what stands there now, for good; swaps are compared truly."""
    world.store.show_old(old=old)


# --- fence devices ------------------------------------------------------------------------------


@fault
def reach_fence(world: World, node: Node, works: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Whether the node reaches the device that can switch the other one off."""
    world.nodes[NUMBERS[node]].fence_cut = not works


@fault
def fence_weather(
    world: World,
    failed: float = 0.0,
    hangs: float = 0.0,
    to_s: float = 0.5,
    back_s: float = 0.01,
) -> None:
    """How orders to fence devices fare: failed without effect, never answered, or heard of late."""
    own = world.weather
    own.fence_failed, own.fence_hangs = failed, hangs
    own.fence_ns = (int(to_s * SECOND) // 5, int(to_s * SECOND))
    own.fence_back_ns = (int(back_s * SECOND) // 10, int(back_s * SECOND))


@fault
def fence_lies(world: World, lies: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The devices say off and do nothing: no engine withstands that, every checker must see it."""
    world.weather.fence_lies = lies


# --- disks, operations, addresses ---------------------------------------------------------------


@fault
def disk(world: World, full: bool = False, fsync_s: float = 0.001) -> None:  # noqa: FBT001, FBT002 - a fault's argument
    """Disks are full, or slow."""
    world.weather.disk_full = full
    world.weather.fsync_ns = (int(fsync_s * SECOND) // 10, int(fsync_s * SECOND))


@fault
def lose_state(world: World, node: Node) -> None:
    """The state file is gone or torn."""
    world.disks.lose(world.nodes[NUMBERS[node]])


@fault
def roll_back_state(world: World, node: Node, writes: int) -> None:
    """The state file is an old one."""
    world.disks.roll_back(world.nodes[NUMBERS[node]], writes)


@fault
def operations(  # noqa: PLR0913, PLR0917 - one argument per thing
    world: World,
    failed: float = 0.0,
    unknown: float = 0.0,
    lost: float = 0.0,
    from_s: float = 0.000_5,
    to_s: float = 0.002,
) -> None:
    """How operations fare from now on."""
    own = world.weather
    own.op_failed, own.op_unknown, own.op_lost = failed, unknown, lost
    own.op_ns = (int(from_s * SECOND), int(to_s * SECOND))


@fault
def fate(
    world: World,
    node: Node,
    operation: Literal["start", "stop", "clean"],
    outcome: Literal["ok", "failed", "unknown"],
    lands: bool,  # noqa: FBT001 - a fault's argument
) -> None:
    """What is said of each such operation on `node` from now on, and whether it has its effect.

    Operations that are said to be ok, and have their effect, are as usual.
    """
    fates = world.nodes[NUMBERS[node]].fates
    if outcome == "ok" and lands:
        fates.pop(OpKind(operation), None)
    else:
        fates[OpKind(operation)] = (OUTCOMES[outcome], lands)


@fault
def steal_address(world: World, node: Node, group: int) -> None:
    """Another program removes the address."""
    if group in {each.id for each in world.nodes[NUMBERS[node]].settings.groups}:
        world.steal_address(NUMBERS[node], group)


@fault
def foreign_announcement(world: World, node: Node, group: int) -> None:
    """Somebody announces the address of a group on the wire."""
    machine = world.nodes[NUMBERS[node]]
    if group in {each.id for each in machine.settings.groups}:
        world.feed(machine, ForeignAnnounced(group, "02:00:00:00:00:99"))


@fault
def gate_fails(world: World, node: Node, group: int) -> None:
    """The kernel refuses to move a gate."""
    machine = world.nodes[NUMBERS[node]]
    if group in {each.id for each in machine.settings.groups}:
        world.feed(machine, GateFailed(group, "simulated: no space left"))


@fault
def service(world: World, node: Node, up: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The service interface of the node."""
    world.set_service(NUMBERS[node], up=up)


@fault
def operator(  # noqa: PLR0913, PLR0917 - what can be typed
    world: World,
    node: Node,
    verb: Literal["standby", "takeover", "failback", "release", "stop"],
    what: Literal["all", "local", "foreign", "failback"] = "all",
    force: bool = False,  # noqa: FBT001, FBT002 - a fault's argument
    vouches: bool = False,  # noqa: FBT001, FBT002 - a fault's argument
) -> None:
    """Somebody types a command; `vouches`: that the other node is off, true or not."""
    machine: Machine = world.nodes[NUMBERS[node]]
    if machine.engine is None:
        return
    more = {}
    if vouches:
        more = {"peer_is_off": world.nodes[1 - machine.number].name, "reason": "simulated"}
    world.ask(machine.number, Verb(verb), What(what), force=force or vouches, **more)


@fault
def maintenance(world: World, node: Node, on: bool, for_s: float = 0.0) -> None:  # noqa: FBT001 - a fault's argument
    """Somebody switches maintenance on, for so long (0: until it is switched off), or off."""
    machine: Machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None:
        verb = Verb.MAINTENANCE_ON if on else Verb.MAINTENANCE_OFF
        world.ask(machine.number, verb, for_ms=int(for_s * 1_000))


@fault
def make_whole(world: World) -> None:
    """Everything works again: network, disks, operations, machines, agents; one file on both."""
    world.heal()
    world.net.ping_up = True
    world.net.ping_reflects = world.nodes[0].settings.reflect
    weather(world)
    disk(world)
    operations(world)
    store(world, up=True)
    store_weather(world)
    store_shows_old(world, old=False)
    fence_weather(world)
    fence_lies(world, lies=False)
    for machine in world.nodes:
        machine.fates.clear()
        machine.store_cut = machine.fence_cut = False
        machine.slow_ns = 0
        machine.freeze_at = ""
        if machine.frozen and not machine.paused:
            world.thaw(machine.number)
        world.set_service(machine.number, up=True)
        if machine.engine is None and not machine.paused:
            world.boot(machine.number)
        elif machine.engine is not None:
            world.workers.find(machine)
    agree(world)


__all__ = ["FAULTS", "NUMBERS", "OUTCOMES", "Refused", "check", "inflict", "ways"]
