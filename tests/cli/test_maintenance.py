"""`hafw maintenance`, and how a pair that is in it looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.samples import status_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.cli.conftest import FakeAgent


def in_maintenance(**fields: object) -> dict[str, Any]:
    found: dict[str, Any] = dict(status_result())
    said = {"on": True, "remaining_s": None, "by": "beta", **fields}
    return found | {"cluster": found["cluster"] | {"maintenance": said}}


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["on"], {"verb": "maintenance on", "for_ms": 0}),
        (["on", "--for", "2h"], {"verb": "maintenance on", "for_ms": 7_200_000}),
        (["on", "--for", "90s"], {"verb": "maintenance on", "for_ms": 90_000}),
        (["off"], {"verb": "maintenance off"}),
    ],
)
def test_it_is_ordered_and_the_answer_is_shown(
    words: list[str], request_: dict[str, object], agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    verb = str(request_["verb"])
    agent.says(verb, {}, "so it is, on both nodes")

    result = hafw("maintenance", *words)

    assert (result.exit_code, result.stdout) == (0, "so it is, on both nodes\n")
    assert agent.heard(verb) == [request_]


@pytest.mark.parametrize("text", ["2", "2 weeks", "0s", "721h", "-1h", "soon"])
def test_what_is_no_such_time_is_a_usage_error(
    text: str, agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    result = hafw("maintenance", "on", f"--for={text}")

    assert result.exit_code == 2
    assert "--for" in result.stderr
    assert agent.requests == []


def test_where_it_counts_on_one_node_only_the_exit_status_says_so(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.refuses("maintenance on", 3, "maintenance is on here; beta is silent")

    result = hafw("maintenance", "on")

    assert result.exit_code == 3
    assert "beta is silent" in result.stderr


def test_the_status_says_so_in_its_first_lines(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.says("status", in_maintenance(remaining_s=7_140))

    result = hafw("status")

    assert result.exit_code == 3
    assert [line.rstrip() for line in result.stdout.splitlines()[1:4]] == [
        "MAINTENANCE, ordered at beta, for another 1:59:00 (h:mm:ss): nothing moves by",
        "itself",
        "→ hafw maintenance off",
    ]


def test_the_status_says_that_nothing_will_end_it(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.says("status", in_maintenance())

    assert "until it is switched off" in hafw("status").stdout


def test_the_status_for_programs_has_it(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("status", in_maintenance(remaining_s=5))

    said = json.loads(hafw("status", "--json").stdout)["cluster"]["maintenance"]

    assert said == {"on": True, "remaining_s": 5, "by": "beta"}
