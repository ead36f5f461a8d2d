"""Two nodes want one VIP, or one disk, on an Azure where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what the movers said, in sentences; nothing, if nothing
was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.providers.azure.api import Arm as Api
from hafw.providers.azure.api import Where, connect
from hafw.providers.azure.errors import decided
from hafw.providers.azure.orders import MOVERS
from hafw.providers.azure.values import Move
from hafw_sim.clouds import disk_races
from hafw_sim.clouds.arm.disk_site import ArmSite
from hafw_sim.clouds.arm.faults import Fault, Kind
from hafw_sim.clouds.arm.model import Arm
from hafw_sim.clouds.arm.networks import holders, next_hops
from hafw_sim.clouds.arm.values import (
    GROUP,
    NICS,
    SUBSCRIPTION,
    TABLES,
    config,
    pair,
    route,
    vms,
)
from hafw_sim.clouds.arm.virtual import ENDPOINT, Wire, running
from hafw_sim.clouds.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.clouds.arm.state import Things
    from hafw_sim.clouds.arm.values import Resource
    from hafw_sim.clouds.exchange import Json

RACES: Final = (*MOVERS, disk_races.DISK)
VIPS: Final = {"nic": "10.0.0.50", "route": "192.168.50.50"}
ENDS: Final = {"nic": ("nic-a", "nic-b"), "route": ("10.0.0.4", "10.0.0.5")}
PATIENCE_S: Final = 20.0
LONG_AFTER_S: Final = 100_000.0
_FAULTS: Final = (
    (Kind.LATENCY, 8.0),
    (Kind.LATE_LANDING, 30.0),
    (Kind.LOST_REPLY, 0.0),
    (Kind.STALE_READ, 3.0),
    (Kind.STUCK_OPERATION, 0.0),
    (Kind.FAILED_OPERATION, 0.0),
    (Kind.ANOTHER_OPERATION, 2.0),
    (Kind.LOCKED, 3.0),
    (Kind.THROTTLED, 3.0),
    (Kind.EXPIRED_TOKEN, 0.0),
    (Kind.CONTROL_PLANE_DOWN, 2.0),
)
"""What may go wrong, and for how many seconds at most."""
_CALLS: Final = ("*", "*.get", "*.createOrUpdate")


@dataclass(slots=True)
class Racer:
    """A node, by its interface or next hop, and how its attach ended."""

    name: str
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
        self._where = Where(SUBSCRIPTION, GROUP, ENDPOINT)
        self._clients = connect(SUBSCRIPTION, ENDPOINT, transport=self.wire.transport())

    def race(
        self,
        seed: int,
        mover: str,
        *,
        faults: bool = True,
        build: Callable[..., Arm] = Arm,
    ) -> list[str]:
        """One run; `build` makes the cloud, for one with a bug."""
        chance, hub = random.Random(f"{seed}/race"), Hub(seed)
        running_s = chance.uniform(0.01, 3.0)
        if mover == disk_races.DISK:
            api = (self._where, self._clients)
            site = ArmSite(self.wire, api, _FAULTS, build, running_s=running_s)
            return disk_races.race(site, hub, seed, faults=faults)
        arm = build(pair(), vms(), running_s=running_s)
        names = [*ENDS[mover]]
        chance.shuffle(names)
        racers = [Racer(name, epoch) for epoch, name in enumerate(names, start=2)]
        held = chance.random() < 0.5  # noqa: PLR2004 - as often as not
        with running(self.wire, hub, arm):
            if held:
                first = Racer(names[0], 1)
                hub.spawn("first", lambda: self._attach(hub, mover, first, names[1]))
                hub.run()
            since = len(arm.state.past)
            for fault in _draw(chance) if faults else ():
                hub.at(chance.uniform(0.0, 6.0), lambda fault=fault: arm.faults.add(fault))  # type: ignore[misc]
            for racer, other in zip(racers, reversed(racers), strict=True):
                hub.spawn(
                    racer.name,
                    lambda racer=racer, other=other: self._attach(  # type: ignore[misc]
                        hub, mover, racer, other.name
                    ),
                    chance.uniform(0.0, 4.0),
                )
            added = _meddle(hub, arm, chance)
            hub.run()
            arm.advance(hub.now_s + LONG_AFTER_S)
        for task in hub.tasks:
            if task.problem is not None:
                raise task.problem
        states = [things for _, things in [*arm.state.past][since:]] + [arm.state.things]
        return [
            *_wrong_claims(mover, racers, names[0] if held else "", states[-1]),
            *_wrong_moments(mover, states),
            *(f"{one} of a third party is lost" for one in added if one not in _all(states[-1])),
        ]

    def _attach(self, hub: Hub, mover: str, racer: Racer, peer: str) -> None:
        move = Move(
            address=VIPS[mover],
            me=racer.name,
            peer=peer,
            epoch=racer.epoch,
            tag="hafw-c1-3",
            tables=("clients",),
        )
        racer.began_s = hub.now_s
        api = Api(self._where, hub.now_ns + int(PATIENCE_S * 1e9), self._clients)
        try:
            decided(api, lambda: bool(MOVERS[mover].attach(api, move)))
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


def _meddle(hub: Hub, arm: Arm, chance: random.Random) -> list[str]:
    """A third party adds to the same interfaces and the same table, between other changes."""
    added: list[str] = []

    def add(key: tuple[str, str], number: int) -> None:
        arm.advance(hub.now_s)
        found = arm.state.things.resources[key]
        if found.state != "Succeeded" or arm.state.busy(found.path):
            return
        children, one = _more(found, number)
        properties = found.body["properties"]
        changed = {**properties, children: [*properties[children], one]}
        arm.state.change(replace(found, body={**found.body, "properties": changed}), hub.now_s)
        added.append(str(one["name"]))

    for number in range(chance.randint(0, 6)):
        key = chance.choice([*arm.state.things.resources])
        hub.at(chance.uniform(0.0, 10.0), lambda key=key, number=number: add(key, number))  # type: ignore[misc]
    return added


def _more(found: Resource, number: int) -> tuple[str, Json]:
    """What a third party adds to a resource, and to which of its lists."""
    if found.kind == TABLES:
        return "routes", route(f"other-{number}", f"198.51.100.{number}/32", "10.0.0.4")
    return "ipConfigurations", config(f"other-{number}", f"10.0.0.{200 + number}")


def _all(things: Things) -> set[str]:
    """The name of every IP configuration and route, as packets see them."""
    return {
        str(one["name"])
        for resource in things.resources.values()
        for one in resource.applied["properties"][
            "ipConfigurations" if resource.kind == NICS else "routes"
        ]
    }


def _owners(mover: str, things: Things) -> list[str]:
    if mover == "nic":
        return holders(things, VIPS[mover])
    return next_hops(things, f"{VIPS[mover]}/32")


def _wrong_claims(mover: str, racers: list[Racer], before: str, end: Things) -> list[str]:
    """What the racers said that is not so; `before`: who had the VIP at the start."""
    owners, wrong = _owners(mover, end), []
    for racer, other in zip(racers, reversed(racers), strict=True):
        name = racer.name
        if racer.attached and name not in owners and not _overtaken(racer, other):
            wrong.append(f"{name} said that it has the VIP, and {owners or 'nobody'} has it")
        if racer.said == "no effect" and name in owners and name != before:
            wrong.append(f"{name} said that it had no effect ({racer.problem}), and has the VIP")
    return wrong


def _overtaken(racer: Racer, other: Racer) -> bool:
    """May the other have taken it since, or begun to?

    The newer epoch is never overtaken: whoever would, has read it.
    """
    return other.epoch > racer.epoch and other.said in ("attached", "unknown")


def _wrong_moments(mover: str, states: list[Things]) -> list[str]:
    """What was wrong in between."""
    owners = [_owners(mover, things) for things in states]
    wrong = [f"at once {' and '.join(found)} had the VIP" for found in owners if len(found) > 1]
    if mover == "route" and owners[0] and [] in owners:
        wrong.append("there was a moment without a route")
    return wrong
