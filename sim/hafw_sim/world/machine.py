"""One machine of the world: its clocks, its agent's engine, its disk, and what its kernel holds.

One rule: two clocks, as an agent reads them; both may run at a wrong rate, and a pause may stop one
of them or both.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hafw.core.effects import Durable
from hafw.core.model import Instant, WorkerChanged

if TYPE_CHECKING:
    from functools import partial

    from hafw.core.effects import Answer, Effect, Note, Persist
    from hafw.core.engine import Engine
    from hafw.core.model import Event, Op, OpKind, Outcome
    from hafw.core.settings import Settings
    from hafw.core.wire import Codec

PPM = 1_000_000
COLD = "simulated: it cannot be prepared"


@dataclass(slots=True)
class Machine:
    """A machine, and the agent on it while there is one (`engine`).

    `frozen`: the agent does not run, since `frozen_ns` of the world; the kernel does. `paused`:
    nothing runs. `queue`: what waits in the agent's sockets then; `unfinished`: effects of the step
    in which it was frozen.
    `freeze_at`: the place within the next opening or renewal of a gate at which it will be frozen.
    `in_doubt`: stops that were ordered and are not confirmed.
    `cold`: groups that the worker cannot prepare for.
    `asking`: requests to the lease store, which cannot be reached while `store_cut`.
    `fencing`: the order to the other machine's fence device, which cannot be reached while
    `fence_cut`. `booted`: no agent was started since the machine was.
    `fates`: what is said of operations of a kind from now on, and whether they have their effect.
    `disk` None: the state file is gone or torn. `history`: what was on the disk before.
    `written`: what an agent wrote last, whatever became of the file since.
    """

    name: str
    number: int
    settings: Settings
    engine: Engine | None = None
    codec: Codec | None = None
    up: bool = True
    frozen: bool = False
    frozen_ns: int = 0
    paused: bool = False
    exited: bool = False
    freeze_at: str = ""
    slow_ns: int = 0
    queue: list[Event] = field(default_factory=list)
    unfinished: deque[Effect] = field(default_factory=deque)
    stalled: partial[None] | None = None
    # clocks
    rate_ppm: int = 0
    offset_ns: int = 0
    suspended_ns: int = 0
    # disk
    disk: Durable | None = field(default_factory=lambda: Durable(0, (), ()))
    history: list[Durable] = field(default_factory=list)
    written: Durable = field(default_factory=lambda: Durable(0, (), ()))
    writing: Durable | None = None
    unwritten: Persist | None = None
    # kernel and worker
    addresses: set[tuple[int, int]] = field(default_factory=set)
    starting: set[tuple[int, int]] = field(default_factory=set)
    in_doubt: set[tuple[int, int]] = field(default_factory=set)
    gate_ns: dict[int, int] = field(default_factory=dict)
    running: dict[int, Op] = field(default_factory=dict)
    asking: dict[int, Op] = field(default_factory=dict)
    store_cut: bool = False
    fencing: Op | None = None
    fence_cut: bool = False
    booted: bool = True
    fates: dict[OpKind, tuple[Outcome, bool]] = field(default_factory=dict)
    service_up: bool = True
    notice: str = ""
    worker_up: bool = True
    cold: set[int] = field(default_factory=set)
    # what people see
    notes: list[tuple[int, Note]] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)
    tick_no: int = 0

    def clock_ns(self, now_ns: int) -> int:
        """This machine's BOOTTIME at world time `now_ns`."""
        return now_ns + now_ns * self.rate_ppm // PPM + self.offset_ns

    def world_ns(self, clock_ns: int) -> int:
        """The world time at which this machine's BOOTTIME reads `clock_ns` (at least)."""
        if not self.rate_ppm:
            return clock_ns - self.offset_ns
        return (clock_ns - self.offset_ns) * PPM // (PPM + self.rate_ppm) + 1

    def span_ns(self, clock_span_ns: int) -> int:
        """How long the world takes for so much time of this machine's clocks."""
        return clock_span_ns * PPM // (PPM + self.rate_ppm)

    def instant(self, now_ns: int) -> Instant:
        """Both clocks at world time `now_ns`."""
        boot_ns = self.clock_ns(now_ns)
        return Instant(boot_ns, boot_ns - self.suspended_ns)

    def worker_news(self) -> WorkerChanged:
        """How the worker is now."""
        if not self.worker_up:
            return WorkerChanged(up=False)
        return WorkerChanged(up=True, cold=tuple((group, COLD) for group in sorted(self.cold)))

    def holds(self, group: int) -> bool:
        """Whether an address of the group is on this machine, and the machine answers at all."""
        alive = self.up and not self.paused
        return alive and any(place[0] == group for place in self.addresses)

    def may_run(self, group: int) -> bool:
        """Whether anything of the group is, or may come to be, on this machine."""
        return any(place[0] == group for place in self.addresses | self.starting)
