"""What a cloud's disk says of itself, and of the machines that it may be attached to.

One rule: every key is listed here, with what it may look like; a provider gets no other. One of
another package judges its keys itself, but for `disk`, by which people know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.cloud_keys import ARM, EC2, GCE, NAME, RESOURCE
from hafw.config.options import Key, Shape, read_keys, read_unknown
from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from hafw.config.model import CloudDisk
    from hafw.config.options import Nodes, Options
    from hafw.config.table import Table

DISK: Final = "disk"

DISK_KEYS: Final[dict[str, dict[str, Key]]] = {
    "aws": {
        **EC2,
        "volume": Key(pattern=r"vol-[0-9a-f]{8,17}", example="vol-0123456789abcdef0"),
        "instance": Key(
            own=True, shape=Shape.EACH, pattern=r"i-[0-9a-f]{8,17}", example="i-0123456789abcdef0"
        ),
        "device": Key(pattern=r"/dev/(sd|xvd)[b-z][a-z]?", example="/dev/sdf"),
    },
    "gcp": {
        **GCE,
        DISK: Key(pattern=NAME, example="store-data"),
        "region": Key(pattern=r"[a-z]+-[a-z]+\d+", example="europe-west1", optional=True),
    },
    "azure": {
        **ARM,
        DISK: Key(pattern=RESOURCE, example="store-data"),
        "lun": Key(pattern=r"\d|[1-5]\d|6[0-3]", example="1"),
    },
}
"""The keys by provider."""

UNKNOWN_MOVE_NS: Final = 300 * SECOND
MOVES_NS: Final = {
    "aws": 120 * SECOND,  # two changes, each of which takes seconds, at times tens of them
    "gcp": 180 * SECOND,  # two operations, each of which can take half a minute
    "azure": 300 * SECOND,  # two operations, each of which can take minutes
}
"""How long it may take to bring a disk, or to give it up."""


def disk_move_ns(disk: CloudDisk) -> int:
    """How long it may take to bring this disk, or to give it up."""
    return MOVES_NS.get(disk.provider, UNKNOWN_MOVE_NS)


def read_disk_options(table: Table, provider: str, nodes: Nodes) -> Options | None:
    """The keys, sorted by name; None, and a report, where something is wrong."""
    keys = DISK_KEYS.get(provider)
    if keys is not None:
        return read_keys(table, keys, nodes)
    name, options = table.text(DISK), read_unknown(table, nodes)
    if name is None or options is None:
        return None
    return tuple(sorted([(DISK, name), *options]))


def shape_of(options: Options, name: str, provider: str) -> Shape:
    """The shape of a key that was read."""
    if provider not in DISK_KEYS:
        return Shape.TEXT if isinstance(dict(options)[name], str) else Shape.EACH
    return DISK_KEYS[provider][name].shape
