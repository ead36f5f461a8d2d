"""The fence `ssh`, against a real server: what it asks, and that it never proves anything."""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import Denied, Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Power
from hafw.testing.fences import Shooter
from tests.fences.devices import needs
from tests.stores.servers import answers, free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEPARATION = Path("/run/sshd")
"""Where the server wants a directory when root starts it."""
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host
AuthorizedKeysFile {root}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A server, and the directory in which its machine is."""

    root: Path
    options: Mapping[str, str | int | bool]

    def shooter(self, timeout_s: float = 10.0, **more: str) -> Shooter:
        return Shooter("ssh", {**self.options, **more}, timeout_s)


def keygen(path: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path.with_suffix(".pub").read_text()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    sshd = needs("sshd", "openssh-server")
    needs("ssh", "openssh-client")
    root, port = tmp_path_factory.mktemp("ssh"), free_port()
    public = keygen(root / "host")
    keygen(root / "user")
    (root / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    (root / "config").write_text(SERVER.format(port=port, root=root))
    made = os.geteuid() == 0 and not SEPARATION.exists()
    if made:
        SEPARATION.mkdir(mode=0o755)
    options: dict[str, str | int | bool] = {
        "address": "127.0.0.1",
        "port": port,
        "username": getpass.getuser(),
        "identity_file": str(root / "user"),
        "known_hosts_file": str(root / "known_hosts"),
        "command": f"echo off > {root}/machine",
    }
    command = [sshd, "-D", "-e", "-f", str(root / "config")]
    with server(command, root / "log", lambda: answers(port)):
        yield Host(root, options)
    if made:
        SEPARATION.rmdir()


def test_it_asks_and_its_receipt_is_never_confirmed(host: Host) -> None:
    receipt = host.shooter().off()

    assert (host.root / "machine").read_text() == "off\n"
    assert (receipt.power, receipt.confirmed) == (Power.UNKNOWN, False)
    assert receipt.seen[0].state == "asked, and it agreed"


def test_a_connection_that_ends_is_what_a_machine_that_goes_off_looks_like(host: Host) -> None:
    receipt = host.shooter(command="kill -9 $PPID").off()

    assert (receipt.power, receipt.confirmed) == (Power.UNKNOWN, False)
    assert receipt.seen[0].state == "asked, and the connection ended"


def test_a_command_that_fails_had_no_effect(host: Host) -> None:
    with pytest.raises(ProviderError, match="exit status 3: not today") as refused:
        host.shooter(command="echo not today; exit 3").off()

    assert not isinstance(refused.value, UnknownOutcome)


def test_a_command_that_hangs_is_left_at_the_deadline(host: Host) -> None:
    began_s = time.monotonic()

    with pytest.raises(UnknownOutcome, match="still running at the deadline"):
        host.shooter(timeout_s=1.0, command="sleep 60").off()

    assert time.monotonic() - began_s < 4.0


def test_a_server_with_another_key_is_not_asked(host: Host, tmp_path: Path) -> None:
    stranger = tmp_path / "known_hosts"
    stranger.write_text(f"[127.0.0.1]:{host.options['port']} {keygen(tmp_path / 'other')}")

    with pytest.raises(ProviderError, match="exit status 255") as refused:
        host.shooter(known_hosts_file=str(stranger)).off()

    assert not isinstance(refused.value, UnknownOutcome)


def test_a_user_whom_the_server_does_not_know_had_no_effect(host: Host, tmp_path: Path) -> None:
    keygen(tmp_path / "stranger")

    with pytest.raises(ProviderError, match="Permission denied") as refused:
        host.shooter(identity_file=str(tmp_path / "stranger")).off()

    assert not isinstance(refused.value, UnknownOutcome)


def test_an_identity_that_others_can_read_is_refused(host: Host, tmp_path: Path) -> None:
    keygen(tmp_path / "user")
    (tmp_path / "user").chmod(0o644)

    with pytest.raises(Denied, match="run: chmod 600"):
        host.shooter(identity_file=str(tmp_path / "user")).warm()


def test_looking_runs_no_command(host: Host) -> None:
    """A key may be allowed the one command only, and that one switches off."""
    (host.root / "machine").write_text("on\n")

    seen = host.shooter().status()

    assert (host.root / "machine").read_text() == "on\n"
    assert (seen.power, seen.confirmed) == (Power.ON, False)


def test_silence_is_unknown(host: Host) -> None:
    silent = Shooter("ssh", {**host.options, "port": free_port()}, 5.0)

    assert silent.status().power is Power.UNKNOWN
    with pytest.raises(ProviderError, match="Connection refused") as refused:
        silent.off()
    assert not isinstance(refused.value, UnknownOutcome)


def test_a_node_does_not_ask_itself(host: Host) -> None:
    mad = Shooter("ssh", host.options, 5.0, sender="beta", target="Beta")

    with pytest.raises(Misconfigured, match="a node never switches itself off"):
        mad.off()
