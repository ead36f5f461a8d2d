"""Runs `hafw precheck --live-probe` as an operator does, on the model of a cloud."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from hafw.cli.main import main
from tests.config.samples import changed

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Probed:
    """What it ended with: its exit status, and the verdicts of each kind of finding, in order."""

    status: int
    findings: list[dict[str, Any]]

    def verdicts(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self.findings:
            found.setdefault(one["id"], []).append(one["verdict"])
        return found

    def what(self, name: str) -> str:
        return next(str(one["what"]) for one in self.findings if one["id"] == name)


def probed(directory: Path, vip: str, address: str = "", fence: str = "") -> Probed:
    """Probe as alpha; `vip`: what its line says beyond address and interface."""
    text = changed('provider = "onprem",', vip)
    if fence:
        text = changed("[nodes.beta]\n", f"[nodes.beta]\nfence = {{ {fence} }}\n", text)
    file = directory / "cluster.toml"
    file.write_text(text)
    words = ["precheck", "--live-probe", "--json", "--node", "alpha", "--config", str(file)]
    words += ["--run-dir", str(directory)]
    words += ["--probe-address", address] if address else []
    ended = CliRunner().invoke(main, words, catch_exceptions=False)
    return Probed(ended.exit_code, json.loads(ended.stdout)["findings"])


MOVED = ["ok", "ok"]
"""To this node, and to the other."""
