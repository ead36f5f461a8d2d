"""A scratch address is given up whatever goes wrong on its way, and what is left is said."""

from __future__ import annotations

import pytest

from hafw import probe_rounds
from hafw.hooks.errors import Denied
from hafw.hooks.findings import Findings, Verdict
from hafw.hooks.hookspecs import Holder, VipObservation
from hafw.probe_rounds import there_and_back


class Scratch:
    """An address, and what refuses: a move to the peer, or letting go."""

    def __init__(self, *refused: str, at: Holder = Holder.FREE) -> None:
        self.at, self.refused = at, refused
        self.made: list[str] = []

    def seen(self) -> VipObservation:
        return VipObservation(holder=self.at)

    def bring(self, *, to_peer: bool) -> None:
        self._make("to peer" if to_peer else "here")
        self.at = Holder.PEER if to_peer else Holder.MINE

    def give_up(self) -> None:
        self._make("away")
        self.at = Holder.FREE

    def _make(self, what: str) -> None:
        self.made.append(what)
        if what in self.refused:
            raise Denied(f"{what} is refused; allow it")


def moved(scratch: Scratch, *rests: Holder) -> list[tuple[str, Verdict]]:
    notes = Findings("scratch")
    there_and_back(scratch, notes, rests=frozenset(rests or {Holder.FREE}))
    return [(one.id, one.verdict) for one in notes.found]


MOVE, LEFT = "probe.move", "probe.scratch"


def test_it_goes_to_both_and_away() -> None:
    scratch = Scratch()

    found = moved(scratch)

    assert found == [(MOVE, Verdict.OK), (MOVE, Verdict.OK), (LEFT, Verdict.OK)]
    assert scratch.made == ["here", "to peer", "away"]


def test_a_move_that_is_refused_leaves_nothing_behind() -> None:
    scratch = Scratch("to peer")

    found = moved(scratch)

    assert found == [(MOVE, Verdict.OK), (LEFT, Verdict.OK), (MOVE, Verdict.ERROR)]
    assert scratch.at is Holder.FREE


def test_what_cannot_be_given_up_is_said() -> None:
    found = moved(Scratch("away"))

    assert found[-1] == (MOVE, Verdict.ERROR)


def test_what_stays_in_spite_of_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_rounds, "SHOWN_S", 0.0)
    scratch = Scratch()
    monkeypatch.setattr(scratch, "give_up", lambda: None)

    assert moved(scratch)[-1] == (LEFT, Verdict.ERROR)


@pytest.mark.parametrize("holder", [Holder.MINE, Holder.PEER, Holder.UNKNOWN])
def test_what_somebody_has_is_not_touched(holder: Holder) -> None:
    scratch = Scratch(at=holder)

    assert moved(scratch) == [(LEFT, Verdict.ERROR)]
    assert scratch.made == []


@pytest.mark.parametrize("holder", [Holder.MINE, Holder.PEER])
def test_what_always_leads_somewhere_leads_there_again(holder: Holder) -> None:
    scratch = Scratch(at=holder)

    found = moved(scratch, Holder.MINE, Holder.PEER)

    assert found[-1] == (LEFT, Verdict.OK)
    assert scratch.at is holder
