"""The fence `sbd`: a poison pill on a disk that both nodes see, and a watchdog in the target.

One rule: the pill proves nothing; what proves that the target is off is that its guard had armed a
watchdog, and that the time has passed after which no guard can have petted it (`hafw.pill`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw import pill
from hafw.fence_options import Options, pause, remaining_s
from hafw.hooks.errors import Misconfigured, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, Sighting, hookimpl
from hafw.net.clock import boot_ns
from hafw.sectors import Damaged, Layout, Sectors

if TYPE_CHECKING:
    from hafw.pill import Guard

METHOD: Final = "sbd"
OPTIONS: Final = ("device",)
LAYOUT: Final = Layout(*pill.DISK)
LOOK_S: Final = 0.2
"""Between two looks for what the target says."""
AGREEING: Final = 2
"""Looks at the end that must find the same life of the target."""


class Slot:
    """The target's two sectors, for one request."""

    def __init__(self, request: FenceRequest) -> None:
        """Raises Misconfigured for options that cannot work."""
        self._request = request
        self._path = Options(request, OPTIONS).text("device")
        if not 0 < len(request.op.encode()) <= pill.MAX_OP:
            raise Misconfigured(f"the operation {request.op!r} has no name that fits the disk")
        self._slot = pill.slot_of(request.target, request.sender)
        self._seen: deque[Sighting] = deque(maxlen=32)

    def open(self) -> Sectors:
        """The disk. Raises Retryable, or Misconfigured for one that is not this cluster's."""
        remaining_s(self._request)
        try:
            cluster = UUID(self._request.cluster_id).bytes
            return Sectors(self._path, cluster, LAYOUT, self._expired)
        except (OSError, Damaged) as problem:
            raise Retryable(f"disk:{self._path}: {problem}", 1.0) from None
        except ValueError as problem:
            raise Misconfigured(f"cluster id: {problem}") from None

    def guard(self, disk: Sectors) -> Guard:
        """What the target says of itself. Raises Retryable."""
        try:
            guard = pill.decode_guard(disk.read(pill.guard_unit(self._slot)))
        except (OSError, Damaged, ValueError) as problem:
            raise Retryable(f"disk:{self._path}: {problem}", 1.0) from None
        self.note(_told(guard))
        return guard

    def write(self, disk: Sectors) -> int:
        """Write the pill; the instant by which it was there. Raises UnknownOutcome."""
        try:
            disk.lock(pill.pill_unit(self._slot))
            disk.write(pill.pill_unit(self._slot), pill.encode_pill(pill.Pill(self._request.op)))
        except OSError as problem:
            raise UnknownOutcome(f"disk:{self._path}: {problem}") from None
        self.note("pill written")
        return boot_ns()

    def note(self, state: str) -> None:
        """Remember what was seen; the same again is remembered once."""
        if not self._seen or self._seen[-1].state != state:
            self._seen.append(Sighting(state, boot_ns()))

    def receipt(self, power: Power) -> FenceReceipt:
        """What is known now."""
        return FenceReceipt(
            power=power,
            confirmed=power is Power.OFF,
            method=METHOD,
            identity=f"slot {self._slot} of {self._path}",
            seen=tuple(self._seen),
        )

    def _expired(self) -> bool:
        return boot_ns() >= self._request.deadline_ns


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Refuse a disk that is not this cluster's."""
    try:
        with Slot(request).open():
            pass
    except Retryable:
        return


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Write the pill, and wait until the target is off, for certain, or its watchdog is no help."""
    slot = Slot(request)
    with slot.open() as disk:
        before = slot.guard(disk)
        written_ns = slot.write(disk)
        if not before.watchdog_ms:
            return slot.receipt(Power.UNKNOWN)
        _wait(request, slot, disk, before, pill.certainly_off_ns(before, written_ns))
        return slot.receipt(Power.OFF)


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """What the target's guard says. A disk never tells whether a machine runs."""
    slot = Slot(request)
    with slot.open() as disk:
        slot.guard(disk)
        return slot.receipt(Power.UNKNOWN)


def _told(guard: Guard) -> str:
    if not guard.watchdog_ms:
        return "no watchdog is armed"
    told = f"incarnation {guard.incarnation}, watchdog of {guard.watchdog_ms} ms"
    return told if guard.down_in_ms is None else f"{told}, dying of {guard.seen}"


def _wait(request: FenceRequest, slot: Slot, disk: Sectors, before: Guard, until_ns: int) -> None:
    """Until its time is over, and the disk then says that it was the same life of the target.

    Raises UnknownOutcome.
    """
    agreeing = 0
    while agreeing < AGREEING:
        if boot_ns() >= request.deadline_ns:
            raise UnknownOutcome(
                f"the pill for {request.target} is written, and the time of its watchdog "
                f"({before.watchdog_ms} ms, twice) is not over by the deadline"
            )
        pause(request, LOOK_S)
        over = boot_ns() >= until_ns
        try:
            now = slot.guard(disk)
        except Retryable as problem:
            slot.note(f"unreadable: {problem}")
            agreeing = 0
            continue
        if now.incarnation != before.incarnation:
            raise UnknownOutcome(f"{request.target} has started again since the pill was written")
        if now.down_in_ms is not None:  # of whichever pill: it pets no more
            until_ns = min(until_ns, pill.certainly_down_ns(now, boot_ns()))
        agreeing = agreeing + 1 if over else 0
    slot.note("its time is over")
