"""HMAC-SHA256 for heartbeats, with what depends on the key alone reckoned once.

One rule: the same bytes as `hafw.core.wire.hmac_sha256`, for less processor. OpenSSL looks an
algorithm up by its name at each new call. An agent at rest does that once a second, from caches
that others have filled since, where it costs a multiple of the digest.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def prepared_mac(secrets: list[bytes]) -> Callable[[bytes, bytes], bytes]:
    """What reckons `hmac_sha256` of a body, with one of these secrets."""
    begun = {secret: hmac.new(secret, digestmod="sha256") for secret in secrets}

    def mac(secret: bytes, body: bytes) -> bytes:
        own = begun[secret].copy()
        own.update(body)
        return own.digest()

    return mac
