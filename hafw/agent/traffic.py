"""The datagrams of this node: its links and ping nodes, and the codec between them and the engine.

One rule: what is not an authentic datagram of the peer changes a counter and nothing else.
"""

from __future__ import annotations

import select
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from hafw.agent.links import LinkSocket
from hafw.agent.mac import prepared_mac
from hafw.agent.pings import PingNode
from hafw.core.model import REFLECTED_PATH, Beat, BeatHeard, EchoAnswered
from hafw.core.wire import Codec, DroppedError, Key

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from _typeshed import HasFileno

    from hafw.config import Cluster
    from hafw.core.settings import Settings


class PortInUse(OSError):
    """Another program has the port of a heartbeat link; the message says which."""


class Traffic:
    """All sockets that heartbeats and echoes use."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        keys: tuple[Key, ...],
        incarnation: int,
        hear: Callable[[BeatHeard | EchoAnswered], None],
    ) -> None:
        """Nothing is open yet. `hear` is given what the peer and the ping nodes say."""
        self._settings = settings
        self._incarnation = incarnation
        self._hear = hear
        self._codec = _codec(settings, keys)
        node = settings.node
        self.links = [
            LinkSocket(link.ends[node], link.ends[1 - node], cluster.port) for link in cluster.links
        ]
        self.pings = [PingNode(each, cluster.links, node) for each in cluster.ping.addresses]
        self._port = cluster.port
        self._dropped: Counter[str] = Counter()
        self._sockets = select.poll()
        self._readers: dict[int, Callable[[], None]] = {}

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open what can be opened. Raises PortInUse: two agents must not share a link."""
        for number, link in enumerate(self.links):
            link.on_open = lambda opened, n=number: self._listen(loop, opened, self._read_link, n)  # type: ignore[misc]
            link.on_close = lambda closing: self._forget(loop, closing)
            link.open()
            if link.port_in_use:
                self.close()
                raise PortInUse(
                    f"UDP port {self._port} of {link.own.address} is used by another program: a "
                    "second agent of this node? Stop it, or name another port in the cluster file"
                )
        for number, ping in enumerate(self.pings):
            ping.on_open = lambda opened, n=number: self._listen(loop, opened, self._read_ping, n)  # type: ignore[misc]
            ping.on_close = lambda closing: self._forget(loop, closing)
            ping.open()

    def close(self) -> None:
        """Close everything."""
        for link in self.links:
            link.close()
        for ping in self.pings:
            ping.close()

    def rekey(self, keys: tuple[Key, ...]) -> None:
        """From now on the first of these keys signs, and all verify."""
        self._codec = _codec(self._settings, keys)

    def dropped(self) -> dict[str, int]:
        """How many datagrams were dropped, by reason."""
        foreign = sum(link.foreign for link in self.links)
        return dict(self._dropped + Counter({"foreign sender": foreign}))

    # --- in -----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Read everything that waits."""
        for descriptor, _ in self._sockets.poll(0):
            reader = self._readers.get(descriptor)
            if reader is not None:  # else it was closed by what another one brought
                reader()

    def _read_link(self, number: int) -> None:
        for data in self.links[number].receive():
            self._take(data, number)

    def _read_ping(self, number: int) -> None:
        for data in self.pings[number].receive():
            self._take(data, REFLECTED_PATH, number)

    def _listen(
        self,
        loop: asyncio.AbstractEventLoop,
        opened: HasFileno,
        read: Callable[[int], None],
        number: int,
    ) -> None:
        loop.add_reader(opened, read, number)
        self._sockets.register(opened, select.POLLIN)
        self._readers[opened.fileno()] = partial(read, number)

    def _forget(self, loop: asyncio.AbstractEventLoop, closing: HasFileno) -> None:
        loop.remove_reader(closing)
        self._sockets.unregister(closing)
        del self._readers[closing.fileno()]

    def _take(self, data: bytes, path: int, ping: int = 0) -> None:
        try:
            message = self._codec.decode(data, path)
        except DroppedError as dropped:
            self._dropped[dropped.why] += 1
            return
        if isinstance(message, Beat):
            self._hear(BeatHeard(path, message))
        elif message.incarnation == self._incarnation:
            self._hear(EchoAnswered(ping, message.n))
        else:
            self._dropped["echo of an earlier start"] += 1

    # --- out ----------------------------------------------------------------------------------

    def send(self, path: int, beat: Beat) -> None:
        """Send a beat by a link, or to the peer by way of the ping node that reflects."""
        data = self._codec.encode(beat, path)
        if path == REFLECTED_PATH:
            self.pings[0].reflect(data, beat.n)
        else:
            self.links[path].send(data)

    def echo(self, ping: int, beat: Beat) -> None:
        """Ask a ping node to answer us, with a packet as long as that beat."""
        self.pings[ping].echo(self._codec.encode_echo(beat, REFLECTED_PATH), beat.n)


def _codec(settings: Settings, keys: tuple[Key, ...]) -> Codec:
    mac = prepared_mac([key.secret for key in keys])
    return Codec(settings.cluster_id, settings.node, keys, mac)
