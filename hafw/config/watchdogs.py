"""The watchdog of a node: what its guard arms, so that a poison pill proves something.

One rule: whoever is to be switched off by a pill needs a watchdog, and whoever has one needs pills.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw import pill
from hafw.config.durations import format_duration
from hafw.config.model import PILL_METHOD, Watchdog
from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from hafw.config.model import Fence
    from hafw.config.table import Table

DEFAULT_NS: Final = 10 * SECOND
LONGEST_NS: Final = 60 * SECOND
LOOKS_NS: Final = SECOND
"""What the last looks of a fence take, after the watchdog's time is over."""


def read_watchdog(node: Table, name: str, fences: tuple[Fence, ...]) -> Watchdog | None:
    """The watchdog of one node, checked against how it is shot."""
    pills = [level for level in fences if level.method == PILL_METHOD]
    if len(pills) > 1:
        node.at("fence").error(
            "a node has one disk of poison pills: a guard that looks at two dies with either",
            f'keep one level with method = "{PILL_METHOD}"',
        )
    if "watchdog" not in node:
        if pills:
            node.at("fence").error(
                f"a pill proves nothing while {name} has no watchdog",
                f'add [nodes.{name}.watchdog] with device = "/dev/watchdog0"',
            )
        return None
    found = _read(node.table_or_empty("watchdog"))
    if not pills:
        node.at("watchdog").error(
            "nobody looks at a disk of poison pills here, so it would never be armed",
            f'add [nodes.{name}.fence] with method = "{PILL_METHOD}", or remove this',
        )
    for level in pills:
        if found is not None:
            _check_time(node, level, found)
    return found


def _read(table: Table) -> Watchdog | None:
    device = table.text("device")
    timeout_ns = table.duration("timeout", SECOND, LONGEST_NS, DEFAULT_NS)
    table.finish()
    if device is not None and not device.startswith("/"):
        table.at("device").error(f'"{device}" is not an absolute path', 'begin it with "/"')
        return None
    if timeout_ns is not None and timeout_ns % SECOND:
        table.at("timeout").error(
            f"{format_duration(timeout_ns)} cannot be set", "a watchdog counts whole seconds"
        )
        return None
    if device is None or timeout_ns is None:
        return None
    return Watchdog(Path(device), timeout_ns)


def _check_time(node: Table, level: Fence, dog: Watchdog) -> None:
    """The fence must have the patience that its proof takes."""
    armed = pill.Guard(watchdog_ms=dog.timeout_ns // 1_000_000)
    needed_ns = pill.certainly_off_ns(armed, 0) + LOOKS_NS
    if level.timeout_ns < needed_ns:
        seconds = -(-needed_ns // SECOND)
        node.at("fence").error(
            f"its timeout of {format_duration(level.timeout_ns)} ends before the watchdog of "
            f"{format_duration(dog.timeout_ns)} is certain to have struck",
            f'write timeout = "{seconds}s" or more, or a shorter watchdog',
        )
