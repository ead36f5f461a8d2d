"""Makes pairs of nodes in a `World` with few words: what scenarios and tests begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hafw.core.settings import MS, SECOND, Classes, GroupSettings, Settings, Timing
from hafw_sim.world import World

ALPHA: Final = 0
BETA: Final = 1
FAST: Final = Timing(
    keepalive_ns=100 * MS, warntime_ns=200 * MS, deadtime_ns=300 * MS, initdead_ns=1 * SECOND
)
"""A detection budget of 300 ms."""


def settings_pair(  # noqa: PLR0913 - one argument per thing that pairs differ in
    classes: Classes = Classes.REFLECTED,
    *,
    groups: int = 1,
    links: int = 2,
    pings: int = 1,
    timing: Timing | None = None,
    auto_failback: bool = False,
    lease_ttl_ns: int = 20 * SECOND,
    both: bool = False,
) -> tuple[Settings, Settings]:
    """The settings of alpha and beta. Group 1 prefers alpha, group 2 beta, and so on."""
    owned = tuple(
        GroupSettings(
            id=number + 1,
            preferred=number % 2,
            vips=(True,),
            classes=classes,
            auto_failback=auto_failback,
            both=both,
        )
        for number in range(groups)
    )
    alpha = Settings(
        cluster_id=b"simulated pair 1",
        node=ALPHA,
        names=("alpha", "beta"),
        links=links,
        pings=pings,
        reflect=bool(classes & Classes.REFLECTED),
        groups=owned,
        config_hash=b"the file",
        timing=timing or Timing(),
        lease_ttl_ns=lease_ttl_ns if Classes.LEASED in classes else 0,
    )
    return alpha, replace(alpha, node=BETA)


def running_pair(
    classes: Classes = Classes.REFLECTED, *, seed: int = 0, lots: bool = True, **options: object
) -> World:
    """A world in which both nodes booted and each group is where it prefers to be."""
    world = World(settings_pair(classes, **options), seed, lots=lots)  # type: ignore[arg-type]
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(2)
    return world


def leased_pair(lease_ttl_ns: int = 20 * SECOND) -> World:
    """A world in which alpha is active, and its lease is renewed."""
    world = running_pair(Classes.LEASED, pings=0, lease_ttl_ns=lease_ttl_ns)
    world.run(30)
    return world


def isolate(world: World, number: int) -> None:
    """Cut a node off its peer and the lease store."""
    world.net.cut_links()
    world.nodes[number].store_cut = True


__all__ = ["ALPHA", "BETA", "FAST", "isolate", "leased_pair", "running_pair", "settings_pair"]
