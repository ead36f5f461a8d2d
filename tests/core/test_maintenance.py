"""What a node knows of maintenance, and when it tells people of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.agent.status import headline
from hafw.core import maintenance, takeover
from hafw.core.duties import FOREVER
from hafw.core.effects import Note, Persist
from hafw.core.liveness import PeerState
from hafw.core.maintenance import REMIND_NS, Kept, Maintenance, Word
from hafw.core.settings import MS, SECOND
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.givers import unheld
from tests.core.takers import notes

if TYPE_CHECKING:
    from hafw.core.engine import Engine


def node(number: int = ALPHA) -> Engine:
    """One node of a running pair at rest: alpha holds the group."""
    engine = running_pair().engine(number)
    engine._effects, engine.news = [], False
    return engine


def paused(number: int = ALPHA, *, for_ms: int = 0) -> Engine:
    """The same, in maintenance, and all of that durable."""
    engine = node(number)
    maintenance.order(engine, on=True, for_ms=for_ms)
    maintenance.run(engine)
    engine._durable_token = engine.maintenance.token
    maintenance.run(engine)
    engine._effects, engine.news = [], False
    return engine


def written(engine: Engine) -> list[Kept | None]:
    return [effect.state.maintenance for effect in engine._effects if isinstance(effect, Persist)]


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "revisions"), [(ALPHA, [2, 4, 6]), (BETA, [1, 3, 5])])
def test_a_revision_names_the_node_at_which_it_was_ordered(
    number: int, revisions: list[int]
) -> None:
    engine = node(number)
    found = []

    for on in (True, False, True):
        maintenance.order(engine, on=on, for_ms=0)
        found.append(engine.maintenance.word.revision)

    assert found == revisions
    assert maintenance.ordered_by(engine) == ("alpha", "beta")[number]


@pytest.mark.parametrize(
    ("word", "is_newer"),
    [
        (Word(3, on=False), True),
        (Word(3, on=True, for_ms=5), True),
        (Word(2, on=False), True),
        (Word(2, on=True, for_ms=5), False),
        (Word(1, on=False), False),
        (None, False),
    ],
    ids=["later off", "later on", "its time is over", "the same", "earlier", "nothing is said"],
)
def test_only_a_newer_word_is_followed(word: Word | None, *, is_newer: bool) -> None:
    engine = paused()
    before = engine.maintenance.word

    maintenance.heard(word, engine)

    assert engine.maintenance.word == (word if is_newer else before)
    assert engine.news is is_newer


def test_its_time_counts_from_when_it_is_heard() -> None:
    engine = node(BETA)

    maintenance.heard(Word(2, on=True, for_ms=5_000), engine)

    assert engine.maintenance.until_ns == engine.now_ns + 5 * SECOND


def test_a_new_word_takes_the_place_of_the_time_ordered_before() -> None:
    engine = paused(for_ms=5_000)

    maintenance.order(engine, on=True, for_ms=0)

    assert engine.maintenance.until_ns == FOREVER


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (Word(3, on=True), "maintenance.on"),
        (Word(3, on=False), "maintenance.off"),
        (Word(2, on=False), "maintenance.expired"),
    ],
)
def test_each_change_is_told(word: Word, name: str) -> None:
    engine = paused()

    maintenance.heard(word, engine)

    assert notes(engine) == [name]


@pytest.mark.parametrize(
    ("for_ms", "lasts"), [(0, "until it is switched off"), (90_000, "for 90 s")]
)
def test_people_are_told_who_ordered_it_and_how_long_it_lasts(for_ms: int, lasts: str) -> None:
    engine = node()

    maintenance.order(engine, on=True, for_ms=for_ms)
    maintenance.run(engine)

    told = [effect for effect in engine._effects if isinstance(effect, Note)]
    text = f"ordered at alpha, {lasts}: nothing moves by itself"
    assert [(note.name, note.text) for note in told] == [("maintenance.on", text)]


def test_the_word_that_ends_it_lasts_for_no_time() -> None:
    engine = paused(for_ms=5_000)

    maintenance.order(engine, on=False, for_ms=5_000)

    assert engine.maintenance.word == Word(4, on=False, for_ms=0)


def test_off_where_it_was_off_is_nothing_to_tell() -> None:
    engine = node()

    maintenance.order(engine, on=False, for_ms=0)

    assert notes(engine) == []


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_ns", "on"), [(1, True), (0, False)])
def test_it_is_over_at_its_time_and_not_before(left_ns: int, *, on: bool) -> None:
    engine = paused(for_ms=5_000)
    engine.now_ns = engine.maintenance.until_ns - left_ns

    maintenance.run(engine)

    assert maintenance.in_force(engine) is on


def test_it_wakes_at_its_end_or_to_remind_people() -> None:
    assert maintenance.next_ns(node()) == FOREVER
    engine = paused()
    assert maintenance.next_ns(engine) == engine.now_ns + REMIND_NS
    engine = paused(for_ms=5_000)
    assert maintenance.next_ns(engine) == engine.now_ns + 5 * SECOND


def test_people_are_reminded_every_hour_and_what_is_left_is_written() -> None:
    engine = paused(for_ms=2 * REMIND_NS // MS)
    for _ in range(2):
        engine.now_ns += REMIND_NS - 1
        maintenance.run(engine)
    assert notes(engine) == ["maintenance.still_on"]

    (kept,) = written(engine)

    assert kept is not None
    assert kept.left_ns == REMIND_NS + 1 - (REMIND_NS - 1)
    assert kept.until_ns == engine.maintenance.until_ns


@pytest.mark.parametrize(
    ("for_ms", "after_ns", "left_ns"),
    [(0, SECOND, FOREVER), (5_000, SECOND, 4 * SECOND), (5_000, 6 * SECOND, 0)],
    ids=["until it is switched off", "for a time", "its time is over"],
)
def test_what_is_left_is_kept(for_ms: int, after_ns: int, left_ns: int) -> None:
    engine = paused(for_ms=for_ms)
    engine.now_ns += after_ns

    kept = maintenance.kept(engine)

    assert kept is not None
    assert kept.left_ns == left_ns


def test_a_start_in_maintenance_reminds_people_an_hour_later() -> None:
    kept = Kept(Word(2, on=True), FOREVER, FOREVER, ())

    assert Maintenance(kept, 5 * SECOND).remind_ns == 5 * SECOND + REMIND_NS


def test_a_start_that_knows_of_nothing_writes_nothing() -> None:
    engine = node()
    engine.maintenance = Maintenance(None, engine.now_ns)

    maintenance.run(engine)

    assert written(engine) == []


def test_people_are_not_reminded_again_before_another_hour() -> None:
    engine = paused()
    reminded = []
    for step_ns in (REMIND_NS, SECOND, REMIND_NS - SECOND - 1, 1):
        engine.now_ns += step_ns
        maintenance.run(engine)
        reminded.append(notes(engine).count("maintenance.still_on"))

    assert reminded == [1, 1, 1, 2]


# --- durability -----------------------------------------------------------------------------------


def test_a_word_is_said_once_it_is_durable() -> None:
    engine = node()
    maintenance.order(engine, on=True, for_ms=0)

    maintenance.run(engine)
    assert engine.maintenance.said == Word()
    engine._durable_token = engine.maintenance.token
    maintenance.run(engine)

    assert engine.maintenance.said == engine.maintenance.word
    assert engine.news


def test_a_word_that_cannot_be_written_yet_is_not_said_because_the_last_one_was() -> None:
    engine = paused()
    before = engine.maintenance.said
    engine._persist_retry_ns = engine.now_ns + SECOND

    maintenance.order(engine, on=False, for_ms=0)
    maintenance.run(engine)

    assert engine.maintenance.said == before


def test_who_has_heard_of_it_does_not_count_itself_before_it_is_durable() -> None:
    engine = node(BETA)
    word = Word(revision=2, on=True)
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(maintenance=word)
    maintenance.heard(word, engine)
    maintenance.run(engine)

    assert not maintenance.both_know(engine)
    engine._durable_token = engine.maintenance.token
    maintenance.run(engine)
    assert maintenance.both_know(engine)


@pytest.mark.parametrize("alive", [True, False])
def test_only_a_peer_that_lives_is_too_old(*, alive: bool) -> None:
    engine = node()
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(maintenance=None)
    if not alive:
        engine.peer.state = PeerState.DEAD

    assert maintenance.peer_is_too_old(engine) is alive


def test_it_is_written_once() -> None:
    engine = node()
    maintenance.order(engine, on=True, for_ms=0)

    for _ in range(3):
        maintenance.run(engine)

    assert len(written(engine)) == 1


def test_what_could_not_be_written_is_written_again() -> None:
    engine = node()
    maintenance.order(engine, on=True, for_ms=0)
    maintenance.run(engine)

    engine._persist_failed(engine.maintenance.token, "no room")
    maintenance.run(engine)
    assert len(written(engine)) == 1  # not at once
    engine.now_ns = engine._persist_retry_ns
    maintenance.run(engine)

    assert len(written(engine)) == 2


def test_a_change_of_holder_is_written_in_maintenance_only() -> None:
    for engine, writes in ((node(), 0), (paused(), 1)):
        maintenance.held(engine.groups[1], 9, engine)

        maintenance.run(engine)

        assert len(written(engine)) == writes


def test_who_starts_again_goes_on_with_what_was_kept() -> None:
    engine = paused(for_ms=5_000)
    kept = maintenance.kept(engine)

    again = Maintenance(kept, engine.now_ns)

    assert (again.word, again.said) == (engine.maintenance.word, engine.maintenance.word)
    assert (again.until_ns, again.holds) == (engine.maintenance.until_ns, {1: 2})


def test_nothing_is_kept_of_what_was_never_ordered() -> None:
    assert maintenance.kept(node()) is None


def test_the_line_for_the_unit_begins_with_it() -> None:
    assert headline(paused()).startswith("IN MAINTENANCE (hafw maintenance off ends it); active:")
    assert "MAINTENANCE" not in headline(node())


# --- who held last --------------------------------------------------------------------------------


def test_both_nodes_know_who_held_a_group_last() -> None:
    for number in (ALPHA, BETA):
        engine = node(number)

        assert maintenance.last_holder(engine.groups[1], engine) == ALPHA


def test_only_who_held_a_group_last_may_start_it_by_itself() -> None:
    for number in (ALPHA, BETA):
        engine = paused(number)

        assert maintenance.forbids_start(engine.groups[1], engine) is (number == BETA)


def test_whoever_is_entrusted_with_a_group_may_start_it() -> None:
    engine = paused(BETA)

    maintenance.entrust(engine.groups[1], engine)

    assert not maintenance.forbids_start(engine.groups[1], engine)


@pytest.mark.parametrize("offered", [False, True])
def test_a_group_is_left_alone_only_where_nobody_was_offered_it(*, offered: bool) -> None:
    group, engine = unheld(BETA)
    maintenance.order(engine, on=True, for_ms=0)
    group.offer_no = int(offered)

    takeover.consider(group, engine)

    assert (group.state is State.BLOCKED) is not offered
