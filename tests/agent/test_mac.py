"""The agent's own way to HMAC-SHA256."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hafw.agent.mac import prepared_mac
from hafw.core.wire import hmac_sha256

SECRETS = st.lists(st.binary(max_size=150), min_size=1, max_size=3)


@given(secrets=SECRETS, bodies=st.lists(st.binary(max_size=300), max_size=3))
def test_it_reckons_the_same_as_the_library(secrets: list[bytes], bodies: list[bytes]) -> None:
    mac = prepared_mac(secrets)

    for secret in secrets:
        assert [mac(secret, body) for body in bodies] == [hmac_sha256(secret, b) for b in bodies]
