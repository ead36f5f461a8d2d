"""Two real agents on the machines alpha and beta of a lab: what the demo, tests and benches drive.

Rule: everything is asked as an operator would, by the program `hafw`; nothing is read out of the
agents. Each agent's files live in a directory of its own below one that the owner gives.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from hafw.agent.client import SOCKET_NAME, ControlClient, ControlError
from hafw.agent.statefile import initialise
from hafw.config.durations import format_duration
from hafw.config.keys import new_key, render_keys
from hafw.config.model import (
    PILL_METHOD,
    Authority,
    CloudDisk,
    Cluster,
    Fence,
    Group,
    IPAddress,
    IPInterface,
    Link,
    LinkEnd,
    Mode,
    Ping,
    Protection,
    Vip,
    Watchdog,
)
from hafw.config.render import render
from hafw.core.settings import MS, SECOND, Timing
from hafw_sim.lab.dogs import Dogs
from hafw_sim.lab.power import METHOD, PowerSwitch
from hafw_sim.lab.topology import ALPHA, BETA, GATEWAY, VIP, Lan

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hafw.config.options import Options
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Process
    from hafw_sim.lab.topology import Plan

QUICK: Final = Timing(
    keepalive_ns=100 * MS, warntime_ns=200 * MS, deadtime_ns=1 * SECOND, initdead_ns=2 * SECOND
)
"""Times that forgive the scheduling of a busy test machine, and keep a test short."""
NAMES: Final = ("alpha", "beta")
DOG_NS: Final = 1 * SECOND
"""The nodes' watchdogs strike after this time."""
PILL_DISK_BYTES: Final = 64 * 1024
WITNESS_PORT: Final = 7411
START_TIMEOUT_S: Final = 30.0
_LOOK_S: Final = 0.02

Status = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a pair's cluster file says. Group n prefers alpha if n is odd, beta if it is even.

    `witness`: the gateway is the host of a witness, which keeps the groups' leases. `power`: each
    node can switch the other off, by the lab's power switch; `pills`: by a pill on a shared disk,
    with a watchdog of the lab's in each node; or else as `fences` says. `provider`
    moves the VIPs, with `options`; `disk` stands before those of the first group.
    """

    vips: tuple[tuple[IPAddress, ...], ...] = ((VIP,),)
    timing: Timing = QUICK
    reflect: bool = True
    best_effort: bool = False
    auto_failback: bool = False
    lans: tuple[Lan, ...] = (Lan.HEARTBEAT, Lan.SERVICE)
    ping: bool = True
    witness: bool = False
    lease_ttl_ns: int = 2 * SECOND
    power: bool = False
    pills: bool = False
    fences: tuple[tuple[Fence, ...], tuple[Fence, ...]] = ((), ())
    fence_delay_ns: int = 500 * MS
    provider: str = "onprem"
    options: Options = ()
    disk: CloudDisk | None = None
    protection: Protection | None = None

    def cluster(self, directory: Path) -> Cluster:
        """The cluster, with its key beside its file in `directory`."""
        gateway = GATEWAY.sockets[0].addresses[0].ip
        both = Mode.ACTIVE_ACTIVE if len(self.vips) > 1 else Mode.ACTIVE_PASSIVE
        return Cluster(
            name="lab",
            id=uuid4(),
            key_file=directory / "cluster.key",
            nodes=NAMES,
            links=tuple(_link(lan) for lan in self.lans),
            groups=tuple(self._group(number) for number in range(1, len(self.vips) + 1)),
            mode=both,
            protection=Protection.BEST_EFFORT if self.best_effort else self.protection,
            ping=Ping(
                addresses=(gateway,) if self.ping else (),
                reflect=gateway if self.ping and self.reflect else None,
            ),
            timing=self.timing,
            authority=self._authority(gateway) if self.witness else None,
            fences=self._fences(directory),
            watchdogs=self._watchdogs(directory) if self.pills else (None, None),
            fence_delay_ns=self.fence_delay_ns,
        )

    def _fences(self, directory: Path) -> tuple[tuple[Fence, ...], tuple[Fence, ...]]:
        if self.power:
            options = (("directory", str(directory / "power")),)
            return ((Fence(METHOD, options, timeout_ns=5 * SECOND),),) * 2
        if self.pills:
            options = (("device", str(directory / "pills")),)
            return ((Fence(PILL_METHOD, options, timeout_ns=20 * SECOND),),) * 2
        return self.fences

    def _watchdogs(self, directory: Path) -> tuple[Watchdog, Watchdog]:
        first, second = (Watchdog(directory / name / "dog", DOG_NS) for name in NAMES)
        return first, second

    def _authority(self, gateway: IPAddress) -> Authority:
        url = f"witness://{gateway}:{WITNESS_PORT}"
        return Authority(lease=url, lease_ttl_ns=self.lease_ttl_ns)

    def _group(self, number: int) -> Group:
        vips = tuple(
            Vip(
                provider=self.provider,
                address=_host(vip),
                interfaces=("eth0", "eth0"),
                options=self.options,
            )
            for vip in self.vips[number - 1]
        )
        disks = (self.disk,) if self.disk is not None and number == 1 else ()
        return Group(
            id=number,
            preferred=(number - 1) % 2,
            auto_failback=self.auto_failback,
            resources=(*disks, *vips),
        )


def _host(vip: IPAddress) -> IPInterface:
    from ipaddress import ip_interface  # noqa: PLC0415 - its name would hide the type's

    return ip_interface(f"{vip}/{vip.max_prefixlen}")


def _link(lan: Lan) -> Link:
    return Link(ends=(_end(ALPHA, lan), _end(BETA, lan)))


def _end(plan: Plan, lan: Lan) -> LinkEnd:
    card = plan.lans.index(lan)
    return LinkEnd(interface=f"eth{card}", address=plan.sockets[card].addresses[0].ip)


@dataclass(slots=True)
class Pair:
    """The two agents of one lab. `directory`: where their files go.

    `environment`: that of each node's agent, if it is not the caller's.
    """

    lab: Lab
    directory: Path
    design: Design = field(default_factory=Design)
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    agents: dict[str, Process] = field(default_factory=dict)
    witness: Process | None = None

    def __post_init__(self) -> None:
        """Write the cluster file and the key, and make both nodes' first state files."""
        cluster = self.design.cluster(self.directory)
        keys = render_keys((new_key(),))
        _write_secret(cluster.key_file, keys)
        if self.design.witness:
            self.witness_dir.mkdir()
            _write_secret(self.witness_dir / f"{cluster.id}.key", keys)
        self.config.write_text(render(cluster))
        if self.design.pills:
            self.pills.write_bytes(bytes(PILL_DISK_BYTES))
        for name in NAMES:
            initialise(self.state_dir(name))
            self.run_dir(name).mkdir()

    @property
    def config(self) -> Path:
        """The cluster file, the same for both."""
        return self.directory / "cluster.toml"

    def state_dir(self, name: str) -> Path:
        """Where a node keeps its state and journal."""
        return self.directory / name / "state"

    def run_dir(self, name: str) -> Path:
        """Where a node's control socket is."""
        return self.directory / name / "run"

    def log(self, name: str) -> Path:
        """What a node's agents wrote to stderr."""
        return self.directory / name / "agent.log"

    def power_switch(self) -> PowerSwitch:
        """The switch that the nodes' fences reach: to be entered before it is needed."""
        return PowerSwitch(self.lab, self.directory / "power", NAMES)

    @property
    def pills(self) -> Path:
        """The file that stands for a disk that both nodes see."""
        return self.directory / "pills"

    def dogs(self) -> Dogs:
        """The nodes' watchdogs: to be entered before the agents are started."""
        return Dogs(self.lab, {name: self.directory / name / "dog" for name in NAMES}, DOG_NS)

    @contextmanager
    def devices(self) -> Iterator[tuple[PowerSwitch | None, Dogs | None]]:
        """What the design has of these, at work; to be entered before the agents are started."""
        with ExitStack() as ending:
            switch = ending.enter_context(self.power_switch()) if self.design.power else None
            dogs = ending.enter_context(self.dogs()) if self.design.pills else None
            yield switch, dogs

    @property
    def witness_dir(self) -> Path:
        """Where the witness keeps keys and leases."""
        return self.directory / "witness"

    def start_witness(self) -> None:
        """Start the witness on the gateway; at its first start it grants nothing for one lease."""
        argv: list[str | Path] = [sys.executable, "-m", "hafw.cli.main", "witness"]
        argv += ["--listen", f"0.0.0.0:{WITNESS_PORT}", "--state-dir", self.witness_dir]
        argv += ["--key-dir", self.witness_dir]
        argv += ["--max-ttl", format_duration(self.design.lease_ttl_ns)]
        log = self.witness_dir / "witness.log"
        self.witness = self.lab.node(GATEWAY.name).spawn(argv, stdout=log)

    # --- agents -------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start the agents of these nodes, or of both; returns when they answer."""
        for name in names or NAMES:
            self.spawn(name)
        for name in names or NAMES:
            self.until(lambda name=name: bool(self.status(name)), f"the agent of {name} to answer")  # type: ignore[misc]

    def spawn(self, name: str) -> None:
        """Start the agent of this node, whatever comes of it."""
        argv, env = self._argv("agent", name), self.environment.get(name)
        self.agents[name] = self.lab.node(name).spawn(argv, env=env, stdout=self.log(name))

    def start_steady(self) -> None:
        """Start all; returns when each group is where it belongs and both nodes are ready."""
        if self.design.witness:
            self.start_witness()
        self.start()
        self.until(self.steady, "both nodes to be ready")

    def steady(self) -> bool:
        """Whether both agents agree that every group is active and the other one is ready."""
        statuses = [self.status(name) for name in NAMES]
        return all(
            status
            and all(group["state"] == "active" for group in _rows(status, "groups"))
            and all(node["state"] == "up" for node in _rows(status, "nodes"))
            and not status["warnings"]
            and self._armed(status)
            for status in statuses
        )

    def _armed(self, status: Status) -> bool:
        mine = status["node"]
        reflects = self.design.ping and self.design.reflect
        groups = _rows(status, "groups")
        return not reflects or all(group["armed"] or group["owner"] == mine for group in groups)

    def owner(self, group: int = 1, asked: str = "alpha") -> object:
        """The owner of a group as one node sees it."""
        return next(
            (row["owner"] for row in _rows(self.status(asked), "groups") if row["id"] == group),
            None,
        )

    def status(self, name: str) -> Status:
        """What `hafw status` is made of; empty while the agent does not answer."""
        return self._asked(name, "status")

    def _asked(self, name: str, verb: str) -> Status:
        client = ControlClient(self.run_dir(name) / SOCKET_NAME)
        with suppress(ControlError):
            result = client.request({"verb": verb}, 5.0).get("result")
            if isinstance(result, dict):
                return result
        return {}

    def events(self, name: str) -> list[Status]:
        """The newest notes of a node's agent, oldest first; none while it does not answer."""
        return _rows(self._asked(name, "events"), "events")

    def hafw(
        self, name: str, *words: str, timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `hafw WORDS` on a node, as an operator would."""
        return self.lab.node(name).run(self._argv(words[0], name, words[1:]), timeout_s=timeout_s)

    def _argv(self, command: str, name: str, words: Sequence[str] = ()) -> list[str | Path]:
        argv: list[str | Path] = [sys.executable, "-m", "hafw.cli.main", command, *words]
        argv += ["--config", self.config, "--run-dir", self.run_dir(name), "--node", name]
        return argv + (["--state-dir", self.state_dir(name)] if command == "agent" else [])

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = 0.0) -> None:
        """Wait for it. Raises TimeoutError, with what the agents said last."""
        deadline_s = time.monotonic() + (timeout_s or START_TIMEOUT_S)
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"waited for {what}\n" + self.last_words())
            time.sleep(_LOOK_S)

    def last_words(self) -> str:
        """The end of both agents' logs."""
        said = []
        for name in NAMES:
            text = self.log(name).read_text() if self.log(name).exists() else ""
            said += [f"--- {name}", *text.splitlines()[-25:]]
        return "\n".join(said)


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _rows(status: Status, name: str) -> list[Status]:
    rows = status.get(name, [])
    return rows if isinstance(rows, list) else []


def as_json(status: Status) -> str:
    """A status for a person who debugs a test."""
    return json.dumps(status, indent=2)
