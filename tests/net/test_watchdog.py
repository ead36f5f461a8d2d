"""Watchdogs: what is asked of the kernel's devices, and a daemon's socket.

Machines that run tests have no watchdog; the kernel's answers are taken from its documentation.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from hafw.net.watchdog import WatchdogRefused, arm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTIMEOUT, GETTIMEOUT = 0xC0045706, 0x80045707


def a_driver_that_grants(seconds: int) -> Callable[[int, int, bytes], bytes]:
    def ioctl(_fd: int, request: int, argument: bytes) -> bytes:
        assert request in (SETTIMEOUT, GETTIMEOUT)
        return struct.pack("i", seconds) if request == GETTIMEOUT else argument

    return ioctl


@pytest.fixture(name="device")
def a_file_that_stands_for_a_device(tmp_path: Path) -> Path:
    path = tmp_path / "watchdog"
    path.touch()
    return path


def test_a_device_is_petted_by_any_byte_and_disarmed_by_the_magic_one(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", a_driver_that_grants(10))
    dog = arm(str(device), 10)

    dog.pet()
    dog.close(disarm=True)

    assert device.read_bytes() == b"\0V"


def test_a_device_that_counts_longer_than_asked_is_refused_and_disarmed(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", a_driver_that_grants(16))

    with pytest.raises(WatchdogRefused, match="counts 16 s where 10 s were asked for"):
        arm(str(device), 10)

    assert device.read_bytes() == b"V"


def test_a_device_that_would_strike_between_two_pets_is_refused(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", a_driver_that_grants(4))

    with pytest.raises(WatchdogRefused, match="counts 4 s where 10 s were asked for"):
        arm(str(device), 10)


def test_a_device_that_counts_less_is_armed(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", a_driver_that_grants(8))

    arm(str(device), 10).close(disarm=False)

    assert device.read_bytes() == b""


def test_the_socket_of_a_daemon_is_petted_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "mux"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        dog = arm(str(path), 10)
        dog.pet()
        dog.close(disarm=True)

        connection, _ = listener.accept()
        with connection:
            assert connection.recv(16, socket.MSG_WAITALL) == b"\0\0V"


def test_a_daemon_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mux"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))

    with pytest.raises(ConnectionRefusedError):
        arm(str(path), 10)
