"""The bench measures, and what it found is shown; whether that is good enough is not asked here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import report, run
from bench.bed import Pace
from bench.lives import FIGURES
from bench.peers import everyone
from bench.peers.hafw import Hafw

BRISK = Pace(settle_s=0.1, aftermath_s=0.1, split_s=0.5, healed_s=0.5, rest_s=0.5)


def nothing(_said: str) -> None:
    """Talk to nobody."""


@pytest.fixture(name="result", scope="module")
def a_result() -> dict[str, Any]:
    found = run.outages([Hafw()], 1, BRISK, "python -m bench", nothing)
    whole: dict[str, Any] = json.loads(json.dumps(found))
    return whole


def test_one_run_yields_every_figure_that_hafw_is_to_keep(result: dict[str, Any]) -> None:
    kept = {figure.key for figure in FIGURES if figure.limit is not None}

    assert result["schema"] == "hafw.bench/1"
    assert result["failures"] == []
    assert kept <= set(result["figures"])
    assert all(len(found["hafw"]["values"]) >= 1 for found in result["figures"].values())


def test_a_run_says_what_was_measured_on_what(result: dict[str, Any]) -> None:
    assert result["peers"]["hafw"]["detection_ms"] == 300
    assert {"processor", "cores", "kernel", "python"} <= set(result["machine"])
    assert {"busy_percent", "stolen_percent", "load_before"} <= set(result["quiet"])


def test_engine_and_worker_are_charged_separately(result: dict[str, Any]) -> None:
    parts = result["rest"]["hafw"]

    assert set(parts) == {"engine", "worker"}
    assert parts["engine"]["owner"]["pss_mib"] > 1


def test_beside_them_stands_what_it_costs_to_wake_up_alone(result: dict[str, Any]) -> None:
    alone = result["rest"]["sleeping"]["script"]["any"]

    assert set(alone) == set(result["rest"]["hafw"]["engine"]["owner"])
    assert alone["wakeups_per_s"] > 0


def test_the_page_holds_date_command_and_every_table(result: dict[str, Any]) -> None:
    page = report.page([result])

    assert result["date"] in page
    assert "`python -m bench`" in page
    assert "| owner crashes: outage |" in page
    assert "| hafw engine | owner |" in page
    assert "| sleeping script | any |" in page


def test_a_missed_target_is_shown_as_missed(result: dict[str, Any]) -> None:
    slow = {"what": "a move", "unit": "ms", "limit": 10, "reached": 12.5, "met": False}

    page = report.page([result | {"targets": [slow]}])

    assert "| a move | ≤ 10 ms | 12.5 | MISSED |" in page


def test_a_peer_that_is_not_installed_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.peers.keepalived.program", lambda _name: None)

    missing = {peer.name: peer.missing() for peer in everyone()}

    assert missing["hafw"] is None
    assert missing["keepalived"] == "apt install keepalived"


def test_a_peer_is_compared_with_hafw_in_the_same_run(result: dict[str, Any]) -> None:
    def found(value: float) -> dict[str, Any]:
        return {"values": [value], "median": value, "max": value}

    both = {"hafw": found(20.0), "keepalived": found(50.0)}
    peers = dict.fromkeys(both, result["peers"]["hafw"])

    page = report.page([result | {"peers": peers, "figures": {"crash_outage": both}}])

    assert "| owner crashes: outage | 20.0 (20.0) | 50.0 (50.0) 2.5x |" in page
