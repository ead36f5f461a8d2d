"""What the owner of a lab and the lab say to each other, and the channel that carries it.

Rule: one datagram is one message; every request gets exactly one answer, on the same channel, in
order. Open files travel along with a message.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final

import msgspec

MESSAGE_BYTES_MAX: Final = 128 * 1024  # a spawn request carries a whole environment
FILES_MAX: Final = 3


class Message(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of everything that is said; the class name travels as its tag."""


class Options(msgspec.Struct, frozen=True):
    """How a lab differs from the usual one.

    With ``gateway_reflects`` false, the switch port of each node drops what claims to come from
    its peer, so no heartbeat returns by way of the gateway. ``privileged`` (root only): without a
    user namespace, so that real-time scheduling and several users work inside.
    """

    gateway_reflects: bool = True
    privileged: bool = False


# -- requests --------------------------------------------------------------------------------


class Describe(Message, frozen=True):
    """Ask for a `Description`."""


class Spawn(Message, frozen=True):
    """Start a program on ``machine`` (None: beside the bridges).

    The three files sent along are its standard input, output and error. Answer: `Spawned`, with a
    pidfd.
    """

    machine: str | None
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str


class ExitStatus(Message, frozen=True):
    """Ask how the ended process ``pid`` ended. Answer: `Exited`."""

    pid: int


class Freeze(Message, frozen=True):
    """Stop (SIGSTOP) the processes ``roots`` of ``machine`` and all their descendants.

    No roots: every process of the machine but process 1. Answer: `Done`.
    """

    machine: str
    roots: tuple[int, ...]


class Thaw(Message, frozen=True):
    """Let go on (SIGCONT) what `Freeze` stopped. Answer: `Done`."""

    machine: str
    roots: tuple[int, ...]


class Crash(Message, frozen=True):
    """Take ``machine`` away at once: processes killed, cables pulled. Answer: `Done`."""

    machine: str


class Boot(Message, frozen=True):
    """Make the crashed ``machine`` anew, with the same addresses. Answer: `Done`."""

    machine: str


class Loss(msgspec.Struct, frozen=True):
    """Of the frames from bridge port ``source`` to port ``target``, lose this share (1.0 = all)."""

    source: str
    target: str
    share: float


class Lose(Message, frozen=True):
    """Have all these losses from now on, at one instant; a share of 0.0 ends one."""

    losses: tuple[Loss, ...]


class Delay(msgspec.Struct, frozen=True):
    """Frames from bridge port ``source`` to port ``target`` come ``delay_ns`` later.

    Up to ``jitter_ns`` more or less, at random, so that one may overtake another.
    """

    source: str
    target: str
    delay_ns: int
    jitter_ns: int


class HoldBack(Message, frozen=True):
    """Have all these delays from now on; one of 0 ns ends it. Answer: `Done`."""

    delays: tuple[Delay, ...]


class Plug(Message, frozen=True):
    """Plug the cables of these bridge ports in, or pull them: the machine loses the carrier."""

    ports: tuple[str, ...]
    plugged: bool


class Heal(Message, frozen=True):
    """End all losses and delays and plug in all ports. Answer: `Done`."""


class ChangeAddress(Message, frozen=True):
    """Put ``address`` (with prefix length) on ``machine``'s ``interface``, or take it off."""

    machine: str
    interface: str
    address: str
    present: bool


class FlushRuleset(Message, frozen=True):
    """Delete all nftables tables of ``machine`` that no living process owns. Answer: `Done`."""

    machine: str


class AskNeighbour(Message, frozen=True):
    """Ask what ``machine``'s neighbour cache on ``interface`` says of ``address``."""

    machine: str
    interface: str
    address: str


class Down(Message, frozen=True):
    """End the lab. Answer: `Done`, then everything in the lab is killed."""


ToMachine = Crash | Boot | Freeze | Thaw | ChangeAddress | FlushRuleset
ToNetwork = Lose | HoldBack | Plug | Heal
Request = Describe | Spawn | ExitStatus | AskNeighbour | Down | ToMachine | ToNetwork

# -- answers ---------------------------------------------------------------------------------


class Done(Message, frozen=True):
    """It was done, begun at ``at_ns`` (CLOCK_BOOTTIME)."""

    at_ns: int


class Refused(Message, frozen=True):
    """It was not done, because of ``reason``."""

    reason: str


class Forbidden(Message, frozen=True):
    """The system does not allow a lab: `hafw_sim.lab.namespaces.NamespacesForbidden`, in pieces."""

    step: str
    reason: str
    remedy: str


class Spawned(Message, frozen=True):
    """The program runs as process ``pid``, numbered as the lab sees it; a pidfd comes along."""

    pid: int


class Exited(Message, frozen=True):
    """The process ended; ``status`` is its exit status, or minus the signal that ended it."""

    status: int


class NeighbourIs(Message, frozen=True):
    """The hardware address that the cache holds, as hex digits; None if it holds none."""

    mac: str | None


class MachineState(msgspec.Struct, frozen=True):
    """One machine as the lab sees it."""

    name: str
    up: bool
    processes: dict[int, str]
    unplugged: tuple[str, ...]


class Description(Message, frozen=True):
    """The lab as it stands."""

    machines: tuple[MachineState, ...]
    losses: tuple[Loss, ...]
    delays: tuple[Delay, ...]


Answer = Done | Refused | Forbidden | Spawned | Exited | NeighbourIs | Description

_request_decoder: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_answer_decoder: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
_encoder: Final = msgspec.json.Encoder()


class ChannelClosed(Exception):
    """The other end of the channel is gone."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message's bytes and the files that came with it; the receiver closes the files."""

    data: bytes
    files: tuple[int, ...]

    def request(self) -> Request:
        """Return the request; raises `msgspec.DecodeError` if it is none."""
        return _request_decoder.decode(self.data)

    def answer(self) -> Answer:
        """Return the answer; raises `msgspec.DecodeError` if it is none."""
        return _answer_decoder.decode(self.data)


def encode(value: Options) -> str:
    """Return the options as one word of a command line."""
    return _encoder.encode(value).decode()


def send(channel: socket.socket, message: Request | Answer, files: tuple[int, ...] = ()) -> None:
    """Send one message; raises ValueError if it is too big, `ChannelClosed` if nobody listens."""
    data = _encoder.encode(message)
    if len(data) > MESSAGE_BYTES_MAX:
        kind = type(message).__name__
        raise ValueError(f"{kind} of {len(data)} bytes; at most {MESSAGE_BYTES_MAX} fit")
    try:
        socket.send_fds(channel, [data], list(files))
    except (BrokenPipeError, ConnectionResetError) as problem:
        raise ChannelClosed from problem


def receive(channel: socket.socket) -> Received:
    """Return the next message; raises `ChannelClosed` at the end, TimeoutError as set."""
    try:
        data, files, _flags, _ = socket.recv_fds(channel, MESSAGE_BYTES_MAX, FILES_MAX)
    except ConnectionResetError as problem:
        raise ChannelClosed from problem
    for file in files:
        os.set_inheritable(file, False)  # noqa: FBT003 - its signature
    if not data:
        raise ChannelClosed
    return Received(data, tuple(files))
