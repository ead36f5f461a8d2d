"""Every story of the simulator ends as it must, with the engine as it is."""

from __future__ import annotations

import pytest

from hafw_sim.stories import STORIES


@pytest.mark.parametrize("name", STORIES)
def test_story_ends_as_it_must(name: str) -> None:
    problems = STORIES[name]()

    assert problems == []
