"""Named stories: a fault or command, and what must be true afterwards.

One rule: a story returns what went wrong, in sentences; nothing, if all went well. The same stories
are the engine's tests, and the judges of the mutants.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.world import World

    Story = Callable[[], list[str]]

STORIES: Final[dict[str, Story]] = {}


def story(function: Story) -> Story:
    """Register a story under its function's name."""
    assert function.__name__ not in STORIES, f"two stories called {function.__name__}"
    STORIES[function.__name__] = function
    return function


def wrong(world: World, *owners: str | None, never_both: bool = True) -> list[str]:
    """What is wrong if the groups, in order, should be owned by `owners` now."""
    found = list(world.violations)
    if never_both and world.both_ms():
        found.append(f"both nodes answered for {world.both_ms():.1f} ms")
    for group, owner in zip(world.nodes[0].settings.groups, owners, strict=True):
        actual = world.owner(group.id)
        if actual != owner:
            found.append(f"group {group.id} is owned by {actual}, not by {owner}")
    return found


for _module in (
    "silence",
    "stops",
    "authority",
    "boot",
    "commands",
    "notices",
    "preparing",
    "reloading",
    "leases",
    "stores",
    "fences",
    "maintenance",
):
    import_module(f"hafw_sim.stories.{_module}")
