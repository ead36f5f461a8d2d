"""The commands ``hafw sim swarm`` and ``hafw sim campaign``: random runs, few or very many.

Rule: what came of the same seeds is the same, whoever played them, and however many at once.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import functools
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hafw.cli.parameters import DURATION
from hafw_sim.predict_commands import prediction
from hafw_sim.progress import progress
from hafw_sim.run_commands import OUT, write_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw.config.model import Cluster
    from hafw_sim.campaign import Result
    from hafw_sim.campaign_file import CampaignFile
    from hafw_sim.schedule import Pair, Schedule

SHRUNK_MAX: Final = 3
"""Shrinking takes hundreds of runs; one bug shows in many seeds."""
QUIET_BEATS: Final = 3_600
"""For the prediction: an hour at the usual keepalive."""
CRASHES: Final = 30
USUAL_LOSS: Final = 1.0
USUAL_JITTER_NS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Runs:
    """What the options say: which runs, of which pair, and who plays them."""

    seeds: int
    start: int
    jobs: int
    dask: str
    python: str
    liveness: bool
    cluster: Cluster | None
    loss: float
    jitter_ns: int

    @property
    def pair(self) -> Pair | None:
        """That of the cluster file, if there is one."""
        from hafw_sim.clusters import as_pair

        return as_pair(self.cluster) if self.cluster is not None else None

    def play(
        self, start: int, count: int, on_part: Callable[[Result], None], chunk: int = 0
    ) -> Iterator[Result]:
        """Play so many of them: the result of each `chunk` (0: of all). Raises UsageError."""
        from hafw_sim.campaign import campaign
        from hafw_sim.crew import NoCrew

        try:
            yield from campaign(
                start,
                count,
                chunk=chunk,
                jobs=self.jobs,
                dask=self.dask,
                python=self.python,
                liveness=self.liveness,
                pair=self.pair,
                on_part=on_part,
            )
        except NoCrew as problem:
            raise click.UsageError(str(problem)) from problem

    def schedule(self, seed: int) -> Schedule:
        """One of them."""
        from hafw_sim.swarm import draw_schedule

        return draw_schedule(seed, liveness=self.liveness, pair=self.pair)

    def predict(self) -> None:
        """Say what to expect of the cluster file, if there is one."""
        from hafw_sim.predict import Network

        if self.cluster is not None:
            network = Network(self.loss / 100, self.jitter_ns)
            hours = QUIET_BEATS * self.cluster.timing.keepalive_ns / 3.6e12
            for line in prediction(self.cluster, network, hours, CRASHES):
                click.echo(line)


_OPTIONS: Final = (
    click.option("--start", default=0, show_default=True, help="The first seed."),
    click.option("--jobs", default=0, help="Processes.  [default: one per core]"),
    click.option(
        "--dask", default="", metavar="ADDRESS", help="Let the workers of a Dask cluster play."
    ),
    click.option(
        "--python",
        default="",
        metavar="PATH",
        help="Let another Python play, such as PyPy, which needs a fourth of the time.",
    ),
    click.option("--liveness", is_flag=True, help="Heal a core only, and demand progress."),
    click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Simulate the pair of this cluster file, and say what to expect of it.",
    ),
    click.option(
        "--loss", type=float, help="With --config: percent of packets lost.  [default: 1]"
    ),
    click.option(
        "--jitter",
        "jitter_ns",
        type=DURATION,
        help="With --config: longest delay of a packet.  [default: 5ms]",
    ),
)


def _of_runs(seeds: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that say which runs, and their meaning as its first argument."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapped(*, config: Path | None, **given: Any) -> None:  # noqa: ANN401 - options
            names = ("seeds", "start", "jobs", "dask", "python", "liveness", "loss", "jitter_ns")
            said = {name: given.pop(name) for name in names}
            command(_runs(config, **said), **given)

        wrapped = click.option(
            "--seeds",
            type=click.IntRange(min=1),
            default=seeds,
            show_default=True,
            help="How many runs.",
        )(wrapped)
        for option in reversed(_OPTIONS):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _runs(
    config: Path | None,
    *,
    loss: float | None,
    jitter_ns: int | None,
    **said: Any,  # noqa: ANN401 - the other options
) -> Runs:
    from hafw.config.loading import load

    if config is None and (loss is not None or jitter_ns is not None):
        raise click.UsageError("--loss and --jitter are for the prediction; add --config FILE")
    return Runs(
        cluster=load(config) if config is not None else None,
        loss=USUAL_LOSS if loss is None else loss,
        jitter_ns=USUAL_JITTER_NS if jitter_ns is None else jitter_ns,
        **said,
    )


@click.command()
@_of_runs(200)
@OUT
def swarm(runs: Runs, *, out: Path) -> None:
    """Draw runs with a dozen faults each, play them, and check every event.

    A run lasts up to 60 deadtimes (ten minutes at the usual times), then everything is healed.
    """
    began_s = time.monotonic()
    with progress(runs.seeds) as advance:
        [result] = runs.play(runs.start, runs.seeds, lambda part: advance(part.seeds))
    elapsed_s = time.monotonic() - began_s
    for seed, violation in result.failed:
        click.echo(f"seed {seed}: {violation}")
    for seed, _ in result.failed[:SHRUNK_MAX]:
        _keep(runs.schedule(seed), seed, out)
    for seed in result.nondeterministic:
        click.echo(f"seed {seed}: two runs differed")
    runs.predict()
    click.echo(_summary(result, elapsed_s), err=True)
    sys.exit(1 if result.failed or result.nondeterministic else 0)


def _summary(result: Result, elapsed_s: float) -> str:
    simulated_h = result.simulated_ns / 3.6e12
    facts = [
        f"{result.seeds} seeds",
        f"{len(result.failed)} findings",
        f"{sum(result.faults.values())} faults",
        f"{len(result.coverage)} transitions",
        f"{simulated_h:.0f} simulated hours in {elapsed_s:.0f} s",
        f"{result.events / max(elapsed_s, 1e-9):,.0f} events/s",
    ]
    if result.never_seen:
        facts.append("never seen: " + ", ".join(result.never_seen))
    return "; ".join(facts)


def _keep(schedule: Schedule, seed: int, out: Path) -> None:
    """Shrink the schedule of a failing seed, and write it down."""
    from hafw_sim.shrink import failure, shrink

    smallest = shrink(schedule)
    path = write_down(smallest, f"{failure(smallest).lower()}-seed-{seed}", out)
    click.echo(f"seed {seed}: shrunk to {len(smallest.decisions)} decisions in {path}")
    click.echo(f"seed {seed}: look at it with: hafw sim replay {path}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_of_runs(10_000)
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="The file is written after so many seeds.",
)
def campaign(runs: Runs, *, file: Path, chunk: int) -> None:
    """Run many seeds, and keep the record in FILE; run it again to go on.

    When all seeds are done, the mutants are run against the same engine, and noted too.
    """
    from hafw_sim.campaign_file import kill_mutants, save

    record = _begun(file, runs)
    with progress(record.wanted) as advance:
        advance(record.seeds)
        _go_on(record, runs, file, chunk, lambda part: advance(part.seeds))
        if not record.mutants:
            kill_mutants(record, lambda _name: None)
            save(file, record)
    runs.predict()
    survived = sum(killed_by is None for killed_by in record.mutants.values())
    click.echo(
        f"{record.seeds} seeds, {len(record.findings)} findings, {record.simulated_h:.0f} simulated"
        f" hours; {len(record.mutants)} mutants, {survived} survived: {file}",
        err=True,
    )
    sys.exit(1 if record.findings or record.nondeterministic or survived else 0)


def _go_on(
    record: CampaignFile, runs: Runs, file: Path, chunk: int, on_part: Callable[[Result], None]
) -> None:
    """Play what was found again and then what is left, and write the file after each chunk."""
    from hafw_sim.campaign_file import save

    if record.findings:
        record.settle(runs.schedule)
        save(file, record)
    began_s = time.monotonic()
    left = record.wanted - record.seeds
    for result in runs.play(runs.start + record.seeds, left, on_part, chunk):
        ended_s = time.monotonic()
        record.add(result, ended_s - began_s)
        save(file, record)
        began_s = ended_s


def _begun(file: Path, runs: Runs) -> CampaignFile:
    """What the file has already. Raises UsageError if it is of another campaign."""
    from hafw.config.identity import config_hash
    from hafw_sim.campaign_file import OtherEngine, begin
    from hafw_sim.players import NoPlayer, implementation

    config = config_hash(runs.cluster).hex() if runs.cluster is not None else ""
    try:
        kind = implementation(runs.python) if runs.python else ""
        return begin(
            file, runs.start, runs.seeds, liveness=runs.liveness, config=config, python=kind
        )
    except (NoPlayer, OtherEngine) as problem:
        raise click.UsageError(str(problem)) from problem
