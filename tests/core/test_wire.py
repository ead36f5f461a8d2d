"""The datagram: what is written is read back, and whatever else comes is dropped by name."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hafw.core.maintenance import LONGEST_MS, Word
from hafw.core.model import REFLECTED_PATH, Ask, Beat, GroupBeat, Phase, Refusal
from hafw.core.settings import MAX_GROUPS
from hafw.core.wire import (
    HEADER_LEN,
    MAC_LEN,
    MAX_DATAGRAM,
    NEWEST_READABLE,
    OLDEST_READABLE,
    Codec,
    Drop,
    DroppedError,
    Echo,
    Key,
)
from tests.core.beats import BEAT, GROUP

if TYPE_CHECKING:
    from collections.abc import Callable

CLUSTER: Final = b"0123456789abcdef"
OLD: Final = Key(1, b"the key of last year............")
NEW: Final = Key(2, b"the key of this year............")
LINK: Final = 0

# Where the header has what (see the layout in hafw.core.wire).
AT_MAGIC: Final = 0
AT_VERSION: Final = 4
AT_HEADER_LEN: Final = 5
AT_KEY: Final = 6
AT_PATH: Final = 7
AT_CLUSTER: Final = 8
AT_NODE: Final = 25
AT_GROUP_LEN: Final = 71
AT_COUNT: Final = 72
AT_MAINTENANCE: Final = 73

u8 = st.integers(0, 0xFF)
u32 = st.integers(0, 0xFFFF_FFFF)
u64 = st.integers(0, 0xFFFF_FFFF_FFFF_FFFF)
group_beats = st.builds(
    GroupBeat,
    id=u8,
    phase=st.sampled_from(Phase),
    ready=st.booleans(),
    epoch=u64,
    offer=u32,
    want=u32,
    grant=u32,
    ask=st.sampled_from(Ask),
    ask_no=u32,
    reply_no=u32,
    refusal=st.sampled_from(Refusal),
    binds=u8,
    shut_ms=u32,
)
beats = st.builds(
    Beat,
    node=st.just(0),
    incarnation=u64,
    n=u64,
    acked_incarnation=u64,
    acked_n=u64,
    heard=u32,
    pings=u8,
    leaving=st.booleans(),
    is_ack=st.booleans(),
    config_hash=st.binary(min_size=8, max_size=8),
    groups=st.lists(group_beats, max_size=MAX_GROUPS).map(tuple),
    maintenance=st.builds(Word, revision=u64, on=st.booleans(), for_ms=st.integers(0, LONGEST_MS)),
)


def sender(*keys: Key) -> Codec:
    return Codec(CLUSTER, 0, keys or (OLD,))


def receiver(*keys: Key) -> Codec:
    return Codec(CLUSTER, 1, keys or (OLD,))


def signed(body: bytes, key: Key = OLD) -> bytes:
    return body + hmac.digest(key.secret, body, "sha256")


def altered(at: int, value: int, datagram: bytes | None = None) -> bytes:
    """A datagram with one byte changed, signed again: only who has the key could send it."""
    body = bytearray((datagram or sender().encode(BEAT, LINK))[:-MAC_LEN])
    body[at] = value
    return signed(bytes(body))


def without_maintenance() -> bytes:
    """The header of the version before, and a longer group in its place."""
    body = sender().encode(BEAT, LINK)[:-MAC_LEN]
    head, missing = bytearray(body[:AT_MAINTENANCE]), HEADER_LEN - AT_MAINTENANCE
    head[AT_HEADER_LEN] -= missing
    head[AT_GROUP_LEN] += missing
    return signed(bytes(head) + body[HEADER_LEN:] + bytes(missing))


def grown(
    header: bytes = b"", each_group: bytes = b"", version: int = NEWEST_READABLE, groups: int = 1
) -> bytes:
    """What a later version sends: the same, with more at the end of the header and each group."""
    body = sender().encode(BEAT, LINK)[:-MAC_LEN]
    head, group = bytearray(body[:HEADER_LEN]), body[HEADER_LEN:]
    head[AT_VERSION] = version
    head[AT_HEADER_LEN] += len(header)
    head[AT_GROUP_LEN] += len(each_group)
    head[AT_COUNT] = groups
    return signed(bytes(head) + header + groups * (group + each_group))


def why_dropped(datagram: bytes, path: int = LINK, codec: Codec | None = None) -> Drop:
    with pytest.raises(DroppedError) as dropped:
        (codec or receiver()).decode(datagram, path)
    assert str(dropped.value) == dropped.value.why
    return dropped.value.why


# --- what is written is read back -------------------------------------------------------------

LONGEST: Final = BEAT._replace(maintenance=Word(1, on=True, for_ms=LONGEST_MS))


@example(beat=LONGEST, path=LINK)
@given(beat=beats, path=u8)
def test_a_beat_reads_back_as_written(beat: Beat, path: int) -> None:
    assert receiver().decode(sender().encode(beat, path), path) == beat


@given(beats)
def test_an_echo_comes_back_to_its_sender_as_an_echo_and_nothing_more(beat: Beat) -> None:
    datagram = sender().encode_echo(beat, REFLECTED_PATH)

    assert sender().decode(datagram, REFLECTED_PATH) == Echo(beat.incarnation, beat.n)


@given(beats)
def test_an_echo_is_as_long_as_the_reflected_beat_it_vouches_for(beat: Beat) -> None:
    codec = sender()

    assert len(codec.encode_echo(beat, 255)) == len(codec.encode(beat, 255)) <= MAX_DATAGRAM


def test_the_largest_cluster_fits_into_one_datagram() -> None:
    crowded = BEAT._replace(groups=(GROUP,) * MAX_GROUPS)

    datagram = sender().encode(crowded, LINK)

    assert len(datagram) <= MAX_DATAGRAM
    assert receiver().decode(datagram, LINK) == crowded


def test_more_groups_than_fit_into_one_datagram_are_never_sent_in_part() -> None:
    with pytest.raises(AssertionError, match="too many groups for one datagram"):
        sender().encode(BEAT._replace(groups=(GROUP,) * 30), LINK)


def test_what_a_later_version_sends_is_read_up_to_the_longest_datagram() -> None:
    datagram = grown(header=bytes(2), each_group=bytes(179), groups=5)
    assert len(datagram) == MAX_DATAGRAM

    assert receiver().decode(datagram, LINK) == BEAT._replace(groups=(GROUP,) * 5)


def test_a_codec_without_a_key_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Codec(CLUSTER, 0, ())


# --- every reason to drop ---------------------------------------------------------------------

REASONS: Final[dict[Drop, Callable[[], bytes]]] = {
    Drop.TRUNCATED: lambda: sender().encode(BEAT, LINK)[: AT_MAINTENANCE + MAC_LEN - 1],
    Drop.TOO_LONG: lambda: sender().encode(BEAT, LINK).ljust(MAX_DATAGRAM + 1),
    Drop.NOT_HAFW: lambda: altered(AT_MAGIC, ord("H")),
    Drop.OTHER_VERSION: lambda: altered(AT_VERSION, NEWEST_READABLE + 1),
    Drop.OTHER_CLUSTER: lambda: altered(AT_CLUSTER, 0xFF),
    Drop.UNKNOWN_KEY: lambda: altered(AT_KEY, NEW.id),
    Drop.WRONG_MAC: lambda: sender(Key(OLD.id, NEW.secret)).encode(BEAT, LINK),
    Drop.WRONG_PATH: lambda: sender().encode(BEAT, LINK + 1),
    Drop.WRONG_NODE: lambda: receiver().encode(BEAT._replace(node=1), LINK),
    Drop.MALFORMED: lambda: altered(AT_COUNT, 2),
}


@pytest.mark.parametrize("reason", Drop)
def test_a_datagram_is_dropped_for_its_reason(reason: Drop) -> None:
    assert why_dropped(REASONS[reason]()) is reason


@pytest.mark.parametrize("version", [0, OLDEST_READABLE - 1, NEWEST_READABLE + 1, 255])
def test_other_versions_are_dropped_as_such(version: int) -> None:
    assert why_dropped(altered(AT_VERSION, version)) is Drop.OTHER_VERSION


def test_a_beat_of_this_very_node_is_dropped() -> None:
    assert why_dropped(sender().encode(BEAT, LINK), codec=sender()) is Drop.WRONG_NODE


def test_another_nodes_echo_is_dropped() -> None:
    assert why_dropped(sender().encode_echo(BEAT, LINK)) is Drop.WRONG_NODE


@pytest.mark.parametrize(
    "datagram",
    [
        altered(AT_HEADER_LEN, HEADER_LEN - 1),
        without_maintenance(),
        altered(AT_HEADER_LEN, 255),
        altered(AT_GROUP_LEN, 0),
        altered(AT_GROUP_LEN, 255),
        altered(AT_COUNT, 0),
        altered(AT_COUNT, 255),
        altered(AT_MAINTENANCE + 8, 2),
        altered(AT_MAINTENANCE + 9, 0xFF),
        altered(HEADER_LEN + 1, max(Phase) + 1),
        altered(HEADER_LEN + 22, max(Ask) + 1),
        altered(HEADER_LEN + 31, max(Refusal) + 1),
    ],
    ids=[
        "header too short",
        "header of the version before",
        "header too long",
        "no group length",
        "group too long",
        "group left over",
        "groups missing",
        "maintenance neither on nor off",
        "maintenance for months",
        "phase",
        "ask",
        "refusal",
    ],
)
def test_an_authentic_datagram_that_makes_no_sense_is_malformed(datagram: bytes) -> None:
    assert why_dropped(datagram) is Drop.MALFORMED


# --- whatever comes ---------------------------------------------------------------------------


@given(st.binary(max_size=MAX_DATAGRAM + 100), u8)
def test_random_bytes_are_dropped(datagram: bytes, path: int) -> None:
    why_dropped(datagram, path)


@given(st.binary(min_size=HEADER_LEN - AT_PATH, max_size=300))
def test_random_bytes_behind_a_right_beginning_are_dropped(rest: bytes) -> None:
    beginning = sender().encode(BEAT, LINK)[:AT_PATH]

    assert why_dropped(beginning + rest, path=rest[0]) in {
        Drop.TRUNCATED,
        Drop.OTHER_CLUSTER,
        Drop.WRONG_MAC,
    }


@given(u8, st.binary(max_size=400))
def test_random_content_with_a_right_signature_is_read_or_dropped(
    header_len: int, content: bytes
) -> None:
    beginning = bytearray(sender().encode(BEAT, LINK)[: AT_CLUSTER + len(CLUSTER)])
    beginning[AT_HEADER_LEN] = header_len
    datagram = signed(bytes(beginning) + content)

    try:
        message = receiver().decode(datagram, LINK)
    except DroppedError:
        return

    assert isinstance(message, Beat)


def test_a_datagram_cut_short_anywhere_is_dropped() -> None:
    whole = sender().encode(BEAT, LINK)

    for length in range(len(whole)):
        assert why_dropped(whole[:length]) in {Drop.TRUNCATED, Drop.WRONG_MAC}


def test_a_datagram_with_any_one_bit_turned_is_dropped() -> None:
    whole = sender().encode(BEAT, LINK)

    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        why_dropped(bytes(damaged))


@given(st.lists(st.one_of(st.binary(max_size=MAX_DATAGRAM), st.sampled_from(Drop))))
def test_whatever_was_dropped_before_the_next_beat_is_read(before: list[bytes | Drop]) -> None:
    codec = receiver()

    for item in before:
        why_dropped(REASONS[item]() if isinstance(item, Drop) else item, codec=codec)

    assert codec.decode(sender().encode(BEAT, LINK), LINK) == BEAT


# --- versions and keys change while both nodes run --------------------------------------------


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_what_the_next_version_appends_is_passed_over(header: bytes, each_group: bytes) -> None:
    assert receiver().decode(grown(header, each_group), LINK) == BEAT


def before_maintenance(*groups: GroupBeat) -> bytes:
    """What the version before sends: the same, but its header ends with the count."""
    body = sender().encode(BEAT._replace(groups=groups), LINK)[:-MAC_LEN]
    head, rest = bytearray(body[:AT_MAINTENANCE]), body[HEADER_LEN:]
    head[AT_VERSION] = OLDEST_READABLE
    head[AT_HEADER_LEN] = AT_MAINTENANCE
    return signed(bytes(head) + rest)


def test_a_beat_of_the_version_before_is_read_and_says_nothing_of_maintenance() -> None:
    read = receiver().decode(before_maintenance(GROUP), LINK)

    assert read == BEAT._replace(maintenance=None)


def test_the_shortest_beat_of_the_version_before_is_read() -> None:
    read = receiver().decode(before_maintenance(), LINK)

    assert read == BEAT._replace(groups=(), maintenance=None)


def test_the_version_before_passes_over_what_is_said_of_maintenance() -> None:
    """It takes the length of the header from the datagram, and reads one version above its own."""
    said = sender().encode(BEAT._replace(maintenance=Word(9, on=True, for_ms=5)), LINK)

    assert said[AT_VERSION] == OLDEST_READABLE + 1
    assert said[AT_HEADER_LEN] == HEADER_LEN
    assert said[HEADER_LEN:-MAC_LEN] == before_maintenance(GROUP)[AT_MAINTENANCE:-MAC_LEN]


def test_groups_are_read_by_the_length_that_this_datagram_gives() -> None:
    codec = receiver()
    twice = BEAT._replace(groups=(GROUP, GROUP))
    length = sender().encode(BEAT, LINK)[AT_GROUP_LEN]
    second = sender().encode(BEAT, LINK)[HEADER_LEN:-MAC_LEN]

    codec.decode(sender().encode(twice, LINK), LINK)
    read = codec.decode(grown(each_group=second), LINK)

    assert len(second) == length
    assert read == BEAT


@pytest.mark.parametrize(
    ("sending", "receiving"),
    [
        ((OLD,), (OLD, NEW)),
        ((OLD, NEW), (OLD, NEW)),
        ((NEW, OLD), (OLD, NEW)),
        ((NEW, OLD), (NEW, OLD)),
        ((NEW, OLD), (NEW,)),
    ],
    ids=["B knows both", "both know both", "A signs anew", "B signs anew", "B forgot the old"],
)
def test_in_every_step_of_a_rotation_the_nodes_understand_each_other(
    sending: tuple[Key, ...], receiving: tuple[Key, ...]
) -> None:
    a, b = sender(*sending), receiver(*receiving)
    answer = BEAT._replace(node=1)

    assert b.decode(a.encode(BEAT, LINK), LINK) == BEAT
    assert a.decode(b.encode(answer, LINK), LINK) == answer


def test_a_key_that_was_taken_out_is_no_longer_accepted() -> None:
    assert why_dropped(sender(OLD).encode(BEAT, LINK), codec=receiver(NEW)) is Drop.UNKNOWN_KEY


def test_the_first_key_signs() -> None:
    datagram = sender(NEW, OLD).encode(BEAT, LINK)

    assert datagram[AT_KEY] == NEW.id
    assert receiver(NEW).decode(datagram, LINK) == BEAT
