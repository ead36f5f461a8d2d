"""How generated examples run everywhere: a busy machine is no failure, nothing is left behind."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("hafw", deadline=None, database=None)
settings.load_profile("hafw")
