"""The bench of authorities: what is measured, on real agents, and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import authority, report

if TYPE_CHECKING:
    import pytest


def test_each_authority_is_measured_in_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: authority.AUTHORITIES[name] for name in ("reflected", "leased")}
    monkeypatch.setattr(authority, "AUTHORITIES", chosen)
    said: list[str] = []

    result = authority.authorities(1, "python -m bench authority", said.append)

    page = report.page([result])
    assert result["failures"] == []
    assert said[0] == "run 1 of 1: reflected crash"
    assert result["figures"]["leased"]["both_own"]["max"] == 0
    assert result["figures"]["leased"]["decide"]["median"] > 100  # the lease had to run out
    assert "## What an authority adds" in page
    assert "| leased | a witness; lease_ttl 1000 ms |" in page
