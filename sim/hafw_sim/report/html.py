"""A run as one HTML file: the verdict, the picture, what happened as a table, the schedule.

One rule: the file stands alone: no script, no font, no image from elsewhere, light or dark as the
reader's system is; what the picture shows, the table says in words.
"""

from __future__ import annotations

from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from hafw_sim.report.recording import BOTH, Kind, Tone
from hafw_sim.report.rows import rows
from hafw_sim.report.svg import picture
from hafw_sim.report.text import again, sums
from hafw_sim.schedule_file import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.report.recording import Fact, Key
    from hafw_sim.report.rows import Row
    from hafw_sim.report.run import Run


def page(run: Run) -> str:
    """The file's content."""
    style = resources.files("hafw_sim.report").joinpath("report.css").read_text()
    title = escape(f"{run.name}: {run.verdict}")
    body = "\n".join([*_head(run), *_picture(run), *_table(run), *_schedule(run)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _head(run: Run) -> Iterator[str]:
    yield f"<h1><code>hafw sim replay {escape(run.name)}</code></h1>"
    if run.schedule.note:
        yield f"<p>{escape(run.schedule.note)}</p>"
    sign = "wrong" if run.problems else "good"
    yield f'<p class="verdict {sign}">{escape(run.verdict)}</p>'
    if run.problems:
        listed = "".join(f"<li>{escape(problem)}</li>" for problem in run.problems)
        yield f'<ul class="problems">{listed}</ul>'
    served = "".join(f"<li>{escape(line)}</li>" for line in sums(run.recording))
    yield f"<ul>{served}</ul>"


def _picture(run: Run) -> Iterator[str]:
    summary = "; ".join([run.verdict, *sums(run.recording)])
    drawn = picture(run.recording, f"Timeline of the run: {summary}. The table below says it all.")
    names = "".join(
        f'<span style="height:{height}px">{escape(name)}</span>' for name, height in drawn.names
    )
    yield '<figure><div class="lanes" tabindex="0" role="group" aria-label="Timeline">'
    yield f'<div class="names" aria-hidden="true">{names}</div>\n{drawn.svg}</div>'
    yield (
        "<figcaption>Time goes from left to right, in seconds; it is stretched where much happens. "
        "A thin line: all is well there. Point at a bar to read when it began and how long it "
        "lasted.</figcaption></figure>"
    )


def _table(run: Run) -> Iterator[str]:
    yield "<h2>What happened</h2>\n<table>"
    yield (
        '<thead><tr><th scope="col">second</th><th scope="col">what happened</th>'
        '<th scope="col">how things are then</th></tr></thead>\n<tbody>'
    )
    for row in rows(run.recording):
        second = f'<th scope="row">{row.at_ns / 1e9:.6f}</th>'
        yield f"<tr>{second}{_happened(row)}{_then(run, row)}</tr>"
    yield "</tbody></table>"


def _happened(row: Row) -> str:
    lines = [
        f'<div class="{moment.tone}">{f"{escape(moment.who)}: " if moment.who else "▶ "}'
        f"{escape(moment.text)}</div>"
        for moment in row.moments
    ]
    return f"<td>{''.join(lines)}</td>"


def _then(run: Run, row: Row) -> str:
    shown = [
        (key, fact) for key, fact in row.changed.items() if fact.text or (row.at_ns and again(key))
    ]
    lines = [
        f'<div class="{fact.tone}">{escape(_fact(run, key, fact))}</div>' for key, fact in shown
    ]
    return f"<td>{''.join(lines)}</td>"


def _fact(run: Run, key: Key, fact: Fact) -> str:
    several = len(run.recording.groups) > 1
    text = fact.text or again(key)
    if key.kind is Kind.ADDRESS:
        who = text.upper() if text == BOTH else text
        return f"address{f' {key.group}' if several else ''}: {who}"
    epoch = f", {fact.detail}" if fact.tone is Tone.GOOD else ""
    return f"{key if several else key.who}: {text}{epoch}"


def _schedule(run: Run) -> Iterator[str]:
    yield "<h2>Once more</h2>"
    yield (
        "<p>Save these lines as <code>run.hasim.jsonl</code>, and play them with "
        "<code>hafw sim replay run.hasim.jsonl</code>.</p>"
    )
    yield f'<pre tabindex="0">{escape(encode(run.schedule))}</pre>'
