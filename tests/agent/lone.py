"""One real agent on a host of its own, and the test in the place of everybody else.

Rule: the agent is the program that an operator starts; it is asked as an operator asks.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from hafw.agent.client import ControlClient, ControlError
from hafw.agent.statefile import initialise
from hafw.config import Cluster, Group, Link, LinkEnd, Ping, Protection, Vip, config_hash
from hafw.config.keys import render_keys
from hafw.config.render import render
from hafw.core.model import Beat
from hafw.core.settings import MS, SECOND, Timing
from hafw.core.wire import Codec, Key
from tests.net.hosts import INTERFACE, VIP, Host, ip4, lan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALPHA, BETA, GATEWAY, STRANGER = 100, 101, 1, 66
PORT: Final = 7410
PATIENCE_S: Final = 60.0
OLD: Final = Key(1, bytes(range(32)))
NEW: Final = Key(2, bytes(range(32, 64)))

Answer = dict[str, Any]


def cluster_in(directory: Path) -> Cluster:
    """Alpha and beta on one LAN, with a gateway that answers; the key lies beside the file."""
    ends = (LinkEnd(interface=INTERFACE, address=ip4(ALPHA)), beta_end())
    vip = Vip(provider="onprem", address=IPv4Interface(f"{VIP}/24"), interfaces=("eth0", "eth0"))
    return Cluster(
        name="lone",
        id=UUID("6f1c9a5e-0d57-4e6e-9a34-6f2f0a0c7e11"),
        key_file=directory / "cluster.key",
        nodes=("alpha", "beta"),
        links=(Link(ends=ends),),
        groups=(Group(id=3, preferred=0, resources=(vip,)),),
        protection=Protection.BEST_EFFORT,
        ping=Ping(addresses=(ip4(GATEWAY),)),
        timing=Timing(
            keepalive_ns=100 * MS,
            warntime_ns=200 * MS,
            deadtime_ns=1 * SECOND,
            initdead_ns=2 * SECOND,
        ),
    )


def beta_end() -> LinkEnd:
    return LinkEnd(interface=INTERFACE, address=ip4(BETA))


@dataclass
class Lone:
    """The agent of alpha, its files, and the hosts around it."""

    directory: Path
    cluster: Cluster
    alpha: Host
    beta: Host
    stranger: Host
    process: subprocess.Popen[bytes] | None = None

    # --- the agent ----------------------------------------------------------------------------

    def write(self, cluster: Cluster | None = None, keys: tuple[Key, ...] = (OLD,)) -> None:
        """Write the cluster file and its key file."""
        self.cluster = cluster or self.cluster
        (self.directory / "cluster.toml").write_text(render(self.cluster))
        self.cluster.key_file.write_text(render_keys(keys))  # type: ignore[arg-type]
        self.cluster.key_file.chmod(0o600)

    def spawn(
        self, *, state: str = "state", run: str = "run", **env: str
    ) -> subprocess.Popen[bytes]:
        """Start an agent of alpha with these directories; its log is `RUN.log`."""
        command = [sys.executable, "-m", "hafw.cli.main", "agent", "--node", "alpha"]
        command += ["--config", str(self.directory / "cluster.toml")]
        command += ["--state-dir", str(self.directory / state)]
        command += ["--run-dir", str(self.directory / run)]
        with self.alpha.entered(), (self.directory / f"{run}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **env}
            )

    def start(self, **env: str) -> None:
        """Start the agent, and wait until it answers."""
        self.process = self.spawn(**env)
        self.until(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            return bool(self.ask("ping")["ok"])
        except ControlError:
            return False

    def ends(self, process: subprocess.Popen[bytes] | None = None) -> int:
        """The exit status of an agent that ends by itself."""
        ending = process or self.process
        assert ending is not None
        return ending.wait(PATIENCE_S)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill_worker(self) -> None:
        """Kill the agent's worker (-9)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def log(self, run: str = "run") -> str:
        return (self.directory / f"{run}.log").read_text()

    def ask(self, verb: str, **more: object) -> Answer:
        client = ControlClient(self.directory / "run" / "control.sock")
        return client.request({"verb": verb, **more}, PATIENCE_S)

    def status(self) -> Answer:
        result: Answer = self.ask("status")["result"]
        return result

    def warnings(self) -> str:
        return "\n".join(str(warning["text"]) for warning in self.status()["warnings"])

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition to come true."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(0.02)

    # --- the others ---------------------------------------------------------------------------

    def beat(self, n: int, **changes: Any) -> Beat:  # noqa: ANN401 - whatever a beat has
        """A beat of beta, which holds nothing."""
        said = Beat(1, 5, n, 0, 0, 0, 1, False, False, config_hash(self.cluster), ())  # noqa: FBT003
        return said._replace(**changes)

    def signed(self, beat: Beat, *keys: Key) -> bytes:
        return Codec(self.cluster.id.bytes, 1, keys or (OLD,)).encode(beat, 0)

    def send(self, *datagrams: bytes, host: Host | None = None, number: int = BETA) -> None:
        """Send to alpha's link, as beta if nobody else is named."""
        with (host or self.beta).entered():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            sender.bind((str(ip4(number)), PORT))
            for datagram in datagrams:
                sender.sendto(datagram, (str(ip4(ALPHA)), PORT))


@contextmanager
def lone(directory: Path) -> Iterator[Lone]:
    """A host for alpha, with its files ready; whatever was started ends with the block."""
    alpha, beta, _gateway, stranger = lan(ALPHA, BETA, GATEWAY, STRANGER)
    scene = Lone(directory, cluster_in(directory), alpha, beta, stranger)
    scene.write()
    initialise(directory / "state")
    try:
        yield scene
    finally:
        if scene.process is not None:
            scene.process.kill()
            scene.process.wait()
