"""One secret message to whoever holds a one-time token: the cryptography of `hafw join`.

One rule: nobody learns anything, and nothing is accepted, without the token; and a token that
leaks afterwards opens nothing that was recorded before.

Both sides make an ephemeral Diffie-Hellman key in the group ffdhe3072 (RFC 7919). The keys of the
exchange come from HKDF-SHA256 (RFC 5869), with the token's 256-bit secret as salt, the shared
secret as input, and a hash of everything that was said as context. The joiner proves first that
it knows the token; then the message goes the other way, encrypted with a keystream of SHAKE-256
(FIPS 202) under a key that is used once, then authenticated with HMAC-SHA256. Only the standard
library is needed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

PRIME: Final = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE"
    "249B3EF97D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3"
    "B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182"
    "B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D70"
    "9E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC"
    "2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C0238"
    "61B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91CAEFE130985139270B4130C93BC437944F4FD4452"
    "E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0DABC521979B0DEADA1DBF9A42D5C4484E"
    "0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B66C62E37FFFFFFFFFFFFFFFF",
    16,
)
"""The safe prime of ffdhe3072 (RFC 7919, appendix A.2); the generator is 2."""
PUBLIC_BYTES: Final = 384
EXPONENT_BITS: Final = 512
"""Twice the 256 bits that the other parts have; RFC 7919 asks for at least 275."""
SECRET_BYTES: Final = 32
TAG_BYTES: Final = 32
PROTOCOL: Final = b"hafw join 1"
"""Names this exchange and its version, in every key that is derived."""

_MARK: Final = "hafw-join-"


class InvitationError(Exception):
    """The other side does not hold the token, or somebody tampered with the messages."""


@dataclass(frozen=True, slots=True)
class Token:
    """What the operator carries from one node to the other."""

    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> Token:
        """A new random token."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Token:
        """The token that a person pasted. Raises ValueError."""
        body = text.strip().removeprefix(_MARK)
        secret = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        if len(secret) != SECRET_BYTES:
            raise ValueError("a part of the token is missing")
        return cls(secret)

    def __str__(self) -> str:
        """The text that a person copies."""
        return _MARK + base64.urlsafe_b64encode(self.secret).decode().rstrip("=")


class Side:
    """One side of the exchange: the node that offers, or the one that joins."""

    def __init__(self, token: Token) -> None:
        """Make this side's ephemeral key; `public` goes to the other side."""
        self._token = token
        self._exponent = secrets.randbits(EXPONENT_BITS) | 1 << (EXPONENT_BITS - 1)
        self.public = pow(2, self._exponent, PRIME).to_bytes(PUBLIC_BYTES)

    def agree(self, other_public: bytes, *, offering: bool, joiner: str) -> Exchange:
        """The keys of the exchange with the side of `other_public`, for the node `joiner`.

        Raises `InvitationError` for a public key that is none.
        """
        other = int.from_bytes(other_public)
        if len(other_public) != PUBLIC_BYTES or not 1 < other < PRIME - 1:
            raise InvitationError("the other side sent no key")
        shared = pow(other, self._exponent, PRIME).to_bytes(PUBLIC_BYTES)
        first, second = (self.public, other_public) if offering else (other_public, self.public)
        said = hashlib.sha256(PROTOCOL + first + second + joiner.encode()).digest()
        return Exchange(hmac.digest(self._token.secret, shared, "sha256"), said)


class Exchange:
    """The keys that both sides share, if both hold the token; each is used for one thing, once."""

    def __init__(self, extracted: bytes, said: bytes) -> None:
        """`extracted`: the key of HKDF; `said`: the hash of everything that was said."""
        self._extracted = extracted
        self._said = said

    def proof(self) -> bytes:
        """What the joiner sends to show that it holds the token."""
        return self._key(b"the joiner holds the token")

    def check_proof(self, proof: bytes) -> None:
        """Raise `InvitationError` unless the joiner holds the token."""
        if not hmac.compare_digest(proof, self.proof()):
            raise InvitationError("the other side does not hold the token")

    def seal(self, message: bytes) -> bytes:
        """The message for the joiner, encrypted and authenticated."""
        encrypted = self._mask(message)
        return encrypted + self._tag(encrypted)

    def unseal(self, sealed: bytes) -> bytes:
        """The message. Raises `InvitationError` if it is not what the offering side sealed."""
        encrypted, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(encrypted)):
            raise InvitationError("the message was changed on its way")
        return self._mask(encrypted)

    def receipt(self) -> bytes:
        """What the joiner sends when it has kept the message."""
        return self._key(b"the joiner has kept it")

    def _mask(self, message: bytes) -> bytes:
        stream = hashlib.shake_256(self._key(b"encrypt")).digest(len(message))
        masked = int.from_bytes(message) ^ int.from_bytes(stream)
        return masked.to_bytes(len(message))

    def _tag(self, encrypted: bytes) -> bytes:
        return hmac.digest(self._key(b"authenticate"), encrypted, "sha256")

    def _key(self, purpose: bytes) -> bytes:
        """HKDF-Expand (RFC 5869) to one block."""
        return hmac.digest(self._extracted, self._said + purpose + b"\x01", "sha256")
