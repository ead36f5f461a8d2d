"""This node's guard: arms the watchdog, looks for a poison pill, and pets while there is none.

One rule: the watchdog is petted by the agent's own loop, and only after a look at the disk that
found no new pill (`hafw.pill` says why that proves something). Until the disk says that it is
armed, this node takes nothing.

The disk is read in a thread: one that hangs holds nobody up, and nobody pets meanwhile.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from hafw import pill
from hafw.hooks.errors import Misconfigured
from hafw.net import watchdog
from hafw.net.clock import boot_ns
from hafw.net.watchdog import WatchdogRefused
from hafw.pill import Verdict
from hafw.sectors import Damaged, Layout, Sectors

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hafw.config import Cluster
    from hafw.pill import Pill

T = TypeVar("T")
LOOKS_PER_TIMEOUT: Final = 5
"""So many looks may come late or fail, but one, before the watchdog strikes."""
_LAYOUT: Final = Layout(*pill.DISK)
RETRY_S: Final = 1.0
DISK_NS: Final = 5_000_000_000
"""A look that takes longer has failed."""
GOODBYE_S: Final = 1.0
"""What the last word on the disk may take."""
_TROUBLE: Final = (OSError, Damaged, Misconfigured, WatchdogRefused, ValueError)


class Guard:
    """The guard of one life of the agent. `trouble`: why this node may take nothing; or ''."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        cluster: Cluster,
        node: int,
        incarnation: int,
        loop: asyncio.AbstractEventLoop,
        *,
        on_armed: Callable[[], None],
        on_pill: Callable[[], None],
        note: Callable[[str, str], None],
    ) -> None:
        """Nothing is opened yet.

        `on_armed` and `on_pill` are called once, `note` to tell people.
        """
        dog, path = cluster.watchdogs[node], cluster.pill_disk(node)
        assert dog is not None
        assert path is not None
        self._device, self._timeout_ns = str(dog.device), dog.timeout_ns
        self._path, self._cluster_id = path, cluster.id.bytes
        self._slot = pill.slot_of(cluster.nodes[node], cluster.nodes[1 - node])
        self._incarnation = incarnation
        self._loop = loop
        self._on_armed = on_armed
        self._on_pill = on_pill
        self._note = note
        self._deadline_ns = 0
        self._disk: Sectors | None = None
        self._dog: watchdog.Watchdog | None = None
        self._guard = pill.Guard()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._at_the_disk = threading.Lock()
        self.trouble = "the watchdog is not armed yet"

    @property
    def armed(self) -> bool:
        """Whether the disk says that the watchdog is armed."""
        return self._dog is not None

    # --- arming -------------------------------------------------------------------------------

    def start(self) -> None:
        """Arm, and try again until that has worked."""
        self._in_thread(self._arm, self._armed)

    def _arm(self) -> None:
        """First the disk, so that one that is missing makes no machine go down at every boot."""
        disk = Sectors(self._path, self._cluster_id, _LAYOUT, self._expired)
        dog: watchdog.Watchdog | None = None
        try:
            disk.lock(pill.guard_unit(self._slot))
            found = self._pill(disk)
            dog = watchdog.arm(self._device, self._timeout_ns // 1_000_000_000)
            guard = self._say_armed(disk, found)
        except BaseException:
            disk.__exit__()
            if dog is not None:
                dog.close(disarm=True)
            raise
        self._disk, self._dog, self._guard = disk, dog, guard  # what is armed is closed by `close`

    def _say_armed(self, disk: Sectors, found: Pill) -> pill.Guard:
        guard = pill.armed(self._incarnation, self._timeout_ns // 1_000_000, found)
        disk.write(pill.guard_unit(self._slot), pill.encode_guard(guard))
        if self._closed:
            raise WatchdogRefused("the agent has ended meanwhile: nobody would pet it")
        return guard

    def _armed(self, result: Exception | None) -> None:
        if isinstance(result, Exception):
            self._troubled("guard.not_armed", f"this node takes nothing: {result}")
            self._later(RETRY_S, self.start)
            return
        self.trouble = ""
        self._note("guard.armed", f"{self._device} is armed, with {self._timeout_ns // 10**9} s")
        self._on_armed()
        self._look()

    # --- looks --------------------------------------------------------------------------------

    def _look(self) -> None:
        disk = self._disk
        assert disk is not None
        self._in_thread(lambda: self._pill(disk), self._looked)

    def _looked(self, found: Pill | Exception) -> None:
        if isinstance(found, Exception):
            text = f"the watchdog will switch this machine off: no look at the disk: {found}"
            self._troubled("guard.blind", text)
        elif pill.judge(self._guard, found) is Verdict.DIE:
            self._die(found)
            return
        else:
            self._pet()
        self._later(self._timeout_ns / 1e9 / LOOKS_PER_TIMEOUT, self._look)

    def _pet(self) -> None:
        assert self._dog is not None
        try:
            self._dog.pet()
        except OSError as problem:
            self._troubled("guard.blind", f"the watchdog cannot be petted: {problem}")
            return
        if self.trouble:
            self.trouble = ""
            self._note("guard.armed", "the disk of poison pills can be read again")

    def _die(self, found: Pill) -> None:
        """Never pet again, and say so on the disk: the other node need not wait for the rest."""
        self._troubled("guard.pill", f"{found.op} wants this machine off: its watchdog will do it")
        self._on_pill()
        disk, dying = self._disk, pill.dying(self._guard, found)
        assert disk is not None
        self._in_thread(
            lambda: disk.write(pill.guard_unit(self._slot), pill.encode_guard(dying)),
            lambda _: None,
        )

    # --- the end ------------------------------------------------------------------------------

    def close(self, *, disarm: bool) -> None:
        """End; unless `disarm`, something may be held, and the watchdog goes on counting."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        farewell = threading.Thread(target=self._farewell, args=(disarm,), daemon=True)
        farewell.start()
        farewell.join(GOODBYE_S)
        if self._dog is not None:
            self._dog.close(disarm=disarm)

    def _farewell(self, disarm: bool) -> None:  # noqa: FBT001 - the one argument of a thread
        """Close the disk; if the watchdog is disarmed, it proves nothing from now on."""
        with self._at_the_disk:
            if self._disk is None:
                return
            gone = pill.encode_guard(self._guard._replace(watchdog_ms=0))
            self._deadline_ns = boot_ns() + DISK_NS
            with self._disk as disk, suppress(*_TROUBLE):  # who holds nothing may well be shot
                if disarm:
                    disk.write(pill.guard_unit(self._slot), gone)

    # --- small parts --------------------------------------------------------------------------

    def _pill(self, disk: Sectors) -> Pill:
        return pill.decode_pill(disk.read(pill.pill_unit(self._slot)))

    def _expired(self) -> bool:
        return boot_ns() >= self._deadline_ns

    def _troubled(self, name: str, text: str) -> None:
        """Say it once, not at each look."""
        if self.trouble != text:
            self.trouble = text
            self._note(name, text)

    def _later(self, delay_s: float, what: Callable[[], None]) -> None:
        if not self._closed:
            self._timer = self._loop.call_later(delay_s, what)

    def _in_thread(self, work: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Do something slow elsewhere; `then` hears in the loop what came of it."""
        self._deadline_ns = boot_ns() + DISK_NS

        def run() -> None:
            result: T | Exception
            with self._at_the_disk:
                try:
                    result = work()
                except _TROUBLE as problem:
                    result = problem
            if not self._closed:
                self._loop.call_soon_threadsafe(self._then, then, result)

        threading.Thread(target=run, name="guard", daemon=True).start()

    def _then(self, then: Callable[[T | Exception], None], result: T | Exception) -> None:
        if not self._closed:
            then(result)
