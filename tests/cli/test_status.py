from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from rich.console import Console

from hafw.cli.status_model import read_status
from hafw.cli.status_view import view
from tests.cli.samples import group, status_result, trouble_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from hafw.agent.client import Message
    from tests.cli.conftest import FakeAgent

ALL_WELL = """\
store · active-active · protection reflected · seen from alpha

NODES
  ●  alpha  primary    running  up  owns local (group 3)
  ●  beta   secondary  running  up  owns local (group 4)

GROUPS
  ●  group 3  active on alpha  epoch 7  by released  reflected
  ●  group 4  active on beta   epoch 7  by released  reflected

ADDRESSES
  ●  10.1.1.113  on alpha  group 3
  ●  10.1.1.114  on beta   group 4

LINKS
  ●  link1  eth0  to 10.1.1.101  up  heard 83 ms ago  0 late
  ●  link2  eth1  to 10.2.2.101  up  heard 83 ms ago  0 late

PING NODES
  ●  10.1.1.1  up, reflects heartbeats
"""

TROUBLE = """\
store · active-active · protection reflected · seen from alpha

NODES
  ●  alpha  primary    running  up    owns local (group 3)
  ○  beta   secondary  unknown  dead  owns none

GROUPS
  ●  group 3  active on alpha, prefers beta  epoch 7  by reflected  reflected
  ○  group 4  no owner, blocked              epoch 7                none

ADDRESSES
  ●  10.1.1.113  on alpha    group 3
  ○  10.1.1.114  on no node  group 4

LINKS
  ○  link1  eth0  to 10.1.1.101  down  heard 12.3 s ago  0 late
  ○  link2  eth1  to 10.2.2.101  down  never heard       3 late

PING NODES
  ●  10.1.1.1  up, reflects heartbeats

AGENT
  worker up · gate owned · real-time, memory locked
  datagrams dropped: 2 replayed, 1 wrong mac

LAST TAKEOVER HERE
  2026-11-22T12:00:01.250+00:00  group 3 beta → alpha by reflected
  detect 1000.2 + decide 0.3 + attach 2.1 + announce 0.4 = 1003.0 ms

WARNINGS
  !  group 4 is blocked: nothing proves that the other node let go
     → hafw takeover --force --peer-is-off beta --reason TEXT
"""


def without_trailing_blanks(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_all_is_well_on_a_screen_of_80_columns_without_colour(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    del agent

    result = hafw("status")

    assert without_trailing_blanks(result.stdout) == ALL_WELL
    assert result.exit_code == 0


def test_trouble_is_shown_with_its_next_step(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("status", trouble_result())

    result = hafw("status")

    assert without_trailing_blanks(result.stdout) == TROUBLE
    assert result.exit_code == 4


FORCED: Final = {
    "resources": [{"type": "cloud-disk", "name": "vol-0a", "provider": "aws"}],
    "forced": "storage-without-fencing",
    "protection": "leased (storage-without-fencing)",
}


def test_a_disk_is_shown_where_its_group_is(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    first = group(3, "alpha") | FORCED
    agent.says("status", status_result() | {"groups": [first, group(4, "beta")]})

    shown = without_trailing_blanks(hafw("status").stdout)

    assert "DISKS\n  ●  vol-0a  on alpha  group 3  aws\n" in shown


def test_what_is_forced_is_shown_in_red_beside_the_protection() -> None:
    console = Console(width=120, force_terminal=True, color_system="standard")
    forced = status_result() | {"groups": [group(3, "alpha") | FORCED]}

    with console.capture() as shown:
        console.print(view(read_status(forced)))

    red = "\x1b[1;31m"
    assert f"{red}leased (storage-without-fencing)\x1b[0m" in shown.get()
    assert f"{red} · protection reflected\x1b[0m" in shown.get()


def test_the_json_is_what_the_agent_said_with_its_schema(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.says("status", trouble_result() | {"something_new": 1})

    result = hafw("status", "--json")

    assert json.loads(result.stdout) == trouble_result() | {"something_new": 1}
    assert result.exit_code == 4


@pytest.mark.parametrize(
    ("section", "name", "value", "status"),
    [
        ("nodes", "state", "up", 0),
        ("nodes", "state", "dead", 3),
        ("nodes", "state", "late", 3),
        ("links", "state", "down", 3),
        ("links", "state", "one-way", 3),
        ("ping", "state", "down", 3),
        ("groups", "owner", None, 4),
        ("groups", "state", "stopping", 3),
    ],
)
def test_the_exit_status_says_how_it_is(  # noqa: PLR0913, PLR0917 - one row of the table
    agent: FakeAgent,
    hafw: Callable[..., Result],
    section: str,
    name: str,
    value: str | None,
    status: int,
) -> None:
    result = status_result()
    rows = result[section]
    assert isinstance(rows, list)
    rows[0][name] = value
    agent.says("status", result)

    assert hafw("status").exit_code == status


def test_a_warning_is_a_degradation(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("status", status_result() | {"warnings": [{"text": "the files differ"}]})

    assert hafw("status").exit_code == 3


def test_an_older_agent_that_says_less_is_understood(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    least: Message = {"cluster": {"name": "store", "mode": "active-passive"}, "node": "alpha"}
    agent.says("status", least)

    assert hafw("status").stdout == "store · active-passive · seen from alpha\n"


def test_an_answer_of_another_form_is_no_crash(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.says("status", status_result() | {"groups": "none"})

    result = hafw("status")

    assert result.exit_code == 1
    assert "are probably of different versions" in result.stderr


def test_no_agent_is_said_with_the_command_that_starts_one(hafw: Callable[..., Result]) -> None:
    result = hafw("status", "--json")

    assert result.exit_code == 7
    assert "start it with `hafw start`" in result.stderr
    assert result.stdout == ""


def test_watching_needs_a_terminal(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    del agent

    assert hafw("status", "--watch").exit_code == 2


def test_the_agent_of_another_node_is_not_taken_for_the_one_named(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    del agent

    result = hafw("status", "--node", "beta")

    assert result.exit_code == 2
    assert "is alpha's, not beta's" in result.stderr
