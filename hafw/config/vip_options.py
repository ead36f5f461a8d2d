"""What a VIP says beyond address and interface: the keys that its provider needs to move it.

One rule: every key is listed here, with what it may look like; a provider gets no other. One of
another package judges its keys itself: each is a text, or a text for each node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hafw.config.table import suggest
from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from hafw.config.model import Vip, VipOption
    from hafw.config.problems import Place
    from hafw.config.table import Table

MAX_LISTED: Final = 16
"""Values of one list; with `MAX_CHARS` it bounds what the agent tells its worker at the start."""
MAX_CHARS: Final = 64
MAX_UNKNOWN_CHARS: Final = 256
ONPREM: Final = "onprem"
MOVER: Final = "mover"


class Shape(StrEnum):
    """What stands behind a key."""

    TEXT = "text"
    EACH = "each"
    """A text for each node: `{ alpha = "…", beta = "…" }`."""
    LIST = "list"
    """One text or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, the pattern of its texts with an example, and whether it may be left out.

    `own`: what belongs to one node cannot belong to the other.
    """

    shape: Shape = Shape.TEXT
    pattern: str = rf"\S{{1,{MAX_CHARS}}}"
    example: str
    optional: bool = False
    own: bool = False


_TEXT: Final = Key(pattern=rf"[^\0-\x1f]{{1,{MAX_UNKNOWN_CHARS}}}", example="eth0-vip")
_EACH: Final = replace(_TEXT, shape=Shape.EACH)
_REGION: Final = Key(pattern=r"[a-z]{2}(-[a-z]+)+-\d", example="eu-central-1", optional=True)
_ENI: Final = Key(
    own=True, shape=Shape.EACH, pattern=r"eni-[0-9a-f]{8,17}", example="eni-0123456789abcdef0"
)
_TABLES: Final = Key(
    shape=Shape.LIST, pattern=r"rtb-[0-9a-f]{8,17}", example="rtb-0123456789abcdef0"
)
_ALLOCATION: Final = Key(pattern=r"eipalloc-[0-9a-f]{8,17}", example="eipalloc-0123456789abcdef0")
_EC2: Final = {
    "eni": _ENI,
    "region": _REGION,
    "endpoint_url": Key(
        pattern=r"https?://\S{1,56}", example="https://ec2.acme.test", optional=True
    ),
}
_NAME: Final = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
_GCE: Final = {
    "project": Key(pattern=r"[a-z][-a-z0-9.:]{4,62}[a-z0-9]", example="my-project"),
    "zone": Key(shape=Shape.EACH, pattern=r"[a-z]+-[a-z]+\d+-[a-z]", example="europe-west1-b"),
    "instance": Key(own=True, shape=Shape.EACH, pattern=_NAME, example="store-alpha"),
    "endpoint": Key(
        pattern=r"https?://\S{1,56}", example="https://compute.acme.test", optional=True
    ),
}
_NIC: Final = Key(shape=Shape.EACH, pattern=r"nic\d", example="nic0", optional=True)
_RANGE: Final = Key(pattern=_NAME, example="vips", optional=True)
_PORT: Final = Key(pattern=r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}", example="7450")
_NETWORK: Final = Key(pattern=_NAME, example="default", optional=True)
_RESOURCE: Final = r"[A-Za-z0-9_][-\w.]{0,79}"
_ARM: Final = {
    "subscription": Key(
        pattern=r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        example="0b1f6471-1bf0-4dda-aec3-111122223333",
    ),
    "resource_group": Key(pattern=r"[-\w.()]{1,90}", example="store"),
    "vm": Key(own=True, shape=Shape.EACH, pattern=_RESOURCE, example="store-alpha"),
    "endpoint": Key(
        pattern=r"https?://\S{1,56}", example="https://management.chinacloudapi.cn", optional=True
    ),
}
_NIC_NAME: Final = Key(own=True, shape=Shape.EACH, pattern=_RESOURCE, example="store-alpha-nic")
_HOP: Final = Key(own=True, shape=Shape.EACH, pattern=r"[0-9a-f.:]{2,39}", example="10.1.1.4")
_UNTESTED: Final = Key(pattern="untested", example="untested", optional=True)
_BALANCER: Final = Key(pattern=_RESOURCE, example="store-vip")
_CHECKED_PORT: Final = Key(  # of every address of a node, so none at which a system itself listens
    pattern=r"102[4-9]|10[3-9]\d|1[1-9]\d\d|[2-9]\d{3}|[1-5]\d{4}|6[0-4]\d{3}", example="7450"
)
_TABLE_NAMES: Final = Key(shape=Shape.LIST, pattern=_RESOURCE, example="clients")

VIP_KEYS: Final[dict[str, dict[str, dict[str, Key]]]] = {
    "aws": {
        "private-ip": _EC2,
        "route": {**_EC2, "route_tables": _TABLES},
        "elastic-ip": {**_EC2, "allocation_id": _ALLOCATION},
    },
    "gcp": {
        "alias-ip": {**_GCE, "nic": _NIC, "secondary_range": _RANGE},
        "route": {**_GCE, "network": _NETWORK},
        "health-check": {"port": _PORT},
    },
    "azure": {
        "nic": {**_ARM, "nic": _NIC_NAME, "one_call": _UNTESTED},
        "route": {**_ARM, "route_tables": _TABLE_NAMES, "next_hop": _HOP},
        "load-balancer": {
            **_ARM,
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

Options = tuple[tuple[str, "VipOption"], ...]


def move_ns(vip: Vip) -> int:
    """How long it may take to bring this VIP, or to give it up."""
    return MOVES_NS.get((vip.provider, str(dict(vip.options).get(MOVER))), USUAL_MOVE_NS)


def checked_port(vip: Vip) -> int | None:
    """The TCP port of the node itself that has to be shut with the VIP's gate, if there is one."""
    options = dict(vip.options)
    if (vip.provider, options.get(MOVER)) != _CHECKED_AT_THE_NODE:
        return None
    return int(str(options["port"]))


def read_options(table: Table, provider: str, nodes: tuple[str, str] | None) -> Options | None:
    """The mover and its keys, sorted by name; None, and a report, where something is wrong.

    They are the last to be read: what is left then nobody knows, and is reported.
    """
    if provider == ONPREM:
        table.finish()
        return ()
    movers = VIP_KEYS.get(provider)
    if movers is None:
        return _read_unknown(table, nodes)
    mover = table.text(MOVER)
    if mover is None:
        return None
    keys = movers.get(mover)
    if keys is None:
        table.at(MOVER).error(f'"{mover}" is no mover of {provider}', suggest(mover, [*movers]))
        return None
    found: dict[str, VipOption | None] = {MOVER: mover}
    for name, key in keys.items():
        if not (key.optional and name not in table):
            found[name] = _read(table, name, key, nodes)
    table.finish(known=keys)
    options = tuple((name, value) for name, value in sorted(found.items()) if value is not None)
    return options if len(options) == len(found) else None


def _read_unknown(table: Table, nodes: tuple[str, str] | None) -> Options | None:
    names = sorted(table.rest())
    found = {
        name: _read(table, name, _EACH if table.holds_table(name) else _TEXT, nodes)
        for name in names
    }
    table.finish()
    options = tuple((name, value) for name, value in found.items() if value is not None)
    return options if len(options) == len(names) else None


def shape_of(options: Options, name: str, provider: str) -> Shape:
    """The shape of a key that was read."""
    if provider not in VIP_KEYS:
        return Shape.TEXT if isinstance(dict(options)[name], str) else Shape.EACH
    if name == MOVER:
        return Shape.TEXT
    return VIP_KEYS[provider][str(dict(options)[MOVER])][name].shape


def _read(table: Table, name: str, key: Key, nodes: tuple[str, str] | None) -> VipOption | None:
    match key.shape:
        case Shape.TEXT:
            return _fitting(table.at(name), table.text(name), key)
        case Shape.EACH:
            return _read_each(table, name, key, nodes)
        case Shape.LIST:
            return _read_list(table, name, key)


def _read_each(
    table: Table, name: str, key: Key, nodes: tuple[str, str] | None
) -> tuple[str, ...] | None:
    each = table.table(name, required=True)
    if each is None:
        return None
    texts = [_fitting(each.at(node), each.text(node), key) for node in nodes or each.rest()]
    each.finish()
    found = tuple(text for text in texts if text is not None)
    if key.own and len(set(found)) < len(found):
        table.at(name).error("both nodes have the same", "name each node's own")
        return None
    return found if len(found) == len(texts) == len(nodes or ()) else None


def _read_list(table: Table, name: str, key: Key) -> tuple[str, ...] | None:
    listed = table.texts(name, MAX_LISTED)
    if not listed:
        table.at(name).error("at least one is needed", f'list them, as in ["{key.example}"]')
        return None
    found = tuple(_fitting(place, text, key) for place, text in listed)
    sure = tuple(sorted({text for text in found if text is not None}))
    return sure if None not in found else None


def _fitting(place: Place, text: str | None, key: Key) -> str | None:
    if text is None or re.fullmatch(key.pattern, text):
        return text
    place.error(f'"{text}" is none of these', f'write one, as in "{key.example}"')
    return None
