"""Storms: two real agents, a service that writes to a shared file, and faults at random moments.

One rule: the file is the judge. Whatever is killed, frozen or cut, and whenever: a record of an
older epoch after one of a newer, or two nodes under one epoch, is two nodes that ran the service at
a time.

What is drawn is drawn from the seed; when exactly it happens is real time, so that a seed is no
replay. Only proofs that end a machine are stormed: a service whose agent is frozen goes on writing,
and nothing short of that ends it.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import hafw
from hafw.agent.journal import engine_hash
from hafw.config.model import Protection
from hafw.core.settings import MS
from hafw_sim.campaign_file import OtherEngine, commit
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.pair import NAMES, Design, Pair
from hafw_sim.lab.topology import VIP, Lan
from hafw_sim.lab.watch import Watch
from hafw_sim.lab.writer import PROVIDER, interleaving, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.lab.power import PowerSwitch

SCHEMA: Final = "hafw.storms/1"
PROTECTIONS: Final = ("fenced", "fenced+leased")
SHARED: Final = "shared"
SAID_MAX: Final = 2_000
"""What agents said last is long."""
FAULTS_MAX: Final = 5
GAP_S: Final = (0.1, 1.5)
PATIENCE_S: Final = 60.0
"""After a storm a pair that is whole serves within this time, on however busy a machine."""


class Weather(msgspec.Struct, kw_only=True):
    """What came of some storms, as a file has it.

    `starts`: of the service; `shots`: machines that were switched off; `unserved`: seeds after
    which nobody served, and why.
    """

    schema: str = SCHEMA
    version: str = hafw.__version__
    commit: str = ""
    engine: str = ""
    storms: int = 0
    faults: dict[str, int] = {}
    records: int = 0
    starts: int = 0
    shots: int = 0
    both_own_ms: float = 0.0
    interleavings: list[str] = []
    unserved: list[str] = []

    def add(self, other: Weather) -> None:
        """Add what came of other storms."""
        self.storms += other.storms
        self.faults = dict(sorted((Counter(self.faults) + Counter(other.faults)).items()))
        self.records += other.records
        self.starts += other.starts
        self.shots += other.shots
        self.both_own_ms = round(self.both_own_ms + other.both_own_ms, 3)
        self.interleavings += other.interleavings
        self.unserved += other.unserved


def begin(path: Path) -> Weather:
    """The file's content, to be continued; a new one if there is none. Raises OtherEngine."""
    if not path.exists():
        return Weather(commit=commit(), engine=engine_hash())
    found = msgspec.json.decode(path.read_bytes(), type=Weather)
    if found.engine != engine_hash():
        raise OtherEngine(
            f"{path} is of engine {found.engine}, this is {engine_hash()}; name another file"
        )
    return found


def storms(start: int, count: int, jobs: int, on_one: Callable[[Weather], None]) -> None:
    """So many storms from this seed on, so many at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        for weather in pool.map(storm, range(start, start + count)):
            on_one(weather)


def storm(seed: int) -> Weather:
    """One pair, one storm."""
    chance = random.Random(f"{seed}/storm")
    weather, faults = Weather(storms=1), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="hafw-storm-") as directory, ExitStack() as ending:
        design = _design(Path(directory), chance.choice(PROTECTIONS))
        sky = ending.enter_context(_sky(Path(directory), design))
        try:
            sky.pair.start_steady()
            for _ in range(chance.randint(2, FAULTS_MAX)):
                faults[sky.act(chance)] += 1
                time.sleep(chance.uniform(*GAP_S))
            sky.lab.heal()
            sky.pair.until(sky.served, "the group to be served", PATIENCE_S)
        except (LabError, TimeoutError) as problem:
            weather.unserved.append(f"seed {seed}: {problem}"[:SAID_MAX])
        weather.faults = dict(faults)
        weather.both_own_ms = sky.watch.both_own_ns(VIP, 0) / MS
        weather.shots = len(sky.switch.shots)
        mixed = interleaving(sky.file)
        weather.interleavings = [f"seed {seed}: {mixed}"] if mixed else []
        written = list(records(sky.file))
        weather.records = len(written)
        weather.starts = len({record.epoch for record in written})
    return weather


def _design(directory: Path, protection: str) -> Design:
    both = protection == "fenced+leased"
    return Design(
        reflect=False,
        power=True,
        witness=both,
        protection=Protection.FENCED_AND_LEASED if both else None,
        provider=PROVIDER,
        options=(("file", str(directory / SHARED)),),
    )


@contextmanager
def _sky(directory: Path, design: Design) -> Iterator[_Sky]:
    with Lab(gateway_reflects=False) as lab, Watch(lab, [VIP]) as watch:
        pair = Pair(lab, directory, design)
        (directory / SHARED).touch()
        with pair.devices() as (switch, _):
            assert switch is not None
            yield _Sky(lab, watch, pair, switch, directory / SHARED)


@dataclass(slots=True)
class _Sky:
    """One lab with everything in it, and what can be done to it."""

    lab: Lab
    watch: Watch
    pair: Pair
    switch: PowerSwitch
    file: Path

    def act(self, chance: random.Random) -> str:
        """Do something bad, or mend something; returns its name."""
        kind = chance.choice(
            ("kill", "freeze agent", "freeze machine", "thaw", "crash", "cut", "heal", "mend")
        )
        name = chance.choice(NAMES)
        with suppress(LabError):  # of a machine that is off already
            self._do(kind, name, chance)
        return kind

    def _do(self, kind: str, name: str, chance: random.Random) -> None:
        node, agent = self.lab.node(name), self.pair.agents[name]
        match kind:
            case "kill":
                agent.kill()
            case "freeze agent":
                node.freeze(agent)
            case "freeze machine":
                node.freeze()
            case "thaw":
                node.thaw()
            case "crash":
                node.crash()
            case "cut":
                self.lab.cut(*NAMES, lan=chance.choice((None, None, Lan.HEARTBEAT, Lan.SERVICE)))
            case "heal":
                self.lab.heal()
            case _:
                self._mend(name)

    def _mend(self, name: str) -> None:
        """As a person would: the machine on, its agent started."""
        node = self.lab.node(name)
        with suppress(LabError):
            node.thaw()
        if not any(each.name == name and each.up for each in self.lab.describe().machines):
            self.switch.switch_on(name)
            node.boot()
        if not self.pair.agents[name].running:
            self.pair.spawn(name)

    def served(self) -> bool:
        """Both agents agree on one owner, and it answers alone; what is off is switched on."""
        for name in NAMES:  # a shot that was under way may still come
            self._mend(name)
        owners = {self.pair.owner(1, name) for name in NAMES}
        return len(owners) == 1 and owners == set(self.watch.owners(VIP))
