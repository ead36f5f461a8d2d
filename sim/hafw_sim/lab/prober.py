"""The judge's clock: asks each VIP from the client, a thousand times a second, who has it.

Rule: it knows nothing of hafw; it writes down every question and every answer at once.

Runs as a program on the client: ``python -m hafw_sim.lab.prober INTERVAL_US VIP...``. Its output
is a sequence of `RECORD`; `hafw_sim.lab.record` reads it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import sys
from typing import Final, Never

from hafw_sim.lab import namespaces
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.responder import ANSWER, PORT, QUESTION

SENT: Final = 1
ANSWERED: Final = 2
RECORD: Final = struct.Struct("<BBB5xQQ")
"""Kind, VIP (its place in the arguments), machine that answered; when the question was sent, when
it was answered. In SENT nobody has answered: zeros.
"""


def main(arguments: list[str]) -> Never:
    """Ask until killed."""
    interval_ns = int(arguments[0]) * 1000
    sockets = [_towards(vip) for vip in arguments[1:]]
    places = {each.fileno(): place for place, each in enumerate(sockets)}
    namespaces.wake_precisely()
    due_ns = now_ns()
    while True:
        late_ns = now_ns() - due_ns
        if late_ns >= 0:
            for place, vip in enumerate(sockets):
                _ask(vip, place)
            # Questions missed by sleeping too long are not made up for: they would come too late.
            due_ns += interval_ns * (1 + late_ns // interval_ns)
        remaining_s = max(0, due_ns - now_ns()) / 1e9
        for answered in select.select(sockets, (), (), remaining_s)[0]:
            _take(answered, places[answered.fileno()])


def _towards(vip: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    towards = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    towards.connect((vip, PORT))  # so that only answers from the VIP itself count
    return towards


def _ask(vip: socket.socket, place: int) -> None:
    sent_ns = now_ns()
    os.write(1, RECORD.pack(SENT, place, 0, sent_ns, 0))
    with contextlib.suppress(OSError):  # nobody has the address: the question goes unanswered
        vip.send(QUESTION.pack(sent_ns))


def _take(vip: socket.socket, place: int) -> None:
    with contextlib.suppress(OSError):  # an ICMP error about an earlier question, or no more
        while data := vip.recv(ANSWER.size):
            sent_ns, at_ns, machine = ANSWER.unpack(data)
            os.write(1, RECORD.pack(ANSWERED, place, machine, sent_ns, at_ns))


if __name__ == "__main__":
    main(sys.argv[1:])
