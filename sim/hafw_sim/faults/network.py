"""Faults of the network: each way between nodes and ping node by itself, and its packets.

One rule: a way is named by who sends on it, or (from_ping) receives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hafw.core.model import REFLECTED_PATH
from hafw.core.settings import SECOND
from hafw_sim.faults.vocabulary import NUMBERS, Node, fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.world import Way


LinkName = Literal["link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7"]
WayName = Literal[LinkName, "to_ping", "from_ping"]


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
