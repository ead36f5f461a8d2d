"""`hafw precheck`: would a takeover by this node work, and would it be safe?

One rule: it runs beside a serving agent and changes nothing that serves.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from hafw.agent.client import ControlError
from hafw.cli.exits import Exit, Failure
from hafw.cli.options import Target, json_option, target_options

if TYPE_CHECKING:
    from hafw.cli.prechecks.bounded import Check
    from hafw.cli.prechecks.subject import Subject
    from hafw.cli.status_model import Status
    from hafw.hooks.findings import Finding

WITHIN_S: Final = 20.0
"""How long the plugins may take, the import of a cloud's SDK included."""
LEASE_WITHIN_S: Final = 10.0
"""The same for the lease store: what takes longer than this would be of no use to a lease."""
PROBE_WITHIN_S: Final = 600.0
"""The same where an address is moved there and back, which takes some clouds minutes."""
GRACE_S: Final = 5.0
"""How much later than its deadline a plugin may come back."""


@click.command()
@target_options
@json_option
@click.option(
    "--live-probe",
    is_flag=True,
    help="Try what hafw assumes of the cloud: reads, dry runs, and changes that must be refused.",
)
@click.option(
    "--probe-address",
    metavar="ADDRESS",
    default="",
    help="With --live-probe: a VIP that nobody uses, to be moved to both nodes and given up.",
)
def precheck(target: Target, *, as_json: bool, live_probe: bool, probe_address: str) -> int:
    """Say whether a takeover would work, and be safe.

    A takeover by this node: so run it on both, as root. Nothing that serves is touched.

    Exit status: 0 nothing is wrong, 1 something is, 9 the cluster file is not valid.
    """
    from hafw.cli.prechecks import bounded, plugins, report

    if probe_address and not live_probe:
        raise click.UsageError("--probe-address is for --live-probe")
    subject, found = _subject(target)
    if live_probe:
        _check_unused(subject, probe_address)
        within_s = PROBE_WITHIN_S if probe_address else WITHIN_S
        found = bounded.run(plugins.probes(subject, within_s, probe_address), within_s + GRACE_S)
        if not found:
            click.echo("no plugin of this cluster file has a live probe", err=True)
    else:
        found += bounded.run(_checks(subject), WITHIN_S + GRACE_S)
    if as_json:
        click.echo(json.dumps(report.as_object(subject, found)))
    else:
        _print(subject, found)
    click.echo(report.summary(found), err=True)
    return Exit.OK if report.passed(found) else Exit.UNEXPECTED


def _subject(target: Target) -> tuple[Subject, list[Finding]]:
    from hafw.cli.prechecks import files
    from hafw.cli.prechecks.subject import Subject

    cluster = target.cluster()
    number = cluster.node_number(target.node_name())
    keys, found = files.read_keys(cluster)
    status, silence = _status(target)
    subject = Subject(
        config=target.config,
        cluster=cluster,
        number=number,
        keys=keys,
        status=status,
        silence=silence,
    )
    return subject, found


def _status(target: Target) -> tuple[Status | None, str]:
    """What the agent says; None, and why, if none answers."""
    from hafw.cli.status_model import read_status

    try:
        return read_status(target.status()), ""
    except (ControlError, Failure) as problem:
        return None, str(problem)


def _checks(subject: Subject) -> list[Check]:
    from hafw.cli.prechecks import daemons, files, lease, machine, pings, plugins
    from hafw.cli.prechecks.bounded import Check

    node = subject.node
    return [
        Check(str(subject.config), partial(files.check, subject)),
        Check(node, partial(files.protection, subject)),
        Check(node, partial(machine.interfaces, subject)),
        Check(node, partial(machine.gate, subject)),
        Check(node, partial(machine.clock, subject)),
        Check(node, partial(daemons.of_cloud, subject)),
        Check("ping nodes", partial(pings.check, subject)),
        Check("lease store", partial(lease.check, subject, LEASE_WITHIN_S)),
        *plugins.prechecks(subject, WITHIN_S),
    ]


def _check_unused(subject: Subject, address: str) -> None:
    """An address that the cluster file has is in use."""
    from ipaddress import ip_address

    if not address:
        return
    try:
        wanted = ip_address(address)
    except ValueError:
        raise click.UsageError(f"--probe-address: {address} is no address") from None
    cluster = subject.cluster
    used = {
        *(vip.address.ip for group in cluster.groups for vip in group.vips),
        *(end.address for link in cluster.links for end in link.ends),
        *cluster.ping.addresses,
    }
    if wanted in used:
        raise Failure(
            Exit.REFUSED, f"{address} is in the cluster file, so it is in use; name one that is not"
        )


def _print(subject: Subject, found: list[Finding]) -> None:
    from rich.console import Console

    from hafw.cli.prechecks import report

    console = Console()
    for view in report.views(subject, found):
        console.print(view)
