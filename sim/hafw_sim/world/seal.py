"""What authenticates a datagram, reckoned once for both of its ends.

One rule: a receiver reckons the same function of the same bytes as the sender did, so its result is
remembered; what was damaged on the way is other bytes, and reckoned anew.
"""

from __future__ import annotations

from typing import Final

from hafw.core.wire import hmac_sha256

KEPT: Final = 1_024
"""Results that are remembered: more than are ever on their way, unless held back."""

_known: dict[tuple[bytes, bytes], bytes] = {}


def mac(secret: bytes, body: bytes) -> bytes:
    """`hmac_sha256`, of which the newest results are known."""
    found = _known.get((secret, body))
    if found is None:
        if len(_known) >= KEPT:
            _known.clear()
        found = _known[secret, body] = hmac_sha256(secret, body)
    return found
