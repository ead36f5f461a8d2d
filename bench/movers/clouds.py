"""The clouds of the bench: a model behind a toll, its metadata where a real machine finds it.

Rule: a mover's VIP is given to the peer by the model itself, so that every takeover begins alike.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from bench.movers.toll import Toll
from hafw_sim.clouds import arm, ec2, gce
from hafw_sim.clouds.arm import networks
from hafw_sim.clouds.arm import server as arm_server
from hafw_sim.clouds.ec2 import server as ec2_server
from hafw_sim.clouds.gce import machines, routes
from hafw_sim.clouds.gce import server as gce_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bench.movers.toll import Address
    from hafw_sim.clouds.serving import Listeners

LATENCY_S: Final = 0.05
"""How long each answer of an API is held back."""
METADATA: Final = ("169.254.169.254", 80)
PROJECT: Final = "hafw-model"
ROUTE: Final = "floating"
"""The name of the route that Google's agent keeps."""
ENIS: Final = ("eni-00000001", "eni-00000002")
TABLES: Final = ("rtb-00000001", "rtb-00000002")
ALLOCATION: Final = "eipalloc-00000001"
VMS: Final = ("vm-a", "vm-b")
HOPS: Final = ("10.0.0.4", "10.0.0.5")
BALANCER: Final = "store-vip"
BALANCED: Final = "10.0.0.60"
PORT: Final = 7450
ZONES: Final = ("europe-west1-b", "europe-west1-c")


class Model(Protocol):
    """A cloud, as the bench sees it."""

    @property
    def server(self) -> Listeners:
        """What serves it."""

    @property
    def api(self) -> Address:
        """Where its API is."""

    @property
    def metadata(self) -> Address:
        """Where the metadata of this node is."""

    @property
    def made(self) -> list[str]:
        """The calls of the API that arrived, in order."""

    def give_to_peer(self, mover: str, address: str) -> None:
        """Let the peer have the VIP."""

    def here(self, mover: str, address: str) -> bool:
        """Whether this node has it."""


class Aws:
    """EC2."""

    def __init__(self, server: ec2_server.Server, model: ec2.Ec2) -> None:
        """As it is served."""
        self.server, self._model, self.made = server, model, model.made
        self.api = _address(server.endpoint)
        self.metadata = _address(server.metadata[ENIS[0]])

    def give_to_peer(self, mover: str, address: str) -> None:
        """Put it on the peer's interface, or let the tables lead there."""
        state, now_s = self._model.state, time.time()
        if mover == "route":
            for table in TABLES:
                state.put_route(table, f"{address}/32", ENIS[1], now_s)
        elif mover == "elastic-ip":
            one, peer = state.things.elastic[ALLOCATION], state.things.interfaces[ENIS[1]]
            association = f"eipassoc-{state.number():08x}"
            moved = replace(one, association=association, interface=peer.id, private=peer.primary)
            state.put(now_s, moved)
        else:
            for eni, held in zip(ENIS, ((), (address,)), strict=True):
                state.put(now_s, replace(state.things.interfaces[eni], addresses=held))

    def here(self, mover: str, address: str) -> bool:
        """Whether the VIP leads to this node's interface, from all tables."""
        things = self._model.state.things
        if mover == "route":
            return all(things.routes[table][f"{address}/32"] == ENIS[0] for table in TABLES)
        if mover == "elastic-ip":
            return things.elastic[ALLOCATION].interface == ENIS[0]
        return things.holders(address) == [ENIS[0]]


class Gcp:
    """Compute Engine."""

    def __init__(self, server: gce_server.Server, model: gce.Gce) -> None:
        """As it is served."""
        self.server, self._model, self.made = server, model, model.made
        self.api = _address(server.endpoint)
        self.metadata = _address(f"http://{server.metadata_hosts[VMS[0]]}")

    def give_to_peer(self, mover: str, address: str) -> None:
        """Put it among the peer's aliases, or let the one route to it lead there."""
        state, now_s = self._model.state, time.time()
        if mover == "route":
            for name in [one.name for one in state.things.routes.values()]:
                state.put_route(name, None, now_s)
            hop = f"zones/{ZONES[1]}/instances/{VMS[1]}"
            given = gce.Route(
                name=ROUTE,
                dest_range=f"{address}/32",
                next_hop=hop,
                priority=59_999,
                description=f"hafw {'0' * 32}/3 epoch 1",
            )
            state.put_route(ROUTE, given, now_s)
            return
        for place, held in zip(zip(ZONES, VMS, strict=True), ((), (address,)), strict=True):
            instance = state.things.instances[place]
            nic = instance.nics[0]
            others = tuple(one for one in nic.aliases if one.cidr != f"{address}/32")
            aliases = (*others, *(gce.Alias(f"{one}/32") for one in held))
            changed = replace(nic, aliases=aliases, serial=nic.serial + 1)
            state.put(replace(instance, nics=(changed,)), now_s)

    def here(self, mover: str, address: str) -> bool:
        """Whether traffic for the VIP goes to this node, and to nobody else."""
        find: Callable[..., list[str]] = routes.next_hops if mover == "route" else machines.holders
        return find(self._model.state.things, f"{address}/32") == [VMS[0]]


class Azure:
    """Azure Resource Manager."""

    def __init__(self, server: arm_server.Server, model: arm.Arm) -> None:
        """As it is served."""
        self.server, self._model, self.made = server, model, model.made
        self.api = _address(server.endpoint)
        self.metadata = _address(server.metadata_hosts[VMS[0]])

    def give_to_peer(self, mover: str, address: str) -> None:
        """Put it on the peer's interface, or let the table lead there."""
        state, now_s = self._model.state, time.time()
        kind, key, peer = arm.values.NICS, "ipConfigurations", "nic-b"
        given = arm.values.config("given", address)
        if mover == "route":
            kind, key, peer = arm.values.TABLES, "routes", "clients"
            given = arm.route("given", f"{address}/32", HOPS[1])
        for one in tuple(state.things.resources.values()):
            if one.kind == kind:
                listed = one.body["properties"][key]
                left = [each for each in listed if address not in str(each["properties"])]
                wanted = [*left, given] if one.name == peer else left
                properties = {**one.body["properties"], key: wanted}
                body = {"tags": {}, "properties": properties}
                state.change(replace(one, body=body), now_s)

    def here(self, mover: str, address: str) -> bool:
        """Whether packets for the VIP follow to this node."""
        things = self._model.state.things
        if mover == "route":
            return networks.next_hops(things, f"{address}/32") == [HOPS[0]]
        return networks.holders(things, address) == ["nic-a"]


@contextmanager
def aws() -> Iterator[Model]:
    """EC2, served."""
    model = ec2.Ec2(ec2.pair())
    model.faults.add(ec2.Fault(ec2.Kind.LATENCY, LATENCY_S))
    with ec2_server.served(model) as server:
        yield Aws(server, model)


@contextmanager
def gcp() -> Iterator[Model]:
    """Compute Engine, served."""
    model = gce.Gce(PROJECT, gce.pair())
    model.faults.add(gce.Fault(gce.Kind.LATENCY, LATENCY_S))
    with gce_server.served(model) as server:
        yield Gcp(server, model)


@contextmanager
def azure() -> Iterator[Model]:
    """Azure Resource Manager, served."""
    nics = arm.pair()
    balancer = arm.balancer(BALANCER, BALANCED, nics[:2], port=PORT)
    model = arm.Arm((*nics, balancer), arm.vms())
    model.faults.add(arm.Fault(arm.Kind.LATENCY, LATENCY_S))
    with arm_server.served(model) as server:
        yield Azure(server, model)


CLOUDS: Final[dict[str, Callable[[], AbstractContextManager[Model]]]] = {
    "aws": aws,
    "gcp": gcp,
    "azure": azure,
}


class Cloud:
    """One of them with its tolls, and what has passed since `begin`."""

    def __init__(self, model: Model, api: Toll, metadata: Toll) -> None:
        """Nothing has passed."""
        self._model, self._api, self._metadata = model, api, metadata
        self._moved_s = 0.0
        self.endpoint = "http://{}:{}".format(*api.address)

    def begin(self, mover: str, address: str) -> None:
        """Give the VIP to the peer, and count from now on."""
        server = self._model.server
        with server.lock:
            self._model.give_to_peer(mover, address)
            self._model.made.clear()
            self._moved_s = 0.0
            server.touched = lambda: self._look(mover, address)
        self._api.forget()
        self._metadata.forget()

    @property
    def moved_s(self) -> float:
        """When the cloud had moved the VIP here, on CLOCK_MONOTONIC; 0: it has not."""
        with self._model.server.lock:
            return self._moved_s

    def made(self) -> list[str]:
        """The calls of the API, in order."""
        with self._model.server.lock:
            return list(self._model.made)

    def passed(self) -> tuple[Toll, Toll]:
        """What was counted: of the API, of the metadata service."""
        return self._api, self._metadata

    def _look(self, mover: str, address: str) -> None:
        if not self._moved_s and self._model.here(mover, address):
            self._moved_s = time.monotonic()


@contextmanager
def tolled(name: str) -> Iterator[Cloud]:
    """A cloud for as long as the block takes."""
    with ExitStack() as stack:
        model: Model = stack.enter_context(CLOUDS[name]())
        api = stack.enter_context(Toll(model.api))
        metadata = stack.enter_context(Toll(model.metadata, METADATA))
        yield Cloud(model, api, metadata)


def _address(url: str) -> Address:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 80)
