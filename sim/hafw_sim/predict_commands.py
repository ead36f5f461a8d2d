"""The commands ``hafw sim predict`` and ``hafw sim tune``: a user's own cluster, before it runs."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hafw.cli.parameters import DURATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hafw.config.model import Cluster
    from hafw_sim.predict import Network, Prediction

BAR_WIDTH = 40
BUCKETS = 8


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--loss", default=1.0, show_default=True, help="Percent of packets lost.")
@click.option(
    "--jitter",
    "jitter_ns",
    type=DURATION,
    default="5ms",
    show_default=True,
    help="Longest delay of a packet.",
)
@click.option("--hours", default=1.0, show_default=True, help="Quiet hours to simulate.")
@click.option("--crashes", default=30, show_default=True, help="Crashes of the owner to simulate.")
def predict(config: Path, *, loss: float, jitter_ns: int, hours: float, crashes: int) -> None:
    """Simulate the pair of a cluster file: needless moves, detection and outage.

    On a network that loses packets each by itself, and delays them up to the jitter.
    """
    from hafw.config.loading import load
    from hafw_sim.predict import Network

    network = Network(loss / 100, jitter_ns)
    for line in prediction(load(config), network, hours, crashes):
        click.echo(line)


def prediction(cluster: Cluster, network: Network, hours: float, crashes: int) -> Iterator[str]:
    """What to expect of a cluster file on a network, in lines: its protection, then figures."""
    from hafw.config.durations import format_duration
    from hafw.config.engine import to_settings
    from hafw.config.explain import explain
    from hafw_sim.predict import a_year, predict, reckoned_moves_a_year, split_risk

    seen = predict(cluster, network, hours * 3_600, crashes)
    settings = to_settings(cluster, cluster.nodes[0])
    yield explain(cluster)
    late, quiet = format_duration(network.jitter_ns), f"{seen.quiet_h:g} quiet hours"
    yield f"At {network.loss * 100:g} % loss and up to {late} of delay, in {quiet}:"
    moves, closures = a_year(seen.moves, seen.quiet_h), a_year(seen.closures, seen.quiet_h)
    yield f"  needless failovers    {seen.moves} ({moves} a year)"
    reckoned = reckoned_moves_a_year(settings, network.loss)
    yield f"  by reckoning          {reckoned:.1g} a year, if losses are independent"
    yield f"  gates of a healthy owner that shut {seen.closures} ({closures} a year)"
    yield f"In {crashes} crashes of the owner:"
    yield from _crashes(seen)
    if settings.reflect:
        everywhere = split_risk(settings, network.loss)
        uplink = split_risk(settings, network.loss, only_owners_uplink=True)
        yield "If all links are cut at once, the chance of two owners until the heal:"
        yield f"  {everywhere:.1g} with that loss on every way to the ping node"
        yield f"  {uplink:.1g} with that loss on the owner's way to it alone, the worst place"


@click.command()
@click.option("--loss", default=1.0, show_default=True, help="Percent of packets lost.")
@click.option(
    "--worst-gap",
    "worst_gap_ns",
    type=DURATION,
    required=True,
    help="Longest time between beats that was seen.",
)
@click.option("--links", default=2, show_default=True, help="Heartbeat links.")
@click.option("--moves", default=0.01, show_default=True, help="Needless moves a year to accept.")
def tune(*, loss: float, worst_gap_ns: int, links: int, moves: float) -> None:
    """Propose keepalive, warntime, deadtime and initdead for a measured network.

    The worst gap is `agent.worst_gap_ms` in `hafw status --json`, after some days.
    """
    from hafw.config.durations import format_duration
    from hafw_sim.predict import advise

    advice = advise(loss / 100, worst_gap_ns, links, moves_a_year=moves)
    click.echo("[timing]")
    for name in ("keepalive", "warntime", "deadtime", "initdead"):
        click.echo(f'{name} = "{format_duration(getattr(advice, name + "_ns"))}"')
    click.echo(
        f"with {links} links at {loss:g} % loss: {advice.moves_a_year:.1g} needless moves a year, "
        "if losses are independent; check it with: hafw sim predict",
        err=True,
    )


def _crashes(seen: Prediction) -> Iterable[str]:
    from hafw_sim.predict import PATIENCE_DEADTIMES

    if seen.detections_ns:
        yield f"  detected after        {_range(seen.detections_ns)}"
    if seen.outages_ns:
        yield f"  served again after    {_range(seen.outages_ns)}"
        yield from _histogram(seen.outages_ns)
    if seen.unserved:
        yield f"  not served again      {seen.unserved} (within {PATIENCE_DEADTIMES} deadtimes)"


def _range(values: list[int]) -> str:
    ordered = sorted(values)
    middle, worst = ordered[len(ordered) // 2], ordered[-1]
    return f"{_ms(ordered[0])} to {_ms(worst)}, median {_ms(middle)}"


def _histogram(values: list[int]) -> Iterable[str]:
    low, high = min(values), max(values)
    width = max((high - low) / BUCKETS, 1)
    counts = [0] * BUCKETS
    for value in values:
        counts[min(int((value - low) / width), BUCKETS - 1)] += 1
    for number, count in enumerate(counts):
        bar = "█" * round(BAR_WIDTH * count / max(counts))
        yield f"    {_ms(low + round(number * width)):>10}  {bar} {count or ''}".rstrip()


def _ms(value_ns: float) -> str:
    return f"{value_ns / 1e6:,.0f} ms"
