"""A real agent whose group has a disk, of a provider that writes down what it is asked."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hafw.config import Group
from hafw.config.model import CloudDisk, Force
from tests.agent.lone import Lone, lone
from tests.hooks.plugins import install
from tests.net.hosts import isolated

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CONFIG_INVALID: Final = 9
SOURCE: Final = '''
"""A disk that comes and goes in a file; while that says "away", nothing is known of it."""

import time
from pathlib import Path

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import hookimpl
from hafw.hooks.resources import ResourceReceipt


def _told(request, what):
    diary = Path(request.options["diary"])
    if diary.with_name("away").exists():
        raise Retryable("the cloud is away", 0.0)
    with diary.open("a") as file:
        file.write(what + " " + request.certificate + "\\n")
    return ResourceReceipt(changed=True)


@hookimpl
def hafw_resource_warm(requests):
    while Path(requests[0].options["diary"]).with_name("cold").exists():
        time.sleep(0.01)
    for request in requests:
        _told(request, "warm")


@hookimpl
def hafw_resource_start(request):
    return _told(request, "start")


@hookimpl
def hafw_resource_stop(request):
    return _told(request, "stop")
'''


def with_a_disk(scene: Lone, monkeypatch: pytest.MonkeyPatch, *, vip: bool = True) -> Path:
    """Put a disk into the group, before its VIP; returns the disk's diary."""
    install(scene.directory, monkeypatch, "filedisk", SOURCE)
    diary = scene.directory / "diary"
    options = (("diary", str(diary)), ("disk", "data"))
    disk = CloudDisk(provider="filedisk", options=options)
    resources = (disk, *(scene.cluster.groups[0].resources if vip else ()))
    group = Group(id=3, preferred=0, resources=resources, force=Force.STORAGE_WITHOUT_FENCING)
    scene.write(replace(scene.cluster, groups=(group,)))
    return diary


def group(scene: Lone) -> dict[str, Any]:
    found: dict[str, Any] = scene.status()["groups"][0]
    return found


def state(scene: Lone) -> str:
    return str(group(scene)["state"])


def takes_over(scene: Lone) -> None:
    scene.until(lambda: state(scene) == "blocked")
    scene.ask("takeover", what="all", force=True, peer_is_off="beta", reason="seen")
    scene.until(lambda: state(scene) == "active")


@isolated
def test_what_an_earlier_agent_left_is_stopped_when_the_worker_is_warm_and_not_believed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone(tmp_path) as scene:
        diary = with_a_disk(scene, monkeypatch)
        (tmp_path / "cold").touch()
        scene.start()
        scene.until(lambda: "stop not confirmed: no worker: starting" in scene.log())
        cold = state(scene), diary.exists()

        (tmp_path / "cold").unlink()
        scene.until(lambda: state(scene) != "cleaning")

        assert cold == ("cleaning", False)
        assert diary.read_text().splitlines() == ["warm ", "stop "]


@isolated
def test_a_disk_is_started_with_its_certificate_and_stopped_at_a_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone(tmp_path) as scene:
        diary = with_a_disk(scene, monkeypatch)
        scene.start()
        takes_over(scene)
        shown = group(scene)["resources"]

        scene.ask("release")
        scene.until(lambda: state(scene) != "active" and diary.read_text().count("stop") > 1)

        assert diary.read_text().splitlines() == ["warm ", "stop ", "start operator", "stop "]
        assert [each["type"] for each in shown] == ["cloud-disk", "vip"]
        assert shown[0]["name"] == "data"


@isolated
def test_a_group_of_a_disk_alone_needs_no_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone(tmp_path) as scene:
        diary = with_a_disk(scene, monkeypatch, vip=False)
        scene.start()
        takes_over(scene)
        scene.ask("release")
        scene.until(lambda: diary.read_text().count("stop") > 1)

        assert "gate" not in scene.log()


@isolated
def test_a_stop_that_is_not_confirmed_keeps_the_group_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone(tmp_path) as scene:
        diary = with_a_disk(scene, monkeypatch)
        scene.start()
        takes_over(scene)
        (tmp_path / "away").touch()

        scene.signal(signal.SIGTERM)
        scene.until(lambda: "stop not confirmed: the cloud is away" in scene.log())
        meanwhile = state(scene)
        (tmp_path / "away").unlink()

        assert meanwhile == "stopping"
        assert scene.ends() == 0
        assert diary.read_text().splitlines()[-1] == "stop "


@isolated
def test_what_is_forced_is_journaled_at_every_start_and_reload_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone(tmp_path) as scene:
        with_a_disk(scene, monkeypatch)
        scene.start()
        scene.until(lambda: state(scene) == "blocked")
        scene.signal(signal.SIGHUP)
        scene.until(lambda: scene.log().count('"group.forced"') == 2)
        found = group(scene)

        assert "storage-without-fencing: data has neither fence nor lease" in scene.warnings()
        assert found["forced"] == "storage-without-fencing"
        assert found["protection"] == "none (storage-without-fencing)"


@isolated
def test_an_agent_does_not_start_with_a_disk_and_no_fence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone(tmp_path) as scene:
        with_a_disk(scene, monkeypatch)
        unforced = replace(scene.cluster.groups[0], force=None)
        scene.write(replace(scene.cluster, groups=(unforced,)))

        status = scene.ends(scene.spawn())

        assert status == CONFIG_INVALID
        assert "no fence proves that the other node no longer writes to it" in scene.log()
