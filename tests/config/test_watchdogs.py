"""The watchdogs of the cluster file: who needs one, and how long it may count."""

from __future__ import annotations

from pathlib import Path

import pytest

from hafw.config import config_hash
from hafw.config.model import Watchdog
from hafw.config.render import render
from hafw.core.settings import SECOND
from tests.config.samples import changed, errors, read

PILLS = """
[nodes.beta.fence]
method = "sbd"
device = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4-part2"
"""
DOG = '[nodes.beta.watchdog]\ndevice = "/dev/watchdog0"\n'


def of_beta(tables: str) -> str:
    return changed("[nodes.beta]\n", f"[nodes.beta]\n{tables}")


def test_a_node_that_is_shot_by_pills_has_a_watchdog_of_ten_seconds() -> None:
    cluster = read(of_beta(PILLS + DOG))

    assert cluster.watchdogs == (None, Watchdog(Path("/dev/watchdog0"), 10 * SECOND))
    assert cluster.pill_disk(1) == "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4-part2"
    assert read(render(cluster)) == cluster
    assert config_hash(cluster) != config_hash(read(of_beta(PILLS + DOG + 'timeout = "5s"\n')))


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        (PILLS, "a pill proves nothing while beta has no watchdog; add [nodes.beta.watchdog]"),
        (DOG, "nobody looks at a disk of poison pills here, so it would never be armed"),
        (PILLS + DOG + 'timeout = "2500ms"\n', "2500ms cannot be set; a watchdog counts whole"),
        (PILLS + DOG.replace("/dev/", ""), '"watchdog0" is not an absolute path'),
        (PILLS + DOG + 'timeout = "30s"\n', "ends before the watchdog of 30s is certain to have"),
        (PILLS + DOG + 'timeout = "2m"\n', '"2m" is out of range; use 1s to 1m'),
        (PILLS + DOG + "nowayout = true\n", "nowayout"),
        (
            PILLS.replace("[nodes.beta.fence]", "[[nodes.beta.fence]]") * 2 + DOG,
            "a node has one disk of poison pills",
        ),
    ],
)
def test_what_would_prove_nothing_is_refused(tables: str, complaint: str) -> None:
    (told,) = errors(of_beta(tables))

    assert complaint in told
