"""`hafw fence`: an operator's hand on the fences of the cluster file.

One rule: only the other node is ever switched off, and never without being asked for by name.
"""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hafw.cli.confirm import confirm
from hafw.cli.exits import Exit, Failure
from hafw.cli.options import config_option, json_option, node_option, yes_option
from hafw.config.durations import format_duration
from hafw.config.loading import load
from hafw.fences import acks, levels
from hafw.fences.levels import Aim, Attempt, Record, Result
from hafw.hooks.errors import Denied, ProviderError
from hafw.hooks.hookspecs import Power
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from hafw.config.model import Cluster, Fence

SCHEMA: Final = "hafw.fence/1"

target_argument = click.argument("name", metavar="NODE")


@click.group()
def fence() -> None:
    """Switch the other node off, or ask whether it is off."""


@fence.command()
@config_option
@node_option
@target_argument
@json_option
def status(config: Path, node: str | None, *, name: str, as_json: bool) -> None:
    """Ask every fence of NODE whether it is on, and change nothing.

    Exit status: 0 a device told, 8 none did.
    """
    _, chosen, registry, aim = _prepare(config, node, name)
    record = levels.look(registry, chosen, aim)
    _show(aim, record, as_json=as_json)
    told = [attempt.receipt.power for attempt in record.attempts if attempt.receipt]
    if set(told) <= {Power.UNKNOWN}:
        raise Failure(Exit.UNKNOWN, f"whether {aim.target} is on is not known")


@fence.command()
@config_option
@node_option
@target_argument
@json_option
@yes_option
def off(config: Path, node: str | None, *, name: str, as_json: bool, yes: bool) -> None:
    """Switch NODE off at once, whatever runs there.

    Its fences are tried in the order of the cluster file, until one confirms that it is off.

    Exit status: 0 it is off, 1 nothing was ordered, 8 it may be off.
    """
    _, chosen, registry, aim = _prepare(config, node, name)
    ways = ", then ".join(f"{each.method} ({format_duration(each.timeout_ns)})" for each in chosen)
    confirm(
        f"At once, and whatever runs there, {aim.target} is switched off by {ways}.",
        yes=yes,
        disruptive=True,
    )
    record = levels.switch_off(registry, chosen, aim)
    _show(aim, record, as_json=as_json)
    if record.confirmed is None:
        said = "nothing was ordered" if record.no_effect else "it may be off, or may go off yet"
        number = Exit.UNEXPECTED if record.no_effect else Exit.UNKNOWN
        raise Failure(number, f"{aim.target} is not confirmed to be off: {said}")


@fence.command()
@config_option
@node_option
@target_argument
@click.option("--reason", required=True, help="How you know that it is off; recorded.")
@yes_option
def ack(config: Path, node: str | None, *, name: str, reason: str, yes: bool) -> None:
    """Vouch that NODE is off, because you looked.

    It counts once, within five minutes, for the fence "manual". If NODE is not off, two nodes will
    own what it runs.
    """
    cluster, chosen, _, aim = _prepare(config, node, name)
    given = [dict(each.options) for each in chosen if each.method == "manual"]
    if not given:
        raise Failure(Exit.CONFIG, f'{config} has no fence "manual" for {aim.target}')
    if len(reason) > acks.MAX_REASON or not reason.isprintable():
        raise click.UsageError(f"--reason is one line of at most {acks.MAX_REASON} characters")
    confirm(
        f"You vouch that {aim.target} is off. If it is not, two nodes will own what it runs.",
        yes=yes,
        disruptive=True,
    )
    directory = Path(str(given[0].get("directory", acks.DIRECTORY)))
    word = acks.Ack(_person(), reason, boot_ns())
    try:
        acks.give(directory, str(cluster.id), aim.target, word)
    except Denied as problem:
        raise Failure(Exit.PERMISSION, str(problem)) from None
    except FileNotFoundError:
        raise Failure(
            Exit.CONFIG, f"there is no directory {directory}; the agent makes {acks.DIRECTORY}"
        ) from None
    click.echo(f"{aim.target} counts as off, once, for {acks.VALID_S // 60} minutes")


def _prepare(
    config: Path, node: str | None, wanted: str
) -> tuple[Cluster, tuple[Fence, ...], Registry, Aim]:
    """The fences of the other node, ready to be used. Raises `Failure`."""
    cluster = load(config)
    number = cluster.node_number(wanted)
    name, sender = cluster.nodes[number], node or os.uname().nodename
    if name.casefold() in (sender.casefold(), os.uname().nodename.casefold()):
        raise Failure(
            Exit.REFUSED, f"{name} is this node, and a node never switches itself off; use poweroff"
        )
    sender = cluster.nodes[cluster.node_number(sender)]
    chosen = cluster.fences[number]
    if not chosen:
        raise Failure(
            Exit.CONFIG,
            f"{config} has no fence for {name}; add a table [nodes.{name}.fence]",
        )
    try:
        registry = Registry(dict.fromkeys(each.method for each in chosen))
    except ProviderError as problem:
        raise Failure(Exit.CONFIG, str(problem)) from None
    aim = Aim(
        cluster_id=str(cluster.id), sender=sender, target=name, op=f"{sender}/cli/{boot_ns()}"
    )
    return cluster, chosen, registry, aim


def _person() -> str:
    """Who gives the command, behind sudo too."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"user {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{behind} ({user})" if behind else user


def _show(aim: Aim, record: Record, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_object(aim, record)))
        return
    for attempt in record.attempts:
        click.echo(_line(attempt))
        if attempt.receipt is not None:
            for seen in attempt.receipt.seen:
                click.echo(f"  {_wall(seen.at_ns)}  {seen.state}")
            click.echo(f"  {attempt.receipt.identity}")


def _line(attempt: Attempt) -> str:
    if attempt.receipt is None:
        word = "failed" if attempt.result is Result.FAILED else "unknown"
        return f"{attempt.method}: {word}: {attempt.detail}"
    doubt = (
        ""
        if attempt.receipt.power is not Power.OFF or attempt.receipt.confirmed
        else (", which proves nothing")
    )
    return f"{attempt.method}: {attempt.receipt.power}{doubt}"


def _as_object(aim: Aim, record: Record) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "node": aim.target,
        "op": aim.op,
        "confirmed_off": record.confirmed is not None,
        "attempts": [
            {
                "method": attempt.method,
                "result": attempt.result,
                "detail": attempt.detail,
                "power": attempt.receipt.power if attempt.receipt else Power.UNKNOWN,
                "identity": attempt.receipt.identity if attempt.receipt else None,
                "seen": [
                    {"state": seen.state, "at": _wall(seen.at_ns)}
                    for seen in (attempt.receipt.seen if attempt.receipt else ())
                ],
            }
            for attempt in record.attempts
        ],
    }


def _wall(at_ns: int) -> str:
    """The instant as a person's clock shows it."""
    ago_s = (boot_ns() - at_ns) / 1e9
    moment = datetime.fromtimestamp(datetime.now(UTC).timestamp() - ago_s, UTC)
    return moment.isoformat(timespec="milliseconds")
