"""The network of a world: links, and a ping node that answers and may reflect.

One rule: a datagram is bytes here, made and read by the agent's own codec; what is lost, late,
doubled or damaged is decided per way and per packet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.core.model import REFLECTED_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.settings import Settings
    from hafw_sim.world.clockwork import Clockwork
    from hafw_sim.world.weather import Weather

KEPT: Final = 256
"""Sent datagrams that are kept per way, to be replayed."""


@dataclass(slots=True)
class Way:
    """One direction of one way: a link, or a machine's way to or from the ping node.

    `held`: what is sent is kept, to be delivered later. `burst`: chances per packet to fall into a
    burst of loss, and to come out of it again (Gilbert and Elliott's model).
    """

    cut: bool = False
    loss: float = 0.0
    burst: tuple[float, float] | None = None
    bursting: bool = False
    held: list[partial[None]] | None = None


class Network:
    """Every way between two machines, and the ping node."""

    def __init__(self, clockwork: Clockwork, weather: Weather, settings: Settings) -> None:
        """All ways are open."""
        self._clockwork = clockwork
        self._weather = weather
        self.deliver: Callable[[int, int, bytes], None] = lambda *_: None
        self.answer: Callable[[int, int, int], None] = lambda *_: None
        self.links = {(i, sender): Way() for i in range(settings.links) for sender in (0, 1)}
        self.to_ping = (Way(), Way())
        self.from_ping = (Way(), Way())
        self.ping_up = True
        self.ping_reflects = settings.reflect
        self.service_lan = True
        self.doomed: set[tuple[int, str]] = set()
        self.sent: dict[tuple[int, int], deque[bytes]] = {}

    @property
    def ways(self) -> tuple[Way, ...]:
        """Every way."""
        return (*self.links.values(), *self.to_ping, *self.from_ping)

    def send(self, sender: int, path: int, data: bytes) -> None:
        """A machine sends a datagram by a link, or has it reflected."""
        receiver = 1 - sender
        if path == REFLECTED_PATH:
            if not (self.ping_up and self.ping_reflects):
                return
            hops: tuple[Way, ...] = (self.to_ping[sender], self.from_ping[receiver])
            kind = "reflected"
        else:
            hops, kind = (self.links[path, sender],), f"link{path}"
        kept = self.sent.get((path, sender))
        if kept is None:
            kept = self.sent[path, sender] = deque(maxlen=KEPT)
        kept.append(data)
        if not self._is_doomed(sender, kind):
            self._carry(hops, partial(self._arrive, receiver, path, data))

    def echo(self, sender: int, ping: int, n: int) -> None:
        """A machine sends its own echo `n` to a ping node."""
        if self.ping_up and not self._is_doomed(sender, "echo"):
            hops = (self.to_ping[sender], self.from_ping[sender])
            self._carry(hops, partial(self.answer, sender, ping, n))

    def _is_doomed(self, sender: int, kind: str) -> bool:
        if (sender, kind) not in self.doomed:
            return False
        self.doomed.discard((sender, kind))
        return True

    def _carry(self, hops: tuple[Way, ...], arrive: partial[None]) -> None:
        weather, clockwork = self._weather, self._clockwork
        for hop in hops:
            if hop.held is not None:
                hop.held.append(arrive)
                return
            if hop.cut or self._lost(hop):
                return
        copies = 1
        if weather.duplicate and clockwork.chance("duplicate").random() < weather.duplicate:
            copies = 2
        for _ in range(copies):
            clockwork.after(clockwork.between("delay", weather.delay_ns), arrive)

    def _lost(self, way: Way) -> bool:
        loss = self._weather.loss + way.loss
        if way.burst is not None:
            begins, ends = way.burst
            chance = self._clockwork.chance("burst").random()
            way.bursting = chance >= ends if way.bursting else chance < begins
            if way.bursting:
                return True
        return loss > 0 and self._clockwork.chance("loss").random() < loss

    def _arrive(self, receiver: int, path: int, data: bytes) -> None:
        corrupt = self._weather.corrupt
        if corrupt and self._clockwork.chance("corrupt").random() < corrupt:
            at = self._clockwork.chance("corrupt").randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        self.deliver(receiver, path, data)

    # --- faults -------------------------------------------------------------------------------

    def cut_links(self, *, both: bool = True, sender: int = 0) -> None:
        """Cut every link; with `both` False only what `sender` sends is lost."""
        for (_link, source), way in self.links.items():
            if both or source == sender:
                way.cut = True

    def mend_links(self) -> None:
        """No link is cut any more."""
        for way in self.links.values():
            way.cut = False

    def cut_ping(self, number: int) -> None:
        """A machine loses the ping node, both ways."""
        self.to_ping[number].cut = self.from_ping[number].cut = True

    def mend_ping(self, number: int) -> None:
        """A machine's way to and from the ping node works again."""
        self.to_ping[number].cut = self.from_ping[number].cut = False

    def lose_next(self, sender: int, kind: str) -> None:
        """What a machine sends next of a kind ("reflected", "echo", "link0", …) is lost."""
        self.doomed.add((sender, kind))

    def hold(self, way: Way) -> None:
        """From now on nothing that goes this way arrives, but it is kept."""
        way.held = []

    def deliver_held(self, way: Way) -> None:
        """What was held on this way arrives now, however old; the way stays as it otherwise is."""
        held, way.held = way.held or [], None
        for arrive in held:
            arrive()

    def replay(self, path: int, sender: int, age: int = 0) -> None:
        """A datagram of `sender` arrives once more: the newest, or one that many sends older."""
        kept = self.sent.get((path, sender))
        if kept and age < len(kept):
            self._arrive(1 - sender, path, kept[-1 - age])

    def heal(self) -> None:
        """Every way works again, and what was held is lost."""
        for way in self.ways:
            way.cut = way.bursting = False
            way.loss, way.burst, way.held = 0.0, None, None
        self.doomed.clear()
        self.service_lan = True
