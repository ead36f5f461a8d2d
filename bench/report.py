"""Shows results: as tables in a terminal, and as the page docs/bench.md.

Rule: pure; both are made of the same sheets, and every number comes out of a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.table import Table

from bench import authority, run, sim
from bench.lives import FIGURES
from bench.movers import measure
from bench.run import MEASURED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

_ABSENT: Final = "-"
_FINE: Final = 100
"""Milliseconds below this are shown with a decimal."""
_COARSE: Final = 10
"""Ratios from here on are shown without a decimal."""
_REST: Final = {
    "pss_mib": "PSS, MiB",
    "rss_mib": "RSS, MiB",
    "cpu_percent": "processor, % of a core",
    "awake_percent": "… while memory is kept awake",
    "wakeups_per_s": "wake-ups per second",
}
_SOAK: Final = {
    "needless_failovers": "needless failovers",
    "closures": "owner closed the address for a moment",
    "outages": "silences that the client saw (3 ms or longer)",
    "outage_total_ms": "client outage in sum, ms",
    "outage_longest_ms": "longest, ms",
    "both_own_ms": "both own, ms",
}
_SPEED: Final = {
    "events_per_s": "events per second",
    "seeds_per_s": "seeds of ten minutes per second",
    "simulated_s_per_s": "simulated seconds per second",
    "events_per_seed": "events per seed",
    "faults_per_seed": "faults per seed",
}
_COUNTED: Final = {
    "api": "calls of APIs",
    "metadata": "of metadata",
    "in_a_row": "round trips in a row",
    "connections": "connections opened",
    "watch": "calls of a monitor",
}
_TIMED: Final = {"moved_ms": "moved in the cloud, ms", "done_ms": "done, ms"}
_PAGE: Final = """\
# Bench

Written by `python -m bench … --write-docs` from its results; not to be edited by hand.

Agents are measured from outside the programs, in a lab of network namespaces: a service LAN with
gateway and client, and a heartbeat LAN. The client asks the address 1,000 times a second; the
kernels' own announcements say which node has it; every trial has a lab of its own. A cell is the
median of the runs, in brackets the worst of them; 2x: twice as long as hafw in this run.
"""
_TITLES: Final = {
    run.SCHEMA: "Outages and costs",
    run.SOAK_SCHEMA: "On a busy machine",
    authority.SCHEMA: "What an authority adds",
    sim.SCHEMA: "The simulator",
    measure.SCHEMA: "A takeover's calls",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: title, head, rows of words."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def view(result: dict[str, Any]) -> RenderableType:
    """A result for a terminal."""
    return Group(*[_table(sheet) for sheet in _sheets(result)])


def page(results: Iterable[dict[str, Any]]) -> str:
    """docs/bench.md: the newest result of each kind."""
    parts = [_PAGE]
    for result in results:
        parts.append(f"## {_title(result)}\n")
        parts.append(_heading(result))
        parts += [_markdown(sheet) for sheet in _sheets(result)]
    return "\n".join(parts)


def _title(result: dict[str, Any]) -> str:
    title = _TITLES[result["schema"]]
    if result["schema"] == run.SCHEMA:
        return f"{title}: {', '.join(result['peers'])}"
    return title


def _sheets(result: dict[str, Any]) -> list[Sheet]:
    match result["schema"]:
        case run.SOAK_SCHEMA:
            made = [_soaked(result), _peers(result)]
        case authority.SCHEMA:
            notes = Sheet("Authorities", ("", "how"), tuple(result["notes"].items()))
            made = [_authorities(result), notes]
        case sim.SCHEMA:
            made = [_speed(result), _shares(result)]
        case measure.SCHEMA:
            made = [_takeovers(result), _calls(result), _how(result)]
        case _:
            made = [_outages(result), *_rest(result), _peers(result)]
    made.append(_targets(result))
    if failures := result.get("failures"):
        rows = [(each["peer"], each["life"], str(each["run"]), each["why"]) for each in failures]
        made.append(Sheet("Failed trials", ("peer", "life", "run", "why"), tuple(rows)))
    return [sheet for sheet in made if sheet.rows]


def _outages(result: dict[str, Any]) -> Sheet:
    names = tuple(result["peers"])
    rows = []
    for figure in FIGURES:
        found = result["figures"].get(figure.key, {})
        mine = found.get(MEASURED, {}).get("median")
        if found:
            cells = [_cell(found.get(name), None if name == MEASURED else mine) for name in names]
            rows.append((figure.title, *cells))
    pace = result["pace"]
    title = (
        f"Milliseconds, {result['runs']} runs; a split lasts {pace['split_s']:g} s, "
        f"{pace['healed_s']:g} s are watched after the heal"
    )
    return Sheet(title, ("", *names), tuple(rows))


def _cell(summary: dict[str, Any] | None, mine: float | None) -> str:
    if summary is None:
        return _ABSENT
    median, worst = summary["median"], summary["max"]
    ratio = f" {_times(median / mine)}x" if mine and mine > 0 and median > 0 else ""
    return f"{_ms(median)} ({_ms(worst)}){ratio}"


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= _COARSE else f"{value:.1f}"


def _ms(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _FINE or value == 0 else f"{value:.1f}"


def _plain(figures: dict[str, float], key: str) -> str:
    return f"{figures[key]:g}" if key in figures else _ABSENT


def _rest(result: dict[str, Any]) -> list[Sheet]:
    head = ("", "node", *_REST.values())
    rows = [
        (f"{name} {part}", place, *(_plain(figures, key) for key in _REST))
        for name, parts in result["rest"].items()
        for part, places in parts.items()
        for place, figures in places.items()
    ]
    return [Sheet("At rest, keepalive 1 s", head, tuple(rows))]


def _soaked(result: dict[str, Any]) -> Sheet:
    names = tuple(result["figures"])
    rows = [
        (title, *(f"{result['figures'][name][key]:g}" for name in names))
        for key, title in _SOAK.items()
    ]
    counted = sorted({key for name in names for key in result["figures"][name]["account"]})
    for key in counted:
        cells = (result["figures"][name]["account"].get(key) for name in names)
        rows.append(
            (f"by its own account: {key}", *(_ABSENT if n is None else str(n) for n in cells))
        )
    title = f"{result['minutes']:g} minutes with core {result['busy_core']} kept busy"
    return Sheet(title, ("", *names), tuple(rows))


def _authorities(result: dict[str, Any]) -> Sheet:
    keys = ("crash_outage", *authority.PHASES, "stop_outage", "both_own")
    rows = [
        (
            name,
            *(_cell(found.get(key), None) for key in keys),
        )
        for name, found in result["figures"].items()
    ]
    title = f"Milliseconds, {result['runs']} runs: the owner crashes, or is stopped"
    head = ("", "crash: outage", *authority.PHASES, "stop: outage", "both own")
    return Sheet(title, head, tuple(rows))


def _speed(result: dict[str, Any]) -> Sheet:
    rows = [
        (f"{pair}, {python}", *(f"{figures[key]:,}" for key in _SPEED))
        for pair, by_python in result["rates"].items()
        for python, figures in by_python.items()
    ]
    title = (
        f"{result['seeds']} runs on one core: the whole engine, codec and HMAC, all checkers; by "
        "the processor's time"
    )
    return Sheet(title, ("", *_SPEED.values()), tuple(rows))


def _shares(result: dict[str, Any]) -> Sheet:
    rows = [(part, f"{share:g}") for part, share in result["shares"].items()]
    return Sheet("Where the time of the usual pair goes", ("", "% of the time"), tuple(rows))


def _takeovers(result: dict[str, Any]) -> Sheet:
    rows = []
    for case, measured in result["figures"].items():
        mine = measured.get(measure.PROVED, {})
        for who, found in measured.items():
            counted = [str(found[key]) for key in _COUNTED]
            compared = {} if found is mine else mine
            times = [_cell(found[key], (compared.get(key) or {}).get("median")) for key in _TIMED]
            rows.append((case, who, *counted, *times))
    title = (
        f"Runs: {result['runs']}; {result['latency_ms']:g} ms for each answer of an API; "
        f"{result['agents']}"
    )
    return Sheet(title, ("mover", "by", *_COUNTED.values(), *_TIMED.values()), tuple(rows))


def _calls(result: dict[str, Any]) -> Sheet:
    rows = [
        (case, who, ", ".join(found["calls"]))
        for case, measured in result["figures"].items()
        for who, found in measured.items()
        if found["calls"]
    ]
    return Sheet("Which calls of the API", ("mover", "by", "calls"), tuple(rows))


def _how(result: dict[str, Any]) -> Sheet:
    rows = [*result["notes"].items(), *result["left_out"].items()]
    return Sheet("How it was measured", ("", ""), tuple(rows))


def _peers(result: dict[str, Any]) -> Sheet:
    rows = [
        (
            name,
            peer["version"],
            peer["configured"],
            f"{peer['detection_ms']:g}",
            peer["note"],
        )
        for name, peer in result["peers"].items()
    ]
    rows += [(name, _ABSENT, "left out", _ABSENT, why) for name, why in result["left_out"].items()]
    head = ("peer", "version", "configured", "detection, ms", "note")
    return Sheet("Measured", head, tuple(rows))


def _targets(result: dict[str, Any]) -> Sheet:
    rows = [
        (
            each["what"],
            f"{_sign(each)} {each['limit']:g} {each['unit']}".rstrip(),
            f"{each['reached']:g}",
            "met" if each["met"] else "MISSED",
        )
        for each in result["targets"]
    ]
    return Sheet("What hafw is to keep", ("", "limit", "reached", ""), tuple(rows))


def _sign(target: dict[str, Any]) -> str:
    if target.get("below"):
        return "<"
    return "≥" if target.get("at_least") else "≤"


def _heading(result: dict[str, Any]) -> str:
    machine, quiet = result["machine"], result["quiet"]
    scheduling = "allowed" if machine["real_time"] else "not allowed"
    return f"""\
- {result["date"]}, hafw {result["hafw"]} ({result["commit"]}), `{result["command"]}`
- {machine["processor"]}, {machine["cores"]} cores, {machine["memory_mib"]:,} MiB;
  {machine["kernel"]}, {machine["system"]}, Python {machine["python"]};
  real-time scheduling {scheduling}
- during {quiet["minutes"]:g} minutes the machine was {quiet["busy_percent"]:g} % busy,
  {quiet["stolen_percent"]:g} % stolen by its host; load before the start {quiet["load_before"]:g}
{_timing(result.get("timing"))}"""


def _timing(timing: dict[str, Any] | None) -> str:
    if timing is None:
        return ""
    return f"""\
- keepalive {timing["keepalive_ms"]} ms, deadtime {timing["deadtime_ms"]} ms,
  initdead {timing["initdead_ms"]} ms, or what comes nearest in the peer's own terms
"""


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left", title_style="bold")
    for number, word in enumerate(sheet.head):
        table.add_column(word, justify="left" if number == 0 else "right")
    for row in sheet.rows:
        table.add_row(*row, style="red" if "MISSED" in row else "")
    return table


def _markdown(sheet: Sheet) -> str:
    lines = [f"### {sheet.title}", ""]
    lines.append("| " + " | ".join(sheet.head) + " |")
    lines.append("|---" * len(sheet.head) + "|")
    lines += ["| " + " | ".join(_one_line(cell) for cell in row) + " |" for row in sheet.rows]
    return "\n".join([*lines, ""])


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
