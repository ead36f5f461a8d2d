"""A node that wants a lease, as tests play it: short calls around the hooks of one store.

One rule: every value that it writes has a nonce of its own, as the engine's have.
"""

from __future__ import annotations

import functools
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Conflict, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, LeaseValue
from hafw.hooks.registry import Registry, store_of
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from threading import Barrier

    from hafw.core.wire import Key

_ATTEMPTS: Final = 100


@functools.cache
def _registry(store: str) -> Registry:
    return Registry([store])


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One node and the lease of one group."""

    url: str
    cluster_id: str
    group: int = 1
    node: int = 0
    keys: tuple[Key, ...] = field(default=(), repr=False)
    timeout_s: float = 10.0
    ttl_s: float = 20.0

    def request(self) -> LeaseRequest:
        """A request whose deadline is `timeout_s` from now."""
        return LeaseRequest(
            url=self.url,
            cluster_id=self.cluster_id,
            group=self.group,
            node=self.node,
            ttl_s=self.ttl_s,
            deadline_ns=boot_ns() + round(self.timeout_s * 1e9),
            keys=self.keys,
        )

    def value(self, epoch: int, holder: str = "alpha") -> LeaseValue:
        """A new value."""
        nonce = secrets.token_hex(16)
        ttl_ms = round(self.ttl_s * 1_000)
        return LeaseValue(epoch=epoch, holder=holder, incarnation=7, nonce=nonce, ttl_ms=ttl_ms)

    def warm(self) -> None:
        """Let the store prepare."""
        _registry(store_of(self.url)).warm_lease(self.request())

    def read(self) -> LeaseReading:
        """Read the lease."""
        store = store_of(self.url)
        reading = _registry(store).call(store, "hafw_lease_read", request=self.request())
        assert isinstance(reading, LeaseReading)
        return reading

    def swap(self, expected: LeaseReading, new: LeaseValue) -> LeaseReading:
        """Swap the lease."""
        store, asked = store_of(self.url), self.request()
        given = {name: getattr(asked, name) for name in LeaseRequest.__dataclass_fields__}
        request = LeaseSwap(**given, expected=expected, new=new)
        reading = _registry(store).call(store, "hafw_lease_swap", request=request)
        assert isinstance(reading, LeaseReading)
        return reading

    def take(self, new: LeaseValue) -> bool | None:
        """Read and swap once: won, lost, or None where nobody can tell any more."""
        for _ in range(_ATTEMPTS):
            try:
                seen = self.read()
                if seen.value is not None and seen.value.epoch >= new.epoch:
                    return False
                self.swap(seen, new)
            except Conflict:
                return False
            except Retryable as problem:
                time.sleep(min(problem.after_s, 0.1))
            except UnknownOutcome:
                return self._find(new)
            else:
                return True
        raise AssertionError(f"{self.url} was busy {_ATTEMPTS} times in a row")

    def _find(self, new: LeaseValue) -> bool | None:
        """What became of a swap whose outcome is unknown."""
        try:
            found = self.read().value
        except ProviderError:
            return None
        if found is not None and found.nonce == new.nonce:
            return True
        return None if found is not None and found.epoch > new.epoch else False


@dataclass(slots=True)
class Tally:
    """What one process won: groups created, epochs taken, and how many it cannot tell."""

    created: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    doubtful: int = 0


def race(contender: Contender, groups: range, rounds: int, barrier: Barrier) -> Tally:
    """Create a lease for every group, then raise the epoch of the first `rounds` times."""
    tally = Tally()
    contender.warm()
    for group in groups:
        one = replace(contender, group=group)
        barrier.wait(contender.timeout_s * 6)
        match one.take(one.value(epoch=1)):
            case True:
                tally.created.append(group)
            case None:
                tally.doubtful += 1
    one = replace(contender, group=groups[0])
    while len(tally.taken) < rounds:
        found = one.read().value
        assert found is not None
        match one.take(one.value(found.epoch + 1)):
            case True:
                tally.taken.append(found.epoch + 1)
            case None:
                tally.doubtful += 1
    return tally
