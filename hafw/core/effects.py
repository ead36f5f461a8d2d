"""What the engine orders: effects, in the imperative.

One rule: an effect is a plain value that names everything it needs; the agent, or the world of the
simulator, carries it out in the order in which `Engine.step` returned it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hafw.core.maintenance import Kept
    from hafw.core.model import Beat, LeaseReading, LeaseRecord, Op


class SendBeat(NamedTuple):
    """Send `beat` by `path` (a link, or reflected by the ping node)."""

    path: int
    beat: Beat


class SendEcho(NamedTuple):
    """Send our own echo to ping node number `ping`: the size of `beat`, and its number."""

    ping: int
    beat: Beat


class HoldGate(NamedTuple):
    """Keep the group's addresses open until `until_ns` (BOOTTIME); None: without a timeout."""

    group: int
    until_ns: int | None


class ShutGate(NamedTuple):
    """Shut the group's addresses now."""

    group: int


class StartOp(NamedTuple):
    """Give this operation to the worker."""

    op: Op


class ReadLease(NamedTuple):
    """Read the lease of a group."""

    op: Op


class FencePeer(NamedTuple):
    """Switch the other node off; OK only when its device says, repeatedly, that it is off."""

    op: Op


class SwapLease(NamedTuple):
    """Put `new` into the lease of a group where `expected` still stands."""

    op: Op
    expected: LeaseReading
    new: LeaseRecord


@dataclass(frozen=True, slots=True)
class Durable:
    """What must survive a crash. `intents`: the start being prepared, by group.

    `met`: the other node was heard since this machine booted. `shots`: when the other node was
    ordered off lately (BOOTTIME ns).
    """

    incarnation: int
    epochs: tuple[tuple[int, int], ...]
    intents: tuple[tuple[int, int, str], ...]
    met: bool = False
    shots: tuple[int, ...] = ()
    maintenance: Kept | None = None


class Persist(NamedTuple):
    """Make this state durable (fsync), then say `Persisted(token)`."""

    token: int
    state: Durable


class Note(NamedTuple):
    """Something a person wants to know. `name` is noun.verb; `text` one sentence."""

    name: str
    group: int
    text: str


class Answer(NamedTuple):
    """The answer to an operator's request; `code` is the exit code of the command line."""

    request: int
    code: int
    text: str


class Reincarnate(NamedTuple):
    """The peer remembers a newer incarnation of us: start again above `incarnation`."""

    incarnation: int


class Exit(NamedTuple):
    """The graceful stop is complete: the agent may go."""


Effect = (
    SendBeat
    | SendEcho
    | HoldGate
    | ShutGate
    | StartOp
    | ReadLease
    | SwapLease
    | FencePeer
    | Persist
    | Note
    | Answer
    | Reincarnate
    | Exit
)
