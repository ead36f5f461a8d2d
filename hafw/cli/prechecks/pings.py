"""Do the ping nodes answer this node, and does the one that shall reflect do so?

One rule: whether heartbeats come back by way of a ping node only the other node sees, so that is
asked of a running agent; nothing is sent in anybody's name.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Final

from hafw.hooks.findings import Finding, Findings
from hafw.net import frames
from hafw.net.packet import IpSocket, PacketSocket
from hafw.net.rtnetlink import Rtnl

if TYPE_CHECKING:
    from hafw.cli.prechecks.subject import Subject
    from hafw.config.model import IPAddress

TRIES: Final = 3
ANSWER_S: Final = 1.0


def check(subject: Subject) -> list[Finding]:
    """Every ping node of the file."""
    found: list[Finding] = []
    for target in subject.cluster.ping.addresses:
        notes = Findings(f"ping node {target}")
        try:
            answered = _answers(target)
        except OSError as problem:
            what, remedy = f"it cannot be asked: {problem.strerror or problem}", "run it as root"
            notes.error("ping.answers", what, f"{remedy}, and see the routes of this node")
        else:
            if answered:
                notes.ok("ping.answers", "it answers")
            else:
                remedy = "name a box that answers pings all the time, such as the gateway"
                notes.error("ping.answers", f"it does not answer {TRIES} pings", remedy)
        if target == subject.cluster.ping.reflect:
            _reflects(subject, target, notes)
        found += notes.found
    return found


def _answers(target: IPAddress) -> bool:
    """Whether it answers an echo request of ours. Raises OSError."""
    with Rtnl() as rtnl:
        way = rtnl.way_to(target)
    payload, identifier = b"hafw precheck" + os.urandom(8), os.getpid() & 0xFFFF
    with (
        PacketSocket.for_echo_replies(way.interface, target.version) as receiver,
        IpSocket(way.interface, target.version) as sender,
    ):
        for number in range(TRIES):
            ask = frames.echo_request(way.source, target, identifier, number, payload)
            sender.send(ask, target)
            if _came(receiver, payload):
                return True
    return False


def _came(receiver: PacketSocket, payload: bytes) -> bool:
    """Whether the answer comes in time; whatever else comes is passed over."""
    until_s = time.monotonic() + ANSWER_S
    while (left_s := until_s - time.monotonic()) > 0:
        ready, _, _ = select.select([receiver], [], [], left_s)
        while ready and (received := receiver.receive()) is not None:
            reply = frames.parse_echo_reply(received[0])
            if reply is not None and reply.payload == payload:
                return True
    return False


def _reflects(subject: Subject, target: IPAddress, notes: Findings) -> None:
    pings = subject.status.ping if subject.status is not None else ()
    told = next((ping.reflects for ping in pings if ping.address == str(target)), None)
    if told is None or not subject.hears_peer:
        notes.warn(
            "ping.reflects",
            "whether it reflects heartbeats to the other node is seen only while both agents run",
            "run this again then",
        )
    elif told:
        notes.ok("ping.reflects", f"it reflects the heartbeats of {subject.peer}")
    else:
        notes.error(
            "ping.reflects",
            f"no heartbeat of {subject.peer} comes by way of it",
            "see that no switch between drops packets with a foreign source address, or name "
            "another box, a lease store or a fence",
        )
