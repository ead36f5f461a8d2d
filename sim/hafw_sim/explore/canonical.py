"""The canonical form of a world: two worlds with the same form have the same future.

One rule: only what can be told apart later is written down. Dates become ages, numbers that are
only compared become ranks, and every field is walked by its name (see `hafw_sim.explore.fields`).
"""

from __future__ import annotations

import hashlib
import marshal
from collections import deque
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from hafw.core.effects import SwapLease
from hafw.core.engine import Engine
from hafw.core.fencing import Fencing
from hafw.core.group import Group
from hafw.core.lease import Lease
from hafw.core.liveness import Peer
from hafw.core.maintenance import Maintenance
from hafw.core.model import Ask, Beat, BeatHeard, Op
from hafw.core.operator import Request
from hafw.core.reflection import Echoes
from hafw.core.wire import Codec
from hafw_sim.explore.fields import CALLS, FIELDS, echoes
from hafw_sim.explore.rules import aged, as_is, nothing
from hafw_sim.world.disks import known_epochs
from hafw_sim.world.machine import Machine
from hafw_sim.world.network import Way
from hafw_sim.world.weather import Weather
from hafw_sim.world.world import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.explore.rules import Rule
    from hafw_sim.world import World

_ATOMS: Final = frozenset({bool, int, float, str, bytes, type(None)})
_TIMELESS: Final = (Weather, Way)
"""Classes whose `…_ns` are durations."""
_ARRIVALS: Final = ("Network._arrive", "World._echoed")
_REPLIES: Final = frozenset({"Store._tell", "Store._give_up", "Devices._read", "Devices._end"})
_OWN_TICK: Final = "World._tick"
"""When an engine wants to be woken follows from its state."""


def digest(world: World, bounds: dict[str, int], *, late: bool = False) -> int:
    """The canonical form of a world in 64 bits."""
    form = marshal.dumps(canonical(world, bounds, late=late), 2)  # 2: equal values, equal bytes
    return int.from_bytes(hashlib.blake2b(form, digest_size=8).digest(), "big")


def canonical(world: World, bounds: dict[str, int], *, late: bool = False) -> list[object]:
    """The canonical form of a world, as a list of plain values.

    `bounds`: those of its settings (`rules.bounds`). `late`: whether packets may be held up, now
    or later.
    """
    return Walk(world, bounds, late=late).whole()


class Walk:
    """One walk through a world."""

    put: Callable[[object], None]
    late: bool
    waiting: bool
    asked: bool
    incarnations: list[int]
    of: tuple[int, int]

    def __init__(self, world: World, bounds: dict[str, int], *, late: bool) -> None:
        """See `canonical`."""
        self.world = world
        self.bounds = bounds
        self.late = late
        self.group = 0
        self.clock_ns = [node.clock_ns(world.now_ns) for node in world.nodes]
        self.incarnations = [node.engine.incarnation if node.engine else 0 for node in world.nodes]
        self.planned = [
            (when_ns, what) for when_ns, what in world.clockwork.planned if _stands(what)
        ]
        self.of = (0, 0)
        self.waiting = False
        self.asked = any(_asked(node) for node in world.nodes)
        if not late:
            arriving = any(what.func.__qualname__ in _ARRIVALS for _, what in self.planned)
            assert not arriving, "a packet is under way at the end of a tick"
        self._form: list[object] = []
        self.put = self._form.append
        self._marks: dict[object, int] = {}
        self._numbers: dict[tuple[str, int, int, int], list[tuple[int, int]]] = {}

    def whole(self) -> list[object]:
        """Walk through everything."""
        world = self.world
        for node in world.nodes:
            self.value(node, node.number)
        store = world.store
        self.put(store.up)
        self.put(store.shown is not None)
        for readings in (store.readings, store.shown or {}):
            for group, reading in sorted(readings.items()):
                self.group = group
                self.value(reading, 0)
            self.put("readings")
        net = world.net
        for way in net.ways:
            self.value(way, 0)
        for fact in (net.ping_up, net.ping_reflects, net.service_lan, net.doomed, world.weather):
            self.value(fact, 0)
        for when_ns, what in self.planned:
            self.put(when_ns - world.now_ns)
            self.value(what, 0)
        self._starts()
        self._rank()
        return self._form

    # --- values ---------------------------------------------------------------------------------

    def value(self, value: Any, who: int) -> None:  # noqa: ANN401 - whatever a world holds
        """Write down a value that belongs to a node."""
        kind = type(value)
        if kind in _ATOMS:
            self.put(value)
            return
        write = _WRITERS.get(kind)
        if write is None:
            write = _WRITERS[kind] = _writer(kind)
        write(self, who, value)

    def items(self, items: Iterable[object], who: int) -> None:
        """Write down each of them, and where they end."""
        for item in items:
            self.value(item, who)
        self.put("end")

    # --- numbers --------------------------------------------------------------------------------

    def number(self, family: str, node: int, value: int) -> None:
        """A number that `node` gave out; what it becomes is known when all have been seen."""
        if value == 0 and family != "epoch":
            self.put(None)  # 0 is "none" throughout
            return
        group = 0 if family in _OF_NODES else self.group
        incarnation = self.of[node] if family in _OF_INCARNATIONS else self.incarnations[node]
        key = (family, node, group, incarnation)
        self._numbers.setdefault(key, []).append((len(self._form), value))
        self.put(0)

    def same(self, value: object) -> None:
        """A mark that is unlike all others: of it only counts where else it stands."""
        self.put(self._marks.setdefault(value, len(self._marks)))

    def beat_number(self, sender: int, incarnation: int, n: int, *, dated: bool = False) -> None:
        """The number of a beat: when it was sent, if that is evidence; its rank, if any is late."""
        engine = self.world.nodes[sender].engine
        if engine is None or engine.incarnation != incarnation:
            self.put(None)
            return
        if dated:
            sent_ns, bound_ns = engine.sent.sent_ns(n), self.bounds["hold"]
            self.put(min(self.clock_ns[sender] - sent_ns, bound_ns))
        if self.late or self.waiting:
            self.number("beat", sender, n)

    def _rank(self) -> None:
        """Put ranks in the place of numbers.

        What is newer than the newest that its giver knows of (it has lost its memory) could be
        given out again, so how much newer counts; of the rest only the order does. So it is of
        what an earlier incarnation gave out.
        """
        for (family, node, group, incarnation), places in self._numbers.items():
            if family == "epoch":  # the next is reckoned from the last, by parity: shift them all
                shift = min(value for _, value in places) // 2 * 2
                for place, value in places:
                    self._form[place] = value - shift
                continue
            newest = max(value for _, value in places)
            if incarnation == self.incarnations[node]:
                newest = self._newest(family, node, group)
            older = sorted({value for _, value in places if value <= newest} | {newest})
            ranks = {value: rank - len(older) for rank, value in enumerate(older, 1)}
            for place, value in places:
                self._form[place] = ranks.get(value, value - newest)

    def _newest(self, family: str, node: int, group: int) -> int:
        machine = self.world.nodes[node]
        engine = machine.engine
        if family == "incarnation":
            return machine.disk.incarnation if machine.disk is not None else 0
        return _NEWEST[family](engine, group) if engine is not None else 0

    # --- the world's own ------------------------------------------------------------------------

    def _starts(self) -> None:
        """Under which epochs a start could still be a second one; recent starts."""
        workers, now_ns = self.world.workers, self.world.now_ns
        for group, starts in sorted(workers.started.items()):
            self.group = group
            known = min(self._known_epoch(node, group) for node in self.world.nodes)
            for epoch, owner in sorted({(epoch, owner) for epoch, owner, _ in starts}):
                if epoch > known:
                    self.number("epoch", 0, epoch)
                    self.put(owner)
        for key, times in sorted(workers.recent.items()):
            ages = (now_ns - at_ns for at_ns in times)
            deadtime_ns = self.bounds["deadtime"]
            self.items((*key, *(age for age in ages if age < deadtime_ns)), 0)

    @staticmethod
    def _known_epoch(node: Machine, group: int) -> int:
        if node.engine is not None:
            return node.engine.groups[group].epoch
        return known_epochs(node.disk).get(group, 0) if node.disk is not None else 0


def _asked(node: Machine) -> bool:
    """Whether this node asks for anything, as far as anybody knows or will hear."""
    if node.engine is not None and any(
        group.ask is not Ask.NOTHING for group in node.engine.groups.values()
    ):
        return True
    return any(
        word.ask is not Ask.NOTHING
        for event in node.queue
        if isinstance(event, BeatHeard)
        for word in event.beat.groups
    )


def _stands(what: partial[None]) -> bool:
    """Whether something planned will do anything: much is planned for an engine that has gone."""
    name = what.func.__qualname__
    if name == _OWN_TICK:
        return False
    if name == "Store._arrive":  # a swap is done, whoever waits for it
        return isinstance(what.args[2], SwapLease) or _waits(what)
    if name in _REPLIES:
        return _waits(what)
    machines = [arg for arg in what.args if isinstance(arg, Machine)]
    engines = [arg for arg in what.args if isinstance(arg, Engine)]
    return all(machine.engine is engine for machine in machines for engine in engines)


def _waits(reply: partial[None]) -> bool:
    """Whether an agent still waits for a reply of the store, or of a fence device."""
    machine, engine, what = reply.args[:3]
    if machine.engine is not engine:
        return False
    op = what if isinstance(what, Op) else what.op
    return op.id.n in machine.asking or machine.fencing is op


_OF_NODES: Final = frozenset({"incarnation", "offer", "token", "operation", "beat"})
"""Families that are counted per node; the others per node and group."""
_OF_INCARNATIONS: Final = frozenset({"offer", "want", "ask"})
"""Families that begin anew with each incarnation, and whose numbers outlive it elsewhere."""
_NEWEST: Final[dict[str, Callable[[Engine, int], int]]] = {
    "offer": lambda engine, _: engine._number,  # noqa: SLF001 - read as a snapshot reads it
    "token": lambda engine, _: engine._token,  # noqa: SLF001 - the same
    "operation": lambda engine, _: engine._op_n,  # noqa: SLF001 - the same
    "beat": lambda engine, _: engine.sent.newest_n,
    "want": lambda engine, group: engine.groups[group].arming_no,
    "ask": lambda engine, group: engine.groups[group].ask_no,
}
"""The newest number of each family that a node has given out."""


# --- writers, one per class ---------------------------------------------------------------------

_Writer = Callable[[Walk, int, Any], None]


def _enum(walk: Walk, _who: int, value: Enum) -> None:
    walk.put(value.value)


def _sequence(walk: Walk, who: int, value: Iterable[object]) -> None:
    walk.items(value, who)


def _set(walk: Walk, who: int, value: set[Any]) -> None:
    walk.items(sorted(value), who)


def _dict(walk: Walk, who: int, value: dict[Any, Any]) -> None:
    walk.items((item for pair in sorted(value.items(), key=_key) for item in pair), who)


def _key(item: tuple[Any, Any]) -> Any:  # noqa: ANN401 - whatever the dictionary goes by
    return item[0]


def _call(walk: Walk, _who: int, value: partial[None]) -> None:
    """Something planned: the method's name, and its arguments."""
    name = value.func.__qualname__
    walk.put(name)
    numbers = [arg.number for arg in value.args if isinstance(arg, Machine)]
    who = numbers[0] if numbers else 0
    walk.items(numbers, who)
    if name == "Network._arrive":
        receiver, path, data = value.args
        walk.value(
            _reader(walk.world.nodes[receiver].settings.cluster_id, receiver).decode(data, path), 0
        )
    elif name == "World._echoed":
        sender, ping, n = value.args
        walk.items((sender, ping), sender)
        walk.beat_number(sender, walk.incarnations[sender], n)
    else:
        rules = CALLS.get(name, {})
        for place, arg in enumerate(value.args):
            if not isinstance(arg, Machine | Engine):
                rules.get(place, as_is)(walk, who, arg, value)
        if name == "Store._arrive":
            walk.put(_waits(value))
    _dict(walk, who, value.keywords)


@cache
def _reader(cluster_id: bytes, node: int) -> Codec:
    """What reads the datagrams to a node."""
    return Codec(cluster_id, node, (KEY,))


def _part(kind: type, names: Iterable[str]) -> _Writer:
    """Writes every field of a class, each by its rule."""
    known = FIELDS.get(kind.__name__, {})
    rules = [(name, known.get(name, _default(kind, name))) for name in names]
    unknown = known.keys() - {name for name, _ in rules}
    assert not unknown, f"{kind.__name__} has no {', '.join(sorted(unknown))}"
    read = [(name, rule) for name, rule in rules if rule is not nothing]
    enter = _ENTERING.get(kind.__name__)

    def write(walk: Walk, who: int, value: Any) -> None:  # noqa: ANN401 - of the class
        of = walk.of
        if enter is not None:
            who = enter(walk, who, value)
        for name, rule in read:
            rule(walk, who, getattr(value, name), value)
        walk.of = of

    return write


def _of_group(walk: Walk, who: int, value: Any) -> int:  # noqa: ANN401 - what is of a group
    walk.group = value.id
    return who


def _of_op(walk: Walk, who: int, value: Any) -> int:  # noqa: ANN401 - an Op
    walk.group = value.group
    return who


def _of_sender(walk: Walk, _who: int, value: Beat) -> int:
    pair = value.incarnation, value.acked_incarnation
    walk.of = pair if value.node == 0 else pair[::-1]
    return value.node


def _of_engine(walk: Walk, who: int, value: Engine) -> int:
    pair = value.incarnation, value.peer.incarnation
    walk.of = pair if who == 0 else pair[::-1]
    return who


_ENTERING: Final[dict[str, Callable[[Walk, int, Any], int]]] = {
    "Group": _of_group,
    "GroupBeat": _of_group,
    "Op": _of_op,
    "Beat": _of_sender,
    "Engine": _of_engine,
}
"""Which group the numbers within are about, whose they are, and of which incarnations."""


def _default(kind: type, name: str) -> Rule:
    return aged() if name.endswith("_ns") and kind not in _TIMELESS else as_is


def _writer(kind: type) -> _Writer:
    """What writes values of a class that is met for the first time. Raises KeyError."""
    if issubclass(kind, Enum):
        return _enum
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _part(kind, kind._fields)
    if is_dataclass(kind):
        return _part(kind, [field.name for field in fields(kind)])
    if kind in (Fencing, Group, Lease, Maintenance, Peer, Request):
        return _part(kind, kind.__slots__)
    raise KeyError(f"the canonical form knows no {kind.__name__}")


_ENGINE: Final[dict[frozenset[str], _Writer]] = {}


def _engine(walk: Walk, who: int, value: Engine) -> None:
    """An engine has its attributes in a dictionary: every one that is there."""
    names = vars(value).keys()
    write = _ENGINE.get(frozenset(names))
    if write is None:
        write = _ENGINE[frozenset(names)] = _part(Engine, sorted(names))
    write(walk, who, value)


_WRITERS: Final[dict[type, _Writer]] = {
    list: _sequence,
    tuple: _sequence,
    deque: _sequence,
    set: _set,
    dict: _dict,
    partial: _call,
    Engine: _engine,
    Echoes: echoes,
}
