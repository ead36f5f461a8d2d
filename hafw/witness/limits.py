"""How much one source may ask, so that none can keep the witness from the others.

One rule: what is remembered of sources is bounded; the one that was silent longest is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

RATE_PER_S: Final = 200
"""A node asks a few times a second for each of its groups."""
BURST: Final = 400
MAX_SOURCES: Final = 1_024


class Limits:
    """A bucket of tokens for each source address."""

    def __init__(self) -> None:
        """Every source begins with a full bucket."""
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admit(self, source: str, now_ns: int) -> bool:
        """May this source ask once more now?"""
        tokens, then_ns = self._buckets.pop(source, (float(BURST), now_ns))
        tokens = min(BURST, tokens + (now_ns - then_ns) * RATE_PER_S / 1e9)
        admitted = tokens >= 1
        self._buckets[source] = (tokens - admitted, now_ns)
        if len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
        return admitted
