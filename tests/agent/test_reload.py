"""What a running agent refuses to take from a changed file, and which way round it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hafw.agent.reload import refusal
from hafw.config import Group
from tests.agent.lone import cluster_in

NOW = cluster_in(Path("/etc/hafw"))
OTHER_PORT = replace(NOW, port=7999)
OTHER_GROUP = Group(id=4, preferred=0, resources=NOW.groups[0].resources)
BOTH_DOWN = "use hafw stop on both nodes, then hafw start"
IN_TURN = "use hafw stop and hafw start, on one node after the other"


def test_the_same_file_is_taken() -> None:
    assert refusal(NOW, NOW) == ""


def test_times_and_keys_are_taken() -> None:
    times = replace(NOW.timing, deadtime_ns=2 * NOW.timing.deadtime_ns)

    assert refusal(NOW, replace(NOW, timing=times, key_file=Path("/elsewhere"))) == ""


def test_what_both_nodes_must_agree_on_needs_both_down() -> None:
    assert refusal(NOW, OTHER_PORT) == f"a running agent cannot change: port; {BOTH_DOWN}"


def test_other_groups_come_on_one_node_after_the_other() -> None:
    more = replace(NOW, groups=(*NOW.groups, OTHER_GROUP))

    added = refusal(NOW, more)
    removed = refusal(more, NOW)

    assert added == f"a running agent cannot change: resources of group 4; {IN_TURN}"
    assert removed == added


def test_a_file_with_both_needs_both_down() -> None:
    both = replace(OTHER_PORT, groups=(*NOW.groups, OTHER_GROUP))

    assert refusal(NOW, both) == (
        f"a running agent cannot change: port, resources of group 4; {BOTH_DOWN}"
    )
