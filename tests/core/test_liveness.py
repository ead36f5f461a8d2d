"""What silence and heartbeats make of the peer, and what a stale one must not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.core.duties import NEVER
from hafw.core.liveness import SENT_KEPT, Heard, Peer, PeerState, SentLog
from hafw.core.model import REFLECTED_PATH
from hafw.core.settings import MS, SECOND, Classes
from hafw_sim.pairs import settings_pair
from tests.core.beats import BEAT

if TYPE_CHECKING:
    from hafw.core.model import Beat

_, SETTINGS = settings_pair(Classes.REFLECTED, links=2)
TIMING: Final = SETTINGS.timing
BOOT_NS: Final = 1_000 * SECOND
LINK, OTHER_LINK = 0, 1


def new_peer() -> Peer:
    return Peer(SETTINGS, BOOT_NS)


def hear(peer: Peer, beat: Beat, at_ns: int = BOOT_NS, path: int = LINK) -> Heard:
    return peer.hear(path, beat, at_ns, SETTINGS)


def heard_peer(at_ns: int = BOOT_NS) -> Peer:
    """A peer whose beat 42 came at `at_ns`, and which is up."""
    peer = new_peer()
    hear(peer, BEAT, at_ns)
    peer.judge(at_ns, SETTINGS)
    return peer


def all_but_counters(peer: Peer) -> dict[str, object]:
    return {name: repr(getattr(peer, name)) for name in Peer.__slots__ if name != "counters"}


# --- what a beat is ---------------------------------------------------------------------------


def test_the_first_beat_begins_an_incarnation() -> None:
    assert hear(new_peer(), BEAT) is Heard.RESTARTED


@pytest.mark.parametrize(
    ("n", "path", "incarnation", "expected"),
    [
        (43, LINK, 11, Heard.NEW),
        (99, OTHER_LINK, 11, Heard.NEW),
        (42, OTHER_LINK, 11, Heard.DUPLICATE),
        (41, OTHER_LINK, 11, Heard.OLD),
        (42, LINK, 11, Heard.REPLAYED),
        (41, LINK, 11, Heard.REPLAYED),
        (43, LINK, 10, Heard.OLD_INCARNATION),
        (1, LINK, 12, Heard.RESTARTED),
    ],
)
def test_after_beat_42_of_incarnation_11_by_one_link(
    n: int, path: int, incarnation: int, expected: Heard
) -> None:
    peer = heard_peer()

    assert hear(peer, BEAT._replace(n=n, incarnation=incarnation), path=path) is expected


@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from([LINK, OTHER_LINK])), min_size=1),
    st.integers(0, 49),
)
def test_what_was_heard_already_changes_nothing_but_a_counter(
    heard: list[tuple[int, int]], again: int
) -> None:
    peer = new_peer()
    for n, path in heard:
        hear(peer, BEAT._replace(n=n), path=path)
    before = all_but_counters(peer)

    n, path = heard[again % len(heard)]
    verdict = hear(peer, BEAT._replace(n=n), BOOT_NS + SECOND, path)

    assert verdict is Heard.REPLAYED
    assert all_but_counters(peer) == before
    assert peer.counters[Heard.REPLAYED] >= 1


def test_a_beat_of_an_earlier_incarnation_changes_nothing_but_a_counter() -> None:
    peer = heard_peer()
    before = all_but_counters(peer)

    hear(peer, BEAT._replace(incarnation=10, n=1_000, leaving=True), BOOT_NS + SECOND)

    assert all_but_counters(peer) == before
    assert peer.counters == {Heard.OLD_INCARNATION: 1}


@pytest.mark.parametrize("n", [41, 42], ids=["older", "the same"])
def test_a_beat_that_comes_late_by_another_path_shows_only_that_the_path_works(n: int) -> None:
    peer = heard_peer()
    later_ns = BOOT_NS + SECOND

    hear(peer, BEAT._replace(n=n, leaving=True, groups=()), later_ns, OTHER_LINK)

    assert peer.link_ns[OTHER_LINK] == later_ns
    assert peer.last_ns == BOOT_NS
    assert peer.beat == BEAT
    assert set(peer.groups) == {3}


def test_a_restarted_peer_must_earn_every_evidence_anew() -> None:
    peer = heard_peer()
    peer.acknowledge(BOOT_NS)
    hear(peer, BEAT, path=REFLECTED_PATH)

    hear(peer, BEAT._replace(incarnation=12, n=1))

    assert (peer.incarnation, peer.n) == (12, 1)
    assert not peer.mutual(BOOT_NS, SETTINGS)
    assert not peer.known(SETTINGS)


def test_the_very_first_beat_of_the_very_first_start_counts() -> None:
    peer = new_peer()

    first = hear(peer, BEAT._replace(incarnation=1, n=1), path=REFLECTED_PATH)

    assert first is Heard.RESTARTED
    assert peer.known(SETTINGS)
    assert hear(peer, BEAT._replace(incarnation=1, n=1)) is Heard.DUPLICATE


def test_the_first_beat_of_a_later_start_shows_the_reflecting_path_however_late_it_comes() -> None:
    peer = heard_peer()
    later_ns = BOOT_NS + 10 * SETTINGS.known_ns

    hear(peer, BEAT._replace(incarnation=12, n=1), later_ns, REFLECTED_PATH)

    assert peer.known(SETTINGS)


def test_of_each_group_the_newest_word_counts() -> None:
    peer = heard_peer()
    newer = BEAT.groups[0]._replace(epoch=8)

    hear(peer, BEAT._replace(n=43, groups=(newer,)))

    assert peer.groups == {newer.id: newer}


def test_what_is_dropped_is_counted_each_time() -> None:
    peer = heard_peer()

    for _ in range(3):
        hear(peer, BEAT)

    assert peer.counters == {Heard.REPLAYED: 3}


def test_a_link_that_the_file_does_not_have_is_no_link() -> None:
    peer = heard_peer()

    assert hear(peer, BEAT._replace(n=43), path=SETTINGS.links) is Heard.NEW
    assert peer.link_ns[OTHER_LINK] == NEVER


def test_each_beat_that_a_link_brings_late_is_counted() -> None:
    peer = heard_peer()
    late_ns = TIMING.warntime_ns + 1

    for n in (1, 2):
        hear(peer, BEAT._replace(n=42 + n), BOOT_NS + n * late_ns)

    assert peer.links_late[LINK] == 2


@pytest.mark.parametrize(
    ("age", "floor"),
    [(0.999, 5), (1, 10), (1.999, 10), (2, 20), (2.5, 20), (4, 20)],
)
def test_of_the_reflected_beats_only_those_of_the_last_time_r_count(age: float, floor: int) -> None:
    peer = new_peer()
    peer.n, peer.mid_n, peer.mid_ns, peer.floor_n = 20, 10, BOOT_NS, 5

    peer._raise_floor(BOOT_NS + int(age * SETTINGS.known_ns), SETTINGS.known_ns)

    assert peer.floor_n == floor


@pytest.mark.parametrize(("n", "counts"), [(49, False), (50, False), (51, True)])
def test_a_reflected_beat_that_was_held_up_for_long_does_not_count(n: int, *, counts: bool) -> None:
    peer = heard_peer()
    peer.n, peer.floor_n = 60, 50
    peer.mid_ns = BOOT_NS

    hear(peer, BEAT._replace(n=n), path=REFLECTED_PATH)

    assert peer.known(SETTINGS) is counts


# --- what silence means -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silence_ns", "expected"),
    [
        (0, PeerState.UP),
        (TIMING.warntime_ns - 1, PeerState.UP),
        (TIMING.warntime_ns, PeerState.LATE),
        (TIMING.deadtime_ns - 1, PeerState.LATE),
        (TIMING.deadtime_ns, PeerState.DEAD),
    ],
)
def test_silence_is_noted_at_warntime_and_is_death_at_deadtime(
    silence_ns: int, expected: PeerState
) -> None:
    peer = heard_peer()

    assert peer.judge(BOOT_NS + silence_ns, SETTINGS) is expected


def test_a_peer_that_said_it_leaves_is_gone_not_dead() -> None:
    peer = heard_peer()
    hear(peer, BEAT._replace(n=43, leaving=True))

    assert peer.judge(BOOT_NS + TIMING.deadtime_ns, SETTINGS) is PeerState.GONE


def test_a_peer_that_was_never_heard_is_dead_only_after_initdead() -> None:
    peer = new_peer()

    assert peer.judge(BOOT_NS + TIMING.initdead_ns - 1, SETTINGS) is PeerState.UNKNOWN
    assert peer.judge(BOOT_NS + TIMING.initdead_ns, SETTINGS) is PeerState.DEAD


@pytest.mark.parametrize("early_ns", [TIMING.initdead_ns, TIMING.deadtime_ns, SECOND])
def test_a_peer_that_was_never_heard_is_judged_when_initdead_and_any_pause_allow_it(
    early_ns: int,
) -> None:
    peer = new_peer()
    end_ns = BOOT_NS + TIMING.initdead_ns
    peer.gap_end_ns = end_ns - early_ns

    judged_ns = peer.next_judgement_ns(SETTINGS)

    assert judged_ns == max(end_ns, peer.gap_end_ns + TIMING.deadtime_ns)
    assert peer.judge(judged_ns - 1, SETTINGS) is PeerState.UNKNOWN
    assert peer.judge(judged_ns, SETTINGS) is PeerState.DEAD


def test_after_a_pause_of_our_own_a_whole_deadtime_must_pass() -> None:
    peer = heard_peer()
    thaw_ns = BOOT_NS + 5 * TIMING.deadtime_ns
    peer.gap_end_ns = thaw_ns

    assert peer.judge(thaw_ns + TIMING.deadtime_ns - 1, SETTINGS) is PeerState.LATE
    assert peer.judge(thaw_ns + TIMING.deadtime_ns, SETTINGS) is PeerState.DEAD


def test_a_pause_at_the_end_of_initdead_gives_the_peer_a_whole_deadtime() -> None:
    peer = new_peer()
    thaw_ns = BOOT_NS + TIMING.initdead_ns
    peer.gap_end_ns = thaw_ns

    assert peer.judge(thaw_ns + TIMING.deadtime_ns - 1, SETTINGS) is PeerState.UNKNOWN
    assert peer.judge(thaw_ns + TIMING.deadtime_ns, SETTINGS) is PeerState.DEAD


@pytest.mark.parametrize("after_ns", [0, TIMING.warntime_ns], ids=["at once", "when late"])
def test_a_pause_of_our_own_does_not_raise_the_dead(after_ns: int) -> None:
    peer = heard_peer()
    dead_ns = BOOT_NS + TIMING.deadtime_ns
    peer.judge(dead_ns, SETTINGS)
    peer.gap_end_ns = dead_ns + SECOND

    assert peer.judge(peer.gap_end_ns + after_ns, SETTINGS) is PeerState.DEAD


def test_a_dead_peer_that_is_heard_is_up() -> None:
    peer = heard_peer()
    later_ns = BOOT_NS + 2 * TIMING.deadtime_ns
    peer.judge(later_ns, SETTINGS)

    hear(peer, BEAT._replace(n=43), later_ns)

    assert peer.judge(later_ns, SETTINGS) is PeerState.UP
    assert peer.alive()


@given(
    first_ns=st.integers(0, 2 * TIMING.initdead_ns),
    pause_ns=st.none() | st.integers(0, 2 * TIMING.deadtime_ns),
    share=st.floats(0, 1, exclude_max=True),
)
def test_the_verdict_changes_by_itself_exactly_when_it_was_foretold(
    first_ns: int, pause_ns: int | None, share: float
) -> None:
    peer = new_peer()
    now_ns = BOOT_NS + first_ns
    if first_ns <= TIMING.initdead_ns:
        hear(peer, BEAT, now_ns)
    if pause_ns is not None:
        now_ns = peer.gap_end_ns = now_ns + pause_ns

    for _ in range(4):
        state = peer.judge(now_ns, SETTINGS)
        change_ns = peer.next_judgement_ns(SETTINGS)
        if change_ns == -NEVER:
            assert peer.judge(now_ns + 100 * TIMING.initdead_ns, SETTINGS) is state
            return
        between_ns = now_ns + int((change_ns - now_ns) * share)
        assert peer.judge(between_ns, SETTINGS) is state
        assert peer.judge(change_ns, SETTINGS) is not state
        now_ns = change_ns
    pytest.fail("the verdict changes for ever")


# --- paths and evidence -----------------------------------------------------------------------


def test_a_link_is_up_for_deadtime_after_it_brought_anything() -> None:
    peer = heard_peer()
    end_ns = BOOT_NS + TIMING.deadtime_ns

    assert peer.link_up(LINK, end_ns - 1, SETTINGS)
    assert not peer.link_up(LINK, end_ns, SETTINGS)
    assert not peer.link_up(OTHER_LINK, BOOT_NS, SETTINGS)


def test_a_gap_longer_than_warntime_is_counted_against_its_link_alone() -> None:
    peer = heard_peer()
    hear(peer, BEAT, path=OTHER_LINK)

    hear(peer, BEAT._replace(n=43), BOOT_NS + TIMING.warntime_ns + 1)
    hear(peer, BEAT._replace(n=43), BOOT_NS + TIMING.warntime_ns, OTHER_LINK)

    assert peer.links_late == [1, 0]


def test_the_worst_gap_between_new_beats_is_kept() -> None:
    peer = heard_peer()
    hear(peer, BEAT._replace(n=43), BOOT_NS + 700 * MS)

    hear(peer, BEAT._replace(n=44), BOOT_NS + 900 * MS)

    assert peer.worst_gap_ns == 700 * MS


@pytest.mark.parametrize(("short_ns", "kept"), [(1, True), (0, False)])
def test_a_gap_as_long_as_a_death_is_no_delay(short_ns: int, *, kept: bool) -> None:
    peer = heard_peer()

    hear(peer, BEAT._replace(n=43), BOOT_NS + TIMING.deadtime_ns - short_ns)

    assert bool(peer.worst_gap_ns) is kept


@pytest.mark.parametrize("newest", ["last_ns", "gap_end_ns", "started_ns"])
def test_a_beat_is_surely_missed_one_and_a_half_keepalives_after_whatever_came_last(
    newest: str,
) -> None:
    peer = new_peer()
    peer.last_ns = peer.gap_end_ns = peer.started_ns = BOOT_NS - SECOND
    setattr(peer, newest, BOOT_NS)

    assert peer.first_missed_ns(SETTINGS) == BOOT_NS + TIMING.keepalive_ns * 3 // 2


def test_an_acknowledgement_is_evidence_for_h_from_its_sending_and_never_goes_back() -> None:
    peer = heard_peer()
    peer.acknowledge(BOOT_NS)

    peer.acknowledge(BOOT_NS - SECOND)

    assert peer.mutual(BOOT_NS + SETTINGS.hold_ns - 1, SETTINGS)
    assert not peer.mutual(BOOT_NS + SETTINGS.hold_ns, SETTINGS)


def test_the_reflecting_path_is_known_while_it_brought_a_beat_within_r_of_the_newest() -> None:
    peer = heard_peer()
    hear(peer, BEAT, path=REFLECTED_PATH)

    hear(peer, BEAT._replace(n=43), BOOT_NS + SETTINGS.known_ns)
    within = peer.known(SETTINGS)
    hear(peer, BEAT._replace(n=44), BOOT_NS + SETTINGS.known_ns + 1)

    assert within
    assert not peer.known(SETTINGS)


def test_a_reflected_beat_that_was_held_up_for_long_says_nothing_of_the_path_now() -> None:
    peer = heard_peer()
    for beats in range(1, 9):
        hear(peer, BEAT._replace(n=42 + beats), BOOT_NS + beats * SETTINGS.known_ns // 2)

    hear(peer, BEAT._replace(n=43), BOOT_NS + 4 * SETTINGS.known_ns, REFLECTED_PATH)

    assert not peer.known(SETTINGS)


# --- what was sent when -----------------------------------------------------------------------


def test_beats_are_numbered_from_one_and_dated_by_their_sending() -> None:
    sent = SentLog()

    numbers = [sent.record(BOOT_NS + n, BOOT_NS) for n in range(3)]

    assert numbers == [1, 2, 3]
    assert [sent.sent_ns(n) for n in numbers] == [BOOT_NS, BOOT_NS + 1, BOOT_NS + 2]


@pytest.mark.parametrize("n", [-1, 0, 2, 1 << 64])
def test_a_beat_that_was_never_sent_has_no_date(n: int) -> None:
    sent = SentLog()
    sent.record(BOOT_NS, BOOT_NS)

    assert sent.sent_ns(n) == NEVER


def test_what_is_older_than_asked_for_is_forgotten() -> None:
    sent = SentLog()
    sent.record(BOOT_NS, NEVER)

    sent.record(BOOT_NS + SECOND, BOOT_NS + 1)

    assert sent.sent_ns(1) == NEVER
    assert sent.sent_ns(2) == BOOT_NS + SECOND


def test_the_log_is_bounded_whatever_the_times() -> None:
    sent = SentLog()

    newest = [sent.record(BOOT_NS, NEVER) for _ in range(SENT_KEPT + 1)][-1]

    assert sent.sent_ns(1) == NEVER
    assert sent.sent_ns(2) == BOOT_NS
    assert sent.newest_n == newest == SENT_KEPT + 1


def test_before_anything_was_heard_silence_is_counted_from_our_own_start() -> None:
    assert new_peer().silence_ns(BOOT_NS + 5 * SECOND) == 5 * SECOND
