"""The short-lived listener of `hafw join --offer`, and the node that calls it.

One rule: a token is spent by the first node that proves to hold it, whatever happens then; and
nothing a stranger sends can keep the listener longer than its deadlines.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.cli.exits import Exit, Failure
from hafw.cli.invitation import PUBLIC_BYTES, TAG_BYTES, Exchange, InvitationError, Side, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hafw.config.model import IPAddress

CONVERSATION_TIMEOUT_S: Final = 10.0
"""Two round trips and four modular powers take well under a second."""
MAX_NAME_BYTES: Final = 64
"""Longest node name (HOST_NAME_MAX in linux/limits.h)."""
MAX_GIFT_BYTES: Final = 1024 * 1024
"""Far more than a cluster file and its keys."""
MAX_WRONG_TOKENS: Final = 5
"""A person mistypes now and then; more is somebody trying."""

_LENGTH_BYTES: Final = 4


class Gift(msgspec.Struct, frozen=True, tag=True):
    """What the second node needs: the text of the cluster file, and of the key file."""

    cluster: str
    keys: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Why the offering node gives nothing."""

    why: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered, and to whom."""

    token: Token
    gift: Gift
    joiners: Collection[str]


def listen(address: IPAddress, port: int) -> socket.socket:
    """A listener for one offer. Raises `Failure` if the address is not to be had."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    try:
        return socket.create_server((str(address), port), family=family, backlog=4)
    except OSError as error:
        raise Failure(
            Exit.UNEXPECTED,
            f"cannot listen on {address} port {port}: {error.strerror}; "
            "name one of this machine's addresses with --listen, or copy the files yourself",
        ) from error


def hand_out(
    listener: socket.socket, offer: Offer, offer_for_s: float, say: Callable[[str], None]
) -> str:
    """Wait for the other node, give it everything, and return its name.

    `say` hears about callers that are refused. Raises `Failure` when the time is up, when too many
    wrong tokens came, or when the token was spent in vain.
    """
    deadline_s = time.monotonic() + offer_for_s
    wrong = 0
    while wrong < MAX_WRONG_TOKENS:
        listener.settimeout(max(deadline_s - time.monotonic(), 0.001))
        try:
            connection, caller = listener.accept()
        except TimeoutError:
            raise Failure(
                Exit.UNKNOWN, "nobody joined in time; offer again: hafw join --offer"
            ) from None
        with connection:
            try:
                return _converse(_Channel(connection), offer)
            except InvitationError as error:
                wrong += 1
                say(f"refused {caller[0]}: {error} ({MAX_WRONG_TOKENS - wrong} tries left)")
            except (OSError, msgspec.DecodeError) as error:
                say(f"{caller[0]} broke off: {error}")
    raise Failure(
        Exit.REFUSED, "too many wrong tokens, the offer is withdrawn; again: hafw join --offer"
    )


def _converse(channel: _Channel, offer: Offer) -> str:
    """Talk to one caller; returns the name of the node that has kept the gift."""
    side = Side(offer.token)
    channel.send(side.public)
    answer = channel.receive(PUBLIC_BYTES + TAG_BYTES + MAX_NAME_BYTES)
    public, rest = answer[:PUBLIC_BYTES], answer[PUBLIC_BYTES:]
    proof, name = rest[:TAG_BYTES], rest[TAG_BYTES:].decode("utf-8", "replace")
    exchange = side.agree(public, offering=True, joiner=name)
    try:
        exchange.check_proof(proof)
    except InvitationError:
        with suppress(OSError):
            channel.send(b"")
        raise
    try:
        return _give(channel, exchange, offer, name)
    except OSError as error:
        raise Failure(
            Exit.UNKNOWN,
            f"{name} held the token, but broke off ({error}); the token is spent: look there, and "
            "offer again with: hafw join --offer",
        ) from error


def _give(channel: _Channel, exchange: Exchange, offer: Offer, name: str) -> str:
    """The caller holds the token: give it the files if it is the node that they name."""
    if name not in offer.joiners:
        expected = " or ".join(offer.joiners)
        why = f'"{name}" is not the node that is expected, {expected}; its `uname -n` must be that'
        channel.send(exchange.seal(msgspec.json.encode(Refused(why))))
        raise Failure(Exit.REFUSED, f"refused: {why}. The token is spent; hafw join --offer")
    channel.send(exchange.seal(msgspec.json.encode(offer.gift)))
    if channel.receive(TAG_BYTES) != exchange.receipt():
        raise Failure(
            Exit.UNKNOWN, f"{name} got the files, but did not confirm that it kept them; look there"
        )
    return name


def fetch(address: str, port: int, token: Token, name: str, keep: Callable[[Gift], None]) -> None:
    """Get the files from the node that offers them, as the node called `name`.

    `keep` writes them; only when it has returned is the other node told that all went well.
    Raises `Failure`, and whatever `keep` raises.
    """
    with _call(address, port) as connection:
        channel = _Channel(connection)
        try:
            exchange = _introduce(channel, Side(token), name)
            gift = _unwrap(exchange, channel.receive(MAX_GIFT_BYTES))
        except (InvitationError, OSError, msgspec.MsgspecError) as error:
            raise Failure(
                Exit.REFUSED, f"{address} port {port} gave nothing: {error}; is it a hafw offer?"
            ) from error
        keep(gift)
        channel.send(exchange.receipt())


def _call(address: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((address, port), CONVERSATION_TIMEOUT_S)
    except OSError as error:
        raise Failure(
            Exit.UNREACHABLE,
            f"{address} port {port} does not answer: {error.strerror or error}; "
            "let `hafw join --offer` (or `hafw create`) wait there",
        ) from error


def _introduce(channel: _Channel, side: Side, name: str) -> Exchange:
    """Take the offering side's key; send ours, our name, and the proof that we hold the token."""
    exchange = side.agree(channel.receive(PUBLIC_BYTES), offering=False, joiner=name)
    channel.send(side.public + exchange.proof() + name.encode())
    return exchange


def _unwrap(exchange: Exchange, sealed: bytes) -> Gift:
    if not sealed:
        raise Failure(Exit.REFUSED, "the token is refused: it is wrong, or spent, or too old")
    gift = msgspec.json.decode(exchange.unseal(sealed), type=Gift | Refused)
    if isinstance(gift, Refused):
        raise Failure(Exit.REFUSED, gift.why)
    return gift


class _Channel:
    """Sends and receives whole messages, each behind its length, within one deadline for all."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline_s = time.monotonic() + CONVERSATION_TIMEOUT_S

    def send(self, message: bytes) -> None:
        """Send one message. Raises OSError."""
        self._limit()
        self._connection.sendall(len(message).to_bytes(_LENGTH_BYTES) + message)

    def receive(self, at_most: int) -> bytes:
        """Receive one message of a bounded length. Raises OSError."""
        length = int.from_bytes(self._exactly(_LENGTH_BYTES))
        if length > at_most:
            raise ConnectionError(f"a message of {length} bytes is too long")
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._limit()
            chunk = self._connection.recv(length - len(received))
            if not chunk:
                raise ConnectionError("the connection was closed")
            received += chunk
        return bytes(received)

    def _limit(self) -> None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left_s)
