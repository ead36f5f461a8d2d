"""Episodes: what goes wrong for a while, and is made good again, drawn for a pair.

One rule: an episode begins and ends by itself; what it does depends on chance and on the pair
alone, never on what the engines do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from hafw_sim.draw import Draw
from hafw_sim.episodes import authority, machines, network, people, resources
from hafw_sim.episodes.episode import Episode

Class = Callable[[Draw], Iterator[Episode]]
"""A class of faults: draws one episode of it."""

WITHIN: Final[tuple[Class, ...]] = (
    network.cut_links,
    network.cut_way,
    network.flap,
    network.swizzle,
    network.cut_ping,
    network.isolate,
    network.ping_dies,
    network.loss,
    network.bursts,
    network.delay,
    network.corruption,
    network.held,
    network.replays,
    machines.crash,
    machines.kill,
    machines.freeze,
    machines.suspend,
    machines.slow,
    machines.worker,
    machines.disk,
    machines.state,
    resources.operations,
    resources.address,
    resources.service,
    resources.prepared,
    people.operator,
    people.operator_vouches,
    machines.die_while_starting,
    machines.die_while_offered,
    network.split_brain,
    machines.notice,
    people.new_file,
    people.new_group,
)
"""Classes of faults that `reflected` withstands."""


STORES: Final[tuple[Class, ...]] = (
    authority.store_down,
    authority.store_cut,
    authority.store_and_links,
    authority.store_weather,
)
"""Classes of faults of the lease store, for pairs that have one."""

FENCES: Final[tuple[Class, ...]] = (
    authority.fence_cut,
    authority.fence_weather,
    authority.power_returns,
    authority.power_returns,
    authority.split_then_power,
)
"""Classes of faults of fence devices, for pairs that have them."""

MAINTENANCE: Final[tuple[Class, ...]] = (
    people.maintenance,
    people.maintenance,
    people.maintenance_apart,
    people.upgrade,
    people.owner_dies_in_maintenance,
)
"""What people do with maintenance, at good and at bad moments."""
