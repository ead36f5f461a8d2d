"""What systemd is told, through a real datagram socket."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent.notify import LEAVING_USEC, SystemdNotifier
from hafw.core.duties import FOREVER
from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOOT_NS: Final = 1_000 * SECOND


class Manager:
    """The manager's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0)

    def heard(self) -> list[str]:
        """The datagrams that wait, each as one text."""
        found: list[str] = []
        while True:
            try:
                found.append(self._socket.recv(4_096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    name = str(tmp_path / "notify") if request.param == "path" else f"\0{tmp_path}"
    monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
    manager = Manager(name)
    yield manager
    manager.close()


def with_watchdog(monkeypatch: pytest.MonkeyPatch, usec: str, pid: int | None = None) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(pid))


def test_what_is_sent_arrives_as_one_datagram(manager: Manager) -> None:
    SystemdNotifier().send("READY=1", "STATUS=well")

    assert manager.heard() == ["READY=1\nSTATUS=well"]


def test_no_child_inherits_the_way_to_the_manager(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_watchdog(monkeypatch, "1000", os.getpid())

    SystemdNotifier()

    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)
    assert manager.heard() == []


def test_without_a_manager_nothing_is_sent_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = SystemdNotifier()

    notifier.send("READY=1")
    notifier.status("well")
    notifier.stepped(BOOT_NS, leaving=True)

    assert notifier.due_ns() == FOREVER


def test_a_manager_that_is_gone_harms_nobody(manager: Manager) -> None:
    notifier = SystemdNotifier()
    manager.close()

    notifier.send("READY=1")


def test_a_manager_that_does_not_read_holds_nobody_up(manager: Manager) -> None:
    notifier = SystemdNotifier()

    for number in range(5_000):  # many more than a datagram socket queues
        notifier.send(f"STATUS={number}")

    assert manager.heard()[0] == "STATUS=0"


def test_a_status_is_told_when_it_changes(manager: Manager) -> None:
    notifier = SystemdNotifier()

    for text in ("standby: group 3", "standby: group 3", "active: group 3 (epoch 7)"):
        notifier.status(text)

    assert manager.heard() == ["STATUS=standby: group 3", "STATUS=active: group 3 (epoch 7)"]


def test_the_watchdog_is_fed_by_steps_twice_in_its_time(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_watchdog(monkeypatch, "10000000")
    notifier = SystemdNotifier()

    fed = []
    for second in range(12):
        notifier.stepped(BOOT_NS + second * SECOND, leaving=False)
        fed.append(manager.heard())

    assert [second for second, heard in enumerate(fed) if heard] == [0, 5, 10]
    assert fed[5] == ["WATCHDOG=1"]


def test_without_steps_the_watchdog_starves(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_watchdog(monkeypatch, "1000")
    notifier = SystemdNotifier()

    notifier.status("still talking")
    notifier.send("READY=1")

    assert "WATCHDOG=1" not in "\n".join(manager.heard())


@pytest.mark.usefixtures("manager")
def test_a_step_is_asked_for_when_the_watchdog_wants_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_watchdog(monkeypatch, "10000000")
    notifier = SystemdNotifier()

    notifier.stepped(BOOT_NS, leaving=False)

    assert notifier.due_ns() == BOOT_NS + 5 * SECOND


@pytest.mark.usefixtures("manager")
@pytest.mark.parametrize(
    ("usec", "pid"),
    [("0", None), ("soon", None), ("-5", None), ("1000", 1)],
    ids=["zero", "no number", "negative", "another process's"],
)
def test_a_watchdog_that_is_not_ours_asks_for_nothing(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: int | None
) -> None:
    with_watchdog(monkeypatch, usec, pid)

    assert SystemdNotifier().due_ns() == FOREVER


def test_a_graceful_stop_is_told_once_with_the_time_it_may_take(manager: Manager) -> None:
    notifier = SystemdNotifier()

    for leaving in (False, True, True):
        notifier.stepped(BOOT_NS, leaving=leaving)

    assert manager.heard() == [f"STOPPING=1\nEXTEND_TIMEOUT_USEC={LEAVING_USEC}"]
