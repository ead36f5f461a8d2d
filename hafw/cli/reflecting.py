"""Whether the ping node reflects, tried at the end of `hafw join`, when both nodes are there.

One rule: only what the other node's command sent counts: it is authenticated with the cluster's
keys, and it is not a heartbeat, so that an agent that runs already passes it over.

Both commands do the same at the same time: each asks the ping node in the other's name, and listens
for what the other asked. Neither waits for longer than `TRIED_S`.
"""

from __future__ import annotations

import hmac
import os
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.net import frames
from hafw.net.packet import IpSocket, PacketSocket
from hafw.net.rtnetlink import Rtnl

if TYPE_CHECKING:
    from hafw.config.model import Cluster, IPAddress

TRIED_S: Final = 3.0
"""The other command begins within a round trip, and a neighbour that is asked again answers within
a second."""
_BETWEEN_S: Final = 0.1
_AFTERWARDS: Final = 5
"""Who has heard the other goes on for so many requests, so that the other hears as well."""
_MARK: Final = b"join"


class NoWay(Exception):
    """The ping node cannot reflect to the other node, or cannot be tried from here: why."""


@dataclass(frozen=True, slots=True)
class _Way:
    interface: str
    peer: IPAddress


def verdict(cluster: Cluster, node: int, keys: str) -> str:
    """Try it together with the other node, and say how it went; empty where nothing reflects.

    `node` is the number of this one, `keys` the text of the key file.
    """
    target, peer = cluster.ping.reflect, cluster.nodes[1 - node]
    if target is None:
        return ""
    try:
        heard = hears_peer(cluster, node, keys)
    except (NoWay, OSError) as problem:
        why = problem.strerror or problem if isinstance(problem, OSError) else problem
        return (
            f"whether the ping node {target} reflects was not tried: {why}. "
            "`hafw status` says it when both agents run"
        )
    if heard:
        return f"the ping node {target} reflects: what {peer} sends by way of it arrives here"
    return (
        f"warning: the ping node {target} does not reflect: nothing of {peer} came by way of it in "
        f"{TRIED_S:g} s, so no takeover could rest on that; see that it answers pings, and that no "
        "switch drops packets with a foreign source. `hafw status` says how it stands"
    )


def hears_peer(cluster: Cluster, node: int, keys: str) -> bool:
    """Whether the other node's requests come back here, by way of the ping node that reflects.

    Raises OSError, EPERM without CAP_NET_RAW; `NoWay`.
    """
    target = cluster.ping.reflect
    assert target is not None
    way = _way(cluster, node, target)
    mine, theirs = (_payload(keys, cluster.nodes[number]) for number in (node, 1 - node))
    identifier, left = os.getpid() & 0xFFFF, round(TRIED_S / _BETWEEN_S)
    heard = False
    with (
        PacketSocket.for_echo_replies(way.interface, target.version) as receiver,
        IpSocket(way.interface, target.version) as sender,
    ):
        while left > 0:
            left -= 1
            sender.send(frames.echo_request(way.peer, target, identifier, left, mine), target)
            if _came(receiver, theirs) and not heard:
                heard, left = True, min(left, _AFTERWARDS)
    return heard


def _way(cluster: Cluster, node: int, target: IPAddress) -> _Way:
    """Where the requests leave, and the other node's address there."""
    with Rtnl() as rtnl:
        interface = rtnl.way_to(target).interface
    for link in cluster.links:
        if link.ends[node].interface == interface:
            peer = link.ends[1 - node].address
            if peer.version == target.version:
                return _Way(interface, peer)
    raise NoWay(f"no heartbeat link of the cluster file is on {interface}, which leads to it")


def _payload(keys: str, sender: str) -> bytes:
    return _MARK + hmac.digest(keys.encode(), f"reflected from {sender}".encode(), "sha256")


def _came(receiver: PacketSocket, payload: bytes) -> bool:
    """Whether it comes before the next request is due; what else comes is passed over."""
    came, until_s = False, time.monotonic() + _BETWEEN_S
    while (left_s := until_s - time.monotonic()) > 0:
        ready, _, _ = select.select([receiver], [], [], left_s)
        while ready and (received := receiver.receive()) is not None:
            reply = frames.parse_echo_reply(received[0])
            came = came or (reply is not None and hmac.compare_digest(reply.payload, payload))
    return came
