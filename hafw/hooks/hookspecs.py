"""Every hook that a plugin may implement, with the values it gets and gives.

One rule: hooks are plain blocking functions with one typed request and one typed answer. They run
in the worker, in a thread, under the deadline that the request carries; they raise the errors of
`hafw.hooks.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import pluggy

from hafw.hooks.findings import Finding  # noqa: TC001 - hooks are typed at run time
from hafw.hooks.placed import Option, Placed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.core.wire import Key
    from hafw.hooks.resources import ResourceRequest

PROJECT = "hafw"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

VipOption = Option


@dataclass(frozen=True, slots=True, kw_only=True)
class VipRequest(Placed):
    """One VIP on this node.

    `address`: without prefix length; a VIP is always a host address. `deadline_ns`: BOOTTIME.
    `lifetime_s`: the kernel removes the address by itself after this long unless it is renewed;
    None: for ever. `op`: which operation this is (node/incarnation/epoch/n). `certificate`: what an
    attach rests on ("fenced", "released" …); empty for every other order. `nodes`: the names of
    both, `node` the number of this one. `options`: what the cluster file says beyond that; a value
    for each node is a tuple in the order of `nodes`.
    """

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
    options: Mapping[str, VipOption] = field(default_factory=dict)


class Holder(StrEnum):
    """Who has a VIP, or another resource. An error while asking is UNKNOWN, never FREE."""

    MINE = "mine"
    PEER = "peer"
    FREE = "free"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VipObservation:
    """What an observation found; `who` names the other holder or says why it is unknown."""

    holder: Holder
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VipReceipt:
    """The operation is confirmed by reading back; `changed` says whether it had anything to do.

    `detail`: for the journal, such as the ids of requests that a cloud's support asks for.
    """

    changed: bool
    detail: str = ""


@hookspec
def hafw_warm(requests: tuple[VipRequest, ...]) -> None:
    """Prepare what a takeover would need: imports, credentials, connections, sockets.

    Called with all of a provider when the worker starts, before the node may hold anything. Raises
    `ProviderError`: it is called for the VIPs of one group at a time then, and again every few
    seconds for a group for which it raises, which this node meanwhile does not take, and says why.
    """


@hookspec
def hafw_vip_rouse(requests: tuple[VipRequest, ...]) -> None:
    """Wake up what has slept: an order about one of these VIPs may come within milliseconds.

    Called when a hand-over or a takeover is being prepared, beside any other hook. What it touches
    is fast when it counts; it asks nobody outside this machine, and changes nothing.
    """


@hookspec(firstresult=True)
def hafw_vip_observe(request: VipRequest) -> VipObservation | None:
    """Say who has the VIP now, as the provider sees it."""


@hookspec(firstresult=True)
def hafw_vip_attach(request: VipRequest) -> VipReceipt | None:
    """Put the VIP on this node and prove it by reading back. Idempotent.

    Whoever asks has a certificate; a provider that can refuse an older epoch or another holder
    does so with `StaleEpoch` or `Conflict`.
    """


@hookspec(firstresult=True)
def hafw_vip_detach(request: VipRequest) -> VipReceipt | None:
    """Take the VIP off this node and prove it by reading back. Idempotent.

    Leaves foreign addresses alone; connections that end at the VIP are closed.
    """


@hookspec(firstresult=True)
def hafw_vip_announce(request: VipRequest) -> VipReceipt | None:
    """Tell the network, once, that the VIP is here now. Not sent after the deadline."""


@hookspec(firstresult=True)
def hafw_vip_probe(request: VipRequest) -> VipObservation | None:
    """Ask the network until the deadline whether anybody else answers for the VIP.

    FREE: asked, and nobody answered. PEER: somebody did. UNKNOWN: it could not be asked.
    """


@hookspec(firstresult=True)
def hafw_vip_plan(request: VipRequest) -> tuple[str, ...] | None:
    """The calls that an attach would make now, one sentence each, without making them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """What one node needs permissions for.

    `vips` and `resources`: those that it may hold; without any, and without a fence: whatever the
    plugin can do. `own_fence` and `peer_fence`: the options by which the cluster file names this
    node and the other one to this plugin's fence.
    """

    vips: tuple[VipRequest, ...] = ()
    resources: tuple[ResourceRequest, ...] = ()
    own_fence: Mapping[str, str | int | bool] | None = None
    peer_fence: Mapping[str, str | int | bool] | None = None
    terraform: bool = False


@hookspec(firstresult=True)
def hafw_policy_write(request: PolicyRequest) -> str | None:
    """Write the least-privilege policy for these, in the form in which its cloud takes it.

    Nothing is asked of the cloud for that.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseValue:
    """What a lease says. Every swap writes a fresh nonce, so no two values are ever equal.

    `holder`: the name of a node, or empty: released. `nonce`: 32 hexadecimal digits. `ttl_ms`: how
    long its holder rests on it, by the cluster file that it was written under.
    """

    epoch: int
    holder: str
    incarnation: int
    nonce: str
    ttl_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReading:
    """A lease as the store has it; `value` is None as long as nobody ever wrote it.

    `version` is the store's own token (ETag, generation, revision …), of use to that store alone.
    """

    value: LeaseValue | None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """One lease: that of one group of one cluster.

    `url`: as the cluster file has it; its scheme is the plugin's name. `group`: 0 is no group, but
    what a precheck tries the store on. `node`: the number of the node that asks, 0 or 1. `ttl_s`:
    how long the holder may rest on it. `deadline_ns`: BOOTTIME; no call to the store outlives it.
    `keys`: the cluster's, for stores that it authenticates to.
    """

    url: str
    cluster_id: str
    group: int
    node: int
    ttl_s: float
    deadline_ns: int
    keys: tuple[Key, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSwap(LeaseRequest):
    """Put `new` where `expected` still stands; `expected` is what a read or a swap returned."""

    expected: LeaseReading
    new: LeaseValue


@hookspec
def hafw_lease_warm(request: LeaseRequest) -> None:
    """Prepare what reads and swaps of a lease need: imports, credentials, connections.

    Called for each lease when the worker starts, before the node may hold anything. Raises
    `Misconfigured` or `Denied` for what no retry can cure; a store that does not answer now is none
    of its business. A store without this hook is warmed by a read. After 5 s the worker goes on
    without it; its other hooks may be called meanwhile.
    """


@hookspec(firstresult=True)
def hafw_lease_read(request: LeaseRequest) -> LeaseReading | None:
    """Read one lease, never from a cache or a replica that may be behind.

    No answer before the deadline, or a store that is busy or away: `Retryable`.
    """


@hookspec(firstresult=True)
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading | None:
    """Replace the expected value of a lease by a new one, atomically, and return the new reading.

    `Conflict`: the value had changed, proved by the store; nothing is written. `UnknownOutcome`:
    it was sent and no answer came; the caller reads, and looks for its nonce. `Retryable`: refused
    for now, nothing is written. No plugin tries a swap again by itself, and neither does its SDK.
    """


class Power(StrEnum):
    """Whether a machine runs, as a device says.

    OFF is a terminal state that was read repeatedly: never "asked to", never "stopping". A device
    that does not answer, or not clearly, is UNKNOWN.
    """

    OFF = "off"
    ON = "on"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceRequest:
    """One way to switch off one node.

    `op`: which operation this is (node/incarnation/epoch/n), so that what a device remembers can be
    told from what an older operation left. `sender` and `target`: names of nodes, never the same.
    `options`: what the cluster file says of this method, less `method` and `timeout`; secrets are
    named by their files. `deadline_ns`: BOOTTIME; nothing that was begun outlives it.
    """

    cluster_id: str
    op: str
    sender: str
    target: str
    options: Mapping[str, str | int | bool]
    deadline_ns: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A state that was seen, in the device's words, and when (BOOTTIME)."""

    state: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceReceipt:
    """What is known of the target, and the evidence for it.

    `confirmed`: a takeover may rest on it. A courtesy (asking the target itself) never is, whatever
    it saw. `identity`: the target as the device names it, the same for as long as it is the same
    machine. `seen`: the states that were read, oldest first.
    """

    power: Power
    confirmed: bool
    method: str
    identity: str
    seen: tuple[Sighting, ...]


@hookspec
def hafw_fence_warm(request: FenceRequest) -> None:
    """Prepare what fencing needs, and refuse what cannot work: options, secrets, programs.

    Called for each fence when the worker starts, before the node may hold anything. Raises
    `Misconfigured` or `Denied` for what no retry can cure; a device that does not answer now is
    none of its business. After 5 s the worker goes on without it; its other hooks may be called
    meanwhile.
    """


@hookspec(firstresult=True)
def hafw_fence_off(request: FenceRequest) -> FenceReceipt | None:
    """Switch the target off, and read its state until it is off or the deadline comes. Idempotent.

    It is switched off, never restarted: a machine can be back before the answer is. A machine that
    is off already is read all the same. `UnknownOutcome`: the order was given and the state did not
    become clear in time. Any other error: nothing was ordered.
    """


@hookspec(firstresult=True)
def hafw_fence_status(request: FenceRequest) -> FenceReceipt | None:
    """Read the target's state, without changing it. An error while asking is UNKNOWN, never OFF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRequest:
    """What is announced for this machine? `deadline_ns`: BOOTTIME."""

    deadline_ns: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Who runs this machine will stop it, restart it, or hold it up.

    `what`: in words that stay the same until the notice changes, so without the time that is left.
    `within_s`: in how many seconds it begins; 0 or less: at any moment.
    """

    what: str
    within_s: float


@hookspec
def hafw_notice_read(request: NoticeRequest) -> tuple[Notice, ...] | None:
    """Say what is announced for this machine. Asked every few seconds; raises Retryable.

    A holder gives its groups to the other node when something is announced for the next quarter of
    an hour, and no group is given to a node with such a notice.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecheckRequest:
    """What one node asks of one plugin before it is needed: all that the cluster file gives it.

    `vips` and `resources`: those that the plugin moves. `fence`: how it switches the other node
    off; None: it does not. `deadline_ns`: BOOTTIME; the deadlines of the others are the same.
    """

    deadline_ns: int
    vips: tuple[VipRequest, ...] = ()
    resources: tuple[ResourceRequest, ...] = ()
    fence: FenceRequest | None = None


@hookspec(firstresult=True)
def hafw_precheck(request: PrecheckRequest) -> tuple[Finding, ...] | None:
    """Say whether a takeover would work, and whether it would be safe; change nothing.

    What every plugin has is asked by hafw itself and needs no answer here: whether it warms up, who
    has a VIP, what a fence reads, and whether a lease store refuses what it must.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest(PrecheckRequest):
    """Settle what only the real service can tell.

    `address`: a VIP that nobody uses, which may be moved about; empty: nothing may change, so only
    reads, dry runs and changes that must be refused are sent.
    """

    address: str = ""

    @property
    def one_of_each_mover(self) -> tuple[VipRequest, ...]:
        """What is tried is the mover: one VIP of each is enough."""
        return tuple({vip.options.get("mover"): vip for vip in self.vips}.values())


@hookspec(firstresult=True)
def hafw_live_probe(request: ProbeRequest) -> tuple[Finding, ...] | None:
    """Try what the plugin assumes of its service, and compare; leave everything as it was."""
