"""What Azure has scheduled for this machine: a freeze, a restart, a move, or its end.

One rule: events of neighbours, which stand in the same list, are none of this machine's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Notice
from hafw.providers.azure import metadata


def read() -> tuple[Notice, ...]:
    """The notices. Raises Retryable."""
    events = metadata.events()
    if not events:
        return ()
    name = metadata.identity().name
    try:
        return tuple(_notice(event) for event in events if _concerns(event, name))
    except (KeyError, TypeError, ValueError) as problem:
        raise Retryable(f"scheduled events cannot be understood: {problem!r}", 0.0) from None


def _concerns(event: dict[str, Any], name: str) -> bool:
    return name in (resource.lower() for resource in event["Resources"])


def _notice(event: dict[str, Any]) -> Notice:
    """`NotBefore` is empty once it has begun (Azure documentation, "scheduled events")."""
    kind, begins, number = event["EventType"], event["NotBefore"], event["EventId"]
    if not begins:
        return Notice(f"Azure has begun {kind} ({number})", 0.0)
    left = parsedate_to_datetime(begins) - datetime.now(UTC)
    return Notice(f"Azure has scheduled {kind} from {begins} ({number})", left.total_seconds())
