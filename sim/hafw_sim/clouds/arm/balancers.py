"""Load balancers: what they are made of, and whom they send to by the answers to their probes.

One rule: an interface is up or down by as many answers in a row as the probe's threshold says; new
connections go to all that are up, be they none or two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.arm.values import BALANCERS, NICS, PUBLIC, Resource, pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hafw_sim.clouds.arm.state import Things
    from hafw_sim.clouds.exchange import Json

FRONTEND: Final = "vip"
POOL: Final = "pair"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a probe goes: the primary address of an interface; `rule`: for the sake of which.

    `threshold`: how many answers in a row, or none, turn it.
    """

    balancer: str
    rule: str
    nic: str
    address: str
    port: int
    interval_s: float
    threshold: int


def balancer(  # noqa: PLR0913 - what it is made of
    name: str,
    address: str,
    nics: Iterable[Resource],
    *,
    port: int,
    interval_s: int = 5,
    threshold: int = 1,
    public: str = "",
) -> Resource:
    """One of the SKU Standard, with one rule for all ports; `public`: the name of its address."""
    path = Resource(kind=BALANCERS, name=name, body={}, applied={}).path
    given: Json = {"privateIPAddress": address, "privateIPAllocationMethod": "Static"}
    if public:
        given = {"publicIPAddress": {"id": public_address(public, address).path}}
    configs = [
        {"id": f"{nic.path}/ipConfigurations/{one['name']}"}
        for nic in nics
        for one in nic.body["properties"]["ipConfigurations"]
        if one["properties"].get("primary")
    ]
    rule = {
        "frontendIPConfiguration": {"id": f"{path}/frontendIPConfigurations/{FRONTEND}"},
        "backendAddressPool": {"id": f"{path}/backendAddressPools/{POOL}"},
        "backendAddressPools": [{"id": f"{path}/backendAddressPools/{POOL}"}],
        "probe": {"id": f"{path}/probes/hafw"},
        "protocol": "All",
        "frontendPort": 0,
        "backendPort": 0,
        "enableFloatingIP": True,
    }
    probe = {
        "protocol": "Tcp",
        "port": port,
        "intervalInSeconds": interval_s,
        "probeThreshold": threshold,
    }
    properties = {
        "frontendIPConfigurations": [{"name": FRONTEND, "properties": given}],
        "backendAddressPools": [{"name": POOL, "properties": {"backendIPConfigurations": configs}}],
        "loadBalancingRules": [{"name": "everything", "properties": rule}],
        "probes": [{"name": "hafw", "properties": probe}],
    }
    body = {"tags": {}, "sku": {"name": "Standard", "tier": "Regional"}, "properties": properties}
    return Resource(kind=BALANCERS, name=name, body=body, applied=body)


def balanced_pair(address: str = "10.0.0.60", port: int = 7450) -> tuple[Resource, ...]:
    """The pair, whose interfaces are behind a load balancer with this address."""
    found = pair()
    nics = [one for one in found if one.kind == NICS]
    return (*found, balancer("store-vip", address, nics, port=port))


def public_address(name: str, address: str) -> Resource:
    """A public address."""
    properties = {"ipAddress": address, "publicIPAllocationMethod": "Static"}
    body = {"tags": {}, "sku": {"name": "Standard"}, "properties": properties}
    return Resource(kind=PUBLIC, name=name, body=body, applied=body)


def targets(things: Things) -> Iterator[Target]:
    """Every probe that is to be sent now."""
    for one in things.resources.values():
        if one.kind != BALANCERS:
            continue
        properties = one.applied["properties"]
        for rule in properties["loadBalancingRules"]:
            probe = _named(properties["probes"], rule, "probe")
            for nic in _behind(things, properties, rule):
                yield _target(one, rule, probe["properties"], nic)


def floating(things: Things, target: Target) -> bool:
    """Whether packets that the target gets are for the frontend's address, and not for its own."""
    one = things.resources[BALANCERS.lower(), target.balancer.lower()]
    rules = one.applied["properties"]["loadBalancingRules"]
    (rule,) = (found for found in rules if found["name"] == target.rule)
    return bool(rule["properties"].get("enableFloatingIP"))


@dataclass(slots=True)
class Health:
    """What the answers to probes make of the targets; every target is down at first."""

    _up: dict[Target, bool] = field(default_factory=dict)
    _against: dict[Target, int] = field(default_factory=dict)

    def note(self, target: Target, *, answered: bool) -> None:
        """One more answer, or none."""
        if answered == self._up.get(target, False):
            self._against[target] = 0
            return
        self._against[target] = self._against.get(target, 0) + 1
        if self._against[target] >= target.threshold:
            self._up[target], self._against[target] = answered, 0

    def up(self) -> set[Target]:
        """To whom new connections go."""
        return {target for target, up in self._up.items() if up}


def _target(balancer: Resource, rule: Json, probe: Json, nic: Resource) -> Target:
    interval_s, threshold = float(probe["intervalInSeconds"]), int(probe["probeThreshold"])
    place = _primary(nic), int(probe["port"])
    return Target(balancer.name, rule["name"], nic.name, *place, interval_s, threshold)


def _behind(things: Things, properties: Json, rule: Json) -> Iterator[Resource]:
    pool = _named(properties["backendAddressPools"], rule, "backendAddressPool")
    for config in pool["properties"]["backendIPConfigurations"]:
        name = str(config["id"]).partition("/networkInterfaces/")[2].partition("/")[0]
        yield things.resources[NICS.lower(), name.lower()]


def _named(listed: list[Json], rule: Json, key: str) -> Json:
    name = str(rule["properties"][key]["id"]).rpartition("/")[2]
    return next(one for one in listed if one["name"] == name)


def _primary(nic: Resource) -> str:
    """The only address of an interface to which Azure sends probes of a rule with floating IP."""
    configs = nic.applied["properties"]["ipConfigurations"]
    (found,) = (one for one in configs if one["properties"].get("primary"))
    return str(found["properties"]["privateIPAddress"])
