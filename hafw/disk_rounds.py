"""The one order of things in which a cloud's disk leaves one machine and comes to another.

One rule: every change is decided on a reading and confirmed by readings. What was refused or not
answered is read, and decided anew; nothing is taken from a machine that is not the peer's, nor from
the peer without a proof that it cannot act.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hafw.hooks.errors import Conflict, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import Holder
from hafw.hooks.resources import ResourceObservation

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.hooks.resources import ResourceRequest


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a disk is, as its cloud shows it.

    `who`: the machine. `settled`: it is neither coming nor going. `stranger`: that machine is
    neither node's (`holder` is PEER then). FREE: nowhere.
    """

    holder: Holder
    who: str = ""
    settled: bool = True
    stranger: bool = False


class Disk(Protocol):
    """One disk, for one operation that has a deadline. Every method raises the contract's errors.

    `Conflict`: refused, as the disk was not where it had to be.
    """

    name: str

    def seen(self) -> Seat:
        """Read where it is."""

    def attach(self) -> None:
        """Attach it to this node's machine, if it is nowhere."""

    def detach(self, seat: Seat) -> None:
        """Detach it from the machine where it was seen, and from no other; never by force."""

    def again(self) -> bool:
        """Wait before another look; False: there is no time for one."""


def start(disk: Disk, request: ResourceRequest) -> bool:
    """Bring the disk here, and see it here. Says whether anything changed."""
    return _Move(disk).run(lambda seat, move: _towards_here(seat, move, request))


def stop(disk: Disk) -> bool:
    """Take the disk off this node, and see it gone. Says whether anything changed."""
    return _Move(disk).run(_away_from_here)


def probe(disk: Disk) -> ResourceObservation:
    """Who has it; what comes or goes counts as there."""
    try:
        seat = disk.seen()
    except ProviderError as problem:
        return ResourceObservation(holder=Holder.UNKNOWN, who=str(problem))
    return ResourceObservation(holder=seat.holder, who=seat.who)


class _Move:
    """One operation: what it has sent, and what was not as it should be about that."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.sent = False
        self.trouble = ""

    def run(self, towards: Callable[[Seat, _Move], bool]) -> bool:
        """Look, and go one step, until `towards` says that it is done."""
        try:
            while not self._is_done(towards):
                pass
        except UnknownOutcome:
            raise
        except ProviderError as problem:
            if self.sent:  # so it is not without effect
                raise UnknownOutcome(str(problem)) from problem
            raise
        return self.sent

    def _is_done(self, towards: Callable[[Seat, _Move], bool]) -> bool:
        seat = self.disk.seen()
        if towards(seat, self):
            # A reading can be older than what was done here: only that it came is seen in one.
            came = self.sent and seat.holder is Holder.MINE
            if came or self.disk.seen() == seat:
                return True
        if not self.disk.again():
            raise self._late(seat)
        return False

    def change(self, order: Callable[[], None]) -> None:
        """Order a change. What is refused or not answered is read next."""
        try:
            order()
        except Conflict as problem:
            self.trouble = str(problem)
            return
        except UnknownOutcome as problem:
            self.trouble = str(problem)
        self.sent = True

    def _late(self, seat: Seat) -> ProviderError:
        told = f"{self.disk.name} was last seen {_told(seat)}, and the deadline is here"
        if self.trouble:
            told += f" (the last trouble: {self.trouble})"
        if self.sent or seat.holder is Holder.MINE:
            return UnknownOutcome(told)
        return Retryable(f"{told}; see what keeps it there", 0.0)


def _towards_here(seat: Seat, move: _Move, request: ResourceRequest) -> bool:
    """Whether it is here; if not, the next change, unless one is under way."""
    disk = move.disk
    if seat.holder is Holder.MINE:
        return seat.settled
    if seat.holder is Holder.PEER:
        _check_may_take(seat, disk.name, request)
    if seat.settled:
        move.change(disk.attach if seat.holder is Holder.FREE else lambda: disk.detach(seat))
    return False


def _check_may_take(seat: Seat, name: str, request: ResourceRequest) -> None:
    """Raises Conflict, which says who has it, where it may not be taken from there."""
    if seat.stranger:
        raise Conflict(
            f"{name} is {_told(seat)}, which is neither node's machine; detach it there, or "
            "correct the cluster file"
        )
    peer = request.nodes[1 - request.node]
    if not request.old_holder_is_off:
        raise Conflict(
            f"{name} is {_told(seat)}, which is {peer}, and nothing proves that {peer} no longer "
            f"uses it (certificate: {request.certificate or 'none'}); detach it there"
        )


def _away_from_here(seat: Seat, move: _Move) -> bool:
    """Whether it is elsewhere or nowhere; if not, it is detached, unless that is under way."""
    if seat.holder is Holder.PEER:
        return True
    if seat.holder is Holder.FREE:
        return seat.settled
    if seat.settled:
        move.change(lambda: move.disk.detach(seat))
    return False


def _told(seat: Seat) -> str:
    if seat.holder is Holder.FREE:
        return "nowhere" if seat.settled else "on its way to nowhere"
    return f"attached to {seat.who}" if seat.settled else f"on its way to or from {seat.who}"
