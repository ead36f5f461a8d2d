"""The machine behind the tests' devices: a directory that says whether it is on, and what fails.

Rule: this alone knows the truth. As a program it is what `ipmi_sim` runs to control a chassis:
`chassis.py DIRECTORY MC get|set power [0|1]`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

SLOW_S = 0.5
LOST_S = 2.5
"""Longer than a client waits for an answer."""


class Chassis:
    """One machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self) -> None:
        """A machine that is on, with a device that is all right."""
        self._write("power", "1")
        self._write("fault", "")
        self._write("starts", "0")
        self._write("readings", "")
        self._write("ordered", "")
        self._write("off_at", "")

    @property
    def on(self) -> bool:
        """The truth; a machine that obeys slowly is off when its time has come."""
        off_at = self._read("off_at")
        if off_at and time.time() >= float(off_at):
            self._write("off_at", "")
            self._write("power", "0")
        return self._read("power") == "1"

    @property
    def starts(self) -> int:
        """How often the device switched it on."""
        return int(self._read("starts") or 0)

    @property
    def fault(self) -> str:
        """What is broken."""
        return self._read("fault")

    def switch(self, *, on: bool) -> None:
        """Behind the device's back."""
        self._write("power", "1" if on else "0")

    def break_(self, fault: str) -> None:
        """By the name of a `hafw.testing.fences.Fault`."""
        self._write("fault", fault)

    def read(self) -> bool:
        """What the device says."""
        while self.fault == "HANGS":
            time.sleep(0.05)
        if self.fault in {"LIES_ONCE", "FLAPS"} and self._read("ordered"):
            number = len(self._read("readings"))
            self._write("readings", "x" * (number + 1))
            return number > 0 if self.fault == "LIES_ONCE" else number % 2 == 1
        return self.on

    def order(self, *, on: bool) -> None:
        """What the device does."""
        fault = self.fault
        self._write("ordered", "yes")
        if on:
            self._write("starts", str(self.starts + 1))
        if fault == "SLOW":
            self._write("off_at", str(time.time() + SLOW_S))
        elif fault not in {"STUCK", "LIES_ONCE", "FLAPS"}:
            self.switch(on=on)
        if fault == "REPLY_LOST":
            self.break_("")  # the order is repeated, and that one is answered
            time.sleep(LOST_S)

    def _read(self, name: str) -> str:
        try:
            return (self.root / name).read_text()
        except FileNotFoundError:
            return ""

    def _write(self, name: str, text: str) -> None:
        fresh = self.root / f"{name}.new"
        fresh.write_text(text)
        fresh.rename(self.root / name)


def main() -> int:
    """What `ipmi_sim` asks for."""
    root, _, verb, what, *values = sys.argv[1:]
    chassis = Chassis(Path(root))
    if verb == "get" and what == "power":
        sys.stdout.write(f"power:{int(chassis.read())}\n")
        return 0
    if verb == "set" and what in {"power", "reset"}:
        chassis.order(on=what == "reset" or values == ["1"])
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
