"""The one order of things in which a device switches a machine off and is believed.

One rule: off is what two readings in a row said, half a second apart, after the order was given; a
reading that says anything else, or nothing, begins the count anew.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from hafw.fence_options import pause, remaining_s
from hafw.hooks.errors import Misconfigured, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest

PAUSE_S: Final = 0.5
"""Between two readings: two that agree are two states, not one answer heard twice."""
READINGS: Final = 2
"""How many readings in a row must say off."""
MAX_SIGHTINGS: Final = 32
"""How much of a device that changes its mind is kept."""


class Device(Protocol):
    """What can be done with one machine. Each call keeps the request's deadline."""

    method: str

    def identity(self) -> str:
        """The machine, as the device names it."""

    def read(self) -> tuple[Power, str]:
        """Whether it runs, and the state in the device's own word. Raises ProviderError."""

    def order_off(self) -> None:
        """Order it off. Raises UnknownOutcome when the order may have been heard."""


class _Watch:
    """The readings of one operation."""

    def __init__(self, device: Device, request: FenceRequest, identity: str) -> None:
        self._device = device
        self._request = request
        self._identity = identity
        self._seen: deque[Sighting] = deque(maxlen=MAX_SIGHTINGS)
        self.off_in_a_row = 0
        self.last = "nothing"

    def read(self) -> Power:
        """One reading. Raises ProviderError."""
        remaining_s(self._request)
        try:
            power, state = self._device.read()
        except ProviderError as problem:
            self.off_in_a_row = 0
            self.note(f"unreadable: {problem}")
            raise
        self.off_in_a_row = self.off_in_a_row + 1 if power is Power.OFF else 0
        self.last = state
        self.note(state)
        return power

    def note(self, state: str) -> None:
        """Remember what was seen; a state that only goes on is remembered twice."""
        if [each.state for each in self._seen][-READINGS:] == [state] * READINGS:
            self._seen.pop()
        self._seen.append(Sighting(state, boot_ns()))

    def receipt(self, power: Power) -> FenceReceipt:
        """What is known now."""
        return FenceReceipt(
            power=power,
            confirmed=power is Power.OFF,
            method=self._device.method,
            identity=self._identity,
            seen=tuple(self._seen),
        )


def switch_off(device: Device, request: FenceRequest) -> FenceReceipt:
    """Order the machine off and read its state until it is.

    A machine that is off already is ordered off as well: a restart looks like that in its middle.
    """
    watch, before = _first_look(device, request)
    remaining_s(request)
    try:
        device.order_off()
    except UnknownOutcome as problem:
        watch.note(f"ordered off, without an answer: {problem}")
    except ProviderError as problem:
        if before is Power.ON:
            raise
        watch.note(f"refused: {problem}")  # as some devices do when it is off, or going off
    watch.off_in_a_row = 0
    while boot_ns() < request.deadline_ns:
        try:
            watch.read()
        except ProviderError:
            pass  # it is noted, and the deadline bounds the patience
        else:
            if watch.off_in_a_row >= READINGS:
                return watch.receipt(Power.OFF)
        pause(request, PAUSE_S)
    raise UnknownOutcome(
        f"{request.target} was ordered off by {device.method} and is not seen to be off in time; "
        f"last seen: {watch.last}"
    )


def look(device: Device, request: FenceRequest) -> FenceReceipt:
    """Read the machine's state; off only if the next reading says so too."""
    watch, power = _first_look(device, request)
    while power is Power.OFF and watch.off_in_a_row < READINGS:
        pause(request, PAUSE_S)
        power = watch.read()
    return watch.receipt(power)


def _first_look(device: Device, request: FenceRequest) -> tuple[_Watch, Power]:
    """Which machine it is, and whether it runs. Without an answer it is asked once more.

    A device that is busy for a moment should not cost the level, nor a dead one all its time.
    """
    try:
        return _look_once(device, request)
    except Retryable:
        pause(request, PAUSE_S)
        return _look_once(device, request)


def _look_once(device: Device, request: FenceRequest) -> tuple[_Watch, Power]:
    watch = _Watch(device, request, device.identity())
    return watch, watch.read()


def check_identity(request: FenceRequest, *, pinned: str | None, found: str, what: str) -> str:
    """The machine's identity. Raises Misconfigured when the file names another (`pinned`)."""
    if pinned and pinned.casefold() != found.casefold():
        raise Misconfigured(
            f"the fence of {request.target} leads to another machine: its {what} is {found}, the "
            f"cluster file says {pinned}; nothing was ordered"
        )
    return f"{what} {found}"
