"""Two nodes want one VIP, or one disk, on an Azure where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what the movers said, in sentences; nothing, if nothing
was.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

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
from hafw_sim.clouds.rivals import Rival, drawn, wrong_claims, wrong_moments

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
        rivals = [Rival(name, name, epoch) for epoch, name in enumerate(names, start=2)]
        held = chance.random() < 0.5  # noqa: PLR2004 - as often as not
        with running(self.wire, hub, arm):
            if held:
                first = Rival(names[0], names[0])
                hub.spawn("first", lambda: self._attach(hub, mover, first, names[1]))
                hub.run()
            since = len(arm.state.past)
            for fault in drawn(chance, Fault, _FAULTS, _CALLS) if faults else ():
                hub.at(chance.uniform(0.0, 6.0), lambda fault=fault: arm.faults.add(fault))  # type: ignore[misc]
            for rival, other in zip(rivals, reversed(names), strict=True):
                hub.spawn(
                    rival.name,
                    lambda rival=rival, other=other: self._attach(  # type: ignore[misc]
                        hub, mover, rival, other
                    ),
                    chance.uniform(0.0, 4.0),
                )
            added = _meddle(hub, arm, chance)
            hub.run()
            arm.advance(hub.now_s + LONG_AFTER_S)
        states = [things for _, things in [*arm.state.past][since:]] + [arm.state.things]
        owners = [_owners(mover, things) for things in states]
        return [
            *wrong_claims(rivals, names[:1] if held else (), owners[-1], _overtaken),
            *wrong_moments(owners, gapless=mover == "route"),
            *(f"{one} of a third party is lost" for one in added if one not in _all(states[-1])),
        ]

    def _attach(self, hub: Hub, mover: str, rival: Rival, peer: str) -> None:
        move = Move(
            address=VIPS[mover],
            me=rival.name,
            peer=peer,
            epoch=rival.epoch,
            tag="hafw-c1-3",
            tables=("clients",),
        )
        api = Api(self._where, hub.now_ns + int(PATIENCE_S * 1e9), self._clients)
        rival.attach(hub, lambda: decided(api, lambda: bool(MOVERS[mover].attach(api, move))))


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


def _overtaken(rival: Rival, other: Rival) -> bool:
    """May the other have taken it since, or begun to?

    The newer epoch is never overtaken: whoever would, has read it.
    """
    return other.epoch > rival.epoch and other.said in ("attached", "unknown")
