"""How the world behaves between faults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Weather:
    """Times in ns (from, to); chances per packet or operation.

    `op_lost`: a stop that ends UNKNOWN and without effect. `store_…`: chances per request to the
    lease store that it never arrives, is a swap that is done and not answered, or arrives up to
    `store_late_ns` after it was given up. `fence_…`: chances per order that it fails without effect
    or never answers; a device that lies says off, and does nothing.
    """

    loss: float = 0.0
    delay_ns: tuple[int, int] = (50_000, 200_000)
    duplicate: float = 0.0
    corrupt: float = 0.0
    op_ns: tuple[int, int] = (500_000, 2_000_000)
    op_failed: float = 0.0
    op_unknown: float = 0.0
    op_lost: float = 0.0
    store_ns: tuple[int, int] = (500_000, 3_000_000)
    store_lost: float = 0.0
    store_unanswered: float = 0.0
    store_late: float = 0.0
    store_late_ns: int = 0
    fence_ns: tuple[int, int] = (100_000_000, 500_000_000)
    fence_back_ns: tuple[int, int] = (1_000_000, 10_000_000)
    fence_failed: float = 0.0
    fence_hangs: float = 0.0
    fence_lies: bool = False
    fsync_ns: tuple[int, int] = (100_000, 1_000_000)
    disk_full: bool = False
