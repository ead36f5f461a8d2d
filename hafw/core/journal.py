"""The journal of an engine as bytes: every event with its instant, and every decision; and back.

One rule: what was recorded can be replayed to the nanosecond. A heartbeat that says what the last
one on its path said is a few bytes; sends and gate renewals, which follow from the events, are only
counted.

A segment begins with one line of JSON, the header, which carries the engine's snapshot. A record is
a kind, the instant as a difference to the one before, the event, and the effects. A record that is
cut off at the end (the machine died while it was written) ends the segment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from hafw.core.effects import Effect, HoldGate, SendBeat, SendEcho
from hafw.core.model import Beat, BeatHeard, EchoAnswered, Event, Instant, Tick
from hafw.core.snapshot import NotPlainError, Plain, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAGIC: Final = b"hafw journal 1 "
_TICK, _BEAT, _ECHO, _OTHER = range(4)
_ROUTINE: Final = (SendBeat, SendEcho, HoldGate)
_TOO_LONG: Final = 1 << 20  # no event is this long: the file is damaged


class DamagedError(ValueError):
    """The bytes are no journal of this version; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Header:
    """How a segment begins.

    `engine`: hash of the engine's source. `continues`: the state is that at the end of the segment
    before. `lost`: records that could not be written before this segment. `wall`: the time for
    people, as text.
    """

    version: str
    engine: str
    continues: bool
    lost: int
    wall: str
    snapshot: Plain

    def encode(self) -> bytes:
        """The first line of a segment."""
        body = {name: getattr(self, name) for name in self.__slots__}
        return MAGIC + json.dumps(body, separators=(",", ":")).encode() + b"\n"


class Step(NamedTuple):
    """One step of the engine: what came, when, what it decided, and how many routine effects."""

    event: Event
    now: Instant
    decisions: tuple[Effect, ...]
    routine: int


class Recorder:
    """Turns the steps of one segment into bytes."""

    def __init__(self, begun: Instant) -> None:
        """`begun`: the instant of the engine's last step before the segment."""
        self._last = begun
        self._beats: dict[tuple[int, bool], Beat] = {}
        self._echoes: dict[int, int] = {}

    def record(self, event: Event, now: Instant, effects: Sequence[Effect]) -> tuple[bytes, bool]:
        """One step as bytes, and whether it decided anything."""
        boot_ns = now.boot_ns - self._last.boot_ns
        mono_ns = now.mono_ns - self._last.mono_ns
        self._last = now
        kind, body = self._event(event)
        decisions = [pack(effect) for effect in effects if not isinstance(effect, _ROUTINE)]
        text = _json(decisions) if decisions else b""
        record = b"".join(
            (
                bytes((kind,)),
                _signed(boot_ns),
                _signed(mono_ns - boot_ns),
                body,
                _unsigned(len(effects) - len(decisions)),
                _unsigned(len(text)),
                text,
            )
        )
        return record, bool(decisions)

    def _event(self, event: Event) -> tuple[int, bytes]:
        match event:
            case Tick():
                return _TICK, b""
            case BeatHeard(path, beat):
                last = self._beats.get((path, beat.is_ack))
                self._beats[path, beat.is_ack] = beat
                if last is not None and last._replace(n=beat.n, acked_n=beat.acked_n) == beat:
                    flags = bytes((path, beat.is_ack))
                    deltas = _signed(beat.n - last.n) + _signed(beat.acked_n - last.acked_n)
                    return _BEAT, flags + deltas
            case EchoAnswered(ping, n):
                delta = n - self._echoes.get(ping, 0)
                self._echoes[ping] = n
                return _ECHO, bytes((ping,)) + _signed(delta)
        text = _json(pack(event))
        return _OTHER, _unsigned(len(text)) + text


class Segment:
    """One segment's bytes, to be read."""

    def __init__(self, data: bytes) -> None:
        """Read the header. Raises DamagedError."""
        line, newline, _ = data.partition(b"\n")
        if not line.startswith(MAGIC) or not newline:
            raise DamagedError("this is no journal, or one of another format")
        try:
            self.header = Header(**json.loads(line[len(MAGIC) :]))
        except (ValueError, TypeError) as problem:
            raise DamagedError(f"the header is damaged: {problem}") from problem
        self._data = data
        self._at = len(line) + 1
        self._beats: dict[tuple[int, bool], Beat] = {}
        self._echoes: dict[int, int] = {}
        self.cut_off = False

    def steps(self, begun: Instant) -> Iterator[Step]:
        """The steps; `begun` as in `Recorder`. Raises DamagedError; `cut_off` says how it ended."""
        boot_ns, mono_ns = begun
        while self._at < len(self._data):
            try:
                kind = self._byte()
                elapsed_ns = self._signed()
                boot_ns += elapsed_ns
                mono_ns += elapsed_ns + self._signed()
                event = self._event(kind)
                routine = self._unsigned()
                length = self._unsigned()
                decisions = self._json(length) if length else []
            except IndexError:
                self.cut_off = True
                return
            effects = tuple(_unpacked(item) for item in cast("list[Plain]", decisions))
            yield Step(
                event, Instant(boot_ns, mono_ns), cast("tuple[Effect, ...]", effects), routine
            )

    def _event(self, kind: int) -> Event:
        if kind == _TICK:
            return Tick()
        if kind == _BEAT:
            path, is_ack = self._byte(), bool(self._byte())
            n, acked_n = self._signed(), self._signed()
            last = self._beats.get((path, is_ack))
            if last is None:
                raise DamagedError(f"byte {self._at}: a beat like the last, but there is none")
            beat = last._replace(n=last.n + n, acked_n=last.acked_n + acked_n)
            self._beats[path, is_ack] = beat
            return BeatHeard(path, beat)
        if kind == _ECHO:
            ping = self._byte()
            self._echoes[ping] = self._echoes.get(ping, 0) + self._signed()
            return EchoAnswered(ping, self._echoes[ping])
        if kind != _OTHER:
            raise DamagedError(f"byte {self._at}: no record of kind {kind}")
        event = _unpacked(self._json(self._unsigned()))
        if isinstance(event, BeatHeard):
            self._beats[event.path, event.beat.is_ack] = event.beat
        return cast("Event", event)

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit
                return value
            shift += 7

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 if value % 2 == 0 else -((value + 1) >> 1)

    def _json(self, length: int) -> Plain:
        if length > _TOO_LONG:
            raise DamagedError(f"byte {self._at}: a record of {length} bytes")
        text = self._data[self._at : self._at + length]
        if len(text) < length:
            raise IndexError
        self._at += length
        try:
            return cast("Plain", json.loads(text))
        except ValueError as problem:
            raise DamagedError(f"byte {self._at}: {problem}") from problem


def _unpacked(plain: Plain) -> object:
    try:
        return cast("object", unpack(plain))
    except NotPlainError as problem:
        raise DamagedError(f"of another version: {problem}") from problem


def _json(plain: Plain) -> bytes:
    return json.dumps(plain, separators=(",", ":")).encode()


def _unsigned(value: int) -> bytes:
    """LEB128: seven bits a byte, the lowest first."""
    if value <= 0x7F:  # noqa: PLR2004 - most are so short
        return bytes((value,))
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _signed(value: int) -> bytes:
    """Zigzag: small values of either sign stay short."""
    return _unsigned(value << 1 if value >= 0 else (-value << 1) - 1)
