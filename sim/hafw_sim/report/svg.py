"""The picture of a run: a time axis, and a bar in each lane for as long as something was so.

One rule: the picture needs nothing from outside, and says nothing by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hafw.config.durations import round_duration
from hafw_sim.report.axis import Axis, axis_of
from hafw_sim.report.recording import BOTH, Kind, Moment, Tone
from hafw_sim.report.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.report.recording import Key, Recording, Span

LANE: Final = 26
"""Height of a lane, in pixels."""
AXIS: Final = 40
"""Height of the axis above the lanes."""
DONE_LINES: Final = 3
"""Lines among which the words for what was done are spread."""
_LETTER: Final = 6.7
"""Width of a letter: generous, so that no text leaves its bar."""
_QUIET_NS: Final = 1_000_000_000
_INSET: Final = 4
_WORDS: Final = 26
"""Letters of what was done, at the most; the rest is read by pointing at it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture, and the names that stand beside its lanes: text, height in pixels."""

    svg: str
    names: tuple[tuple[str, int], ...]


def picture(recording: Recording, title: str) -> Picture:
    """Draw a run."""
    axis = axis_of(recording)
    done = [moment for moment in recording.moments if not moment.who]
    lanes = _shown(recording)
    done_height = LANE * DONE_LINES if done else 0
    bottom = AXIS + done_height + LANE * len(lanes)
    parts = [*_grid(recording, axis, bottom), *_both(recording, axis, bottom)]
    parts += _done(done, axis)
    for number, key in enumerate(lanes):
        parts += _lane(recording, key, axis, AXIS + done_height + LANE * number)
    size = f'width="{axis.width + 2 * _INSET:.0f}" height="{bottom}"'
    box = f'viewBox="{-_INSET} 0 {axis.width + 2 * _INSET:.0f} {bottom}"'
    svg = f'<svg {size} {box} role="img" aria-label="{escape(title)}">\n' + "\n".join(parts)
    names = [("time", AXIS), *([("done", done_height)] if done else [])]
    names += [(_name(key, recording), LANE) for key in lanes]
    return Picture(f"{svg}\n</svg>", tuple(names))


def _shown(recording: Recording) -> list[Key]:
    """Lanes in which anything is to be seen: addresses, nodes, then what was wrong elsewhere."""
    order = (Kind.ADDRESS, Kind.MACHINE, Kind.NETWORK)
    kept = [
        key
        for key, spans in recording.lanes.items()
        if key.kind in (Kind.ADDRESS, Kind.GROUP) or any(span.fact.text for span in spans)
    ]

    def place(key: Key) -> int:
        return order.index(Kind.MACHINE if key.kind is Kind.GROUP else key.kind)

    return sorted(kept, key=place)


def _name(key: Key, recording: Recording) -> str:
    several = len(recording.groups) > 1
    match key.kind:
        case Kind.ADDRESS:
            return f"served by, {key.group}" if several else "served by"
        case Kind.GROUP:
            return f"{key.who}, group {key.group}" if several else f"{key.who}, group"
        case Kind.MACHINE:
            return f"{key.who}, machine"
        case Kind.NETWORK:
            return key.who


def _grid(recording: Recording, axis: Axis, bottom: int) -> Iterator[str]:
    """The times that are written out, a line down from each, and how long quiet times were."""
    free_from, before_ns = 0.0, 0
    for at_ns in [*(row.at_ns for row in rows(recording)), recording.end_ns]:
        x, text = axis.x(at_ns), f"{at_ns / 1e9:.3f}"
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{AXIS - 8}" y2="{bottom}"/>'
        gap_ns, left = at_ns - before_ns, axis.x(before_ns)
        quiet = round_duration(gap_ns)
        if gap_ns >= _QUIET_NS and x - left > len(quiet) * _LETTER:
            yield f'<text class="gap" x="{(x + left) / 2:.1f}" y="{AXIS - 6}">{quiet}</text>'
        if x >= free_from:
            last = x + len(text) * _LETTER > axis.width
            anchor = ' text-anchor="end"' if last else ""
            yield f'<text class="at" x="{x:.1f}" y="16"{anchor}>{text}</text>'
            free_from = x + (len(text) + 1) * _LETTER
        before_ns = at_ns


def _both(recording: Recording, axis: Axis, bottom: int) -> Iterator[str]:
    """A band through all lanes for each time in which both nodes served an address."""
    for key, spans in recording.lanes.items():
        for span in spans:
            if key.kind is Kind.ADDRESS and span.fact.text == BOTH:
                left, width = _extent(span, axis)
                yield (
                    f'<rect class="band" x="{left:.1f}" width="{width:.1f}" y="{AXIS}" '
                    f'height="{bottom - AXIS}"/>'
                )


def _done(moments: list[Moment], axis: Axis) -> Iterator[str]:
    """A mark for everything that was done, and its words where there is room."""
    free_from = [0.0] * DONE_LINES
    for at_ns, together in groupby(moments, key=lambda moment: moment.at_ns):
        for moment in _at_most(list(together), DONE_LINES):
            x = axis.x(at_ns)
            line = next((n for n in range(DONE_LINES) if free_from[n] <= x), None)
            words = _fitting(moment.text, _WORDS * _LETTER) if line is not None else ""
            yield _mark(moment, words, x, AXIS + LANE * (line or 0), axis.width)
            if line is not None:
                free_from[line] = x + 14 + len(words) * _LETTER


def _at_most(moments: list[Moment], count: int) -> list[Moment]:
    """The same, with the last ones told as one."""
    if len(moments) <= count:
        return moments
    rest = moments[count - 1 :]
    texts = ", ".join(moment.text for moment in rest)
    worst = Tone.WRONG if any(moment.tone is Tone.WRONG for moment in rest) else rest[0].tone
    return [*moments[: count - 1], replace(rest[0], text=f"{len(rest)} more: {texts}", tone=worst)]


def _mark(moment: Moment, words: str, x: float, top: int, width: float) -> str:
    y = top + LANE // 2
    before_it = x + 7 + len(words) * _LETTER > width
    at = f'x="{x - 7:.1f}" text-anchor="end"' if before_it else f'x="{x + 7:.1f}"'
    tip = escape(f"{moment.at_ns / 1e9:.6f} s: {moment.text}")
    text = f'<text {at} y="{y + 4}">{escape(words)}</text>' if words else ""
    return (
        f"<g><title>{tip}</title>"
        f'<path class="mark {moment.tone}" d="M{x - 4:.1f} {y - 5}h8l-4 9z"/>{text}</g>'
    )


def _lane(recording: Recording, key: Key, axis: Axis, top: int) -> Iterator[str]:
    middle = top + LANE / 2
    yield f'<line class="rest" x1="0" x2="{axis.width:.1f}" y1="{middle}" y2="{middle}"/>'
    for span in recording.lanes[key]:
        if span.fact.text:
            yield _bar(span, str(key), axis, top)


def _bar(span: Span, name: str, axis: Axis, top: int) -> str:
    left, width = _extent(span, axis)
    fact = span.fact
    lasted = round_duration(span.end_ns - span.begin_ns)
    detail = f" ({fact.detail})" if fact.detail else ""
    tip = f"{name}: {fact.text}{detail}, from {span.begin_ns / 1e9:.6f} s for {lasted}"
    words = _fitting(fact.text.upper() if fact.tone is Tone.WRONG else fact.text, width - 8)
    text = f'<text x="{left + 5:.1f}" y="{top + LANE / 2 + 4}">{escape(words)}</text>'
    return (
        f'<g class="{fact.tone}"><title>{escape(tip)}</title>'
        f'<rect x="{left:.1f}" y="{top + 3}" width="{width:.1f}" height="{LANE - 6}" rx="3"/>'
        f"{text if words else ''}</g>"
    )


def _extent(span: Span, axis: Axis) -> tuple[float, float]:
    left = axis.x(span.begin_ns)
    return left, max(axis.x(span.end_ns) - left - 1, 2.0)


def _fitting(text: str, room: float) -> str:
    """As much of the text as fits, if that says anything."""
    letters = int(room / _LETTER)
    if len(text) <= letters:
        return text
    return f"{text[: letters - 1]}…" if letters > 3 else ""  # noqa: PLR2004 - "cu…" says something
