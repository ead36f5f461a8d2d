"""The witness's only loop: a datagram in, at most one datagram out, until it is told to stop.

One rule: whatever cannot be authenticated changes a counter and nothing else.

UDP, as a question and its answer fit a datagram each: no connection can be half open, none has to
be accepted, bounded or timed out, and asking again costs nothing, as a swap is known by its nonce.
Without asyncio, as there is nothing to do at the same time: it would double the memory.
"""

from __future__ import annotations

import fcntl
import select
import signal
import socket
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.config.keys import load_keys
from hafw.config.problems import ConfigError, Problem
from hafw.core.wire import Key
from hafw.net import leasewire
from hafw.net.clock import boot_ns
from hafw.net.leasewire import DATAGRAM_LEN, Kind, RejectedError
from hafw.witness.ledger import Ledger
from hafw.witness.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_CLUSTERS: Final = 256
KEY_SUFFIX: Final = ".key"
REPORT_NS: Final = 60 * 10**9
"""What was dropped is told at most this often."""


class StateInUse(Exception):
    """Another witness uses the state directory; the message says what to do."""


class Witness:
    """One witness, from its socket to its state directory."""

    def __init__(
        self,
        listen: tuple[str, int],
        state_dir: Path,
        key_dir: Path,
        max_ttl_ms: int,
        say: Callable[[str], None],
    ) -> None:
        """Open everything. Raises OSError, `StateInUse` and `ConfigError`."""
        self._key_dir = key_dir
        self._say = say
        self._keys: dict[bytes, dict[int, bytes]] = {}
        self._limits = Limits()
        self._dropped: Counter[str] = Counter()
        self._reported_ns, self._reported = boot_ns(), 0
        with ExitStack() as opened:
            clusters = load_clusters(key_dir)
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = opened.enter_context((state_dir / "witness.lock").open("a"))
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateInUse(
                    f"another witness uses {state_dir}; stop it, or give this one another "
                    "--state-dir"
                ) from None
            self._ledger = Ledger(state_dir, max_ttl_ms, boot_ns(), say)
            self._load(clusters)
            family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
            self._socket = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            self._socket.bind(listen)
            self._socket.settimeout(0)
            self._opened = opened.pop_all()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Close everything."""
        self._opened.close()

    def serve(self) -> None:
        """Answer until SIGTERM or SIGINT; SIGHUP reads the keys again."""
        signals, wake = socket.socketpair()
        with signals, wake:
            wake.settimeout(0)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda *_: None)
            signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
            while True:
                ready, _, _ = select.select([self._socket, signals], [], [], REPORT_NS / 1e9)
                if signals in ready:
                    caught = signals.recv(64)
                    if signal.SIGTERM in caught or signal.SIGINT in caught:
                        return
                    self.reload()
                if self._socket in ready:
                    self._answer_one()
                self._report()

    def reload(self) -> None:
        """Read the keys again; where one cannot be read all the old ones stay in force."""
        try:
            self._load(load_clusters(self._key_dir))
        except (ConfigError, OSError) as problem:
            self._say(f"the old keys stay in force: {problem}")

    def answer(self, data: bytes, source: str) -> bytes | None:
        """The datagram that answers `data`; None: silence."""
        if not self._limits.admit(source, boot_ns()):
            self._drop("too many from one source")
            return None
        try:
            cluster = leasewire.cluster_of(data)
        except RejectedError as problem:
            self._drop(str(problem))
            return None
        keys = self._keys.get(cluster)
        if keys is None:
            self._drop("unknown cluster")
            return leasewire.encode_refusal(data)
        try:
            question = leasewire.decode(data, keys)
        except RejectedError as problem:
            self._drop(str(problem))
            return leasewire.encode_refusal(data)
        if question.kind not in (Kind.READ, Kind.SWAP):
            self._drop("no question")
            return None
        answer = self._ledger.answer(question, boot_ns())
        if answer is None:
            self._drop("not answered")
            return None
        number = leasewire.key_of(data)
        return leasewire.encode(answer, Key(number, keys[number]))

    def _answer_one(self) -> None:
        try:
            data, source = self._socket.recvfrom(DATAGRAM_LEN + 1)
            answer = self.answer(data, source[0])
            if answer is not None:
                self._socket.sendto(answer, source)
        except OSError:  # an unreachable source, a full buffer: as if the datagram had been lost
            self._drop("not sent")

    def _load(self, clusters: dict[bytes, dict[int, bytes]]) -> None:
        for cluster in clusters:
            self._ledger.open(cluster)
        self._keys = clusters
        self._say(f"serving {len(clusters)} clusters with a key in {self._key_dir}")

    def _drop(self, why: str) -> None:
        self._dropped[why] += 1

    def _report(self) -> None:
        total = self._dropped.total()
        if total > self._reported and boot_ns() - self._reported_ns >= REPORT_NS:
            told = ", ".join(f"{why} {count}" for why, count in sorted(self._dropped.items()))
            self._say(f"dropped since the start: {told}")
            self._reported_ns, self._reported = boot_ns(), total


def load_clusters(key_dir: Path) -> dict[bytes, dict[int, bytes]]:
    """The keys of every cluster that has a file `<cluster id>.key` in the directory.

    Raises `ConfigError` for a file that is none or a directory that is not there, and OSError.
    """
    if not key_dir.is_dir():
        what = "there is no such directory"
        remedy = f"make it, and copy each cluster's key file there as <cluster id>{KEY_SUFFIX}"
        raise ConfigError([Problem(str(key_dir), 1, "", what, remedy)])
    paths = sorted(path for path in key_dir.iterdir() if path.suffix == KEY_SUFFIX)
    if len(paths) > MAX_CLUSTERS:
        what = f"there are {len(paths)} keys"
        remedy = f"a witness serves at most {MAX_CLUSTERS} clusters; run another one"
        raise ConfigError([Problem(str(key_dir), 1, "", what, remedy)])
    return {_cluster_of(path): {key.id: key.secret for key in load_keys(path)} for path in paths}


def _cluster_of(path: Path) -> bytes:
    try:
        return UUID(path.stem).bytes
    except ValueError:
        what = f'"{path.stem}" is no cluster id'
        remedy = f"name the file <id of the cluster file>{KEY_SUFFIX}"
        raise ConfigError([Problem(str(path), 1, "", what, remedy)]) from None
