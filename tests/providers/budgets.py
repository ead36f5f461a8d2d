"""A budget that is small, and what is left of it after routine.

Rule: it refills so slowly that a test ends before there is room again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.api_budget import Quota, Use
from hafw.hooks.errors import Retryable

if TYPE_CHECKING:
    from hafw.api_budget import Budget

SMALL: Final = Quota(burst=100, per_s=0.001)


def spend(budget: Budget, use: Use, now_ns: int) -> None:
    """Let the node have spent all that calls of this use may have."""
    with suppress(Retryable):
        while True:
            budget.take("any", use, now_ns)
