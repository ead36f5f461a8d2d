"""The command ``hafw sim clouds azure``: Azure on this machine, for Azure's own SDKs.

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
def azure(port: int, faults: tuple[str, ...], running_s: float) -> None:
    """Serve Azure Resource Manager with two machines until it is interrupted.

    The lines on stdout are for the shells of both nodes: `HAFW_ALPHA` and `HAFW_BETA` are what each
    takes for its `AZURE_POD_IDENTITY_AUTHORITY_HOST`; `HAFW_ENDPOINT` is the `endpoint` of the
    cluster file. More faults while it runs: POST a line each to /model/faults; an empty text ends
    them all.
    """
    from hafw_sim.clouds.arm import Arm, Disk, Fault, balanced_pair, vms
    from hafw_sim.clouds.arm.server import served
    from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION

    arm = Arm(balanced_pair(), vms(), disks=[Disk(name="data")], running_s=running_s)
    try:
        for text in faults:
            arm.faults.add(Fault.parse(text))
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="--fault") from None
    stopped = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopped)  # the threads of the server inherit it
    with served(arm, port) as server:
        one, two = server.metadata_hosts
        click.echo(f"export HAFW_ENDPOINT={server.endpoint}")
        click.echo(f"export HAFW_ALPHA={server.metadata_hosts[one]}")
        click.echo(f"export HAFW_BETA={server.metadata_hosts[two]}")
        click.echo(
            f"Azure, subscription {SUBSCRIPTION}, resource group {GROUP}, with {one} and {two}, "
            "until Ctrl-C",
            err=True,
        )
        signal.sigwait(stopped)
