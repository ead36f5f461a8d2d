"""What a VIP says beyond address and interface: the keys that its provider needs to move it.

One rule: every key is listed here, with what it may look like; a provider gets no other. One of
another package judges its keys itself: each is a text, or a text for each node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.cloud_keys import ARM, EC2, GCE, NAME, RESOURCE
from hafw.config.options import Key, Options, Shape, read_keys, read_unknown
from hafw.config.table import suggest
from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from hafw.config.model import Vip
    from hafw.config.options import Nodes
    from hafw.config.table import Table

ONPREM: Final = "onprem"
MOVER: Final = "mover"

_ENI: Final = Key(
    own=True, shape=Shape.EACH, pattern=r"eni-[0-9a-f]{8,17}", example="eni-0123456789abcdef0"
)
_TABLES: Final = Key(
    shape=Shape.LIST, pattern=r"rtb-[0-9a-f]{8,17}", example="rtb-0123456789abcdef0"
)
_ALLOCATION: Final = Key(pattern=r"eipalloc-[0-9a-f]{8,17}", example="eipalloc-0123456789abcdef0")
_NIC: Final = Key(shape=Shape.EACH, pattern=r"nic\d", example="nic0", optional=True)
_RANGE: Final = Key(pattern=NAME, example="vips", optional=True)
_PORT: Final = Key(pattern=r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}", example="7450")
_NETWORK: Final = Key(pattern=NAME, example="default", optional=True)
_NIC_NAME: Final = Key(own=True, shape=Shape.EACH, pattern=RESOURCE, example="store-alpha-nic")
_HOP: Final = Key(own=True, shape=Shape.EACH, pattern=r"[0-9a-f.:]{2,39}", example="10.1.1.4")
_UNTESTED: Final = Key(pattern="untested", example="untested", optional=True)
_BALANCER: Final = Key(pattern=RESOURCE, example="store-vip")
_CHECKED_PORT: Final = Key(  # of every address of a node, so none at which a system itself listens
    pattern=r"102[4-9]|10[3-9]\d|1[1-9]\d\d|[2-9]\d{3}|[1-5]\d{4}|6[0-4]\d{3}", example="7450"
)
_TABLE_NAMES: Final = Key(shape=Shape.LIST, pattern=RESOURCE, example="clients")

VIP_KEYS: Final[dict[str, dict[str, dict[str, Key]]]] = {
    "aws": {
        "private-ip": {**EC2, "eni": _ENI},
        "route": {**EC2, "eni": _ENI, "route_tables": _TABLES},
        "elastic-ip": {**EC2, "eni": _ENI, "allocation_id": _ALLOCATION},
    },
    "gcp": {
        "alias-ip": {**GCE, "nic": _NIC, "secondary_range": _RANGE},
        "route": {**GCE, "network": _NETWORK},
        "health-check": {"port": _PORT},
    },
    "azure": {
        "nic": {**ARM, "nic": _NIC_NAME, "one_call": _UNTESTED},
        "route": {**ARM, "route_tables": _TABLE_NAMES, "next_hop": _HOP},
        "load-balancer": {
            **ARM,
            "load_balancer": _BALANCER,
            "nic": _NIC_NAME,
            "port": _CHECKED_PORT,
        },
    },
}
"""The keys by provider and mover; `onprem` has one way only, and no keys."""

_CHECKED_AT_THE_NODE: Final = ("azure", "load-balancer")
"""Its health checks come to the node's own address, where the gate of the VIP is none."""

USUAL_MOVE_NS: Final = 20 * SECOND
MOVES_NS: Final = {
    ("gcp", "alias-ip"): 180 * SECOND,  # two operations, each of which can take half a minute
    ("gcp", "route"): 90 * SECOND,
    ("azure", "nic"): 300 * SECOND,  # two operations, each of which can take minutes
    ("azure", "route"): 90 * SECOND,
}
"""How long it may take to bring a VIP, or to give it up, where that is longer than usual."""


def vip_move_ns(vip: Vip) -> int:
    """How long it may take to bring this VIP, or to give it up."""
    return MOVES_NS.get((vip.provider, str(dict(vip.options).get(MOVER))), USUAL_MOVE_NS)


def checked_port(vip: Vip) -> int | None:
    """The TCP port of the node itself that has to be shut with the VIP's gate, if there is one."""
    options = dict(vip.options)
    if (vip.provider, options.get(MOVER)) != _CHECKED_AT_THE_NODE:
        return None
    return int(str(options["port"]))


def read_options(table: Table, provider: str, nodes: Nodes) -> Options | None:
    """The mover and its keys, sorted by name; None, and a report, where something is wrong.

    They are the last to be read: what is left then nobody knows, and is reported.
    """
    if provider == ONPREM:
        table.finish()
        return ()
    movers = VIP_KEYS.get(provider)
    if movers is None:
        return read_unknown(table, nodes)
    mover = table.text(MOVER)
    if mover is None:
        return None
    keys = movers.get(mover)
    if keys is None:
        table.at(MOVER).error(f'"{mover}" is no mover of {provider}', suggest(mover, [*movers]))
        return None
    options = read_keys(table, keys, nodes)
    return None if options is None else tuple(sorted([(MOVER, mover), *options]))


def shape_of(options: Options, name: str, provider: str) -> Shape:
    """The shape of a key that was read."""
    if provider not in VIP_KEYS:
        return Shape.TEXT if isinstance(dict(options)[name], str) else Shape.EACH
    if name == MOVER:
        return Shape.TEXT
    return VIP_KEYS[provider][str(dict(options)[MOVER])][name].shape
