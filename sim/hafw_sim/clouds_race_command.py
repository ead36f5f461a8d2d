"""The command ``hafw sim clouds race``: two nodes want one VIP, or one disk, at once, by seed.

Rule: it ends in one summary line on stderr, and with status 1 on a finding.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import Final

import click

_RACES: Final = {
    "aws": "hafw_sim.clouds.ec2.races",
    "azure": "hafw_sim.clouds.arm.races",
    "gcp": "hafw_sim.clouds.gce.races",
}
"""Where each provider's races are."""


@click.command()
@click.argument("provider", type=click.Choice(sorted(_RACES)))
@click.option("--mover", help="One of the provider's; all of them without.")
@click.option("--seeds", default=100, show_default=True, help="How many races of each mover.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option("--calm", is_flag=True, help="Without faults.")
def race(provider: str, mover: str | None, seeds: int, start: int, *, calm: bool) -> None:
    """Let two nodes want one VIP, or one disk, in a cloud where things go wrong.

    The provider and its SDK are the real ones; the cloud is a model, and time is virtual. What a
    node said of its attach must be true in the end: who says that it has the VIP has it, unless it
    was overtaken, and who says that it changed nothing has not. The mover `cloud-disk` is a disk,
    which goes to and fro as the engine lets it. The same seed is the same race.
    """
    try:
        races = import_module(_RACES[provider])
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the SDK of {provider} is not installed (there is no {missing.name}): "
            f"pip install 'hafw[{provider}]'"
        ) from None
    known = tuple(races.RACES)
    if mover is not None and mover not in known:
        raise click.BadParameter(f"there are {', '.join(known)}", param_hint="--mover")
    track, began_s, findings = races.Track(), time.monotonic(), 0
    chosen = known if mover is None else (mover,)
    for name in chosen:
        for seed in range(start, start + seeds):
            for wrong in track.race(seed, name, faults=not calm):
                click.echo(f"{name}, seed {seed}: {wrong}")
                findings += 1
    count, took_s = seeds * len(chosen), time.monotonic() - began_s
    click.echo(f"{count:,} races; {findings} findings; {count / took_s:.0f} a second", err=True)
    sys.exit(1 if findings else 0)
