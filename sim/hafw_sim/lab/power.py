"""A lab's power switch, and the fence method `labpower` by which agents reach it.

Rule: switch and agents share nothing but a directory: an order is a file, and so is each machine's
state. The switch may be stuck; what it says of a machine is true.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from hafw.hooks.errors import UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting, hookimpl
from hafw.net.clock import boot_ns
from hafw_sim.lab.connection import LabError

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw_sim.lab.lab import Lab

METHOD: Final = "labpower"
LOOK_S: Final = 0.01
ON, OFF = "on", "off"
"""What stands in the file of a machine's state."""


class PowerSwitch:
    """The power of the lab's nodes; a thread of its owner's carries out the orders."""

    def __init__(self, lab: Lab, directory: Path, names: tuple[str, ...]) -> None:
        """All are on."""
        self._lab = lab
        self._directory = directory
        self._names = names
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="power switch", daemon=True)
        self.stuck = False
        self.shots: list[str] = []
        directory.mkdir()
        for name in names:
            self.switch_on(name)

    def __enter__(self) -> Self:
        """Begin to carry out orders."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def switch_on(self, name: str) -> None:
        """Say that it is on; whoever boots it does the rest."""
        (self._directory / f"{name}.order").unlink(missing_ok=True)
        _write(self._directory / f"{name}.state", ON)

    def _serve(self) -> None:
        while not self._ended.wait(LOOK_S):
            for name in self._names:
                state = self._directory / f"{name}.state"
                ordered = (self._directory / f"{name}.order").exists()
                if ordered and not self.stuck and state.read_text() == ON:
                    self.shots.append(name)
                    with suppress(LabError):  # it is off already
                        self._lab.node(name).crash()
                    _write(state, OFF)


def _write(path: Path, text: str) -> None:
    """All of it at once: somebody reads it all the time."""
    new = path.with_suffix(f".{threading.get_ident()}")  # an owner and its switch may meet
    new.write_text(text)
    new.rename(path)


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Order it, and read until it is off."""
    directory = Path(str(request.options["directory"]))
    (directory / f"{request.target}.order").write_text(request.op)
    seen: list[Sighting] = []
    while boot_ns() < request.deadline_ns:
        seen.append(_sighting(request))
        if [sighting.state for sighting in seen[-2:]] == [OFF, OFF]:
            return _receipt(request, Power.OFF, seen[-2:])
        time.sleep(LOOK_S)
    raise UnknownOutcome(f"the switch did not switch {request.target} off in time")


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Read it."""
    sighting = _sighting(request)
    return _receipt(request, Power.OFF if sighting.state == OFF else Power.ON, [sighting])


def _sighting(request: FenceRequest) -> Sighting:
    state = Path(str(request.options["directory"])) / f"{request.target}.state"
    return Sighting(state.read_text(), boot_ns())


def _receipt(request: FenceRequest, power: Power, seen: list[Sighting]) -> FenceReceipt:
    return FenceReceipt(
        power=power, confirmed=True, method=METHOD, identity=request.target, seen=tuple(seen)
    )
