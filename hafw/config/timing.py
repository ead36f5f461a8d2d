"""The `[timing]` section: the heartbeat times and the relations that must hold between them.

One rule: every relation names both values, so that the operator sees which one to change.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from hafw.config.durations import UNITS_NS, format_duration
from hafw.core.settings import TICK_MAX_NS, Classes, Timing

if TYPE_CHECKING:
    from hafw.config.table import Table
    from hafw.core.settings import Settings

SHORTEST_NS: Final = UNITS_NS["ms"]
"""The shortest time of the file: the resolution of timers that all kernels have."""
LONGEST_NS: Final = UNITS_NS["h"]
"""The longest time of the file: no death is noticed later on purpose."""
SHORTEST_DEADTIME_NS: Final = 30 * UNITS_NS["ms"]
"""In less, and with a kernel's tick of 10 ms, the right to hold has no room for the echoes that it
rests on, a millisecond apart."""
BEATS_NEEDED: Final = 3
"""`deadtime` must be this many keepalives: the right to hold is less than half of it."""
BEATS_ADVISED: Final = 4
"""`deadtime` should be at least this many keepalives: two lost beats are common."""
INITDEAD_ADVISED: Final = 2
"""`initdead` should be at least this many deadtimes: interfaces and switches take time at boot."""


def read_timing(table: Table) -> Timing | None:
    """The times; keys that are absent have the defaults of `Timing`."""
    default = Timing()
    keepalive_ns = _time(table, "keepalive", default.keepalive_ns)
    warntime_ns = _time(table, "warntime", default.warntime_ns)
    deadtime_ns = _time(table, "deadtime", default.deadtime_ns, SHORTEST_DEADTIME_NS)
    initdead_ns = _time(table, "initdead", default.initdead_ns)
    table.finish()
    if keepalive_ns is None or warntime_ns is None or deadtime_ns is None or initdead_ns is None:
        return None
    timing = Timing(
        keepalive_ns=keepalive_ns,
        warntime_ns=warntime_ns,
        deadtime_ns=deadtime_ns,
        initdead_ns=initdead_ns,
    )
    _check(table, timing)
    return timing


def _time(table: Table, key: str, default_ns: int, low_ns: int = SHORTEST_NS) -> int | None:
    return table.duration(key, low_ns, LONGEST_NS, default_ns)


def _check(table: Table, timing: Timing) -> None:
    keepalive, warntime = timing.keepalive_ns, timing.warntime_ns
    deadtime, initdead = timing.deadtime_ns, timing.initdead_ns
    if warntime <= keepalive:
        table.at("warntime").error(
            f"{format_duration(warntime)} is not longer than keepalive "
            f"({format_duration(keepalive)}), so every beat would be late",
            "use a warntime between keepalive and deadtime",
        )
    if deadtime <= warntime:
        table.at("deadtime").error(
            f"{format_duration(deadtime)} is not longer than warntime "
            f"({format_duration(warntime)}), so nobody would be warned before a takeover",
            "use a longer deadtime, or a shorter warntime",
        )
    if deadtime < BEATS_NEEDED * keepalive:
        table.at("deadtime").error(
            f"{format_duration(deadtime)} is shorter than {BEATS_NEEDED} keepalives "
            f"({format_duration(BEATS_NEEDED * keepalive)}), so an owner could lose its right to "
            "hold between two beats",
            f"use at least {format_duration(BEATS_ADVISED * keepalive)}",
        )
    elif deadtime < BEATS_ADVISED * keepalive:
        table.at("deadtime").warning(
            f"{format_duration(deadtime)} is shorter than {BEATS_ADVISED} keepalives, so two lost "
            "beats in a row can be a death",
            f"use at least {format_duration(BEATS_ADVISED * keepalive)}",
        )
    if initdead < deadtime:
        table.at("initdead").error(
            f"{format_duration(initdead)} is shorter than deadtime ({format_duration(deadtime)})",
            f"use at least {format_duration(INITDEAD_ADVISED * deadtime)}",
        )
    elif initdead < INITDEAD_ADVISED * deadtime:
        table.at("initdead").warning(
            f"{format_duration(initdead)} is shorter than {INITDEAD_ADVISED} deadtimes, so a node "
            "may judge the other before the network is up",
            f"use at least {format_duration(INITDEAD_ADVISED * deadtime)}",
        )


def check_hold(table: Table, settings: Settings) -> None:
    """On every kernel an owner's right must last until its next beat is answered.

    Ping nodes are asked more often than the peer is where the times are short; without one, and
    nobody else who is heard, the beats are all that an owner has. Only a class that ends the right
    by the clock asks for this.
    """
    settings = dataclasses.replace(settings, tick_ns=TICK_MAX_NS)
    fits_ns = settings.hold_ns - settings.max_delay_ns
    bound = any(group.classes & ~Classes.FENCED for group in settings.groups)
    deadtime, keepalive = settings.timing.deadtime_ns, settings.timing.keepalive_ns
    if not bound or settings.pings or keepalive <= fits_ns:
        return
    whole_ms = fits_ns - fits_ns % UNITS_NS["ms"]
    table.at("deadtime").warning(
        f"without a ping node, {format_duration(deadtime)} lets an owner hold for "
        f"{format_duration(whole_ms)} until its beat is answered, and the next one comes after "
        f"{format_duration(keepalive)}: it may shut its addresses in between",
        f"name a ping node (ping.addresses), use a keepalive of at most "
        f"{format_duration(whole_ms)}, or a longer deadtime",
    )
