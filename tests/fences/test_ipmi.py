"""The fence `ipmi`, against OpenIPMI's simulator of a management controller."""

from __future__ import annotations

import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw.fences import programs
from hafw.hooks.errors import Denied, ProviderError
from hafw.testing.fences import FenceConformance, Shooter
from tests.fences.chassis import Chassis
from tests.stores.servers import free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.testing.fences import Fault

EMULATOR = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""
LAN = """\
name "beta"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{control} 0x20"
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "admin" "secret" admin 10 none md2 md5 straight
"""
GUID = "efcdab89-6745-23a1-efcd-ab89674523a1"


def needs(program: str, package: str) -> None:
    """Skip where a device is not installed."""
    if shutil.which(program, path=programs.SEARCH) is None:
        pytest.skip(f"no {program}; install the package {package} to run this")


@dataclass(slots=True)
class Controlled:
    """A chassis behind a simulated controller."""

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


def responds(port: int) -> bool:
    """Does a controller answer an RMCP presence ping?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        asking.connect(("127.0.0.1", port))
        try:
            asking.send(bytes.fromhex("0600ff06000011be80010000"))
            return bool(asking.recv(64))
        except OSError:
            return False


@pytest.fixture(scope="session")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chassis, int]]:
    """The simulator, and the chassis that it controls."""
    needs("ipmi_sim", "openipmi")
    needs("ipmitool", "ipmitool")
    root, port = tmp_path_factory.mktemp("ipmi"), free_port(socket.SOCK_DGRAM)
    control = root / "control"
    program = Path(__file__).with_name("chassis.py")
    control.write_text(f'#!/bin/sh\nexec {sys.executable} -S {program} {root} "$@"\n')
    control.chmod(0o755)
    (root / "lan.conf").write_text(LAN.format(port=port, control=control))
    (root / "sim.emu").write_text(EMULATOR)
    (root / "state").mkdir()
    command = ["ipmi_sim", "-c", str(root / "lan.conf"), "-f", str(root / "sim.emu")]
    command += ["-s", str(root / "state"), "-n"]
    with server(command, root / "log", lambda: responds(port)):
        yield Chassis(root), port


@pytest.fixture
def machine(controller: tuple[Chassis, int], tmp_path: Path) -> Iterator[Controlled]:
    chassis, port = controller
    chassis.begin()
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    options: dict[str, str | int | bool] = {
        "address": "127.0.0.1",
        "port": port,
        "username": "admin",
        "password_file": str(password),
        "cipher_suite": 3,
        "guid": GUID,
    }
    yield Controlled(
        chassis,
        options,
        options | {"guid": GUID[::-1]},
        options | {"port": free_port(socket.SOCK_DGRAM)},
    )
    chassis.begin()


class TestIpmi(FenceConformance):
    """The whole conformance suite."""

    method = "ipmi"

    @pytest.fixture
    def machine(self, machine: Controlled) -> Controlled:
        return machine


def test_the_identity_is_the_guid_that_the_controller_tells(machine: Controlled) -> None:
    seen = Shooter("ipmi", machine.options, 5.0).status()

    assert seen.identity == f"GUID {GUID} at 127.0.0.1"


def test_a_wrong_password_is_told_from_a_machine_that_is_off(machine: Controlled) -> None:
    Path(str(machine.options["password_file"])).write_text("wrong")

    with pytest.raises(ProviderError, match="the user, the password or the cipher suite is wrong"):
        Shooter("ipmi", machine.options, 5.0).off()

    assert machine.on


def test_a_password_that_others_can_read_is_refused(machine: Controlled) -> None:
    Path(str(machine.options["password_file"])).chmod(0o640)

    with pytest.raises(Denied, match="has mode 0640, so others than its owner can use it; run: ch"):
        Shooter("ipmi", machine.options, 5.0).off()

    assert machine.on
