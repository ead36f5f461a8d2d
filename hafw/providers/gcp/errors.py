"""The errors between the calls and the movers, and what a mover does about the passing ones.

One rule: whoever is overtaken reads again and decides again; the same change is never sent again.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from hafw.hooks.errors import Conflict, Misconfigured, ProviderError, Retryable, UnknownOutcome
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

ROUNDS: Final = 5
"""How often being overtaken is a reason to begin anew; then it is a conflict."""
_PAUSE_S: Final = 0.5
"""Before looking again at what another operation is changing."""


class Changed(Conflict):
    """What was read is not so any more."""


class Busy(Retryable):
    """Another operation is changing the same thing."""


class Missing(Misconfigured):
    """There is no such thing."""


class Unanswered(UnknownOutcome):
    """The request may have arrived; `after_s`: when to ask again, 0: as the caller likes."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        """Keep the pause that the service asked for, in seconds."""
        super().__init__(message)
        self.after_s = after_s


@contextmanager
def landed(what: str) -> Iterator[None]:
    """The block follows a change that has landed: an error in it is none "without effect"."""
    try:
        yield
    except UnknownOutcome:
        raise
    except ProviderError as problem:
        raise UnknownOutcome(f"{what} is done, and then: {problem}") from problem


def decided(once: Callable[[], T], until_ns: int) -> T:
    """What `once` returns: it reads, decides and acts, from the beginning each time it is run."""
    overtaken = 0
    while True:
        try:
            return once()
        except Changed:
            overtaken += 1
            if overtaken == ROUNDS:
                raise
        except Busy as problem:
            if not waited(problem.after_s or _PAUSE_S, until_ns):
                raise


def waited(pause_s: float, until_ns: int) -> bool:
    """Pause; False: there is no time for that before `until_ns`."""
    if (until_ns - boot_ns()) / 1e9 <= pause_s:
        return False
    time.sleep(pause_s)
    return True
