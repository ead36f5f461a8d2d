"""The programs that the bench knows.

Rule: hafw comes first; what is not installed is named with the command that installs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.peers.hafw import Hafw
from bench.peers.heartbeat import Heartbeat
from bench.peers.keepalived import Keepalived
from bench.peers.ucarp import Ucarp

if TYPE_CHECKING:
    from bench.peer import Peer


def everyone() -> tuple[Peer, ...]:
    """All of them, in the order of the report."""
    return Hafw(), Hafw(reflected=False), Keepalived(), Heartbeat(), Ucarp()
