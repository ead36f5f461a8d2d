"""The commands ``hafw lab …``: a cluster to break, on one machine and without root.

Rule: each command says what it did to whom, or what is wrong and what to do about it.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import contextlib
import json
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Process
    from hafw_sim.lab.protocol import Delay, Description, Loss

_MACHINES: Final = ("alpha", "beta", "gateway", "client")
_LANS: Final = ("svc", "hb")
_EVERYTHING: Final = 100.0  # percent
_MS: Final = 1_000_000
_LONGEST_MS: Final = 60_000.0
_STOP_TIMEOUT_S: Final = 5.0
_INTERRUPTED: Final = 130
_SIGNALLED: Final = 128  # a shell's status of a program that signal n ended is 128 + n

_machine = click.argument("machine", type=click.Choice(_MACHINES))
_lan = click.option("--lan", type=click.Choice(_LANS), help="One network only; default: all.")


@click.group()
@click.option("--name", default="lab", show_default=True, help="Which lab, if several are up.")
@click.pass_context
def lab(context: click.Context, name: str) -> None:
    """A lab: two nodes, a gateway and a client in network namespaces, to break and heal.

    The nodes alpha (10.1.1.100, fd00:1::100) and beta (…101) meet on the service LAN (svc) and on
    the heartbeat LAN (hb: 10.2.2.100, …101). The gateway (10.1.1.1, fd00:1::1) and the client
    (10.1.1.50, fd00:1::50) are on the service LAN. Free for VIPs: 10.1.1.111, 10.1.1.112 and
    fd00:1::111. Every machine tells who it is on UDP port 7007, on each of its addresses.
    """
    context.obj = name


@lab.command()
@click.option(
    "--no-reflection",
    is_flag=True,
    help="Switch ports drop what claims to come from the peer: no heartbeat by way of the gateway.",
)
@click.option("--privileged", is_flag=True, help="As root, without a user namespace.")
@click.pass_obj
def up(name: str, *, no_reflection: bool, privileged: bool) -> None:
    """Build a lab and leave it standing."""
    from hafw_sim.lab import standing
    from hafw_sim.lab.protocol import Options

    with _told():
        options = Options(gateway_reflects=not no_reflection, privileged=privileged)
        standing.start(name, options)
    click.echo(f"lab {name} is up. Try: hafw lab --name {name} exec alpha -- hostname", err=True)


@lab.command()
@click.pass_obj
def down(name: str) -> None:
    """End a lab with everything in it."""
    from hafw_sim.lab import standing

    with _told():
        standing.stop(name)
    click.echo(f"lab {name} is down, nothing is left of it", err=True)


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def status(name: str, *, as_json: bool) -> None:
    """Show machines, their processes, and the faults in force."""
    with _attached(name) as standing_lab:
        description = standing_lab.describe()
    if as_json:
        click.echo(json.dumps(_as_data(name, description), indent=2))
    else:
        click.echo("\n".join(_as_lines(name, description)))


@lab.command("exec", context_settings={"ignore_unknown_options": True})
@_machine
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def execute(name: str, machine: str, program: tuple[str, ...]) -> None:
    """Run a program on a machine; its exit status is that of this command."""
    with _attached(name) as standing_lab:
        process = standing_lab.node(machine).spawn(program, stdin=0, stdout=1, stderr=2)
        status_of_it = _wait(process)
    sys.exit(status_of_it if status_of_it >= 0 else _SIGNALLED - status_of_it)


@lab.command()
@_machine
@click.pass_obj
def crash(name: str, machine: str) -> None:
    """Take a machine away at once: processes killed, cables dead, addresses gone."""
    with _attached(name) as standing_lab:
        standing_lab.node(machine).crash()
    click.echo(f"{machine} has crashed. Back with: hafw lab --name {name} boot {machine}", err=True)


@lab.command()
@_machine
@click.pass_obj
def boot(name: str, machine: str) -> None:
    """Bring a crashed machine back, with its own addresses and nothing running."""
    with _attached(name) as standing_lab:
        standing_lab.node(machine).boot()
    click.echo(f"{machine} is up again", err=True)


@lab.command()
@_machine
@click.pass_obj
def freeze(name: str, machine: str) -> None:
    """Stop every process of a machine, as if it got no CPU; its kernel goes on."""
    with _attached(name) as standing_lab:
        standing_lab.node(machine).freeze()
    click.echo(f"the processes of {machine} stand still", err=True)


@lab.command()
@_machine
@click.pass_obj
def thaw(name: str, machine: str) -> None:
    """Let the processes of a machine go on."""
    with _attached(name) as standing_lab:
        standing_lab.node(machine).thaw()
    click.echo(f"the processes of {machine} go on", err=True)


@lab.command()
@_machine
@click.argument("other", type=click.Choice(_MACHINES), required=False)
@_lan
@click.option("--one-way", is_flag=True, help="Only from MACHINE to OTHER.")
@click.option("--carrier", is_flag=True, help="Pull the cable (without OTHER; needs --lan).")
@click.option(
    "--loss",
    type=click.FloatRange(0, _EVERYTHING),
    default=_EVERYTHING,
    show_default=True,
    metavar="PERCENT",
    help="Lose this share of the frames, at random; 0 ends the loss (with OTHER).",
)
@click.pass_obj
def cut(  # noqa: PLR0913 - a fault has that many sides
    name: str,
    machine: str,
    other: str | None,
    lan: str | None,
    *,
    one_way: bool,
    carrier: bool,
    loss: float,
) -> None:
    """Lose the traffic between MACHINE and OTHER, or between MACHINE and everybody.

    Both keep their carrier, as with a fault upstream, unless the cable itself is pulled.
    """
    from hafw_sim.lab.topology import Lan

    network = None if lan is None else Lan(lan)
    if carrier and (other is not None or network is None):
        raise click.UsageError("--carrier pulls one cable: name MACHINE and --lan, but no OTHER")
    if other is None and (one_way or loss < _EVERYTHING):
        raise click.UsageError("--one-way and --loss are about two machines: name OTHER too")
    with _attached(name) as standing_lab:
        if carrier and network is not None:
            standing_lab.cut_link(machine, network)
        elif other is None:
            standing_lab.cut_from_all(machine, lan=network)
        else:
            standing_lab.lose(loss / _EVERYTHING, machine, other, lan=network, one_way=one_way)
    click.echo(f"done. Undo with: hafw lab --name {name} heal", err=True)


@lab.command()
@_machine
@click.argument("other", type=click.Choice(_MACHINES))
@click.argument("milliseconds", type=click.FloatRange(0, _LONGEST_MS), metavar="MS")
@click.option(
    "--jitter",
    type=click.FloatRange(0, _LONGEST_MS),
    default=0.0,
    metavar="MS",
    help="Up to so much more or less, at random: frames overtake each other.",
)
@_lan
@click.option("--one-way", is_flag=True, help="Only from MACHINE to OTHER.")
@click.pass_obj
def delay(  # noqa: PLR0913 - a fault has that many sides
    name: str,
    machine: str,
    other: str,
    milliseconds: float,
    *,
    jitter: float,
    lan: str | None,
    one_way: bool,
) -> None:
    """Hold the traffic between MACHINE and OTHER back for MS milliseconds; 0 ends it."""
    from hafw_sim.lab.topology import Lan

    if jitter > milliseconds:
        raise click.UsageError("--jitter is more than the delay: frames cannot come too early")
    with _attached(name) as standing_lab:
        standing_lab.delay(
            round(milliseconds * _MS),
            machine,
            other,
            jitter_ns=round(jitter * _MS),
            lan=None if lan is None else Lan(lan),
            one_way=one_way,
        )
    click.echo(f"done. Undo with: hafw lab --name {name} heal", err=True)


@lab.command()
@click.pass_obj
def heal(name: str) -> None:
    """End all losses and delays and plug in all cables. Crashed machines stay crashed."""
    with _attached(name) as standing_lab:
        standing_lab.heal()
    click.echo("all networks are whole again", err=True)


def _wait(process: Process) -> int:
    try:
        return process.wait(None)
    except KeyboardInterrupt:
        process.signal(signal.SIGINT)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
        return _INTERRUPTED


def _as_data(name: str, description: Description) -> dict[str, object]:
    machines = [
        {
            "name": machine.name,
            "up": machine.up,
            "processes": [
                {"pid": pid, "command": command} for pid, command in machine.processes.items()
            ],
            "unplugged": list(machine.unplugged),
        }
        for machine in description.machines
    ]
    losses = [
        {"from": loss.source, "to": loss.target, "share": loss.share} for loss in description.losses
    ]
    delays = [
        {
            "from": delay.source,
            "to": delay.target,
            "delay_ms": delay.delay_ns / _MS,
            "jitter_ms": delay.jitter_ns / _MS,
        }
        for delay in description.delays
    ]
    return {
        "schema": "hafw.lab/1",
        "name": name,
        "machines": machines,
        "losses": losses,
        "delays": delays,
    }


def _as_lines(name: str, description: Description) -> Iterator[str]:
    yield f"lab {name}"
    for machine in description.machines:
        state = "up" if machine.up else "crashed"
        pulled = "".join(f", {lan} cable pulled" for lan in machine.unplugged)
        yield f"  {machine.name:<8} {state}{pulled}"
        for pid, command in machine.processes.items():
            yield f"           {pid}  {command}"
    for loss in description.losses:
        yield f"  {_way(loss)}: {loss.share:.1%} lost"
    for late in description.delays:
        jitter = f", {late.jitter_ns / _MS:g} ms more or less" if late.jitter_ns else ""
        yield f"  {_way(late)}: {late.delay_ns / _MS:g} ms late{jitter}"
    if not (description.losses or description.delays):
        yield "  no frames are lost or held back on purpose"


def _way(fault: Loss | Delay) -> str:
    lan, source = fault.source.split("-")
    _, target = fault.target.split("-")
    return f"{source} to {target} on {lan}"


@contextlib.contextmanager
def _attached(name: str) -> Iterator[Lab]:
    from hafw_sim.lab import standing

    with _told(), standing.attached(name) as standing_lab:
        yield standing_lab


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """End the command with the right status, and with words, where the lab cannot oblige."""
    from hafw.cli.exits import Exit, Failure
    from hafw_sim.lab.connection import LabError
    from hafw_sim.lab.namespaces import NamespacesForbidden
    from hafw_sim.lab.standing import NoSuchLab

    try:
        yield
    except NamespacesForbidden as problem:
        raise Failure(Exit.PERMISSION, str(problem)) from problem
    except NoSuchLab as problem:
        raise Failure(Exit.UNREACHABLE, str(problem)) from problem
    except LabError as problem:
        raise Failure(Exit.UNEXPECTED, str(problem)) from problem
