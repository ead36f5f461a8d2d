"""The errors between the calls and the movers, and what a mover does about the passing ones.

One rule: whoever is overtaken, or gets no answer, reads again and decides again; and once something
was sent that may have had an effect, no error is one "without effect".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from hafw.hooks.errors import Conflict, Misconfigured, ProviderError, Retryable, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.providers.azure.api import Arm

T = TypeVar("T")

ROUNDS: Final = 5
"""How often being overtaken is a reason to begin anew; then it is a conflict."""


class Changed(Conflict):
    """What was read is not so any more."""


class Busy(Retryable):
    """Another operation is changing the same thing."""


class Missing(Misconfigured):
    """There is no such thing, or this node may not see it."""


class Unanswered(UnknownOutcome):
    """The request may have arrived; `after_s`: when to ask again, 0: as the caller likes."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        """Keep the pause that the service asked for, in seconds."""
        super().__init__(message)
        self.after_s = after_s


def decided(arm: Arm, once: Callable[[], T]) -> T:
    """What `once` returns: it reads, decides and acts, from the beginning each time it is run."""
    overtaken = 0
    while True:
        try:
            return once()
        except Changed as problem:
            told: ProviderError = problem
            overtaken += 1
            again = overtaken < ROUNDS
        except (Busy, Unanswered) as problem:
            told = problem
            again = arm.again(problem.after_s)
        except ProviderError as problem:
            told = problem
            again = False
        if not again:
            break
    if arm.acted and not isinstance(told, UnknownOutcome):
        raise UnknownOutcome(str(told)) from told
    raise told
