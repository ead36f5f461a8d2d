"""Two nodes want one VIP, or one disk, in a cloud where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what the movers said, in sentences; nothing, if nothing
was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hafw.api_budget import Use
from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.providers.gcp.api import Compute
from hafw.providers.gcp.errors import decided
from hafw.providers.gcp.orders import MOVERS
from hafw.providers.gcp.values import Machine, Move
from hafw_sim.clouds import disk_races
from hafw_sim.clouds.gce.disk_site import GceSite
from hafw_sim.clouds.gce.faults import Fault, Kind
from hafw_sim.clouds.gce.machines import holders
from hafw_sim.clouds.gce.model import Gce
from hafw_sim.clouds.gce.routes import next_hops
from hafw_sim.clouds.gce.values import Alias, pair
from hafw_sim.clouds.gce.virtual import ENDPOINT, Wire, running
from hafw_sim.clouds.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.clouds.gce.state import Things

RACES: Final = (*MOVERS, disk_races.DISK)
VIP: Final = "10.0.0.50"
PATIENCE_S: Final = 20.0
LONG_AFTER_S: Final = 100_000.0
_FAULTS: Final = (
    (Kind.LATENCY, 8.0),
    (Kind.LATE_LANDING, 30.0),
    (Kind.LOST_REPLY, 0.0),
    (Kind.STALE_READ, 3.0),
    (Kind.STUCK_OPERATION, 0.0),
    (Kind.FAILED_OPERATION, 0.0),
    (Kind.THROTTLED, 3.0),
    (Kind.RATE_LIMITED, 3.0),
    (Kind.EXPIRED_TOKEN, 0.0),
    (Kind.CONTROL_PLANE_DOWN, 2.0),
)
"""What may go wrong, and for how many seconds at most."""
_CALLS: Final = ("*", "instances.get", "instances.update*", "*.wait", "routes.*", "routes.list")


@dataclass(slots=True)
class Racer:
    """A node and how its attach ended."""

    machine: Machine
    epoch: int
    began_s: float = 0.0
    ended_s: float = 0.0
    said: str = ""
    problem: str = ""

    @property
    def attached(self) -> bool:
        """It says that it has the VIP."""
        return self.said == "attached"


class Track:
    """The real SDK on a wire to the model: to be built once, as it takes a while."""

    def __init__(self) -> None:
        """With clients that know no clock and no cloud yet."""
        self.wire = Wire()
        self.compute = Compute(ENDPOINT, self.wire)

    def race(
        self,
        seed: int,
        mover: str,
        *,
        faults: bool = True,
        build: Callable[..., Gce] = Gce,
    ) -> list[str]:
        """One run; `build` makes the cloud, for one with a bug."""
        chance = random.Random(f"{seed}/race")
        lasts_s = {"pending_s": chance.uniform(0.0, 0.5), "running_s": chance.uniform(0.01, 3.0)}
        hub = Hub(seed)
        if mover == disk_races.DISK:
            site = GceSite(self.wire, self.compute, _FAULTS, build, **lasts_s)
            return disk_races.race(site, hub, seed, faults=faults)
        instances = pair()
        gce = build("p", instances, **lasts_s)
        machines = [Machine(project="p", zone=one.zone, name=one.name) for one in instances]
        chance.shuffle(machines)
        racers = [Racer(machine, epoch) for epoch, machine in enumerate(machines, start=2)]
        held = chance.random() < 0.5  # noqa: PLR2004 - as often as not
        with running(self.wire, hub, gce):
            if held:
                first = Racer(racers[0].machine, 1)
                hub.spawn("first", lambda: self._attach(hub, mover, first, racers[1].machine))
                hub.run()
            since = len(gce.state.past)
            for fault in _draw(chance) if faults else ():
                hub.at(chance.uniform(0.0, 6.0), lambda fault=fault: gce.faults.add(fault))  # type: ignore[misc]
            for racer, other in zip(racers, reversed(racers), strict=True):
                hub.spawn(
                    racer.machine.name,
                    lambda racer=racer, other=other: self._attach(  # type: ignore[misc]
                        hub, mover, racer, other.machine
                    ),
                    chance.uniform(0.0, 4.0),
                )
            added = _meddle(hub, gce, chance)
            hub.run()
            gce.advance(hub.now_s + LONG_AFTER_S)
        for task in hub.tasks:
            if task.problem is not None:
                raise task.problem
        states = [things for _, things in [*gce.state.past][since:]] + [gce.state.things]
        before = racers[0].machine.name if held else ""
        return [
            *_wrong_claims(mover, racers, before, states[-1]),
            *_wrong_moments(mover, states),
            *(
                f"{alias} of a third party is lost"
                for alias in added
                if alias not in _all(states[-1])
            ),
        ]

    def _attach(self, hub: Hub, mover: str, racer: Racer, peer: Machine) -> None:
        move = Move(
            address=VIP,
            me=racer.machine,
            peer=peer,
            epoch=racer.epoch,
            owner="c1/3",
            deadline_ns=hub.now_ns + int(PATIENCE_S * 1e9),
        )
        racer.began_s = hub.now_s
        compute = self.compute.spent_on(Use.ROUTINE)
        try:
            decided(lambda: MOVERS[mover].attach(compute, move), move.deadline_ns)
            racer.said = "attached"
        except UnknownOutcome as problem:
            racer.said, racer.problem = "unknown", str(problem)
        except ProviderError as problem:
            racer.said, racer.problem = "no effect", f"{type(problem).__name__}: {problem}"
        racer.ended_s = hub.now_s


def _draw(chance: random.Random) -> list[Fault]:
    """Some faults, each for a few calls."""
    found = []
    for kind, longest_s in _FAULTS:
        if chance.random() < 0.3:  # noqa: PLR2004 - two or three kinds in most runs
            seconds, calls = chance.uniform(0.0, longest_s), chance.choice(_CALLS)
            times = 1 if kind is Kind.STALE_READ else chance.randint(1, 3)
            found.append(Fault(kind, seconds, calls, times))
    return found


def _meddle(hub: Hub, gce: Gce, chance: random.Random) -> list[str]:
    """A third party adds aliases of its own to the same interfaces, between other changes."""
    added: list[str] = []

    def add(key: tuple[str, str], alias: str) -> None:
        gce.advance(hub.now_s)
        instance = gce.state.things.instances[key]
        nic = instance.nics[0]
        if not gce.state.busy(f"zones/{key[0]}/instances/{key[1]}/{nic.name}"):
            nic = replace(nic, aliases=(*nic.aliases, Alias(alias)), serial=nic.serial + 1)
            gce.state.put(replace(instance, nics=(nic,)), hub.now_s)
            added.append(alias)

    for number in range(chance.randint(0, 6)):
        key, alias = chance.choice([*gce.state.things.instances]), f"10.0.0.{200 + number}/32"
        hub.at(chance.uniform(0.0, 10.0), lambda key=key, alias=alias: add(key, alias))  # type: ignore[misc]
    return added


def _all(things: Things) -> set[str]:
    """Every alias."""
    every = (alias for one in things.instances.values() for alias in one.nics[0].aliases)
    return {alias.cidr for alias in every}


def _owners(mover: str, things: Things) -> list[str]:
    if mover == "alias-ip":
        return holders(things, VIP)
    return next_hops(things, f"{VIP}/32")


def _wrong_claims(mover: str, racers: list[Racer], before: str, end: Things) -> list[str]:
    """What the racers said that is not so; `before`: who had the VIP at the start."""
    owners, wrong = _owners(mover, end), []
    for racer, other in zip(racers, reversed(racers), strict=True):
        name = racer.machine.name
        if racer.attached and name not in owners and not _overtaken(mover, racer, other):
            wrong.append(f"{name} said that it has the VIP, and {owners or 'nobody'} has it")
        if racer.said == "no effect" and name in owners and name != before:
            wrong.append(f"{name} said that it had no effect ({racer.problem}), and has the VIP")
    return wrong


def _overtaken(mover: str, racer: Racer, other: Racer) -> bool:
    """May the other have taken it since? Of two at the same time either may be the later one.

    Of routes the newer epoch has it. An alias is taken from its owner before it is claimed, so
    whoever took it may have failed to claim it.
    """
    if mover == "route":
        return other.said in ("attached", "unknown") and other.epoch > racer.epoch
    return other.said == "unknown" or other.ended_s > racer.began_s


def _wrong_moments(mover: str, states: list[Things]) -> list[str]:
    """What was wrong in between."""
    owners = [_owners(mover, things) for things in states]
    wrong = [f"at once {' and '.join(found)} had the VIP" for found in owners if len(found) > 1]
    if mover == "route" and owners[0] and [] in owners:
        wrong.append("there was a moment without a route")
    return wrong
