"""What agent and worker say to each other over a socketpair: length-prefixed msgpack frames.

One rule: a frame is at most 4 MiB; a longer or torn one ends the conversation.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.core.model import Outcome  # noqa: TC001 - msgspec needs it at run time

if TYPE_CHECKING:
    from collections.abc import Container

MAX_FRAME: Final = 4 * 1024 * 1024
"""The largest cluster's `Hello` is three quarters of it."""
LENGTH: Final = struct.Struct("!I")
READY: Final = 0
"""The reply with this number says that the worker is warm (or, failed, why it is not)."""

NOBODY: Final = "no plugin of this node can tell"
"""The detail of a failed `NoticeOrder` that need not be given again."""


class Vip(msgspec.Struct, frozen=True):
    """A VIP as an order names it (see `hafw.hooks.hookspecs.VipRequest`)."""

    cluster_id: str
    group: int
    epoch: int
    address: str
    interface: str
    deadline_ns: int
    lifetime_s: int | None = None
    op: str = ""
    certificate: str = ""
    node: int = 0
    nodes: tuple[str, str] = ("", "")
    options: dict[str, str | tuple[str, ...]] = {}


class Order(msgspec.Struct, frozen=True, tag=True):
    """Run `hook` of `provider`. Replies carry the same `number`."""

    number: int
    provider: str
    hook: str
    vip: Vip


class Resource(msgspec.Struct, frozen=True):
    """Another resource, as an order names it (see `hafw.hooks.resources.ResourceRequest`)."""

    type: str
    cluster_id: str
    group: int
    epoch: int
    deadline_ns: int
    op: str = ""
    certificate: str = ""
    node: int = 0
    nodes: tuple[str, str] = ("", "")
    options: dict[str, str | tuple[str, ...]] = {}


class ResourceOrder(msgspec.Struct, frozen=True, tag=True):
    """Run `hook` of `provider` for a resource that is no VIP; `index`: its place in its group."""

    number: int
    provider: str
    hook: str
    index: int
    resource: Resource


class LeaseValue(msgspec.Struct, frozen=True):
    """What a lease says (see `hafw.hooks.hookspecs.LeaseValue`)."""

    epoch: int
    holder: str
    incarnation: int
    nonce: str
    ttl_ms: int


class LeaseReading(msgspec.Struct, frozen=True):
    """A lease as its store has it (see `hafw.hooks.hookspecs.LeaseReading`)."""

    value: LeaseValue | None
    version: str


class LeaseOrder(msgspec.Struct, frozen=True, tag=True):
    """Read the lease at `url`, or, where there is a `new` value, swap it for the `expected` one."""

    number: int
    url: str
    cluster_id: str
    group: int
    node: int
    ttl_s: float
    deadline_ns: int
    keys: tuple[tuple[int, bytes], ...]
    expected: LeaseReading | None = None
    new: LeaseValue | None = None


class FenceLevel(msgspec.Struct, frozen=True):
    """One method to switch the other node off, as the cluster file has it."""

    method: str
    options: tuple[tuple[str, str | int | bool], ...]
    timeout_ns: int


class FenceOrder(msgspec.Struct, frozen=True, tag=True):
    """Switch `target` off, by the first of its levels that confirms it."""

    number: int
    cluster_id: str
    sender: str
    target: str
    op: str
    deadline_ns: int
    levels: tuple[FenceLevel, ...]


class NoticeOrder(msgspec.Struct, frozen=True, tag=True):
    """Ask what is announced for this machine; the reply's `detail` says it."""

    number: int
    deadline_ns: int


class Rouse(msgspec.Struct, frozen=True, tag=True):
    """An order about VIPs may come at any moment: wake up. It is not answered."""


class Reply(msgspec.Struct, frozen=True):
    """How order `number` ended; `detail` says why, or who was seen.

    `reading`: the lease as it is now. `conflict`: a swap was refused, as the lease had changed.
    `cold`: why each group that could not be prepared for could not, in what answers a `Hello`.
    """

    number: int
    outcome: Outcome
    detail: str = ""
    reading: LeaseReading | None = None
    conflict: bool = False
    cold: dict[int, str] = {}


AnyOrder = Order | ResourceOrder | LeaseOrder | FenceOrder | NoticeOrder


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The first frame to a worker: what to load and to warm.

    A later one has what it could not prepare for, to be tried again.
    """

    plugins: tuple[str, ...]
    vips: tuple[Order, ...]
    resources: tuple[ResourceOrder, ...] = ()
    leases: tuple[LeaseOrder, ...] = ()
    fence: FenceOrder | None = None

    def groups(self) -> set[int]:
        """The groups that have something to be prepared for."""
        return {order.vip.group for order in self.vips} | {
            order.resource.group for order in self.resources
        }

    def part(self, groups: Container[int]) -> Hello:
        """What these groups have, and nothing else."""
        return Hello(
            self.plugins,
            tuple(order for order in self.vips if order.vip.group in groups),
            tuple(order for order in self.resources if order.resource.group in groups),
        )


_encode = msgspec.msgpack.Encoder().encode


def frame(message: AnyOrder | Rouse | Hello | Reply) -> bytes:
    """The bytes that carry a message."""
    body = _encode(message)
    assert len(body) <= MAX_FRAME, "a message of ours never is that long"
    return LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The whole frames that `data` completes. Raises ValueError for one that is too long."""
        self._buffer += data
        whole: list[bytes] = []
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME:
                msg = f"frame of {length} bytes (at most {MAX_FRAME})"
                raise ValueError(msg)
            end = LENGTH.size + length
            if len(self._buffer) < end:
                break
            whole.append(bytes(self._buffer[LENGTH.size : end]))
            del self._buffer[:end]
        return whole
