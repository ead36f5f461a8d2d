"""What AWS has announced for this instance: its end as a spot instance, and scheduled events.

One rule: a text that is not understood is a notice all the same, for now.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from hafw.hooks.hookspecs import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.providers.aws.metadata import Metadata

_SCHEDULED: Final = "%d %b %Y %H:%M:%S GMT"
"""How scheduled events are dated (EC2 user guide, "scheduled events")."""
_OVER: Final = ("completed", "canceled")


def read(metadata: Metadata) -> tuple[Notice, ...]:
    """The notices. Raises Unavailable."""
    now = datetime.now(UTC)
    return tuple(
        notice
        for path, text in metadata.maintenance().items()
        for notice in _understood(path, text, now)
    )


def _understood(path: str, text: str, now: datetime) -> Iterator[Notice]:
    try:
        said = json.loads(text)
        if path.startswith("spot/"):
            when = datetime.fromisoformat(said["time"])
            what = f"AWS will {said['action']} this spot instance at {said['time']}"
            yield Notice(what, (when - now).total_seconds())
        elif path.startswith("events/recommendations/"):
            yield Notice("AWS advises to move off this spot instance", 0.0)
        else:
            yield from (_event(event, now) for event in said if event["State"] not in _OVER)
    except (ValueError, KeyError, TypeError):
        yield Notice(f"AWS announces at {path}: {text:.200}", 0.0)


def _event(event: dict[str, Any], now: datetime) -> Notice:
    begins = datetime.strptime(event["NotBefore"], _SCHEDULED).replace(tzinfo=UTC)
    what = f"AWS has scheduled {event['Code']} from {event['NotBefore']} ({event['EventId']})"
    return Notice(what, (begins - now).total_seconds())
