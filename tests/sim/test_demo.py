"""`make demo` tells the whole story on this machine, and holds; in each cloud, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from hafw_sim.cloudlab.sites import SDKS, site_of
from hafw_sim.demo import clouds
from hafw_sim.demo.__main__ import main
from hafw_sim.demo.steps import STEPS

ROOT: Final = Path(__file__).parents[2]


def demo(*arguments: str) -> tuple[int, str, str]:
    """Its exit status, the table at its end, and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "hafw_sim.demo", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    table = done.stdout.partition("What the client went without")[2]
    return done.returncode, table, done.stdout + done.stderr


def test_the_demo_holds() -> None:
    status, table, said = demo()

    assert status == 0, said
    assert [step.title for step in STEPS if step.title not in table] == []
    assert table.count("held") == len(STEPS)


def test_the_whole_story_holds_in_a_cloud() -> None:
    status, table, said = demo("--cloud", "aws")

    steps = clouds.steps(site_of("aws"))
    assert status == 0, said
    assert [step.title for step in steps if step.title not in table] == []
    assert table.count("held") == len(steps)


@pytest.mark.parametrize(
    "cloud",
    [["gcp"], ["azure"], ["azure", "--mover", "load-balancer"]],
    ids=lambda cloud: cloud[-1],
)
def test_a_crash_is_survived_in_the_other_clouds(cloud: list[str]) -> None:
    status, table, said = demo("--cloud", *cloud, "--steps", "2")

    assert status == 0, said
    assert "node crash" in table
    assert table.count("held") == 2


def test_a_mover_that_a_cloud_has_no_lab_of_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--cloud", "gcp", "--mover", "load-balancer"])

    assert "no lab of gcp with the mover load-balancer" in capsys.readouterr().err


def test_without_its_sdk_a_cloud_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SDKS, "gcp", "google.is_not_here")

    status = main(["--cloud", "gcp"])

    assert status == 1
    assert "Remedy: make demo CLOUD=gcp" in capsys.readouterr().err


@pytest.mark.parametrize("cloud", SDKS)
def test_make_installs_the_sdk_of_a_cloud_in_the_versions_of_the_tests(cloud: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo", f"CLOUD={cloud}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tested = (ROOT / "requirements" / "dev.lock").read_text().splitlines()
    locked = (ROOT / "requirements" / f"{cloud}.lock").read_text().splitlines()

    assert f"-r requirements/{cloud}.lock" in told
    assert f"python -m hafw_sim.demo --cloud {cloud}" in told
    assert [line for line in locked if line not in tested] == []


def test_make_refuses_a_cloud_that_is_not_there() -> None:
    done = subprocess.run(
        ["make", "demo", "CLOUD=mars"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "write CLOUD=aws, CLOUD=gcp or CLOUD=azure" in done.stderr
