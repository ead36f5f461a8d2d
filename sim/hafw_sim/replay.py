"""Replays a journal: the same events into the same engine, and compares what it decides.

One rule: a replay trusts nothing but the first snapshot; every later one is checked against the
state that the replay has reached.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hafw.core.effects import HoldGate, Note, SendBeat, SendEcho
from hafw.core.engine import Engine
from hafw.core.journal import DamagedError, Segment
from hafw.core.snapshot import NotPlainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from hafw.core.effects import Effect
    from hafw.core.journal import Step
    from hafw.core.model import Instant

_ROUTINE = (SendBeat, SendEcho, HoldGate)


@dataclass(slots=True)
class Report:
    """What a replay found; `differences` is empty if every decision was the same."""

    segments: int = 0
    steps: int = 0
    lost: int = 0
    engines: set[str] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def segments(path: Path) -> list[Path]:
    """The segment files that `path` means: itself, or those in the directory, oldest first."""
    return sorted(path.glob("*.hafwj")) if path.is_dir() else [path]


def replay(
    files: Iterable[tuple[str, bytes]],
    on_note: Callable[[Instant, Note], None] = lambda _now, _note: None,
) -> Report:
    """Replay segments, given as (name, content), in order."""
    report = Report()
    engine: Engine | None = None
    for name, content in files:
        try:
            engine = _replay_one(name, content, engine, report, on_note)
        except (DamagedError, NotPlainError) as problem:
            report.differences.append(f"{name}: {problem}")
            engine = None
    return report


def _replay_one(
    name: str,
    content: bytes,
    before: Engine | None,
    report: Report,
    on_note: Callable[[Instant, Note], None],
) -> Engine:
    segment = Segment(content)
    header = segment.header
    report.segments += 1
    report.lost += header.lost
    report.engines.add(header.engine)
    continued = before is not None and header.continues and not header.lost
    if continued and before is not None and before.snapshot() != header.snapshot:
        report.differences.append(f"{name}: it begins in another state than the replay reached")
    engine = Engine.restore(header.snapshot)
    for number, step in enumerate(segment.steps(engine.now)):
        report.steps += 1
        effects = engine.step(step.event, step.now)
        for effect in effects:
            if isinstance(effect, Note):
                on_note(step.now, effect)
        report.differences += _compare(f"{name}: step {number}", step, effects)
    if segment.cut_off:
        report.remarks.append(f"{name}: its last record is cut off, as when a machine dies")
    return engine


def _compare(where: str, step: Step, effects: list[Effect]) -> Iterator[str]:
    decisions = tuple(effect for effect in effects if not isinstance(effect, _ROUTINE))
    if decisions != step.decisions:
        yield f"{where}, {step.event}: decided {decisions}, the journal says {step.decisions}"
    elif len(effects) - len(decisions) != step.routine:
        sent = len(effects) - len(decisions)
        yield f"{where}, {step.event}: {sent} routine effects, the journal counts {step.routine}"
