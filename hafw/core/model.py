"""The values that go into the engine (events) and come out of it (effects).

One rule: everything here is immutable. Events are past tense, effects are orders. Values of the
hot path (heartbeats) are named tuples, which cost a third of a frozen dataclass to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from hafw.core.maintenance import Word
    from hafw.core.settings import Settings

REFLECTED_PATH: Final = 255
"""The path of a heartbeat that the ping node reflected. Links are paths 0, 1, ..."""


class Instant(NamedTuple):
    """One reading of both clocks, in ns: BOOTTIME counts suspend, MONOTONIC does not."""

    boot_ns: int
    mono_ns: int


class Phase(IntEnum):
    """What a node says of a group. Everything but CLEAR may be running."""

    CLEAR = 0
    STARTING = 1
    ACTIVE = 2
    STOPPING = 3


class Ask(IntEnum):
    """What a node asks of the other about a group."""

    NOTHING = 0
    TAKE_IT = 1
    GIVE_IT = 2


class Refusal(IntEnum):
    """Why a request of the peer is refused."""

    NONE = 0
    NOT_READY = 1
    BUSY = 2
    NOT_HELD = 3
    CONFIG_DRIFT = 4
    UNSOLICITED = 5


class GroupBeat(NamedTuple):
    """What a beat says of one group.

    `ready`: this node could take it now. `epoch`: held, or highest known. `offer`: number of the
    release addressed to the peer's current incarnation (0: none). `want`: number of our arming
    request (0: not armed and not asking); `grant`: the peer's arming request that we granted.
    `ask`, `ask_no`: what we ask, numbered; `reply_no`, `refusal`: our answer to the peer's request.
    `binds`, `shut_ms`: what binds this holder, and its bound.
    """

    id: int
    phase: Phase
    ready: bool
    epoch: int
    offer: int
    want: int
    grant: int
    ask: Ask
    ask_no: int
    reply_no: int
    refusal: Refusal
    binds: int
    shut_ms: int


class Beat(NamedTuple):
    """One heartbeat. `n` numbers the beats of one incarnation, whatever path they take.

    `acked_incarnation`, `acked_n`: the newest beat of the peer that we processed. `heard`: one bit
    per link, heard within deadtime. `pings`: how many ping nodes answer. `leaving`: the agent is
    going away. `is_ack`: sent at once to confirm a beat; carries no new state. `maintenance`: None
    from an agent that does not know of it.
    """

    node: int
    incarnation: int
    n: int
    acked_incarnation: int
    acked_n: int
    heard: int
    pings: int
    leaving: bool
    is_ack: bool
    config_hash: bytes
    groups: tuple[GroupBeat, ...]
    maintenance: Word | None = None


class OpKind(StrEnum):
    """Operations that the worker runs."""

    START = "start"
    STOP = "stop"
    CLEAN = "clean"
    ANNOUNCE = "announce"
    PROBE = "probe"
    FENCE = "fence"
    READ = "read lease"
    SWAP = "swap lease"


class Outcome(StrEnum):
    """How an operation ended. UNKNOWN is resolved by observing, never by assuming."""

    OK = "ok"
    FAILED_NO_EFFECT = "failed, no effect"
    UNKNOWN = "unknown"


class OpId(NamedTuple):
    """Names one operation for ever: no late answer can be taken for another's."""

    node: int
    incarnation: int
    epoch: int
    n: int


@dataclass(frozen=True, slots=True)
class Op:
    """An order to the worker: `index` is the resource's place, `deadline_ns` BOOTTIME."""

    id: OpId
    kind: OpKind
    group: int
    index: int
    deadline_ns: int


class LeaseRecord(NamedTuple):
    """What a lease says. `holder` None: released. `nonce` is of one swap alone.

    `ttl_ms`: W of the cluster file by which it was written.
    """

    epoch: int
    holder: int | None
    incarnation: int
    nonce: int
    ttl_ms: int


class LeaseReading(NamedTuple):
    """A lease as the store has it: None until it is first written. `version` is the store's own."""

    record: LeaseRecord | None
    version: str


class LeaseOutcome(StrEnum):
    """How a request to the store ended. CONFLICT: it had changed, nothing was written."""

    OK = "ok"
    CONFLICT = "conflict"
    FAILED_NO_EFFECT = "failed, no effect"
    UNKNOWN = "unknown"


# --- events ----------------------------------------------------------------------------------


class Tick(NamedTuple):
    """The deadline that the engine asked for has come, and every socket has been drained."""


class BeatHeard(NamedTuple):
    """An authenticated beat of the peer arrived by `path`."""

    path: int
    beat: Beat


class EchoAnswered(NamedTuple):
    """Ping node number `ping` answered our echo `n`."""

    ping: int
    n: int


class OpEnded(NamedTuple):
    """The worker (or the supervisor, for a worker that died) says how an operation ended."""

    op: OpId
    outcome: Outcome
    detail: str


class LeaseTold(NamedTuple):
    """How a read or swap of a lease ended; `reading` is what stands there now, if that is known."""

    op: OpId
    outcome: LeaseOutcome
    reading: LeaseReading | None
    detail: str


class Persisted(NamedTuple):
    """The durable state with this token is on disk, fsynced."""

    token: int


class PersistFailed(NamedTuple):
    """The durable state could not be written."""

    token: int
    why: str


class ServiceChanged(NamedTuple):
    """The interfaces that carry a group's VIPs are up, or one is down."""

    group: int
    up: bool


class NeighbourHeard(NamedTuple):
    """Somebody was heard on the service interface after `since_ns` (the reading before)."""

    since_ns: int


class AddressLost(NamedTuple):
    """Another program removed a VIP that we hold."""

    group: int
    place: int


class ForeignAnnounced(NamedTuple):
    """Somebody else announced a VIP of the group on the wire."""

    group: int
    who: str


class GateFailed(NamedTuple):
    """The gate of a group could not be set as ordered."""

    group: int
    why: str


class WorkerChanged(NamedTuple):
    """The worker is up and warm, or gone.

    `cold`: groups (and why) that it could not prepare for; this node holds on to one, and takes
    none.
    """

    up: bool
    cold: tuple[tuple[int, str], ...] = ()


class NoticeCame(NamedTuple):
    """Who runs this machine will disturb it soon (`what`), or has taken that back ("")."""

    what: str


class Reconfigured(NamedTuple):
    """The cluster file was reloaded; only timing, failback and protection may differ."""

    settings: Settings


class Verb(StrEnum):
    """What an operator can ask of a running agent."""

    STANDBY = "standby"
    TAKEOVER = "takeover"
    FAILBACK = "failback"
    RELEASE = "release"
    MAINTENANCE_ON = "maintenance on"
    MAINTENANCE_OFF = "maintenance off"
    STOP = "stop"


class What(StrEnum):
    """Which groups: all, those that prefer this node, or those that prefer the other."""

    ALL = "all"
    LOCAL = "local"
    FOREIGN = "foreign"
    FAILBACK = "failback"


@dataclass(frozen=True, slots=True)
class OperatorAsked:
    """A person (or script) typed a command. `request` names it for the answer.

    `for_ms`: how long maintenance lasts; 0: until it is switched off.
    """

    request: int
    verb: Verb
    what: What = What.ALL
    force: bool = False
    peer_is_off: str | None = None
    reason: str | None = None
    for_ms: int = 0


Event = (
    Tick
    | BeatHeard
    | EchoAnswered
    | OpEnded
    | LeaseTold
    | Persisted
    | PersistFailed
    | ServiceChanged
    | NeighbourHeard
    | AddressLost
    | ForeignAnnounced
    | GateFailed
    | WorkerChanged
    | NoticeCame
    | Reconfigured
    | OperatorAsked
)
