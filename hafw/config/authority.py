"""The `[authority]` section: what gives the right to take over in silence.

One rule: whether a lease can be renewed in time is computed from the times of this very file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.durations import format_duration
from hafw.config.model import DEFAULT_FENCE_DELAY_NS, DEFAULT_LEASE_TTL_NS, Authority
from hafw.config.table import suggest
from hafw.config.timing import LONGEST_NS, SHORTEST_NS
from hafw.core.settings import shortest_lease_ns

if TYPE_CHECKING:
    from hafw.config.table import Table
    from hafw.core.settings import Timing

EXAMPLES: Final = {
    "witness": "witness://10.2.0.5:7411",
    "etcd": "etcd://10.2.0.5:2379",
    "s3": "s3://bucket/prefix",
    "dynamodb": "dynamodb://table",
    "gs": "gs://bucket/prefix",
    "azblob": "azblob://account/container",
    "disk": "disk:/dev/disk/by-id/NAME",
}
"""One URL for each store that comes with hafw; the scheme of any other is its plugin's name."""


def read_authority(root: Table, timing: Timing | None) -> tuple[Authority | None, int | None]:
    """The lease store of the file, and how long the node waits that did not serve.

    None: there is none, or what is written is wrong.
    """
    table = root.table_or_empty("authority")
    delay_ns = table.duration("fence_delay", SHORTEST_NS, LONGEST_NS, DEFAULT_FENCE_DELAY_NS)
    return _read_lease_store(table, timing), delay_ns


def _read_lease_store(table: Table, timing: Timing | None) -> Authority | None:
    lease = _read_lease(table)
    ttl_ns = table.duration("lease_ttl", SHORTEST_NS, LONGEST_NS, DEFAULT_LEASE_TTL_NS)
    if lease is None and "lease_ttl" in table and "lease" not in table:
        table.at("lease_ttl").error("there is no lease", "add lease = ..., or remove this")
    table.finish()
    if lease is None or ttl_ns is None or timing is None:
        return None
    _check(table, ttl_ns, timing)
    return Authority(lease=lease, lease_ttl_ns=ttl_ns)


def _read_lease(table: Table) -> str | None:
    url = table.text("lease") if "lease" in table else None
    if url is None:
        return None
    scheme, colon, rest = url.partition(":")
    if not colon or not scheme.isidentifier():
        table.at("lease").error(
            f'"{url}" names no lease store', f'write it as in "{EXAMPLES["witness"]}"'
        )
        return None
    example = EXAMPLES.get(scheme)
    if example is not None and not rest.strip("/"):
        table.at("lease").error(f'"{url}" says no place', f'write it as in "{example}"')
        return None
    if example is None:
        table.at("lease").warning(
            f'"{scheme}" is no lease store of hafw itself, so a plugin of this name is needed',
            suggest(scheme, list(EXAMPLES)),
        )
    return url


def _check(table: Table, ttl_ns: int, timing: Timing) -> None:
    """A holder must be able to renew a few times before it would have to let go."""
    shortest_ns = shortest_lease_ns(timing)
    if ttl_ns < shortest_ns:
        table.at("lease_ttl").error(
            f"{format_duration(ttl_ns)} leaves no time to renew a lease, as a frozen owner's "
            f"addresses may stay open for half of deadtime ({format_duration(timing.deadtime_ns)})",
            f"use at least {format_duration(shortest_ns)}, or a shorter deadtime",
        )
