"""The simulated controller that `ipmi`, and an agent for IPMI, are tested against."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw import fence_rounds as rounds
from tests.fences.chassis import Chassis
from tests.fences.devices import Controlled, needs, secret
from tests.stores.servers import free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture
def readings_follow_each_other_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a second apart: these devices are as quick as that."""
    monkeypatch.setattr(rounds, "PAUSE_S", 0.1)


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
def bmc(controller: tuple[Chassis, int], tmp_path: Path) -> Iterator[Controlled]:
    """A machine that is on, behind the simulated controller."""
    chassis, port = controller
    chassis.begin()
    options: dict[str, str | int | bool] = {
        "address": "127.0.0.1",
        "port": port,
        "username": "admin",
        "password_file": secret(tmp_path / "password"),
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
