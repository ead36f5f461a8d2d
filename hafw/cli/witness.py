"""`hafw witness`: the daemon that remembers leases for pairs elsewhere.

One rule: it needs nothing of a node: no cluster file, no agent, only the key of each cluster.
"""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Final

import click

from hafw.cli.exits import Exit, Failure
from hafw.cli.parameters import DURATION, LISTEN

DEFAULT_LISTEN: Final = "0.0.0.0:7411"
"""The port after that of the heartbeats (design decision; unassigned at IANA)."""
DEFAULT_STATE_DIR: Final = Path("/var/lib/hafw-witness")
DEFAULT_KEY_DIR: Final = Path("/etc/hafw/witness")
DEFAULT_MAX_TTL: Final = "60s"
_STDERR: Final = 2
_NS_PER_MS: Final = 1_000_000


@click.command()
@click.option(
    "--listen",
    type=LISTEN,
    default=DEFAULT_LISTEN,
    show_default=True,
    help="Address and UDP port; on a host with several, the one that the nodes use.",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    default=DEFAULT_STATE_DIR,
    show_default=True,
    help="Where the leases are kept.",
)
@click.option(
    "--key-dir",
    type=click.Path(path_type=Path),
    default=DEFAULT_KEY_DIR,
    show_default=True,
    help="A copy of each cluster's key file, named <cluster id>.key, mode 0600.",
)
@click.option(
    "--max-ttl",
    "max_ttl_ns",
    type=DURATION,
    default=DEFAULT_MAX_TTL,
    show_default=True,
    help="The longest lease; and how long nothing is granted after a start without memory.",
)
def witness(listen: tuple[str, int], state_dir: Path, key_dir: Path, max_ttl_ns: int) -> None:
    """Remember the leases of pairs elsewhere.

    Runs in the foreground. SIGHUP reads the keys again.
    """
    from hafw.witness.daemon import StateInUse, Witness

    try:
        daemon = Witness(listen, state_dir, key_dir, max_ttl_ns // _NS_PER_MS, _say)
    except StateInUse as problem:
        raise Failure(Exit.REFUSED, str(problem)) from None
    except PermissionError:
        raise
    except OSError as problem:
        raise Failure(Exit.UNEXPECTED, f"the witness cannot start: {problem}") from None
    try:
        _say(f"listening on {listen[0]} port {daemon.port}/udp")
        daemon.serve()
    finally:
        daemon.close()


def _say(line: str) -> None:
    """Write a line of the log, unless nobody reads: the log must not hold the witness up."""
    ready = select.poll()
    ready.register(_STDERR, select.POLLOUT)
    if any(events & select.POLLOUT for _, events in ready.poll(0)):
        os.write(_STDERR, f"{line}\n".encode()[: select.PIPE_BUF])
