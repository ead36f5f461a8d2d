"""The bench of movers counts what passes, and shows it; how long it took is not asked."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import Any

import pytest

from bench import report
from bench.movers.agents import document
from bench.movers.inside import measured
from bench.movers.measure import PROVED, targets
from bench.movers.toll import Exchange, Toll, rounds
from hafw_sim.clouds.gce import Gce, pair
from hafw_sim.clouds.gce.server import served

MOVER = "gcp alias-ip"
IMDS = "aws private-ip"


@pytest.fixture(name="result", scope="module")
def a_result() -> dict[str, Any]:
    return measured(1, "python -m bench movers", lambda _said: None, [MOVER, IMDS])


def test_every_call_of_a_takeover_passes_the_toll(result: dict[str, Any]) -> None:
    mine = result["figures"][MOVER][PROVED]

    assert result["failures"] == []
    assert mine["api"] == mine["in_a_row"] == len(mine["calls"])
    assert mine["calls"].count("instances.updateNetworkInterface") == 2
    assert (mine["metadata"], mine["connections"]) == (0, 0)


def test_a_warm_worker_asks_the_metadata_once(result: dict[str, Any]) -> None:
    mine = result["figures"][IMDS][PROVED]

    assert mine["calls"] == ["AssignPrivateIpAddresses", "DescribeNetworkInterfaces"]
    assert mine["metadata"] == 1


def test_the_page_has_its_section(result: dict[str, Any]) -> None:
    page = report.page([result])

    assert "## A takeover's calls" in page
    assert f"| {MOVER} | {PROVED} | 7 | 0 | 7 | 0 |" in page


def test_a_target_is_fewer_calls_and_less_time_than_the_agent() -> None:
    figures = {
        "one": {PROVED: cost(2, 0, 100.0), "an agent": cost(2, 4, 101.0)},
        "another": {PROVED: cost(0, 0, 2.0), "an agent": cost(0, 0, 1.0)},
    }

    found = {each["what"]: each["met"] for each in targets(figures)}

    assert found == {
        f"one, {PROVED}: fewer calls of the API than an agent": False,
        f"one, {PROVED}: fewer calls of API and metadata than an agent": True,
        f"one, {PROVED}: less time than an agent": True,
        f"another, {PROVED}: fewer calls of the API than an agent": True,
        f"another, {PROVED}: fewer calls of API and metadata than an agent": True,
        f"another, {PROVED}: less time than an agent": False,
    }


def cost(api: int, metadata: int, time_ms: float) -> dict[str, Any]:
    return {"api": api, "metadata": metadata, "done_ms": {"median": time_ms}}


def test_connections_and_exchanges_are_counted_from_when_it_is_told_to() -> None:
    with served(Gce("p", pair())) as server:
        host, port = server.metadata_hosts["vm-a"].split(":")
        with Toll((host, int(port))) as toll:
            ask(toll, 1)
            toll.forget()
            ask(toll, 3)

            counted = toll.connections, len(toll.exchanges()), rounds(toll.exchanges())

    assert counted == (1, 3, 3)


def ask(toll: Toll, times: int) -> None:
    """Ask so often by one connection."""
    connection = HTTPConnection(*toll.address, timeout=5)
    for _ in range(times):
        flavour = {"Metadata-Flavor": "Google"}
        connection.request("GET", "/computeMetadata/v1/instance/name", headers=flavour)
        assert connection.getresponse().read() == b"vm-a"
    connection.close()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], 0),
        ([(0, 1), (1, 2), (3, 4)], 3),
        ([(0, 2), (1, 3)], 1),
        ([(0, 9), (1, 2), (3, 4)], 2),
    ],
)
def test_round_trips_in_a_row_are_those_that_do_not_overlap(
    times: list[tuple[float, float]], expected: int
) -> None:
    assert rounds(Exchange(*each) for each in times) == expected


def test_the_discovery_document_leads_to_the_cloud() -> None:
    found = document("http://127.0.0.1:9")
    insert = found["resources"]["routes"]["methods"]["insert"]

    assert found["rootUrl"] + found["servicePath"] == "http://127.0.0.1:9/compute/v1/"
    assert (insert["path"], insert["parameterOrder"]) == (
        "projects/{project}/global/routes",
        ["project"],
    )
