"""How a plugin says that an operation did not end as wanted.

One rule: the class says what is known of the effect. Only `UnknownOutcome` leaves it open; it is
resolved by observing, never by assuming.
"""

from __future__ import annotations


class ProviderError(Exception):
    """An operation failed and had no effect. The message says what, where, and what to do."""


class Conflict(ProviderError):
    """Somebody else has the resource, so the conditional change was refused."""


class StaleEpoch(ProviderError):
    """The resource carries a higher epoch than the request."""


class Denied(ProviderError):
    """A permission is missing; the message names it."""


class Misconfigured(ProviderError):
    """What the cluster file names does not exist, or is of the wrong kind."""


class Retryable(ProviderError):
    """Throttled or briefly unavailable: worth trying again after `after_s` seconds."""

    def __init__(self, message: str, after_s: float) -> None:
        """Keep the pause that the provider asked for, in seconds."""
        super().__init__(message)
        self.after_s = after_s


class UnknownOutcome(ProviderError):
    """It may or may not have taken effect."""
