"""The command ``hafw sim clouds race``: two nodes want one VIP, or one disk, at once, by seed.

Rule: it ends in one summary line on stderr, and with status 1 on a finding.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from hafw_sim.races_file import Raced, RacesFile

_RACES: Final = {
    "aws": "hafw_sim.clouds.ec2.races",
    "azure": "hafw_sim.clouds.arm.races",
    "gcp": "hafw_sim.clouds.gce.races",
}
"""Where each provider's races are."""


CHUNK: Final = 500
"""So many races are recorded at once."""


class _Track(Protocol):
    """Where a provider's nodes race."""

    def race(self, seed: int, mover: str, /, *, faults: bool) -> Iterable[str]:
        """What was not so in the end."""


@click.command()
@click.argument("provider", type=click.Choice(sorted(_RACES)))
@click.option("--mover", help="One of the provider's; all of them without.")
@click.option("--seeds", default=100, show_default=True, help="How many races of each mover.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option("--calm", is_flag=True, help="Without faults.")
@click.option(
    "--record",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the record of the seeds from 0 on in this file; run it again to go on.",
)
def race(  # noqa: PLR0913 - one argument per option
    provider: str, mover: str | None, seeds: int, start: int, *, calm: bool, file: Path | None
) -> None:
    """Let two nodes want one VIP, or one disk, in a cloud where things go wrong.

    The provider and its SDK are the real ones; the cloud is a model, and time is virtual. What a
    node said of its attach must be true in the end: who says that it has the VIP has it, unless it
    was overtaken, and who says that it changed nothing has not. The mover `cloud-disk` is a disk,
    which goes to and fro as the engine lets it. The same seed is the same race.
    """
    from hafw_sim.campaign_file import save
    from hafw_sim.races_file import Raced

    races = _races_of(provider)
    known = tuple(races.RACES)
    if mover is not None and mover not in known:
        raise click.BadParameter(f"there are {', '.join(known)}", param_hint="--mover")
    if file is not None and start:
        raise click.UsageError("a record begins with seed 0; leave out --start")
    began_s, count, findings = time.monotonic(), 0, 0
    record = None if file is None else _begun(file, provider, faults=not calm)
    track = races.Track()
    for name in known if mover is None else (mover,):
        raced = Raced() if record is None else record.movers.setdefault(name, Raced())
        while raced.seeds < seeds:
            chunk = range(raced.seeds, min(raced.seeds + CHUNK, seeds))
            _race(track, name, [start + seed for seed in chunk], raced, faults=not calm)
            count += len(chunk)
            if file is not None and record is not None:
                save(file, record)
        findings += len(raced.findings)
    took_s = time.monotonic() - began_s
    click.echo(f"{count:,} races; {findings} findings; {count / took_s:.0f} a second", err=True)
    sys.exit(1 if findings else 0)


def _races_of(provider: str) -> ModuleType:
    try:
        return import_module(_RACES[provider])
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the SDK of {provider} is not installed (there is no {missing.name}): "
            f"pip install 'hafw[{provider}]'"
        ) from None


def _begun(file: Path, provider: str, *, faults: bool) -> RacesFile:
    from hafw_sim.campaign_file import OtherEngine
    from hafw_sim.races_file import begin

    try:
        return begin(file, provider, faults=faults)
    except OtherEngine as problem:
        raise click.UsageError(str(problem)) from problem


def _race(track: _Track, name: str, seeds: list[int], raced: Raced, *, faults: bool) -> None:
    """Race a mover by these seeds, and tell what was not so."""
    from hafw_sim.races_file import Lost

    began_s = time.monotonic()
    for seed in seeds:
        for wrong in track.race(seed, name, faults=faults):
            click.echo(f"{name}, seed {seed}: {wrong}")
            raced.findings.append(Lost(seed, wrong))
    raced.seeds += len(seeds)
    raced.wall_s = round(raced.wall_s + time.monotonic() - began_s, 1)
