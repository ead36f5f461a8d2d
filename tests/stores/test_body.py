"""The text of a lease in a store: whose it is, and what is none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import pytest

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import LeaseReading, LeaseSwap, LeaseValue
from hafw.stores import body

VALUE: Final = LeaseValue(epoch=4, holder="alpha", incarnation=2, nonce="0f" * 16, ttl_ms=20_000)
SWAP: Final = LeaseSwap(
    url="s3://bucket",
    cluster_id="c1",
    group=3,
    node=0,
    ttl_s=20.0,
    deadline_ns=0,
    expected=LeaseReading(value=None, version=""),
    new=VALUE,
)


def test_what_was_written_is_read() -> None:
    assert body.decode(body.encode(SWAP), SWAP) == VALUE


@pytest.mark.parametrize("theirs", [{"cluster_id": "c2"}, {"group": 4}])
def test_a_lease_of_another_cluster_or_group_is_refused(theirs: dict[str, object]) -> None:
    foreign = body.encode(replace(SWAP, **theirs))  # type: ignore[arg-type]

    with pytest.raises(Misconfigured, match="no lease of this version of hafw"):
        body.decode(foreign, SWAP)


def test_a_lease_of_another_version_is_refused() -> None:
    later = json.dumps(json.loads(body.encode(SWAP)) | {"format": 2}).encode()

    with pytest.raises(Misconfigured, match="no lease of this version of hafw"):
        body.decode(later, SWAP)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b"null", b"a shopping list"])
def test_what_is_no_lease_is_refused(content: bytes) -> None:
    with pytest.raises(Misconfigured, match="nothing but hafw may write there"):
        body.decode(content, SWAP)
