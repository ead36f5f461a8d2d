"""The table of certificates: the two halves of every row, added up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.config.timing import SHORTEST_DEADTIME_NS
from hafw.core.duties import (
    DUTIES,
    FOREVER,
    LEASE_NOT_OURS,
    LEASE_RUNS,
    NEVER,
    Certificate,
    HolderEvidence,
    TakerView,
    hold_until,
    protection,
    wait_ns,
)
from hafw.core.settings import (
    CLOCK_RATE_ERROR,
    MS,
    SECOND,
    Classes,
    Settings,
)
from hafw_sim.pairs import settings_pair
from tests.core.times import SETTINGS, TICKS_MS, settings_of, timing_of, timings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hafw.core.duties import Duty

NEARLY: Final = 0.999
"""A beat that is sent just before the right that the one before it gave would have ended."""
TIMED: Final = (Certificate.LEASED, Certificate.REFLECTED, Certificate.BEST_EFFORT)
"""The classes whose holder must let go by the clock."""
TIMED_CLASSES: Final = pytest.mark.parametrize("certificate", TIMED)
WITH_A_LEASE: Final = settings_pair(Classes.LEASED)[1]

NO_EVIDENCE: Final = HolderEvidence(NEVER, NEVER, NEVER, NEVER, NEVER, unarmed=False)
TAKEABLE: Final = TakerView(
    silence_ns=wait_ns(SETTINGS.shut_ns, SETTINGS),
    met=True,
    bound=Classes.LEASED | Classes.REFLECTED | Classes.BEST_EFFORT,
    shut_ns=SETTINGS.shut_ns,
    echoes_unbroken=True,
    known=True,
    armed=True,
    ping_answers=True,
    has_vip=True,
    probe_silent=True,
    released=True,
    fence_confirmed=True,
    lease_ripe=True,
    lease_won=True,
)
"""Everything that any taker could wish for."""


# --- both halves ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """A holder's last beats, in its own time, as the world and the taker's clock see them.

    Every beat arrived (else it would be no evidence), each late by what `delays` says, and each
    was sent before the right of the one before had ended (else the holder would have let go).
    """

    holder: Settings
    taker: Settings
    holder_rate: float
    taker_rate: float
    sent_ns: tuple[int, ...]
    delays_ns: tuple[int, ...]
    gate_late_ns: int

    def shut_at(self, holder_ns: int) -> float:
        """The world's time at which the gate is shut at the latest, if the agent freezes."""
        return (holder_ns + self.gate_late_ns) / self.holder_rate

    def silences(self, wait: int) -> Iterator[float]:
        """The world's instants at which the taker has been waiting for long enough."""
        arrivals = sorted(
            ns / self.holder_rate + delay
            for ns, delay in zip(self.sent_ns, self.delays_ns, strict=True)
        )
        for heard, following in zip(arrivals, [*arrivals[1:], float("inf")], strict=True):
            takes = heard + wait / self.taker_rate
            if takes < following:
                yield takes


@st.composite
def courses(draw: st.DrawFn) -> Course:
    mine = draw(timings())
    rates = st.floats(1 - CLOCK_RATE_ERROR, 1 + CLOCK_RATE_ERROR)
    shares = draw(st.lists(st.tuples(st.floats(0, NEARLY), st.floats(0, 1)), min_size=1))
    return course_of(
        settings_of(mine, absolute=draw(st.booleans()), tick_ms=draw(st.sampled_from(TICKS_MS))),
        settings_of(draw(st.one_of(st.just(mine), timings()))),
        (draw(rates), draw(rates)),
        shares,
        draw(st.floats(0, 1)),
    )


def corners() -> Iterator[Course]:
    """Every bound at either end: what is added up in the table is worst there."""
    ends = (1 - CLOCK_RATE_ERROR, 1 + CLOCK_RATE_ERROR)
    share = tuple(product((0.0, NEARLY), (0.0, 1.0)))
    for deadtime_ns, ratio, absolute, tick_ms in product(
        (SHORTEST_DEADTIME_NS, SECOND, 10 * SECOND), (0.1, 0.7, 1.0, 1.5), (False, True), TICKS_MS
    ):
        holder = settings_of(timing_of(deadtime_ns // 10, 10), absolute=absolute, tick_ms=tick_ms)
        taker = settings_of(timing_of(int(deadtime_ns * ratio) // 10, 10))
        for rates, shares in product(product(ends, ends), product(share, repeat=3)):
            yield course_of(holder, taker, rates, shares, 1.0)


def course_of(
    holder: Settings,
    taker: Settings,
    rates: tuple[float, float],
    shares: Sequence[tuple[float, float]],
    gate_late: float,
) -> Course:
    """`shares`: for each beat the part of the right that had passed, and of the largest delay."""
    sent_ns = [0]
    for gap, _ in shares[1:]:
        sent_ns.append(sent_ns[-1] + int(gap * holder.hold_ns))
    return Course(
        holder=holder,
        taker=taker,
        holder_rate=rates[0],
        taker_rate=rates[1],
        sent_ns=tuple(sent_ns),
        delays_ns=tuple(int(delay * taker.max_delay_ns) for _, delay in shares),
        # An announcement of the bound is rounded down to a millisecond, at the margin's cost.
        gate_late_ns=int(gate_late * (taker.margin_ns - MS)),
    )


@TIMED_CLASSES
@given(course=courses())
def test_whatever_the_holder_may_do_has_ended_before_the_taker_begins(
    certificate: Certificate, course: Course
) -> None:
    ends_ns, takes_ns = halves(DUTIES[certificate], course)

    assert ends_ns <= takes_ns


@TIMED_CLASSES
def test_at_every_corner_the_holder_has_ended_before_the_taker_begins(
    certificate: Certificate,
) -> None:
    for course in corners():
        ends_ns, takes_ns = halves(DUTIES[certificate], course)

        assert ends_ns <= takes_ns, course


def halves(duty: Duty, course: Course) -> tuple[float, float]:
    """In the world's time: the last moment of the holder's half, the first after the taker's."""
    shut_ns = max(course.holder.shut_ns // MS * MS, course.taker.shut_ns)
    wait = wait_ns(shut_ns, course.taker)
    view = TAKEABLE._replace(shut_ns=shut_ns)
    assert duty.refusal(view._replace(silence_ns=wait - 1), course.taker) is not None
    assert duty.refusal(view._replace(silence_ns=wait), course.taker) is None
    newest_ns = course.sent_ns[-1]
    evidence = HolderEvidence(newest_ns, newest_ns, newest_ns, NEVER, newest_ns, unarmed=False)
    right_ns = duty.hold_until(evidence, course.holder)
    renewed_late_ns = 0 if course.holder.gate_absolute else course.holder.hold_ns
    frozen_ns = right_ns + renewed_late_ns + course.holder.tick_ns
    assert frozen_ns <= newest_ns + course.holder.shut_ns
    return course.shut_at(newest_ns + course.holder.shut_ns), min(course.silences(wait))


# --- the holder's half ------------------------------------------------------------------------


@pytest.mark.parametrize("certificate", Certificate)
def test_a_holder_without_evidence_may_hold_only_where_no_clock_ends_its_right(
    certificate: Certificate,
) -> None:
    until_ns = DUTIES[certificate].hold_until(NO_EVIDENCE, SETTINGS)

    assert (until_ns == FOREVER) is (certificate not in TIMED)
    assert certificate not in TIMED or until_ns < 0


@pytest.mark.parametrize(
    ("certificate", "evidence"),
    [
        (Certificate.LEASED, {"renewed_ns", "promised_ns"}),
        (Certificate.REFLECTED, {"heard_ns", "echo_ns"}),
        (Certificate.BEST_EFFORT, {"heard_ns", "ping_ns"}),
    ],
)
def test_each_class_rests_on_its_own_evidence_alone(
    certificate: Certificate, evidence: set[str]
) -> None:
    rests_on = {
        name
        for name in ("heard_ns", "echo_ns", "ping_ns", "renewed_ns", "promised_ns")
        if DUTIES[certificate].hold_until(dated(name), SETTINGS) > 0
    }

    assert rests_on == evidence


def dated(name: str) -> HolderEvidence:
    """Evidence of one kind alone, one second after the boot."""
    return HolderEvidence(**{**NO_EVIDENCE._asdict(), name: SECOND})


@pytest.mark.parametrize(
    ("certificate", "evidence", "span"),
    [
        (Certificate.LEASED, "renewed_ns", "lease_hold_ns"),
        (Certificate.LEASED, "promised_ns", "hold_ns"),
        (Certificate.REFLECTED, "heard_ns", "hold_ns"),
        (Certificate.REFLECTED, "echo_ns", "hold_ns"),
        (Certificate.BEST_EFFORT, "heard_ns", "hold_ns"),
        (Certificate.BEST_EFFORT, "ping_ns", "hold_ns"),
    ],
)
def test_a_right_lasts_for_its_span_from_the_sending_of_the_evidence(
    certificate: Certificate, evidence: str, span: str
) -> None:
    span_ns: int = getattr(WITH_A_LEASE, span)

    until_ns = DUTIES[certificate].hold_until(dated(evidence), WITH_A_LEASE)

    assert until_ns == SECOND + span_ns


def test_only_the_right_by_reflection_is_freed_by_an_unarmed_peer() -> None:
    unarmed = NO_EVIDENCE._replace(unarmed=True)

    freed = {name for name in TIMED if DUTIES[name].hold_until(unarmed, SETTINGS) == FOREVER}

    assert freed == {Certificate.REFLECTED}


@given(
    st.builds(
        HolderEvidence,
        *[st.integers(0, 100 * SECOND)] * 5,
        unarmed=st.booleans(),
    ),
    st.integers(0, 15).map(Classes),
)
def test_a_holder_bound_by_several_classes_obeys_the_earliest_end(
    evidence: HolderEvidence, classes: Classes
) -> None:
    ends = [duty.hold_until(evidence, SETTINGS) for duty in DUTIES.values() if duty.binds & classes]

    proved_ns = evidence.proved_ns + SETTINGS.hold_ns
    assert hold_until(evidence, classes, SETTINGS) == max(min(ends, default=FOREVER), proved_ns)


# --- the taker's half -------------------------------------------------------------------------


@pytest.mark.parametrize("certificate", Certificate)
def test_a_taker_who_sees_everything_may_take(certificate: Certificate) -> None:
    assert DUTIES[certificate].refusal(TAKEABLE, SETTINGS) is None


ABSENT: Final[dict[str, object]] = {
    "silence_ns": TAKEABLE.silence_ns - 1,
    "shut_ns": 2 * TAKEABLE.shut_ns,
    "bound": Classes.NONE,
}
"""What stands for a fact that is not there; of the others, that it is false."""
SILENCE: Final = {"silence_ns", "shut_ns", "bound"}
NEEDED: Final[dict[Certificate, set[str]]] = {
    Certificate.RELEASED: {"released"},
    Certificate.FENCED: {"fence_confirmed"},
    Certificate.LEASED: SILENCE | {"lease_won"},
    Certificate.REFLECTED: SILENCE | {"met", "echoes_unbroken", "known", "armed"},
    Certificate.BEST_EFFORT: SILENCE | {"ping_answers", "has_vip", "probe_silent"},
    Certificate.OPERATOR: set(),
}


@pytest.mark.parametrize("certificate", Certificate)
@pytest.mark.parametrize("fact", TakerView._fields)
def test_a_fact_that_is_missing_refuses_exactly_the_classes_that_need_it(
    certificate: Certificate, fact: str
) -> None:
    without = TakerView(**{**TAKEABLE._asdict(), fact: ABSENT.get(fact, False)})

    refused = DUTIES[certificate].refusal(without, SETTINGS) is not None

    assert refused is (fact in NEEDED[certificate])


@pytest.mark.parametrize("certificate", Certificate)
@pytest.mark.parametrize("binding", [Classes.NONE, *Classes])
def test_a_class_counts_only_if_the_holder_said_that_it_binds_it(
    certificate: Certificate, binding: Classes
) -> None:
    duty = DUTIES[certificate]
    view = TAKEABLE._replace(bound=binding)

    refused = duty.refusal(view, SETTINGS) is not None

    assert refused is (certificate in TIMED and not duty.binds & binding)


@pytest.mark.parametrize(
    ("ripe", "won", "refusal"),
    [(False, False, LEASE_RUNS), (True, False, LEASE_NOT_OURS), (True, True, None)],
)
def test_a_lease_is_watched_until_it_is_ripe_and_then_to_be_won(
    refusal: str | None, *, ripe: bool, won: bool
) -> None:
    view = TAKEABLE._replace(lease_ripe=ripe, lease_won=won)

    assert DUTIES[Certificate.LEASED].refusal(view, SETTINGS) == refusal


def test_a_peer_that_was_never_heard_needs_no_word_of_what_binds_it() -> None:
    lone = TAKEABLE._replace(met=False, bound=Classes.NONE)

    assert DUTIES[Certificate.BEST_EFFORT].refusal(lone, SETTINGS) is None


# --- the table as such ------------------------------------------------------------------------


def test_the_table_has_a_row_for_every_certificate_and_a_class_at_most_once() -> None:
    classes = [duty.binds for duty in DUTIES.values() if duty.binds]

    assert list(DUTIES) == list(Certificate)
    assert sorted(classes) == sorted(Classes)


@pytest.mark.parametrize("part", ["holder", "frozen", "taker"])
@pytest.mark.parametrize("certificate", Certificate)
def test_every_half_is_said_in_words(certificate: Certificate, part: str) -> None:
    words: str = getattr(DUTIES[certificate], part)

    assert len(words.split()) > 2


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        (Classes.NONE, "none"),
        (Classes.REFLECTED, "reflected"),
        (Classes.BEST_EFFORT, "best-effort"),
        (Classes.REFLECTED | Classes.BEST_EFFORT, "reflected|best-effort"),
        (Classes.LEASED, "leased"),
    ],
)
def test_protection_is_named_after_the_routes_to_a_takeover(classes: Classes, name: str) -> None:
    assert protection(classes) == name


@pytest.mark.parametrize(("both", "name"), [(True, "fenced+leased"), (False, "fenced|leased")])
def test_protection_says_whether_a_start_needs_both_or_either(name: str, *, both: bool) -> None:
    assert protection(Classes.FENCED | Classes.LEASED, both=both) == name


@pytest.mark.parametrize("certificate", Certificate)
def test_the_mask_of_a_duty_is_the_number_of_its_class(certificate: Certificate) -> None:
    duty = replace(DUTIES[certificate])

    assert duty.mask == int(duty.binds)
