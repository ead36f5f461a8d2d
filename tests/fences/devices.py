"""What several devices of these tests share: the programs that they need, and a machine behind one.

Rule: where a device is not installed the test is skipped, and says what to install.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hafw.fences import programs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw.testing.fences import Fault
    from tests.fences.chassis import Chassis


def needs(program: str, package: str) -> str:
    """The path of a program; skips where it is not installed."""
    found = shutil.which(program, path=programs.SEARCH)
    if found is None:
        pytest.skip(f"no {program}; install the package {package} to run this")
    return found


def secret(path: Path, text: str = "secret") -> str:
    """A file with a secret."""
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    return str(path)


@dataclass(slots=True)
class Controlled:
    """A chassis behind a device."""

    chassis: Chassis
    options: Mapping[str, str | int | bool]
    another: Mapping[str, str | int | bool]
    absent: Mapping[str, str | int | bool]

    @property
    def on(self) -> bool:
        return self.chassis.on

    @property
    def starts(self) -> int:
        return self.chassis.starts

    def switch(self, *, on: bool) -> None:
        self.chassis.switch(on=on)

    def break_(self, fault: Fault) -> None:
        self.chassis.break_(fault.name)
