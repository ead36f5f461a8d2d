"""The kernels' half: gates that end by themselves, and the record of who served what.

One rule: who served an address is reckoned from the moments at which something changed, exactly;
nothing is sampled.

A gate counts relative timeouts, as nftables does: an agent can be frozen between computing what is
left and the system call. What the agent's code does in that order is played here step by step.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.core.settings import MS, SECOND

if TYPE_CHECKING:
    from hafw.core.settings import Settings
    from hafw_sim.world.clockwork import Clockwork
    from hafw_sim.world.machine import Machine

FOREVER: Final = 1 << 62
SHUT: Final = -1
PRIMED_NS: Final = SECOND
"""How long an opening may take from the last look at the clock, at the most."""


class Kernels:
    """The gates of both machines, and for how long both served the same address."""

    def __init__(self, clockwork: Clockwork, machines: tuple[Machine, Machine]) -> None:
        """Everything is shut."""
        self._clockwork = clockwork
        self._machines = machines
        self._spans: dict[int, list[int]] = {}
        self.both_ns: dict[int, int] = {}
        self.frozen_within = 0
        self.overlaps: list[tuple[int, int, int]] = []

    def know(self, settings: Settings) -> None:
        """From now on who serves these groups is recorded."""
        for group in settings.groups:
            self._spans.setdefault(group.id, [self._clockwork.now_ns, SHUT, SHUT])

    # --- gates --------------------------------------------------------------------------------

    def hold(self, machine: Machine, group: int, until_ns: int | None) -> None:
        """An agent wants the gate open until `until_ns` of its own clock; None: until shut."""
        if until_ns is None:
            self._set(machine, group, FOREVER)
            return
        left_ns = until_ns - machine.clock_ns(self._clockwork.now_ns)
        if machine.gate_ns.get(group, SHUT) > self._clockwork.now_ns:
            self._do(machine, "renewal", partial(self._renew, machine, group, left_ns))
        else:
            self._open(machine, group, until_ns)

    def _renew(self, machine: Machine, group: int, left_ns: int) -> None:
        """The system call: it fails for a gate that has shut meanwhile."""
        now_ns = self._clockwork.now_ns
        if machine.gate_ns.get(group, SHUT) > now_ns:
            self._set(machine, group, now_ns + machine.span_ns(left_ns // MS * MS))

    def _open(self, machine: Machine, group: int, until_ns: int) -> None:
        """Prime, look at the clock, open: the opening fails once the priming has ended."""
        now_ns = self._clockwork.now_ns
        left_ns = until_ns - machine.clock_ns(now_ns)
        if left_ns <= 0:
            return
        primed_ns = now_ns + machine.span_ns(min(left_ns, PRIMED_NS))
        self._do(machine, "opening", partial(self._primed, machine, group, left_ns, primed_ns))

    def _primed(self, machine: Machine, group: int, left_ns: int, primed_ns: int) -> None:
        """The system call: it fails once the priming has ended."""
        now_ns = self._clockwork.now_ns
        if now_ns < primed_ns:
            self._set(machine, group, now_ns + machine.span_ns(left_ns // MS * MS))

    def _do(self, machine: Machine, place: str, rest: partial[None]) -> None:
        """The rest, unless the agent is frozen just before it; then it is kept."""
        if machine.freeze_at != place:
            rest()
            return
        machine.freeze_at = ""
        machine.frozen, machine.frozen_ns = True, self._clockwork.now_ns
        self.frozen_within += 1
        machine.stalled = rest

    def shut(self, machine: Machine, group: int) -> None:
        """An agent (or the start of one) shuts the gate of a group."""
        self._set(machine, group, SHUT)

    def stood_still(self, machine: Machine, span_ns: int) -> None:
        """The machine was paused: its gates' timeouts did not count."""
        for group, end_ns in machine.gate_ns.items():
            if SHUT < end_ns < FOREVER:
                machine.gate_ns[group] = end_ns + span_ns
        self.settle(machine)

    def _set(self, machine: Machine, group: int, end_ns: int) -> None:
        machine.gate_ns[group] = end_ns
        self.settle(machine)

    # --- the record ---------------------------------------------------------------------------

    def settle(self, machine: Machine) -> None:
        """Something of this machine has changed, or is about to be asked for."""
        now_ns = self._clockwork.now_ns
        mine = 1 + machine.number
        for group, span in self._spans.items():
            last_ns, first_ns, second_ns = span
            if first_ns > last_ns and second_ns > last_ns:
                until_ns = min(now_ns, first_ns, second_ns)
                if until_ns > last_ns:
                    self._overlapped(group, last_ns, until_ns)
            span[0] = now_ns
            served = machine.holds(group)
            span[mine] = machine.gate_ns.get(group, SHUT) if served else SHUT

    def _overlapped(self, group: int, begin_ns: int, end_ns: int) -> None:
        """Both served from then to then; what went on from the last time is one overlap."""
        self.both_ns[group] = self.both_ns.get(group, 0) + end_ns - begin_ns
        for place in range(len(self.overlaps) - 1, -1, -1):
            if self.overlaps[place][0] == group:
                if self.overlaps[place][2] == begin_ns:
                    self.overlaps[place] = (group, self.overlaps[place][1], end_ns)
                    return
                break
        self.overlaps.append((group, begin_ns, end_ns))

    def serves(self, machine: Machine, group: int) -> bool:
        """Whether this machine answers for the group's address: address there and gate open."""
        open_now = machine.gate_ns.get(group, SHUT) > self._clockwork.now_ns
        return open_now and machine.holds(group)

    def both_ms(self) -> float:
        """How long both machines answered for one address, in ms, over all groups."""
        for machine in self._machines:
            self.settle(machine)
        return sum(self.both_ns.values()) / MS
