"""How a VIP comes to this node and leaves it, whatever the mover: the order of the steps.

One rule: who lost a race, or got no answer, reads who has it now and decides anew; the same call is
never sent again blindly, and without a proof nothing is taken from anybody but the peer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hafw.hooks.errors import Conflict, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Holder
from hafw.providers.aws.errors import NotThere, Refused

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.aws.api import Ec2

GIVE_UP_S: Final = 3.0
"""How long letting go may take where EC2 does not answer; only the next owner waits for it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Who has a VIP, as EC2 shows it: which interface; `token`: what a change may rest on."""

    holder: Holder
    who: str = ""
    token: str = ""


class Mover(Protocol):
    """One way to move a VIP. Every method raises the errors of the contract."""

    def rehearse(self, vip: VipRequest, ec2: Ec2) -> None:
        """See, before it is needed, that it could work; change nothing."""

    def seen(self, vip: VipRequest, ec2: Ec2) -> Seen:
        """Read who has it: MINE, PEER (anybody else), or FREE."""

    def confirmed(self, vip: VipRequest) -> bool:
        """Whether this instance itself sees it, where it can be asked."""

    def claim(self, vip: VipRequest, ec2: Ec2, *, reassign: bool) -> None:
        """Bring it here; without `reassign` only if nobody has it. Raises Conflict."""

    def assure(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Make sure that it is here, where only a read says so, which may be out of date.

        Says whether that changed anything. Raises Conflict if it is not here.
        """

    def dislodge(self, vip: VipRequest, ec2: Ec2, seen: Seen) -> bool:
        """Take it from the peer, if that still has it as it was seen. Raises NotThere.

        Says whether it is free then.
        """

    def give_up(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Let go of it if it is here; say whether there was anything to do."""

    def plan(self, vip: VipRequest) -> tuple[str, ...]:
        """The calls of an attach, one sentence each."""


def attach(mover: Mover, vip: VipRequest, ec2: Ec2) -> bool:
    """Bring the VIP here, and see it here. Says whether anything changed.

    Where it is proved that the old holder cannot act, one call takes it from whoever has it.
    Without that proof it is taken from the peer only as it was seen, then claimed from nobody.
    """
    try:
        return _attach(mover, vip, ec2)
    except UnknownOutcome:
        raise
    except ProviderError as problem:
        if ec2.in_doubt:
            raise UnknownOutcome(str(problem)) from problem
        raise


def _attach(mover: Mover, vip: VipRequest, ec2: Ec2) -> bool:
    if vip.old_holder_is_off:
        changed = _claim_at_once(mover, vip, ec2)
    else:
        changed = _compare_and_swap(mover, vip, ec2)
    while not _is_here(mover, vip, ec2):
        _wait(vip, ec2)
    return changed


def _claim_at_once(mover: Mover, vip: VipRequest, ec2: Ec2) -> bool:
    """Take it from whoever has it. Says whether that, or what it took instead, changed anything."""
    try:
        mover.claim(vip, ec2, reassign=True)
    except (Conflict, Refused, UnknownOutcome):
        return _compare_and_swap(mover, vip, ec2)
    return True


def _compare_and_swap(mover: Mover, vip: VipRequest, ec2: Ec2) -> bool:
    """Take it from the owner that is seen first, or from nobody. Says whether anything changed.

    Once it was free, whoever has it then was quicker, and keeps it.
    """
    was_free = refused = False
    while True:
        seen = mover.seen(vip, ec2)
        if seen.holder is Holder.PEER and (was_free or seen.who != vip.peers("eni")):
            raise _lost(vip, seen)
        try:
            if seen.holder is Holder.MINE:
                return mover.assure(vip, ec2) or ec2.in_doubt
            was_free = _free(mover, vip, ec2, seen)
            mover.claim(vip, ec2, reassign=False)
        except NotThere:
            was_free = True
        except Refused:
            if refused:
                raise
            refused = True
        except (Conflict, UnknownOutcome):
            if not ec2.again():
                raise
        else:
            return True


def _free(mover: Mover, vip: VipRequest, ec2: Ec2, seen: Seen) -> bool:
    """Take it from the peer, if that has it. Says whether nobody has it then."""
    if seen.holder is Holder.FREE:
        return True
    freed = mover.dislodge(vip, ec2, seen)
    ec2.in_doubt = ec2.in_doubt or freed  # a failure from here on would not be without effect
    return freed


def _lost(vip: VipRequest, seen: Seen) -> Conflict:
    if seen.who != vip.peers("eni"):
        whose = "neither node's interface; free it there, or correct eni in the cluster file"
    else:
        whose = "the other node's interface, which was quicker"
    return Conflict(f"{vip.address} belongs to {seen.who}, {whose}")


def detach(mover: Mover, vip: VipRequest, ec2: Ec2) -> bool:
    """Let go of the VIP. Says whether anything changed.

    A refusal is no trouble: the next owner takes it from here. `UnknownOutcome`: what was sent may
    still land, on this node's next ownership.
    """
    try:
        return mover.give_up(vip, ec2.within(GIVE_UP_S))
    except UnknownOutcome as problem:
        try:
            while mover.seen(vip, ec2).holder is Holder.MINE:
                if not ec2.again():
                    raise
        except ProviderError:
            raise problem from None
        return True
    except ProviderError:
        return False


def _is_here(mover: Mover, vip: VipRequest, ec2: Ec2) -> bool:
    """Whether EC2 and this instance show it here. EC2 shows changes late: "no" is no proof."""
    try:
        return mover.seen(vip, ec2).holder is Holder.MINE and mover.confirmed(vip)
    except ProviderError as problem:
        raise UnknownOutcome(f"{vip.address} was moved, and not seen here: {problem}") from None


def _wait(vip: VipRequest, ec2: Ec2) -> None:
    if not ec2.again():
        told = (
            f"{vip.address} is not seen at {vip.own('eni')} in time, where it was or was moved to"
        )
        raise UnknownOutcome(told)
