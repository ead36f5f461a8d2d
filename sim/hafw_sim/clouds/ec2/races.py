"""Two nodes want one VIP, or one disk, on an EC2 where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what the movers said, in sentences; nothing, if nothing
was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hafw.hooks.hookspecs import VipRequest
from hafw.providers.aws.api import Ec2 as Api
from hafw.providers.aws.api import Where
from hafw.providers.aws.elastic_ip import ElasticIp
from hafw.providers.aws.moving import attach
from hafw.providers.aws.private_ip import PrivateIp
from hafw.providers.aws.route import Route
from hafw_sim.clouds import disk_races
from hafw_sim.clouds.ec2.disk_site import Ec2Site
from hafw_sim.clouds.ec2.faults import Fault, Kind
from hafw_sim.clouds.ec2.model import Ec2
from hafw_sim.clouds.ec2.values import Things, pair
from hafw_sim.clouds.ec2.virtual import Wire, running
from hafw_sim.clouds.hub import Hub
from hafw_sim.clouds.rivals import Rival, drawn, wrong_claims

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hafw.hooks.hookspecs import VipOption
    from hafw.providers.aws.moving import Mover

NODES: Final = ("alpha", "beta")
ENIS: Final = ("eni-00000001", "eni-00000002")
OTHER: Final = "eni-00000003"
PROOF: Final = "fenced"
PATIENCE_S: Final = 20.0
LONG_AFTER_S: Final = 100_000.0
_ELASTIC: Final = "eipalloc-00000001"
_TABLES: Final = ("rtb-00000001", "rtb-00000002")
_FAULTS: Final = (
    (Kind.LATENCY, 8.0),
    (Kind.LATE_LANDING, 30.0),
    (Kind.LOST_REPLY, 0.0),
    (Kind.STALE_READ, 3.0),
    (Kind.THROTTLED, 0.0),
    (Kind.INTERNAL_ERROR, 0.0),
    (Kind.EXPIRED_TOKEN, 0.0),
    (Kind.CONTROL_PLANE_DOWN, 0.0),
)
"""What may go wrong, and for how many seconds at most."""
_CALLS: Final = ("*", "Describe*", "[!D]*", "Disassociate*", "Unassign*", "A*")


def _holders(address: str) -> Callable[[Things], list[str]]:
    return lambda things: things.holders(address)


def _associated(things: Things) -> list[str]:
    held = things.elastic[_ELASTIC].interface
    return [held] if held else []


def _hops(things: Things) -> list[str]:
    return sorted({things.routes[name]["192.168.50.50/32"] for name in _TABLES})


@dataclass(frozen=True, slots=True)
class Kit:
    """A mover, its VIP, and who has that; `conditional`: EC2 refuses who comes late."""

    mover: Mover
    address: str
    options: Mapping[str, VipOption]
    owners: Callable[[Things], list[str]]
    conditional: bool = True


KITS: Final[Mapping[str, Callable[[], Kit]]] = {
    "private-ip": lambda: Kit(PrivateIp(), "10.0.1.50", {}, _holders("10.0.1.50")),
    "private-ip of IPv6": lambda: Kit(
        PrivateIp(), "2001:db8:1::50", {}, _holders("2001:db8:1::50")
    ),
    "elastic-ip": lambda: Kit(ElasticIp(), "203.0.113.5", {"allocation_id": _ELASTIC}, _associated),
    "route": lambda: Kit(
        Route(), "192.168.50.50", {"route_tables": _TABLES}, _hops, conditional=False
    ),
}
"""The movers, each as new."""
RACES: Final = (*KITS, disk_races.DISK)


class Track:
    """The real SDK on a wire to the model: to be built once, as it takes a while."""

    def __init__(self) -> None:
        """With clients that know no clock and no cloud yet."""
        self.wire = Wire()

    def race(
        self,
        seed: int,
        mover: str,
        *,
        faults: bool = True,
        build: Callable[[Things], Ec2] = Ec2,
    ) -> list[str]:
        """One run; `build` makes the cloud, for one with a bug."""
        if mover == disk_races.DISK:
            site = Ec2Site(self.wire, _FAULTS, build, seed)
            return disk_races.race(site, Hub(seed), seed, faults=faults)
        return self._race_for_vip(seed, KITS[mover](), mover, build, faults=faults)

    def _race_for_vip(
        self, seed: int, kit: Kit, mover: str, build: Callable[[Things], Ec2], *, faults: bool
    ) -> list[str]:
        chance, hub = random.Random(f"{seed}/race"), Hub(seed)
        ec2 = build(pair())
        rivals = [_rival(node) for node in chance.sample((0, 1), 2)]
        stranger = mover == "private-ip" and chance.random() < 0.1  # noqa: PLR2004 - rarely
        if stranger:
            other = ec2.state.things.interfaces[OTHER]
            ec2.state.put(0.0, replace(other, addresses=(kit.address,)))
        elif chance.random() < 0.3:  # noqa: PLR2004 - the old holder is proved to be off
            rivals = [replace(rivals[0], certificate=PROOF)]
        with running(self.wire, hub, ec2, seed):
            if chance.random() < 0.5 and not stranger:  # noqa: PLR2004 - as often as not
                first = _rival(chance.choice((0, 1)))
                hub.spawn("first", lambda: self._attach(hub, kit, first))
                hub.run()
            before, since = kit.owners(ec2.state.things), len(ec2.state.history)
            wrongs = drawn(chance, Fault, _FAULTS, _CALLS, stale_once=False) if faults else ()
            for fault in wrongs:
                hub.at(chance.uniform(0.0, 4.0), lambda fault=fault: ec2.faults.add(fault))  # type: ignore[misc]
            for rival in rivals:
                hub.spawn(
                    rival.name,
                    lambda rival=rival: self._attach(hub, kit, rival),  # type: ignore[misc]
                    chance.uniform(0.0, 2.0),
                )
            hub.run()
            ec2.state.advance(hub.now_s + LONG_AFTER_S)
        end = kit.owners(ec2.state.things)
        wrong = wrong_claims(rivals, before, end, _overtaken)
        if len(end) > 1 and kit.conditional:
            wrong.append(f"{' and '.join(end)} have the VIP")
        if kit.conditional and all(rival.certificate != PROOF for rival in rivals):
            wrong += _stolen([kit.owners(things) for things in ec2.state.history[since - 1 :]])
        if stranger and end != [OTHER]:
            wrong.append(f"a third party's VIP went to {end or 'nobody'}")
        return wrong

    def _attach(self, hub: Hub, kit: Kit, rival: Rival) -> None:
        vip = VipRequest(
            cluster_id="c1",
            group=3,
            epoch=1,
            address=kit.address,
            interface="eth0",
            deadline_ns=hub.now_ns + int(PATIENCE_S * 1e9),
            certificate=rival.certificate,
            node=NODES.index(rival.name),
            nodes=NODES,
            options={"eni": ENIS, **kit.options},
        )
        rival.attach(hub, lambda: attach(kit.mover, vip, Api(Where(None, None), vip.deadline_ns)))


def _rival(node: int) -> Rival:
    return Rival(NODES[node], ENIS[node], certificate="reflected")


def _stolen(owners: list[list[str]]) -> list[str]:
    """Without a proof a VIP comes from nobody: it is taken from the peer first, as it was seen."""
    return [
        f"{new[0]} took the VIP straight from {old[0]}"
        for old, new in pairwise(owners)
        if old and new and old != new
    ]


def _overtaken(rival: Rival, other: Rival) -> bool:
    """May the other have taken it since? One that does not know may have, at any time."""
    return other.said == "unknown" or (other.attached and other.ended_s > rival.began_s)
