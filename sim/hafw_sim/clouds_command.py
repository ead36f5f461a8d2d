"""The commands ``hafw sim clouds …``: a cloud on this machine, for the SDKs that programs have.

Rule: what a shell needs goes to stdout, one assignment a line; talk goes to stderr.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import signal

import click


@click.group()
def clouds() -> None:
    """Serve a cloud on this machine, with every failure that can be had by name."""


@clouds.command()
@click.option("--port", default=0, help="Of the API, metadata on those after it; 0: free ones.")
@click.option(
    "--fault", "faults", multiple=True, help="KIND[:SECONDS[:CALLS[:TIMES]]], repeatable."
)
@click.option("--remap", "remap_s", default=0.0, help="Seconds until metadata shows a move.")
def aws(port: int, faults: tuple[str, ...], remap_s: float) -> None:
    """Serve EC2 with two instances until it is interrupted.

    The lines on stdout are for the shells of both nodes: `HAFW_ALPHA` and `HAFW_BETA` name where
    each finds its own metadata. More faults while it runs: POST a line each to /model/faults; an
    empty text ends them all.
    """
    from hafw_sim.clouds.ec2 import Ec2, Fault, pair
    from hafw_sim.clouds.ec2.server import served

    ec2 = Ec2(pair(), remap_s=remap_s)
    try:
        for text in faults:
            ec2.faults.add(Fault.parse(text))
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="--fault") from None
    stopped = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopped)  # the threads of the server inherit it
    with served(ec2, port) as server:
        one, two, *_ = ec2.state.things.interfaces
        common = {
            name: value
            for name, value in server.environment(one).items()
            if name != "AWS_EC2_METADATA_SERVICE_ENDPOINT"
        }
        nodes = {"HAFW_ALPHA": server.metadata[one], "HAFW_BETA": server.metadata[two]}
        for name, value in (common | nodes).items():
            click.echo(f"export {name}={value}")
        click.echo(f"EC2 of two nodes, {one} and {two}, until Ctrl-C", err=True)
        signal.sigwait(stopped)
