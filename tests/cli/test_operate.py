from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.cli.operate import What, selected
from hafw.cli.status_model import read_status
from tests.cli.samples import group, status_result, trouble_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.cli.conftest import FakeAgent

VOUCH = ("takeover", "--force", "--peer-is-off", "beta", "--reason", "pulled the plug")


def test_standby_says_what_will_move_and_then_what_became_of_it(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.says("standby", {}, "group 3 is active on beta")

    result = hafw("standby")

    assert result.exit_code == 0
    assert result.stderr == "Group 3 (10.1.1.113) moves from alpha to beta.\n"
    assert result.stdout == "group 3 is active on beta\n"
    assert agent.heard("standby") == [{"verb": "standby", "what": "all", "force": False}]


@pytest.mark.parametrize(
    ("verb", "what", "groups"),
    [
        # Alpha holds 3 (its own) and 4 (beta's); beta holds 5 (its own) and 6 (alpha's).
        ("standby", What.ALL, [3, 4]),
        ("standby", What.LOCAL, [3]),
        ("standby", What.FOREIGN, [4]),
        ("standby", What.FAILBACK, [4]),
        ("takeover", What.ALL, [5, 6]),
        ("takeover", What.LOCAL, [6]),
        ("takeover", What.FOREIGN, [5]),
        ("takeover", What.FAILBACK, [6]),
    ],
)
def test_each_argument_means_the_groups_that_it_says(
    verb: str, what: What, groups: list[int]
) -> None:
    crossed = [
        group(3, "alpha"),
        group(4, "alpha") | {"preferred": "beta"},
        group(5, "beta"),
        group(6, "beta") | {"preferred": "alpha"},
    ]
    status = read_status(status_result() | {"groups": crossed})

    found = selected(status, what, taking=verb == "takeover")

    assert [each.id for each in found] == groups


def test_a_word_that_means_no_groups_is_a_usage_error(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    assert hafw("standby", "some").exit_code == 2
    assert agent.requests == []


def test_a_refusal_is_passed_on_with_its_status(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.refuses("takeover", 5, "group 4: the other node is silent")

    result = hafw("takeover")

    assert result.exit_code == 5
    assert result.stderr.endswith("group 4: the other node is silent\n")
    assert result.stdout == ""


def test_an_agent_that_hangs_up_ends_in_an_unknown_outcome(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.sends_bytes("standby", b"")

    assert hafw("standby").exit_code == 8


@pytest.mark.parametrize("command", [VOUCH, ("standby", "--force"), ("release",)])
def test_a_disruptive_command_asks_for_yes_where_nobody_can_be_asked(
    agent: FakeAgent, hafw: Callable[..., Result], command: tuple[str, ...]
) -> None:
    result = hafw(*command)

    assert result.exit_code == 2
    assert "add --yes" in result.stderr
    assert agent.heard(command[0]) == []


def test_vouching_says_what_it_risks_and_sends_name_and_reason(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.says("status", trouble_result())
    agent.says("takeover", {}, "group 4 is active on alpha")

    result = hafw(*VOUCH, "--yes")

    assert result.exit_code == 0
    assert "Group 4 (10.1.1.114) starts on alpha." in result.stderr
    assert "If beta is not off, two nodes will own them." in result.stderr
    assert agent.heard("takeover") == [
        {
            "verb": "takeover",
            "what": "all",
            "force": True,
            "peer_is_off": "beta",
            "reason": "pulled the plug",
        }
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--peer-is-off", "beta", "--reason", "sure"),
        ("--force", "--peer-is-off", "beta"),
        ("--force", "--reason", "sure"),
        ("--force", "--peer-is-off", "alpha", "--reason", "sure", "--yes"),
        ("--force", "--peer-is-off", "gamma", "--reason", "sure", "--yes"),
    ],
)
def test_vouching_needs_all_of_its_words(
    agent: FakeAgent, hafw: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    assert hafw("takeover", *arguments).exit_code == 2
    assert agent.heard("takeover") == []


def test_failback_names_every_group_that_goes_home(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    away = [group(3, "beta") | {"preferred": "alpha"}, group(4, "beta")]
    agent.says("status", status_result() | {"groups": away})
    agent.says("failback", {}, "done")

    result = hafw("failback")

    assert result.stderr == "Group 3 (10.1.1.113) moves from beta to alpha.\n"
    assert result.stdout == "done\n"


def test_release_names_what_goes_down(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("release", {}, "released")

    result = hafw("release", "--yes")

    assert "another node can take over, alpha stops: Group 3 (10.1.1.113)." in result.stderr
    assert result.stdout == "released\n"


def test_reload_passes_on_what_is_wrong_with_the_file(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.refuses("reload", 9, "cluster.toml:3: cluster.id: this is missing; add it")

    result = hafw("reload")

    assert result.exit_code == 9
    assert result.stderr == "cluster.toml:3: cluster.id: this is missing; add it\n"


def test_a_name_that_is_not_the_agents_stops_every_verb(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    for verb in ("standby", "takeover", "failback", "release", "reload", "stop", "events"):
        assert hafw(verb, "--node", "beta").exit_code == 2
    for word in ("on", "off"):
        assert hafw("maintenance", word, "--node", "beta").exit_code == 2
    assert {request["verb"] for request in agent.requests} == {"status"}
