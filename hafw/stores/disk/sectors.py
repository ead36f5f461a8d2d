"""The shared disk of a lease store: two blocks for each group, one written by each node.

One rule: a block says whose it is, and one that says otherwise is not guessed at.

Layout: unit 0: header; unit 1 + 2 * group + node: the block of a node (see `hafw.sectors`).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Self

from hafw.sectors import Damaged, Layout, Sectors
from hafw.stores.disk.ballots import Block, Value

if TYPE_CHECKING:
    from collections.abc import Callable

GROUPS: Final = 256
LAYOUT: Final = Layout(b"hafwdisk", 1, 1 + 2 * GROUPS, "lease disk")
SIZE: Final = LAYOUT.size
MAX_HOLDER: Final = 64
ID_LEN: Final = 16

_BLOCK: Final = struct.Struct("!BBQQBQQ16sIB64s")


class Disk:
    """An open disk of one cluster."""

    def __init__(self, path: str, cluster: bytes, expired: Callable[[], bool]) -> None:
        """`expired`: has the deadline passed? Raises Misconfigured, OSError, TimeoutError."""
        self._sectors = Sectors(path, cluster, LAYOUT, expired)

    def __enter__(self) -> Self:
        """It is open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; that also lets go of the lock."""
        self._sectors.__exit__()

    def lock(self, group: int, node: int) -> None:
        """Keep every other process of this node off its block until the disk is closed."""
        self._sectors.lock(_unit(group, node))

    def read(self, group: int, node: int) -> Block:
        """The block of a node. Raises Damaged, OSError, TimeoutError."""
        data = self._sectors.read(_unit(group, node))
        if not data:
            return Block()
        its_group, its_node, promised, ballot, has_value, *value = _BLOCK.unpack_from(data)
        if (its_group, its_node) != (group, node):
            raise Damaged(f"the sector of group {group}, node {node} is another's")
        return Block(promised, ballot, _value(*value) if has_value else None)

    def write(self, group: int, node: int, block: Block) -> None:
        """Write the block of a node, durably. Raises OSError; its effect is open then."""
        value = block.value or Value(0, 0, bytes(ID_LEN), "", 0)
        holder = value.holder.encode()
        data = _BLOCK.pack(
            group,
            node,
            block.promised,
            block.ballot,
            block.value is not None,
            value.epoch,
            value.incarnation,
            value.nonce,
            value.ttl_ms,
            len(holder),
            holder,
        )
        self._sectors.write(_unit(group, node), data)


def _unit(group: int, node: int) -> int:
    return 1 + 2 * group + node


def _value(  # noqa: PLR0913, PLR0917 - the fields of the layout
    epoch: int, incarnation: int, nonce: bytes, ttl_ms: int, size: int, holder: bytes
) -> Value:
    return Value(epoch, incarnation, nonce, holder[: min(size, MAX_HOLDER)].decode(), ttl_ms)
