"""The store `witness://`, against a real `hafw witness`."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import pytest

from hafw.core.wire import Key
from hafw.hooks.errors import Conflict, Denied, Misconfigured, Retryable
from hafw.net.leasewire import DATAGRAM_LEN, Kind, Lease, Message, decode, encode
from hafw.testing.contender import Contender
from hafw.testing.leases import RemoteLeaseConformance
from hafw.witness import grants
from tests.lab.helpers import until
from tests.stores.servers import free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

CLUSTER = "6f1c0000-0000-4000-8000-000000000001"
KEY = Key(1, b"k" * 32)
HAFW = Path(sys.executable).with_name("hafw")


class Home:
    """The directories of one witness, and its port."""

    def __init__(self, root: Path, max_ttl: str) -> None:
        self.state, self.keys, self.log = root / "state", root / "keys", root / "log"
        self.port = free_port(socket.SOCK_DGRAM)
        self.url = f"witness://127.0.0.1:{self.port}"
        self._max_ttl = max_ttl
        self.keys.mkdir()
        self.add_key(CLUSTER, KEY)

    def add_key(self, cluster: str, key: Key) -> None:
        path = self.keys / f"{cluster}.key"
        path.touch(0o600)
        path.write_text(f"{key.id} {key.secret.hex()}\n")

    def witness(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        command = [str(HAFW), "witness", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--state-dir", str(self.state), "--key-dir", str(self.keys)]
        command += ["--max-ttl", self._max_ttl]
        self.log.write_text("")
        return server(command, self.log, lambda: "listening on" in self.log.read_text())

    def remember_nothing(self) -> None:
        """Leave a state in which there never was a lease, so that it is not quiet at first."""
        self.state.mkdir()
        grants.save(self.state / f"{CLUSTER}.leases", {})

    def contender(self) -> Contender:
        return Contender(url=self.url, cluster_id=CLUSTER, keys=(KEY,), timeout_s=2.0)


class TestWitness(RemoteLeaseConformance):
    """The whole conformance suite, by UDP."""

    transport = "udp"
    keys: ClassVar[tuple[Key, ...]] = (KEY,)

    @pytest.fixture(scope="class")
    @classmethod
    def cluster_id(cls) -> str:
        return CLUSTER

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        home = Home(tmp_path_factory.mktemp("witness"), "21s")
        home.remember_nothing()
        with home.witness():
            yield home.url


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A witness that is not started yet, and remembers that there never was a lease."""
    home = Home(tmp_path, "30s")
    home.remember_nothing()
    return home


def test_a_grant_outlives_a_witness_that_is_killed(home: Home) -> None:
    node = home.contender()

    with home.witness() as process:
        granted = node.swap(node.read(), node.value(epoch=3))
        process.kill()
        process.wait(10)
    with home.witness():
        found = node.read()

    assert found == granted


@pytest.mark.parametrize("damage", [b"", b"0123456789abcdef {}", None], ids=["", "wrong", "gone"])
def test_a_witness_without_memory_grants_nothing_until_all_leases_have_run_out(
    home: Home, damage: bytes | None
) -> None:
    leases = home.state / f"{CLUSTER}.leases"
    if damage is None:
        leases.unlink()
    else:
        leases.write_bytes(damage)
    node = home.contender()

    with home.witness(), pytest.raises(Retryable) as quiet:
        node.read()

    assert 20 < quiet.value.after_s <= 30
    assert f"cluster {CLUSTER}" in home.log.read_text()


def test_a_witness_without_memory_speaks_when_they_have(tmp_path: Path) -> None:
    home = Home(tmp_path, "1s")
    node = replace(home.contender(), ttl_s=1.0)

    def speaks() -> bool:
        try:
            return node.read().value is None
        except Retryable:
            return False

    with home.witness():
        assert until(speaks)
        granted = node.swap(node.read(), node.value(epoch=1))

        assert node.read() == granted


def test_a_recorded_create_is_refused_after_the_memory_was_lost(home: Home) -> None:
    node = home.contender()
    with home.witness():
        nothing = node.read()
    with home.witness(), pytest.raises(Conflict):
        node.swap(nothing, node.value(epoch=1))


def test_another_key_is_denied(home: Home) -> None:
    stranger = replace(home.contender(), keys=(Key(1, b"x" * 32),), timeout_s=0.3)

    with home.witness():
        with pytest.raises(Denied, match=f"{CLUSTER}.key"):
            stranger.read()
        with pytest.raises(Denied):
            stranger.swap(home.contender().read(), stranger.value(epoch=9))

        assert home.contender().read().value is None


def test_a_cluster_gets_its_key_while_the_witness_runs(home: Home) -> None:
    other = "6f1c0000-0000-4000-8000-000000000002"
    key = Key(2, b"o" * 32)
    node = replace(home.contender(), cluster_id=other, keys=(key,), timeout_s=0.3)
    grants.save(home.state / f"{other}.leases", {})

    with home.witness() as process:
        with pytest.raises(Denied):
            node.read()
        home.add_key(other, key)
        process.send_signal(signal.SIGHUP)
        assert until(lambda: "serving 2 clusters" in home.log.read_text())

        assert node.read().value is None


def test_keys_are_rotated_one_side_after_the_other(home: Home) -> None:
    fresh = Key(2, b"f" * 32)
    path = home.keys / f"{CLUSTER}.key"
    path.write_text(f"{fresh.id} {fresh.secret.hex()}\n{KEY.id} {KEY.secret.hex()}\n")

    with home.witness():
        readings = [
            replace(home.contender(), keys=keys).read().value for keys in ((KEY,), (fresh, KEY))
        ]

    assert readings == [None, None]


def test_a_lease_longer_than_the_witness_serves_is_refused(home: Home) -> None:
    node = replace(home.contender(), ttl_s=31.0)

    with home.witness(), pytest.raises(Misconfigured, match=r"at most 30 s; shorten lease_ttl"):
        node.read()


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("witness://", "names no witness"),
        ("witness://h:1/path", "names no witness"),
        ("witness://h:port", "write it as in"),
        ("witness://h:1?ttl=3", 'unknown option "ttl"'),
    ],
)
def test_a_wrong_url_is_refused(url: str, wrong: str) -> None:
    node = Contender(url=url, cluster_id=CLUSTER, keys=(KEY,))

    with pytest.raises(Misconfigured, match=wrong):
        node.warm()


def test_a_cluster_without_a_key_or_with_a_wrong_id_is_refused() -> None:
    node = Contender(url="witness://127.0.0.1", cluster_id=CLUSTER, keys=(KEY,))

    for wrong in (replace(node, keys=()), replace(node, cluster_id="c1")):
        with pytest.raises(Misconfigured):
            wrong.warm()


def test_two_witnesses_do_not_share_a_state(home: Home) -> None:
    command = [str(HAFW), "witness", "--listen", "127.0.0.1:0"]
    command += ["--state-dir", str(home.state), "--key-dir", str(home.keys)]

    with home.witness():
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert second.returncode == 5
    assert "another witness uses" in second.stderr


def test_a_witness_without_keys_says_where_they_belong_and_leaves_nothing(tmp_path: Path) -> None:
    command = [str(HAFW), "witness", "--listen", "127.0.0.1:0"]
    command += ["--state-dir", str(tmp_path / "state"), "--key-dir", str(tmp_path / "keys")]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert ended.returncode == 9
    assert "copy each cluster's key file there as <cluster id>.key" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_a_key_that_others_can_read_is_refused_at_the_start(home: Home) -> None:
    (home.keys / f"{CLUSTER}.key").chmod(0o644)
    command = [str(HAFW), "witness", "--listen", "127.0.0.1:0"]
    command += ["--state-dir", str(home.state), "--key-dir", str(home.keys)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert ended.returncode == 9
    assert "chmod 600" in ended.stderr


def test_hostile_datagrams_change_nothing_and_get_no_long_answers(home: Home) -> None:
    draw = random.Random(1)
    question = Message(Kind.READ, bytes.fromhex(CLUSTER.replace("-", "")), draw.randbytes(16), 1)
    real = encode(question, KEY)
    with home.witness(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as enemy:
        granted = home.contender().swap(home.contender().read(), home.contender().value(epoch=1))
        enemy.connect(("127.0.0.1", home.port))
        enemy.settimeout(0.01)
        long_enough, answers = 0, []
        for number in range(300):
            size = draw.choice((0, 1, DATAGRAM_LEN - 1, DATAGRAM_LEN, DATAGRAM_LEN + 1, 9_000))
            hostile = bytearray(draw.randbytes(size) if number % 2 else real)
            if not number % 2:
                hostile[draw.randrange(len(hostile))] ^= 1 << draw.randrange(8)
            enemy.send(hostile)
            long_enough += len(hostile) >= DATAGRAM_LEN
            with suppress(TimeoutError):
                answers.append(enemy.recv(10_000))  # it may be to an earlier one

        assert {len(answer) for answer in answers} <= {DATAGRAM_LEN}
        assert len(answers) <= long_enough
        assert until(lambda: home.contender().read() == granted)


def test_a_true_answer_to_another_question_is_no_answer(home: Home) -> None:
    cluster = bytes.fromhex(CLUSTER.replace("-", ""))
    old = Lease(1, 1, b"o" * 16, "beta", 20_000)
    new = Lease(2, 1, b"n" * 16, "alpha", 20_000)

    def recorded_answers_first(socket_: socket.socket) -> None:
        data, source = socket_.recvfrom(DATAGRAM_LEN)
        asked = decode(data, dict([KEY]))
        for message in (
            Message(Kind.DONE, cluster, b"another question", 1, lease=old),
            Message(Kind.DONE, cluster, asked.ask, 2, lease=old),
            Message(Kind.DONE, cluster, asked.ask, 1, lease=new),
        ):
            socket_.sendto(encode(message, KEY), source)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as witness:
        witness.bind(("127.0.0.1", home.port))
        witness.settimeout(10)
        answering = Thread(target=recorded_answers_first, args=(witness,))
        answering.start()
        found = home.contender().read()
        answering.join(10)

    assert found.value is not None
    assert (found.value.holder, found.value.epoch) == ("alpha", 2)


def test_it_is_small(home: Home) -> None:
    with home.witness() as process:
        home.contender().read()
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()

    pss_kib = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert pss_kib < 20 * 1024
