"""What an episode is made of."""

from __future__ import annotations

from hafw_sim.schedule import Value

Episode = tuple[str, dict[str, Value], float]
"""A decision that comes so many seconds after the episode's beginning."""
