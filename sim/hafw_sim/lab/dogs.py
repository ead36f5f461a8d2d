"""The watchdogs of a lab's nodes: a machine whose agent does not pet its own in time goes off.

Rule: a watchdog knows nothing but the clock and the bytes that it gets: a byte pets, `V` disarms.
It stands for a device of the kernel, which this kind of lab has none of: what it shows is when an
agent pets, not that hardware works.
"""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from hafw.net.clock import boot_ns
from hafw.net.watchdog import DISARM
from hafw_sim.lab.connection import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw_sim.lab.lab import Lab

LOOK_S: Final = 0.01


class Dogs:
    """One watchdog per node, each a Unix socket; a thread of its owner's counts.

    `strikes`: whom they switched off; `disarmed`: by whom they were, each time. `asleep`: they
    count, and do not strike.
    """

    def __init__(self, lab: Lab, sockets: Mapping[str, Path], timeout_ns: int) -> None:
        """None is armed."""
        self._lab = lab
        self._sockets = sockets
        self._timeout_ns = timeout_ns
        self._petted_ns: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="watchdogs", daemon=True)
        self.strikes: list[str] = []
        self.disarmed: list[str] = []
        self.asleep = False

    @property
    def armed(self) -> set[str]:
        """The nodes that will go off unless their agents go on petting."""
        return set(self._petted_ns)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._selector = selectors.DefaultSelector()
        for name, path in self._sockets.items():
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(path))
            listener.listen()
            self._selector.register(listener, selectors.EVENT_READ, (name, True))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            self._close(key.fileobj)
        self._selector.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(LOOK_S):
                name, listens = key.data
                assert isinstance(key.fileobj, socket.socket)
                if listens:
                    connection, _ = key.fileobj.accept()
                    self._selector.register(connection, selectors.EVENT_READ, (name, False))
                else:
                    self._hear(name, key.fileobj)
            self._strike()

    def _hear(self, name: str, connection: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = connection.recv(1024)
        if data.endswith(DISARM):
            self._petted_ns.pop(name, None)
            self.disarmed.append(name)
        elif data:
            self._petted_ns[name] = boot_ns()
        else:
            self._close(connection)

    def _strike(self) -> None:
        if self.asleep:
            return
        for name, petted_ns in list(self._petted_ns.items()):
            if boot_ns() - petted_ns >= self._timeout_ns:
                del self._petted_ns[name]
                self.strikes.append(name)
                with suppress(LabError):  # it is off already
                    self._lab.node(name).crash()

    def _close(self, connection: object) -> None:
        assert isinstance(connection, socket.socket)
        self._selector.unregister(connection)
        connection.close()
