"""`make_whole`: whatever was broken works again."""

from __future__ import annotations

from hafw_sim.faults import inflict
from hafw_sim.pairs import BETA, running_pair


def test_what_could_not_be_prepared_can_be_when_everything_is_made_whole() -> None:
    world = running_pair(groups=2)
    inflict(world, "prepared", {"node": "beta", "group": 2, "works": False})
    assert not world.engine(BETA).groups[2].willing(world.engine(BETA))

    inflict(world, "make_whole", {})

    assert world.engine(BETA).groups[2].willing(world.engine(BETA))
    assert world.engine(BETA).cold == {}
