"""Two nodes want one VIP, or one disk, in a cloud where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what the movers said, in sentences; nothing, if nothing
was.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.api_budget import Use
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
from hafw_sim.clouds.rivals import Rival, drawn, wrong_claims, wrong_moments

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
        rivals = [Rival(one.name, one.name, epoch) for epoch, one in enumerate(machines, start=2)]
        me, peer = machines
        held = chance.random() < 0.5  # noqa: PLR2004 - as often as not
        with running(self.wire, hub, gce):
            if held:
                first = Rival(me.name, me.name)
                hub.spawn("first", lambda: self._attach(hub, mover, first, me, peer))
                hub.run()
            since = len(gce.state.past)
            for fault in drawn(chance, Fault, _FAULTS, _CALLS) if faults else ():
                hub.at(chance.uniform(0.0, 6.0), lambda fault=fault: gce.faults.add(fault))  # type: ignore[misc]
            for rival, own, other in zip(rivals, machines, reversed(machines), strict=True):
                hub.spawn(
                    rival.name,
                    lambda rival=rival, own=own, other=other: self._attach(  # type: ignore[misc]
                        hub, mover, rival, own, other
                    ),
                    chance.uniform(0.0, 4.0),
                )
            added = _meddle(hub, gce, chance)
            hub.run()
            gce.advance(hub.now_s + LONG_AFTER_S)
        states = [things for _, things in [*gce.state.past][since:]] + [gce.state.things]
        owners = [_owners(mover, things) for things in states]
        before = [me.name] if held else []
        return [
            *wrong_claims(rivals, before, owners[-1], partial(_overtaken, mover)),
            *wrong_moments(owners, gapless=mover == "route"),
            *(
                f"{alias} of a third party is lost"
                for alias in added
                if alias not in _all(states[-1])
            ),
        ]

    def _attach(self, hub: Hub, mover: str, rival: Rival, me: Machine, peer: Machine) -> None:
        move = Move(
            address=VIP,
            me=me,
            peer=peer,
            epoch=rival.epoch,
            owner="c1/3",
            deadline_ns=hub.now_ns + int(PATIENCE_S * 1e9),
        )
        compute = self.compute.spent_on(Use.ROUTINE)
        rival.attach(
            hub, lambda: decided(lambda: MOVERS[mover].attach(compute, move), move.deadline_ns)
        )


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


def _overtaken(mover: str, rival: Rival, other: Rival) -> bool:
    """May the other have taken it since? Of two at the same time either may be the later one.

    Of routes the newer epoch has it. An alias is taken from its owner before it is claimed, so
    whoever took it may have failed to claim it.
    """
    if mover == "route":
        return other.said in ("attached", "unknown") and other.epoch > rival.epoch
    return other.said == "unknown" or other.ended_s > rival.began_s
