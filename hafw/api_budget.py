"""How many calls a node makes to a cloud's API, and what is kept for those that must not wait.

One rule: a call that there is no room for is not sent, and fails at once as `Retryable`, with the
time until there is. So an outage, however long, costs the account no more than the rate, and what
frees a resource, or switches a machine off, finds room that attempts to start have not used up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Sighting

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceReceipt

LONGEST_REST_S: Final = 300.0
"""A Retry-After of more is asked about again after this: a slip must not end all takeovers."""


class Use(Enum):
    """What a call is for; the value is the part of a full budget that it leaves to the others."""

    ROUTINE = 0.3
    """To bring a resource here, to read, to look ahead."""
    RELEASE = 0.1
    """To give a resource up: its next owner may wait for that."""
    FENCE = 0.0
    """To switch a machine off, and to see that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one node may spend: so many calls at once, and after that so many a second."""

    burst: int
    per_s: float

    def __post_init__(self) -> None:
        """Raises ValueError for one that never has room for routine."""
        if self.burst < 2 or self.per_s <= 0:  # noqa: PLR2004 - one call, and one that is kept
            raise ValueError(f"{self}: no call would ever be made")


class Budget:
    """A token bucket for one account, region and node. Safe to use from several threads."""

    def __init__(self, api: str, quota: Quota) -> None:
        """Full. `api`: what the cloud's API is called in messages."""
        self._api = api
        self._quota = quota
        self._lock = threading.Lock()
        self._left = float(quota.burst)
        self._filled_ns = 0
        self._rests_until_ns: dict[str, int] = {}

    def take(self, call: str, use: Use, now_ns: int) -> bool:
        """Room for one call. Raises Retryable where there is none yet.

        Says whether the API had asked for no such call before a later time, which a fence
        overrules: to be refused once more costs less than a machine that is left running.
        """
        with self._lock:
            rest_s = (self._rests_until_ns.get(call, 0) - now_ns) / 1e9
            if rest_s > 0 and use is not Use.FENCE:
                told = f"{call} was not sent: {self._api} asked to be left alone for {rest_s:.0f} s"
                raise Retryable(f"{told} more (Retry-After)", rest_s)
            lacking = 1 + use.value * self._quota.burst - self._filled(now_ns)
            if lacking > 0:
                raise self._refusal(call, use, lacking / self._quota.per_s)
            self._left -= 1
        return rest_s > 0

    def rest(self, call: str, seconds: float, now_ns: int) -> None:
        """The API wants no such call for so long, by its Retry-After."""
        until_ns = now_ns + int(min(seconds, LONGEST_REST_S) * 1e9)
        with self._lock:
            self._rests_until_ns[call] = until_ns

    def _filled(self, now_ns: int) -> float:
        gained = max(0, now_ns - self._filled_ns) / 1e9 * self._quota.per_s
        self._filled_ns = max(now_ns, self._filled_ns)
        self._left = min(self._quota.burst, self._left + gained)
        return self._left

    def _refusal(self, call: str, use: Use, after_s: float) -> Retryable:
        quota = f"{self._quota.burst} calls at once, then {self._quota.per_s:g} a second"
        kept = ", but for what is kept for releases and fences" if use is Use.ROUTINE else ""
        told = f"{call} was not sent: this node's budget for {self._api} ({quota}) is spent{kept}"
        return Retryable(f"{told}; there is room in {after_s:.1f} s", after_s)


class Spending:
    """What one operation takes from a budget."""

    def __init__(self, budget: Budget, use: Use) -> None:
        """Nothing yet."""
        self._budget = budget
        self._use = use
        self._overruled: set[str] = set()

    def take(self, call: str, now_ns: int) -> None:
        """Room for one call. Raises Retryable where there is none yet."""
        if self._budget.take(call, self._use, now_ns):
            self._overruled.add(call)

    def refused(self, call: str, after_s: float, now_ns: int) -> None:
        """The API has answered "later": in `after_s`, 0 if it does not say when."""
        if after_s > 0:
            self._budget.rest(call, after_s, now_ns)

    def evidence(self, receipt: FenceReceipt) -> FenceReceipt:
        """The receipt of a fence, which says as well what was sent although it was too soon."""
        at_ns = receipt.seen[0].at_ns if receipt.seen else 0
        notes = (
            Sighting(f"{call} sent before its Retry-After had passed", at_ns)
            for call in sorted(self._overruled)
        )
        return replace(receipt, seen=(*notes, *receipt.seen))
