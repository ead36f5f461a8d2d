"""What a load balancer has to be for its VIP to follow whoever answers its health checks.

One rule: pure; it judges the load balancer as it was read, and calls nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Address, IPv6Address

    from hafw.providers.azure.values import Document, Json

USUAL_INTERVAL_S: Final = 15
"""Of a probe that names none, and how many in a row turn it: of the SDK's model of a probe."""
USUAL_THRESHOLD: Final = 1
_ANSWERED: Final = ("tcp", "http")
"""The kinds of probes that the responder answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the cluster file says of a VIP: the names of both `nics`, the `port` of the probe."""

    address: str
    nics: tuple[str, str]
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is not as it has to be; `grave`: the VIP does not follow, or not safely."""

    what: str
    remedy: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of a load balancer: its flaws, the worst first, and how fast it is.

    `follows_s`: how long after a move new connections may still go to where they went before.
    """

    flaws: tuple[Flaw, ...]
    follows_s: float = 0.0


def public_addresses(balancer: Document) -> tuple[str, ...]:
    """The paths of the public addresses that its frontends have."""
    found = (_id(one, "publicIPAddress") for one in _listed(balancer, "frontendIPConfigurations"))
    return tuple(path for path in found if path)


def judge(balancer: Document, wanted: Wanted, public: Mapping[str, str]) -> Judgement:
    """What is to be said of it. `public`: the public addresses by their path."""
    where = f"the load balancer {balancer.name}"
    rules = _rules(balancer, wanted, public)
    if not rules:
        what = f"{where} has no rule with the frontend {wanted.address}"
        return Judgement((Flaw(what=what, remedy="give it one: see docs/azure.md"),))
    found = [flaw for rule in rules for flaw in _of_rule(balancer, rule, wanted)]
    if str((balancer.body.get("sku") or {}).get("name", "Basic")).lower() == "basic":
        flaw = Flaw(what=f"{where} is of the SKU Basic", remedy="use one of the SKU Standard")
        found.append(flaw)
    probes = [probe for rule in rules if (probe := _probe(balancer, rule)) is not None]
    return Judgement(
        tuple(sorted(dict.fromkeys(found), key=lambda flaw: not flaw.grave)),
        max((_interval_s(probe) * _threshold(probe) for probe in probes), default=0.0),
    )


def _rules(balancer: Document, wanted: Wanted, public: Mapping[str, str]) -> tuple[Json, ...]:
    """The rules whose frontend is the VIP."""
    fronts = {
        str(one["id"]).lower()
        for one in _listed(balancer, "frontendIPConfigurations")
        if ip_address(wanted.address) in _addresses(one, public)
    }
    rules = _listed(balancer, "loadBalancingRules")
    return tuple(one for one in rules if _id(one, "frontendIPConfiguration").lower() in fronts)


def _of_rule(balancer: Document, rule: Json, wanted: Wanted) -> Iterable[Flaw]:
    where, set_ = f"the rule {rule['name']}", f"az network lb rule update --name {rule['name']}"
    if not rule["properties"].get("enableFloatingIP"):
        what = f"{where} has no floating IP, so packets come to the node's own address"
        yield Flaw(what=what, remedy=f"{set_} --floating-ip true")
    behind = _behind(balancer, rule)
    for nic in wanted.nics:
        if nic.lower() not in behind:
            what = f"{nic} is in no backend pool of {where}"
            yield Flaw(what=what, remedy="add its primary IP configuration to the pool")
    probe = _probe(balancer, rule)
    if probe is None:
        what = f"{where} has no probe, so packets go to both nodes"
        yield Flaw(what=what, remedy=f"{set_} --probe NAME")
        return
    yield from _of_probe(probe, wanted)


def _of_probe(probe: Json, wanted: Wanted) -> Iterable[Flaw]:
    properties, where = probe["properties"], f"the probe {probe['name']}"
    set_ = f"az network lb probe update --name {probe['name']}"
    if properties.get("port") != wanted.port:
        what = f"{where} asks at port {properties.get('port')}, and this node answers at another"
        yield Flaw(what=what, remedy=f"{set_} --port {wanted.port}, or correct port in the file")
    if str(properties.get("protocol", "")).lower() not in _ANSWERED:
        what = f"{where} asks by {properties.get('protocol')}, which is not answered"
        yield Flaw(what=what, remedy=f"{set_} --protocol Tcp")
    if properties.get("noHealthyBackendsBehavior") == "AllProbedUp":
        what = f"while no node answers {where}, packets go to both; their gates drop them"
        yield Flaw(what=what, remedy="set it to AllProbedDown", grave=False)


def _behind(balancer: Document, rule: Json) -> set[str]:
    """The interfaces that the rule sends to, in small letters."""
    properties = rule["properties"]
    pools = {_id(rule, "backendAddressPool").lower()}
    pools |= {str(one["id"]).lower() for one in properties.get("backendAddressPools") or []}
    paths = [
        str(one["id"]).lower()
        for pool in _listed(balancer, "backendAddressPools")
        if str(pool["id"]).lower() in pools
        for one in pool["properties"].get("backendIPConfigurations") or []
    ]
    return {path.partition("/networkinterfaces/")[2].partition("/")[0] for path in paths}


def _probe(balancer: Document, rule: Json) -> Json | None:
    path = _id(rule, "probe").lower()
    return next(
        (one for one in _listed(balancer, "probes") if str(one["id"]).lower() == path), None
    )


def _interval_s(probe: Json) -> float:
    return float(probe["properties"].get("intervalInSeconds") or USUAL_INTERVAL_S)


def _threshold(probe: Json) -> int:
    return int(probe["properties"].get("probeThreshold") or USUAL_THRESHOLD)


def _addresses(frontend: Json, public: Mapping[str, str]) -> set[IPv4Address | IPv6Address]:
    given = (
        frontend["properties"].get("privateIPAddress"),
        public.get(_id(frontend, "publicIPAddress")),
    )
    return {ip_address(one) for one in given if one}


def _listed(balancer: Document, key: str) -> list[Json]:
    return list(balancer.body["properties"].get(key) or [])


def _id(one: Json, key: str) -> str:
    """The path that a property refers to; empty: none."""
    return str((one["properties"].get(key) or {}).get("id", ""))
