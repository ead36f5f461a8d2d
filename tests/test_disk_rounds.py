"""The steps of a disk, on readings that no model of a cloud gives in this order."""

from __future__ import annotations

from typing import Final

import pytest

from hafw import disk_rounds
from hafw.disk_rounds import Seat
from hafw.hooks.errors import Conflict, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import Holder
from hafw.hooks.resources import ResourceRequest

MINE: Final = Seat(Holder.MINE, "vm-a")
COMING: Final = Seat(Holder.MINE, "vm-a", settled=False)
"""Or leaving: both are on their way."""
PEERS: Final = Seat(Holder.PEER, "vm-b")
GOING: Final = Seat(Holder.PEER, "vm-b", settled=False)
THIRD: Final = Seat(Holder.PEER, "vm-c", stranger=True)
FREE: Final = Seat(Holder.FREE)
LEAVING: Final = Seat(Holder.FREE, settled=False)


class Scripted:
    """A disk that is seen at these places, one after the other, and then at the last."""

    name = "data"

    def __init__(self, *seats: Seat, answers: tuple[Exception | None, ...] = ()) -> None:
        self._seats = [*seats]
        self._answers = [*answers]
        self.did: list[str] = []
        self.looks_left = 10

    def seen(self) -> Seat:
        return self._seats.pop(0) if len(self._seats) > 1 else self._seats[0]

    def attach(self) -> None:
        self._do("attach")

    def detach(self, seat: Seat) -> None:
        self._do(f"detach from {seat.who}")

    def again(self) -> bool:
        self.looks_left -= 1
        return self.looks_left > 0

    def _do(self, what: str) -> None:
        self.did.append(what)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer


def start(disk: Scripted, certificate: str = "fenced") -> bool:
    request = ResourceRequest(
        type="cloud-disk",
        cluster_id="c1",
        group=3,
        epoch=7,
        deadline_ns=0,
        certificate=certificate,
        nodes=("alpha", "beta"),
    )
    return disk_rounds.start(disk, request)


def test_what_is_coming_already_is_waited_for() -> None:
    disk = Scripted(COMING, COMING, MINE)

    assert not start(disk)
    assert disk.did == []


def test_what_leaves_the_peer_already_is_waited_for_and_then_attached() -> None:
    disk = Scripted(GOING, LEAVING, FREE, MINE)

    assert start(disk)
    assert disk.did == ["attach"]


def test_a_disk_that_is_seen_here_once_may_have_been_here_long_ago() -> None:
    disk = Scripted(MINE, PEERS, PEERS, FREE, MINE)

    assert start(disk)
    assert disk.did == ["detach from vm-b", "attach"]


def test_a_disk_that_is_seen_nowhere_once_may_be_here_by_now() -> None:
    disk = Scripted(FREE, MINE, MINE, FREE)

    assert disk_rounds.stop(disk)
    assert disk.did == ["detach from vm-a"]


def test_a_stop_waits_until_the_disk_has_left() -> None:
    disk = Scripted(MINE, LEAVING, FREE)

    assert disk_rounds.stop(disk)
    assert disk.did == ["detach from vm-a"]


def test_a_disk_that_is_seen_elsewhere_once_may_have_been_there_before_it_was_here() -> None:
    disk = Scripted(MINE, PEERS, COMING, FREE)

    assert disk_rounds.stop(disk)
    assert disk.seen() == FREE  # so it was waited for
    assert disk.did == ["detach from vm-a"]


def test_a_stop_lets_what_is_coming_come_first() -> None:
    disk = Scripted(COMING, MINE, FREE)

    assert disk_rounds.stop(disk)
    assert disk.did == ["detach from vm-a"]


def test_a_refused_attach_is_decided_anew() -> None:
    """The peer's own late attach was quicker; it is off, so that goes too."""
    disk = Scripted(FREE, PEERS, FREE, MINE, answers=(Conflict("in use"),))

    assert start(disk)
    assert disk.did == ["attach", "detach from vm-b", "attach"]


def test_a_refused_attach_without_a_proof_ends_it_without_effect() -> None:
    disk = Scripted(FREE, PEERS, answers=(Conflict("in use"),))

    with pytest.raises(Conflict, match="attached to vm-b, which is beta"):
        start(disk, "operator")


def test_an_attach_without_an_answer_leaves_open_where_it_ended() -> None:
    disk = Scripted(FREE, PEERS, answers=(UnknownOutcome("lost"),))

    with pytest.raises(UnknownOutcome, match="attached to vm-b"):
        start(disk, "operator")


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Conflict("no quota"), Retryable), (UnknownOutcome("HTTP 500"), UnknownOutcome)],
)
def test_what_kept_a_disk_from_coming_is_told_at_the_deadline(
    answer: Exception, error: type[Exception]
) -> None:
    disk = Scripted(FREE, answers=(answer,) * 10)

    with pytest.raises(error, match=str(answer)):
        start(disk)


def test_a_third_machine_that_was_quicker_keeps_it() -> None:
    disk = Scripted(PEERS, FREE, THIRD)

    with pytest.raises(UnknownOutcome, match="neither node's machine"):
        start(disk)

    assert disk.did == ["detach from vm-b", "attach"]


@pytest.mark.parametrize(("seat", "expected"), [(GOING, Retryable), (COMING, UnknownOutcome)])
def test_at_the_deadline_what_may_still_come_here_is_left_open(
    seat: Seat, expected: type[Exception]
) -> None:
    with pytest.raises(expected, match="data was last seen on its way to or from vm-"):
        start(Scripted(seat))
