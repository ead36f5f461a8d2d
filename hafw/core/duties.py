"""The table of certificates: what each demands of the holder, and what the taker must wait for.

One rule: a certificate is a *pair*. A node may take under a class only if the holder was bound by
it, and the two halves of a row must add up: whatever the holder's half still permits has ended, on
the holder's clock, before the taker's half is complete, on the taker's.

Two properties hold for every row:

* evidence is dated by the holder's own clock at the moment it SENT the beat, echo or renewal that
  is now known to have arrived; the time of a receipt never extends a right;
* when the agent is frozen or dead, the kernel's gate (a timeout set at the last renewal) shuts the
  address; the bound that a holder announces, `shut_ns`, includes that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from hafw.core.settings import CLOCK_RATE_ERROR, Classes, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

_STRETCH: Final = (1 + CLOCK_RATE_ERROR) / (1 - CLOCK_RATE_ERROR)
"""What lasts a second by the slowest clock lasts so many by the fastest."""
FOREVER: Final = 1 << 62
"""The end of a right that no clock ends (nanoseconds since boot)."""
NEVER: Final = -(1 << 62)
"""The date of evidence that never came."""
NOT_FOUND_FREE: Final = "no probe of the address has found it free"
"""The refusal to which the answer of the newest probe belongs."""
LEASE_RUNS: Final = "the lease of the other node was not seen unchanged for long enough"
"""The refusal after which there is nothing to do but wait."""
NOT_OFF: Final = "the peer is not confirmed off"
"""The refusal after which it may be switched off."""
FENCE_RUNS: Final = "the other node is to be switched off"
"""The refusal after which there is nothing to do but wait."""
LEASE_NOT_OURS: Final = "the lease is not won yet"
"""The refusal after which the lease may be claimed."""


class Certificate(StrEnum):
    """Why a node may start a group. The journal records one for every start."""

    RELEASED = "released"
    FENCED = "fenced"
    LEASED = "leased"
    REFLECTED = "reflected"
    BEST_EFFORT = "best-effort"
    OPERATOR = "operator"


class HolderEvidence(NamedTuple):
    """What a holder rests on. Dates are its own BOOTTIME at the moment of sending, in ns.

    `heard_ns`: its newest beat that the peer acknowledged. `echo_ns`: the M-th newest answered echo
    to the reflecting ping node. `ping_ns`: the newest answered echo to any ping node or, where
    there is none, the reading of the service interface *before* the one that had heard somebody.
    `renewed_ns`: its newest successful lease renewal. `promised_ns`: as `heard_ns`, but by any
    start of the peer: each waits, from its own beginning, before it takes anything in silence.
    `unarmed`: the holder knows that the peer is not armed (see `reflection`). `proved_ns`: when the
    peer was confirmed off last, without having been heard since.
    """

    heard_ns: int
    echo_ns: int
    ping_ns: int
    renewed_ns: int
    promised_ns: int
    unarmed: bool
    proved_ns: int = NEVER


class TakerView(NamedTuple):
    """What a taker sees at the moment of deciding.

    `silence_ns`: time since anything of the peer was heard on any path (counted from the end of a
    pause of our own, if that is later). `met`: the peer was heard at least once by this
    incarnation. `bound`: the classes that the last beat of the peer said bind it; `shut_ns`: the
    bound it announced. `echoes_unbroken`: own echoes to the reflecting node were answered
    throughout the wait. `known`: the reflecting path was good when the silence began. `armed`: the
    peer granted our arming. `ping_answers`: a ping node answers (or, without one, the service
    interface has heard somebody). `probe_silent`: an address probe sent after the holder's bound
    had passed found nobody; `has_vip`: there is something to probe. `released`: the peer's fresh
    word that we may take. `fence_confirmed`: the peer is off. `lease_ripe`: the lease is free, or
    was seen unchanged for W; `lease_won`: it is ours, for the epoch of this start.
    """

    silence_ns: int
    met: bool
    bound: Classes
    shut_ns: int
    echoes_unbroken: bool
    known: bool
    armed: bool
    ping_answers: bool
    has_vip: bool
    probe_silent: bool
    released: bool
    fence_confirmed: bool
    lease_ripe: bool
    lease_won: bool


# --- the holder's half: until when (own BOOTTIME, ns) may the group stay open -----------------


def hold_unbounded(_evidence: HolderEvidence, _settings: Settings) -> int:
    """No clock ends this right: the taker must hear us let go, see us off, or vouch for it."""
    return FOREVER


def hold_by_reflection(evidence: HolderEvidence, settings: Settings) -> int:
    """Hold while the ping node or the peer shows that the peer would hear us, or it is unarmed."""
    if evidence.unarmed:
        return FOREVER
    return max(evidence.echo_ns, evidence.heard_ns) + settings.hold_ns


def hold_by_best_effort(evidence: HolderEvidence, settings: Settings) -> int:
    """Hold while the peer hears us or a ping node answers: who lost both lets go first."""
    return max(evidence.ping_ns, evidence.heard_ns) + settings.hold_ns


def hold_by_lease(evidence: HolderEvidence, settings: Settings) -> int:
    """Hold after the last successful renewal was sent, or while the peer hears us.

    A taker needs both: a lease that does not change, and our silence. So as long as the peer hears
    us the loss of the store stops nothing.
    """
    return max(
        evidence.renewed_ns + settings.lease_hold_ns, evidence.promised_ns + settings.hold_ns
    )


# --- the taker's half: why not yet (None: now) -----------------------------------------------


def wait_ns(shut_ns: int, settings: Settings) -> int:
    """Silence that a taker waits for: `deadtime`, or more where the peer announced a longer bound.

    The bound is stretched by the clock-rate error, and a heartbeat may be late by L.
    """
    bound_ns = int(shut_ns * _STRETCH) + settings.max_delay_ns + settings.margin_ns
    return max(settings.timing.deadtime_ns, bound_ns)


def take_released(view: TakerView, _settings: Settings) -> str | None:
    """The peer says, freshly and to this incarnation, that it does not hold and we may."""
    return None if view.released else "the peer has not released it"


def take_fenced(view: TakerView, _settings: Settings) -> str | None:
    """The peer is confirmed off."""
    return None if view.fence_confirmed else NOT_OFF


def take_leased(view: TakerView, settings: Settings) -> str | None:
    """Silence, a lease that nobody renewed for W, and the compare-and-swap won."""
    if Classes.LEASED not in view.bound:
        return "the peer's last heartbeat did not say that the lease binds it"
    if view.silence_ns < wait_ns(view.shut_ns, settings):
        return "the peer has not been silent long enough"
    if view.lease_won:
        return None
    return LEASE_NOT_OURS if view.lease_ripe else LEASE_RUNS


def take_reflected(view: TakerView, settings: Settings) -> str | None:
    """Silence on every path while the ping node, which reflects the peer, answers us."""
    if not view.met:
        return "the peer was never heard by this start of the agent, so nothing is armed"
    if Classes.REFLECTED not in view.bound:
        return "the peer's last heartbeat did not say that reflection binds it"
    if not view.armed:
        return "not armed: the peer had not granted it when it was last heard"
    if not view.known:
        return "the reflecting path was not known good when the silence began"
    if view.silence_ns < wait_ns(view.shut_ns, settings):
        return "the peer has not been silent long enough"
    if not view.echoes_unbroken:
        return "the ping node has not answered us throughout the silence"
    return None


def take_best_effort(view: TakerView, settings: Settings) -> str | None:
    """Silence, a ping node that answers us, and nobody who answers for the address."""
    if view.met and Classes.BEST_EFFORT not in view.bound:
        return "the peer's last heartbeat did not say that best-effort binds it"
    if view.silence_ns < wait_ns(view.shut_ns, settings):
        return "the peer has not been silent long enough"
    if not view.ping_answers:
        return "no ping node answers, so the silence may be our own isolation"
    if not view.has_vip:
        return "a group without a VIP cannot be probed"
    if not view.probe_silent:
        return NOT_FOUND_FREE
    return None


def take_by_operator(_view: TakerView, _settings: Settings) -> str | None:
    """A person vouched that the peer is off; the request itself is the certificate."""
    return None


@dataclass(frozen=True, slots=True)
class Duty:
    """One row: both halves as functions, and as sentences for `status` and the documentation."""

    certificate: Certificate
    binds: Classes
    hold_until: Callable[[HolderEvidence, Settings], int]
    refusal: Callable[[TakerView, Settings], str | None]
    holder: str
    frozen: str
    taker: str
    mask: int = field(init=False)
    """`binds` as a number, for the hot path."""

    def __post_init__(self) -> None:
        """Take the number."""
        object.__setattr__(self, "mask", int(self.binds))


DUTIES: Final[dict[Certificate, Duty]] = {
    Certificate.RELEASED: Duty(
        Certificate.RELEASED,
        Classes.NONE,
        hold_unbounded,
        take_released,
        holder="gives it up by its own word, once its stop is confirmed and nothing is in doubt",
        frozen="says nothing, so releases nothing",
        taker="the word is authenticated, of the peer's current incarnation, answers a beat that "
        "we sent within H, and is used once",
    ),
    Certificate.FENCED: Duty(
        Certificate.FENCED,
        Classes.FENCED,
        hold_unbounded,
        take_fenced,
        holder="is switched off",
        frozen="is switched off",
        taker="confirmed off, by repeated reading of a terminal state",
    ),
    Certificate.LEASED: Duty(
        Certificate.LEASED,
        Classes.LEASED,
        hold_by_lease,
        take_leased,
        holder="shut W, less margins, after sending its newest successful renewal, or H after "
        "sending its newest beat that the peer acknowledged, whichever is later",
        frozen="the kernel's gate",
        taker="silence on all paths for the announced bound, at least deadtime; W since the lease "
        "was first seen as it is, unless it was released; and the swap won",
    ),
    Certificate.REFLECTED: Duty(
        Certificate.REFLECTED,
        Classes.REFLECTED,
        hold_by_reflection,
        take_reflected,
        holder="shut H after sending its M-th newest echo that the ping node answered, or its "
        "newest beat that the peer acknowledged, whichever is later; unless it knows that the "
        "peer is not armed",
        frozen="the kernel's gate, by twice H where it counts a relative timeout",
        taker="armed with the holder's grant; silence on all paths for the announced bound, at "
        "least deadtime; own echoes answered throughout; reflecting path good when it began",
    ),
    Certificate.BEST_EFFORT: Duty(
        Certificate.BEST_EFFORT,
        Classes.BEST_EFFORT,
        hold_by_best_effort,
        take_best_effort,
        holder="shut H after the sending of its newest answered ping or acknowledged beat, "
        "whichever is later: it lets go when it has lost peer and ping node",
        frozen="the kernel's gate, by twice H where it counts a relative timeout",
        taker="silence on all links for the announced bound, at least deadtime; a ping node "
        "answers; nobody answers a probe of the address late in that silence",
    ),
    Certificate.OPERATOR: Duty(
        Certificate.OPERATOR,
        Classes.NONE,
        hold_unbounded,
        take_by_operator,
        holder="is off, by the word of a person",
        frozen="is off, by the word of a person",
        taker="the peer is silent, and a person typed its name and a reason",
    ),
}


_BINDING: Final = tuple(
    tuple(certificate for certificate, duty in DUTIES.items() if duty.mask & binds)
    for binds in range(sum(Classes) + 1)
)
"""The rows that bind a holder, by its classes as a number: for the hot path."""


def routes(classes: Classes) -> list[Certificate]:
    """The certificates that these classes open to a taker, the stronger first."""
    return [certificate for certificate, duty in DUTIES.items() if duty.binds & classes]


def protection(classes: Classes, *, both: bool = False) -> str:
    """The name of the protection that these classes give: `reflected`, `best-effort`, `none`, ...

    `a|b` means that b is taken where a is not to be had: as strong as the weaker. `fenced+leased`:
    a start needs `both`.
    """
    return ("+" if both else "|").join(map(str, routes(classes))) or "none"


def hold_until(evidence: HolderEvidence, binds: int, settings: Settings) -> int:
    """The end of the right to hold: a holder bound by several classes obeys all of them.

    Nobody can take from a holder whose peer is off: a start that never heard the holder cannot know
    whether it holds by such a proof, so it takes nothing without switching the holder off.

    `binds`: the classes, as a number.
    """
    until = FOREVER
    for certificate in _BINDING[binds]:
        until = min(until, DUTIES[certificate].hold_until(evidence, settings))
    return max(until, evidence.proved_ns + settings.hold_ns)
