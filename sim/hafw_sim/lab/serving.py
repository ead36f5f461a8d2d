"""Which machine serves which address, worked out from what the kernels announce.

Rule: pure; a machine serves an address while the address is on one of its interfaces and no gate
keeps it shut. A gate is a table of the ``inet`` family named ``hafw_*``: an address in its set
``vips4`` or ``vips6`` is open only while it is in ``open4`` or ``open6``, and an element's timeout
ends it without an announcement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from ipaddress import IPv4Address, IPv6Address

_FOR_EVER: Final = 1 << 63
GATE_PREFIX: Final = "hafw_"
GUARDED_SETS: Final = frozenset({"vips4", "vips6"})
OPEN_SETS: Final = frozenset({"open4", "open6"})


@dataclass(frozen=True, slots=True)
class Interval:
    """A machine served an address from ``start_ns`` to ``end_ns`` (None: it still does)."""

    start_ns: int
    end_ns: int | None


@dataclass(slots=True)
class _Gate:
    guarded: set[IPv4Address | IPv6Address] = field(default_factory=set)
    open_until_ns: dict[IPv4Address | IPv6Address, int] = field(default_factory=dict)


@dataclass(slots=True)
class Machine:
    """What is known of one network namespace."""

    interfaces: dict[IPv4Address | IPv6Address, set[int]] = field(default_factory=dict)
    gates: dict[str, _Gate] = field(default_factory=dict)

    def address_added(self, address: IPv4Address | IPv6Address, interface: int) -> None:
        """Note that an interface has the address."""
        self.interfaces.setdefault(address, set()).add(interface)

    def address_removed(self, address: IPv4Address | IPv6Address, interface: int) -> None:
        """Note that an interface no longer has the address."""
        self.interfaces.get(address, set()).discard(interface)

    def table_added(self, table: str) -> None:
        """Note a table of the inet family; only a gate's counts."""
        if table.startswith(GATE_PREFIX):
            self.gates.setdefault(table, _Gate())

    def table_removed(self, table: str) -> None:
        """Note that a table is gone, and with it what it kept shut."""
        self.gates.pop(table, None)

    def element_added(
        self,
        table: str,
        name: str,
        address: IPv4Address | IPv6Address,
        end_ns: int | None,
    ) -> None:
        """Note an element of a set, which ends by itself at ``end_ns``."""
        gate = self.gates.get(table)
        if gate is None:
            return
        if name in GUARDED_SETS:
            gate.guarded.add(address)
        elif name in OPEN_SETS:
            gate.open_until_ns[address] = _FOR_EVER if end_ns is None else end_ns

    def element_removed(self, table: str, name: str, address: IPv4Address | IPv6Address) -> None:
        """Note that a set has lost an element."""
        gate = self.gates.get(table)
        if gate is None:
            return
        if name in GUARDED_SETS:
            gate.guarded.discard(address)
        elif name in OPEN_SETS:
            gate.open_until_ns.pop(address, None)

    def serves_until_ns(self, address: IPv4Address | IPv6Address) -> int:
        """Return when it stops to serve ``address`` unless told otherwise; 0 if it does not."""
        if not self.interfaces.get(address):
            return 0
        ends = (
            gate.open_until_ns.get(address, 0)
            for gate in self.gates.values()
            if address in gate.guarded
        )
        return min(ends, default=_FOR_EVER)


@dataclass(frozen=True, slots=True)
class Change:
    """A machine began or ceased to serve an address."""

    at_ns: int
    machine: int
    address: IPv4Address | IPv6Address
    serves: bool


class Ledger:
    """Turns the states of all machines into changes, in the order of time."""

    def __init__(self, addresses: Sequence[IPv4Address | IPv6Address]) -> None:
        """Keep the ledger of ``addresses``."""
        self._addresses = addresses
        self._serving: dict[tuple[int, IPv4Address | IPv6Address], int] = {}

    def next_end_ns(self) -> int | None:
        """Return when the next timeout runs out, if one is running."""
        return min((end for end in self._serving.values() if end < _FOR_EVER), default=None)

    def expire(self, now_ns: int) -> Iterator[Change]:
        """Yield what ended by itself up to now."""
        ended = sorted((end, key) for key, end in self._serving.items() if end <= now_ns)
        for end_ns, (machine, address) in ended:
            del self._serving[machine, address]
            yield Change(end_ns, machine, address, serves=False)

    def update(self, number: int, machine: Machine, now_ns: int) -> Iterator[Change]:
        """Yield what the present state of a machine changes."""
        for address in self._addresses:
            key = (number, address)
            end_ns = machine.serves_until_ns(address)
            if end_ns > now_ns:
                if key not in self._serving:
                    yield Change(now_ns, number, address, serves=True)
                self._serving[key] = end_ns
            elif self._serving.pop(key, None) is not None:
                yield Change(now_ns, number, address, serves=False)


def intervals(
    changes: Sequence[Change], address: IPv4Address | IPv6Address
) -> dict[int, list[Interval]]:
    """Return when each machine served ``address``, by the machine's number."""
    found: dict[int, list[Interval]] = {}
    for change in changes:
        if change.address != address:
            continue
        mine = found.setdefault(change.machine, [])
        if change.serves:
            mine.append(Interval(change.at_ns, None))
        else:
            mine[-1] = Interval(mine[-1].start_ns, change.at_ns)
    return found


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same time in intervals that do not overlap, in order."""
    found: list[Interval] = []
    for each in sorted(intervals, key=lambda each: each.start_ns):
        end_ns = _FOR_EVER if each.end_ns is None else each.end_ns
        last_ns = (found[-1].end_ns or _FOR_EVER) if found else -1
        if each.start_ns > last_ns:
            found.append(each)
        elif end_ns > last_ns:
            found[-1] = Interval(found[-1].start_ns, each.end_ns)
    return found


def overlap_ns(
    one: Sequence[Interval], other: Sequence[Interval], start_ns: int, end_ns: int
) -> int:
    """Return for how long, between ``start_ns`` and ``end_ns``, both served."""
    total = 0
    for first in one:
        for second in other:
            begin = max(first.start_ns, second.start_ns, start_ns)
            ends = (each for each in (first.end_ns, second.end_ns, end_ns) if each is not None)
            total += max(0, min(ends) - begin)
    return total
