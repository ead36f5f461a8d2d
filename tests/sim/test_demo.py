"""`make demo` tells the whole story on this machine, and holds."""

from __future__ import annotations

import subprocess
import sys

from hafw_sim.demo.steps import STEPS


def test_the_demo_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hafw_sim.demo"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    rows = done.stdout.partition("What the client went without")[2]
    assert [step.title for step in STEPS if step.title not in rows] == []
    assert rows.count("held") == len(STEPS)
