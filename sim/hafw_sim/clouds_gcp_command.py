"""The command ``hafw sim clouds gcp``: Compute Engine on this machine, for Google's own libraries.

Rule: what a shell needs goes to stdout, one assignment a line; talk goes to stderr.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import signal

import click


@click.command()
@click.option("--port", default=0, help="Of the API, metadata on those after it; 0: free ones.")
@click.option(
    "--fault", "faults", multiple=True, help="KIND[:SECONDS[:CALLS[:TIMES]]], repeatable."
)
@click.option("--lasts", "running_s", default=0.5, help="Seconds that an operation runs.")
@click.option("--quota", type=int, help="Calls per minute of the clock.")
def gcp(port: int, faults: tuple[str, ...], running_s: float, quota: int | None) -> None:
    """Serve Compute Engine with two instances until it is interrupted.

    The lines on stdout are for the shells of both nodes: `HAFW_ALPHA` and `HAFW_BETA` are what each
    takes for its `GCE_METADATA_HOST`; `HAFW_ENDPOINT` is the `endpoint` of the cluster file. More
    faults while it runs: POST a line each to /model/faults; an empty text ends them all.
    """
    from hafw_sim.clouds.gce import Disk, Fault, Gce, pair
    from hafw_sim.clouds.gce.server import served

    disks = [Disk(name="data")]
    gce = Gce("hafw-model", pair(), disks=disks, running_s=running_s, quota=quota)
    try:
        for text in faults:
            gce.faults.add(Fault.parse(text))
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="--fault") from None
    stopped = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopped)  # the threads of the server inherit it
    with served(gce, port) as server:
        one, two = server.metadata_hosts
        click.echo(f"export HAFW_ENDPOINT={server.endpoint}")
        click.echo(f"export HAFW_ALPHA={server.metadata_hosts[one]}")
        click.echo(f"export HAFW_BETA={server.metadata_hosts[two]}")
        zones = " and ".join(instance.zone for instance in pair())
        click.echo(
            f"Compute Engine, project hafw-model, with {one} and {two} in {zones}, until Ctrl-C",
            err=True,
        )
        signal.sigwait(stopped)
