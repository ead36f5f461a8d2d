"""Two real agents in a cloud, with a disk: it is at one machine at a time, and below the VIP."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw.core.settings import SECOND
from hafw_sim.cloudlab.aws import Aws
from hafw_sim.cloudlab.azure import Azure
from hafw_sim.cloudlab.cloud import DISK
from hafw_sim.cloudlab.gcp import Gcp
from hafw_sim.cloudlab.watch import CloudWatch, Deliveries, cloud
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.pair import NAMES, Design, Pair
from hafw_sim.lab.power import PowerSwitch
from hafw_sim.lab.serving import Interval, overlap_ns
from tests.lab.helpers import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hafw_sim.cloudlab.site import Site

PATIENCE_S: Final = 60.0


@dataclass(frozen=True)
class Scene:
    """A pair in a cloud, which is not started yet."""

    site: Site
    lab: Lab
    switch: PowerSwitch
    deliveries: Deliveries
    watch: CloudWatch
    pair: Pair

    def disk(self) -> dict[str, list[Interval]]:
        """When the disk was at each node."""
        return self.deliveries.intervals(DISK)

    def disk_is_at(self, name: str) -> bool:
        return {each for each, had in self.disk().items() if had and had[-1].end_ns is None} == {
            name
        }

    def resources(self, name: str) -> list[Any]:
        status: dict[str, Any] = self.pair.status(name)
        found: list[Any] = status["groups"][0]["resources"]
        return found


@pytest.fixture(params=[Aws, Azure, Gcp], ids=["aws", "azure", "gcp"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    site: Site = request.param()
    design = Design(
        vips=((site.vip,),),
        reflect=False,
        ping=False,
        provider=site.provider,
        options=site.options,
        disk=site.disk,
        fences=((site.fence("alpha"),), (site.fence("beta"),)),
        fence_delay_ns=2 * SECOND,
    )
    with ExitStack() as stack:
        lab = stack.enter_context(Lab())
        switch = stack.enter_context(PowerSwitch(lab, tmp_path / "power", NAMES))
        deliveries = stack.enter_context(cloud(lab, site, tmp_path / "power"))
        watch = stack.enter_context(CloudWatch(lab, site.vip, deliveries))
        environment = {name: {**os.environ, **site.environment(name)} for name in NAMES}
        pair = Pair(lab, tmp_path, design, environment)
        yield Scene(site, lab, switch, deliveries, watch, pair)


def test_a_disk_follows_its_group_and_is_never_at_two_machines(scene: Scene) -> None:
    began_ns = now_ns()
    scene.pair.start_steady()
    scene.watch.await_lead("alpha", PATIENCE_S)
    first = scene.disk_is_at("alpha")
    shown = scene.resources("beta")

    scene.lab.node("alpha").crash()
    scene.watch.await_lead("beta", PATIENCE_S)
    after_crash = scene.disk_is_at("beta"), scene.switch.shots

    scene.switch.switch_on("alpha")
    scene.lab.node("alpha").boot()
    scene.pair.start("alpha")
    scene.pair.until(scene.pair.steady, "alpha to be back and ready")
    stayed = scene.disk_is_at("beta")

    done = scene.pair.hafw("alpha", "takeover")
    scene.watch.await_lead("alpha", PATIENCE_S)
    disk, led = scene.disk(), scene.deliveries.intervals()
    vip_gone_ns, disk_gone_ns = (
        scene.watch.serving(scene.site.vip)["beta"][0].end_ns,
        disk["beta"][0].end_ns,
    )

    assert first
    assert shown[0] == {
        "type": "cloud-disk",
        "name": scene.site.disk.name,
        "provider": scene.site.provider,
    }
    assert after_crash == (True, ["alpha"])
    assert stayed
    assert done.returncode == 0, done.stderr
    assert scene.disk_is_at("alpha")
    assert overlap_ns(disk["alpha"], disk["beta"], began_ns, now_ns()) == 0
    assert [len(disk[name]) for name in NAMES] == [2, 1]
    for name in NAMES:  # the disk comes before the VIP
        assert [had.start_ns for had in disk[name]] < [had.start_ns for had in led[name]]
    assert vip_gone_ns is not None  # and goes after it
    assert disk_gone_ns is not None
    assert vip_gone_ns < disk_gone_ns


@pytest.mark.parametrize("scene", [Aws], ids=["aws"], indirect=True)
def test_a_disk_is_not_taken_from_a_peer_that_cannot_be_switched_off(scene: Scene) -> None:
    """No cloud is asked for the disk before the other node is off: one stands for all."""
    scene.pair.start_steady()
    scene.switch.stuck = True

    scene.lab.node("alpha").crash()
    ordered = until(
        lambda: any(note["name"] == "fence.ordered" for note in scene.pair.events("beta")),
        PATIENCE_S,
    )
    tried = until(lambda: "could not be switched off" in str(scene.pair.status("beta")), PATIENCE_S)

    assert ordered
    assert tried
    assert scene.disk_is_at("alpha")
