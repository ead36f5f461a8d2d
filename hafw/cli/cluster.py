"""`hafw create`, `join` and `delete`: how a node gets its cluster file, and loses it.

One rule: all files of a node are there, or none of them is.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hafw.cli.choices import Choices, choice_options
from hafw.cli.confirm import confirm
from hafw.cli.daemon import is_running
from hafw.cli.exits import Exit, Failure
from hafw.cli.files import PUBLIC, SECRET, already_there, place
from hafw.cli.invitation import Token
from hafw.cli.offer import Gift, Offer, fetch, hand_out, listen
from hafw.cli.options import Target, state_dir_option, target_options, yes_option
from hafw.cli.parameters import ADDRESS, DURATION
from hafw.cli.reflecting import verdict
from hafw.cli.wizard import Wizard
from hafw.config.durations import UNITS_NS, format_duration
from hafw.config.explain import explain
from hafw.config.keys import load_keys, new_key, parse_keys, render_keys
from hafw.config.loading import parse
from hafw.config.model import DEFAULT_PORT
from hafw.config.render import render

if TYPE_CHECKING:
    from hafw.config.model import Cluster, IPAddress

KEY_FILE_NAME: Final = "cluster.key"
"""What the key file is called beside the cluster file."""
DEFAULT_OFFER: Final = format_duration(15 * UNITS_NS["m"])
"""How long a token is good, unless the operator says otherwise."""

offer_for_option = click.option(
    "--offer-for",
    "offer_ns",
    type=DURATION,
    default=DEFAULT_OFFER,
    show_default=True,
    help="How long the other node may take to join.",
)
listen_option = click.option(
    "--listen",
    "listen_on",
    type=ADDRESS,
    help="Where to wait for it.  [default: this node's address on the first link]",
)


@click.command()
@target_options
@choice_options
@state_dir_option
@click.option("--offer/--no-offer", default=True, help="Wait for the other node to join.")
@offer_for_option
@listen_option
@yes_option
def create(  # noqa: PLR0913 - one parameter per option
    target: Target,
    *,
    choices: Choices,
    state_dir: Path,
    offer: bool,
    offer_ns: int,
    listen_on: IPAddress | None,
    yes: bool,
) -> None:
    """Write the cluster file and key of a new cluster.

    On a terminal you are asked for what the options leave out. Then the other node can join: the
    command shows what to type there, and waits.
    """
    key_file = (choices.key_file or target.config.with_name(KEY_FILE_NAME)).absolute()
    for path in (target.config, key_file):
        if path.exists():
            raise already_there(path)
    wizard = Wizard(target.node_name(), interactive=sys.stdin.isatty())
    wanted = wizard.complete(choices, key_file)
    gift = Gift(cluster=render(wanted), keys=render_keys((new_key(),)))
    cluster = parse(gift.cluster, str(target.config))
    click.echo(explain(cluster), err=True)
    for warning in cluster.warnings:
        click.echo(f"warning: {warning}", err=True)
    confirm(f"This is written to {target.config} and {cluster.key_file}.", yes=yes)
    _keep(gift, target.config, cluster.key_file, state_dir)
    click.echo(f"{target.config}\n{cluster.key_file}")
    if offer:
        _offer(gift, cluster, target.node_name(), listen_on, offer_ns)


@click.command()
@target_options
@state_dir_option
@click.argument("address", required=False)
@click.option("--token", help="What the other node showed; asked for if it is left out.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="At ADDRESS.",
)
@click.option("--key-file", type=click.Path(path_type=Path), help="You copied both files yourself.")
@click.option("--offer", is_flag=True, help="On the node that has the files: offer them.")
@offer_for_option
@listen_option
def join(  # noqa: PLR0913 - one parameter per option
    target: Target,
    *,
    state_dir: Path,
    address: str | None,
    token: str | None,
    port: int,
    key_file: Path | None,
    offer: bool,
    offer_ns: int,
    listen_on: IPAddress | None,
) -> None:
    """Fetch file and key from the other node, or offer them.

    ADDRESS is where the other node waits, after `hafw create` or `hafw join --offer`. Afterwards
    `hafw start` starts the agent of this node. Groups that run are not touched.
    """
    if [address is not None, offer, key_file is not None].count(True) != 1:
        raise click.UsageError("give one of: the ADDRESS of the other node, --offer, --key-file")
    if offer:
        cluster = target.cluster()
        keys = render_keys(load_keys(cluster.key_file))
        gift = Gift(cluster=target.config.read_text(), keys=keys)
        _offer(gift, cluster, target.node_name(), listen_on, offer_ns)
        return
    if key_file is not None:
        _adopt(target, key_file, state_dir)
    elif address is not None:
        if target.config.exists():
            raise already_there(target.config)
        secret = _ask_token(token)
        fetch(
            address, port, secret, target.node_name(), lambda gift: _accept(gift, target, state_dir)
        )
        cluster = target.cluster()
        _try_reflection(cluster, target.node_name(), render_keys(load_keys(cluster.key_file)))
    click.echo("this node has joined; start its agent with `hafw start`")


@click.command()
@target_options
@state_dir_option
@yes_option
def delete(target: Target, *, state_dir: Path, yes: bool) -> None:
    """Remove this node's cluster file and key.

    And its state, so that it can join anew. Refused while the agent runs.
    """
    from hafw.agent.statefile import FILE_NAME

    cluster = target.cluster()
    if is_running(target):
        raise Failure(Exit.REFUSED, "the agent runs; stop it first with `hafw stop`")
    doomed = [target.config, cluster.key_file, state_dir / FILE_NAME]
    listed = "\n".join(f"  {path}" for path in doomed)
    confirm(
        f"These files of cluster {cluster.name} are removed:\n{listed}", yes=yes, disruptive=True
    )
    for path in doomed:
        path.unlink(missing_ok=True)
    click.echo(f"cluster {cluster.name} is removed from this node")


def _keep(gift: Gift, config: Path, key_file: Path, state_dir: Path) -> None:
    """Write everything that a node needs, or nothing."""
    with ExitStack() as undo:
        place(key_file, gift.keys, SECRET)
        undo.callback(key_file.unlink)
        place(config, gift.cluster, PUBLIC)
        undo.callback(config.unlink)
        _initialise(state_dir)
        undo.pop_all()


def _accept(gift: Gift, target: Target, state_dir: Path) -> None:
    """Keep what the other node gave, if it is right and names this node."""
    cluster = parse(gift.cluster, str(target.config))
    cluster.node_number(target.node_name())
    parse_keys(gift.keys, str(cluster.key_file))
    _keep(gift, target.config, cluster.key_file, state_dir)


def _adopt(target: Target, key_file: Path, state_dir: Path) -> None:
    """Join with files that the operator copied."""
    cluster = target.cluster()
    cluster.node_number(target.node_name())
    keys = render_keys(load_keys(key_file))
    with ExitStack() as undo:
        if key_file.absolute() != cluster.key_file:
            place(cluster.key_file, keys, SECRET)
            undo.callback(cluster.key_file.unlink)
        _initialise(state_dir)
        undo.pop_all()


def _initialise(state_dir: Path) -> None:
    """Make the state of a node that never ran."""
    from hafw.agent.statefile import FILE_NAME, initialise

    try:
        initialise(state_dir)
    except FileExistsError:
        raise already_there(state_dir / FILE_NAME) from None


def _ask_token(token: str | None) -> Token:
    if token is None:
        if not sys.stdin.isatty():
            raise click.UsageError("--token is missing, and there is no terminal to ask for it")
        token = click.prompt("Token", hide_input=True, err=True)
    try:
        return Token.parse(token)
    except ValueError as error:
        raise click.UsageError(f"this is no token: {error}; copy all of it") from error


def _offer(
    gift: Gift, cluster: Cluster, node: str, listen_on: IPAddress | None, offer_ns: int
) -> None:
    """Show how the other node can join, and wait until it has."""
    number = cluster.node_number(node)
    address = listen_on or cluster.links[0].ends[number].address
    joiner = cluster.nodes[1 - number]
    token = Token.fresh()
    with listen(address, cluster.port) as listener:
        port = "" if cluster.port == DEFAULT_PORT else f" --port {cluster.port}"
        click.echo(
            f"\nOn {joiner}, within {format_duration(offer_ns)}, type:\n\n"
            f"  hafw join {address}{port} --token {token}\n\n"
            "Waiting. Ctrl-C ends the offer, and `hafw join --offer` makes another.",
            err=True,
        )
        offer = Offer(token, gift, [joiner])
        joined = hand_out(listener, offer, offer_ns / UNITS_NS["s"], _say)
    click.echo(f"{joined} has joined")
    _try_reflection(cluster, node, gift.keys)


def _try_reflection(cluster: Cluster, node: str, keys: str) -> None:
    """Both nodes do so now, and each says what it found."""
    found = verdict(cluster, cluster.node_number(node), keys)
    if found:
        click.echo(found, err=True)


def _say(text: str) -> None:
    click.echo(text, err=True)
