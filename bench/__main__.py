"""The command line of the bench.

Rule: tables on stdout, talk on stderr; exit status 1 when hafw missed a target or a trial of it
failed.
"""

from __future__ import annotations

import compileall
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import click
from rich.console import Console

import hafw
from bench import report, run
from bench.authority import AUTHORITIES, authorities
from bench.bed import Pace
from bench.movers.inside import measured
from bench.peers import everyone
from bench.sim import speed
from hafw_sim.players import NoPlayer

if TYPE_CHECKING:
    from bench.peer import Peer

_ROOT: Final = Path(__file__).resolve().parent.parent
_RESULTS: Final = _ROOT / "bench" / "results"
_DOCS: Final = _ROOT / "docs" / "bench.md"
_KINDS: Final = ("outages", "outages-of-five", "soak", "authority", "sim", "movers")
"""The results on the page; `outages-of-five` is a run with peers that the newest leaves out."""
_QUICK_RUNS: Final = 3
_QUICK: Final = Pace(rest_s=10.0)


_RUNS_OPTION: Final = click.option(
    "--runs", default=10, show_default=True, help="Trials of each kind."
)
_JSON: Final = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Where the result goes."
)
_WRITE_DOCS: Final = click.option(
    "--write-docs", is_flag=True, help="Write docs/bench.md from the newest results."
)


@click.group(invoke_without_command=True)
@_RUNS_OPTION
@click.option("--quick", is_flag=True, help="3 trials, and 10 s at rest instead of 60.")
@click.option("--only", multiple=True, metavar="PEER", help="Measure this one; may be repeated.")
@_JSON
@_WRITE_DOCS
@click.pass_context
def main(  # noqa: PLR0913, PLR0917 - one argument per option
    context: click.Context,
    runs: int,
    quick: bool,  # noqa: FBT001
    only: tuple[str, ...],
    json_file: Path | None,
    write_docs: bool,  # noqa: FBT001
) -> None:
    """Measure hafw against its peers: outages, overlaps, start, and what they cost at rest."""
    if context.invoked_subcommand is not None:
        return
    runs, pace = (_QUICK_RUNS, _QUICK) if quick else (runs, Pace())
    with Talk() as tell:
        result = run.outages(_chosen(only), runs, pace, _command(), tell)
    _finish(result, json_file or _RESULTS / "outages.json", write_docs=write_docs)


@main.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long.")
@_JSON
@_WRITE_DOCS
def soak(minutes: float, json_file: Path | None, write_docs: bool) -> None:  # noqa: FBT001
    """Short times on a busy machine: hafw and keepalived side by side."""
    with Talk() as tell:
        result = run.busy(everyone(), minutes, _command(), tell)
    _finish(result, json_file or _RESULTS / "soak.json", write_docs=write_docs)


@main.command()
@_RUNS_OPTION
@_JSON
@_WRITE_DOCS
def authority(runs: int, json_file: Path | None, write_docs: bool) -> None:  # noqa: FBT001
    """What each authority adds to a takeover, and to a graceful stop."""
    with Talk() as tell:
        result = authorities(runs, _command(), tell)
    _finish(result, json_file or _RESULTS / "authority.json", write_docs=write_docs)


@main.command()
@click.option("--seeds", default=100, show_default=True, help="Runs of ten simulated minutes.")
@_JSON
@_WRITE_DOCS
@click.option("--python", default="", help="Let this Python play too, PyPy for one.")
def sim(seeds: int, json_file: Path | None, write_docs: bool, python: str) -> None:  # noqa: FBT001
    """How fast the simulator is on one core, and where its time goes."""
    try:
        with Talk() as tell:
            result = speed(seeds, _command(), tell, python)
    except NoPlayer as problem:
        raise click.BadParameter(str(problem), param_hint="--python") from problem
    _finish(result, json_file or _RESULTS / "sim.json", write_docs=write_docs)


@main.command()
@click.option("--runs", default=1, show_default=True, help="Takeovers of each kind.")
@_JSON
@_WRITE_DOCS
def movers(runs: int, json_file: Path | None, write_docs: bool) -> None:  # noqa: FBT001
    """How many calls a takeover in a cloud takes, beside the resource agents of Debian."""
    with Talk() as tell:
        result = measured(runs, _command(), tell)
    _finish(result, json_file or _RESULTS / "movers.json", write_docs=write_docs)


class Talk:
    """One line on a terminal's stderr that says what is being done; nothing elsewhere."""

    def __init__(self) -> None:
        """Not begun."""
        self._status = Console(stderr=True).status("")

    def __enter__(self) -> Self:
        """Begin."""
        # What pip does at install: else each start of an agent would compile hafw anew.
        compileall.compile_dir(str(Path(hafw.__file__).parent), quiet=1)
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._status.stop()

    def __call__(self, text: str) -> None:
        """Say it."""
        self._status.update(text)


def _chosen(only: tuple[str, ...]) -> tuple[Peer, ...]:
    known = everyone()
    if strangers := set(only) - {peer.name for peer in known}:
        names = ", ".join(peer.name for peer in known)
        raise click.UsageError(f"no peer {', '.join(strangers)}; there are: {names}")
    return tuple(peer for peer in known if not only or peer.name in only)


def _command() -> str:
    return " ".join(["python -m bench", *sys.argv[1:]])


def _finish(result: dict[str, Any], where: Path, *, write_docs: bool) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    if write_docs:
        newest = [_RESULTS / f"{name}.json" for name in _KINDS]
        found = [json.loads(path.read_text()) for path in newest if path.exists()]
        _DOCS.parent.mkdir(exist_ok=True)
        _DOCS.write_text(report.page(found))
    Console().print(report.view(result))
    ours = (run.MEASURED, *AUTHORITIES)
    failed = any(each["peer"] in ours for each in result.get("failures", ()))
    missed = any(not target["met"] for target in result["targets"])
    sys.exit(1 if failed or missed else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
