"""A lab in a cloud: the network and the machines follow the model, and the judge sees both."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from hafw_sim.cloudlab.aws import REGION, Aws
from hafw_sim.cloudlab.site import VIP
from hafw_sim.cloudlab.watch import CloudWatch, cloud
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.power import PowerSwitch
from hafw_sim.lab.serving import Interval, merged
from tests.lab.helpers import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hafw_sim.lab.node import Node

ENIS: Final = {"alpha": "eni-00000001", "beta": "eni-00000002"}
INSTANCES: Final = {"alpha": "i-00000001", "beta": "i-00000002"}
PATIENCE_S: Final = 15.0
NODES: Final = ("alpha", "beta")


@dataclass(frozen=True)
class InACloud:
    """A lab without agents; the calls are those that a node would make."""

    lab: Lab
    switch: PowerSwitch
    watch: CloudWatch

    def node(self, name: str) -> Node:
        return self.lab.node(name)

    def call(self, code: str, by: str = "beta") -> str:
        """Run a line with `ec2`, Amazon's client, on a node; returns what it prints."""
        program = f"import boto3; ec2 = boto3.client('ec2', region_name='{REGION}'); {code}"
        environment = os.environ | Aws().environment(by)
        done = self.node(by).run([sys.executable, "-c", program], env=environment, timeout_s=30.0)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def assign(self, to: str) -> None:
        asked = f"NetworkInterfaceId='{ENIS[to]}', PrivateIpAddresses=['{VIP}']"
        self.call(f"ec2.assign_private_ip_addresses({asked}, AllowReassignment=True)")

    def state(self, name: str) -> str:
        asked = f"ec2.describe_instances(InstanceIds=['{INSTANCES[name]}'])"
        return self.call(f"print({asked}['Reservations'][0]['Instances'][0]['State']['Name'])")


@pytest.fixture(name="scene")
def a_lab_in_ec2(tmp_path: Path) -> Iterator[InACloud]:
    with ExitStack() as stack:
        lab = stack.enter_context(Lab())
        switch = stack.enter_context(PowerSwitch(lab, tmp_path / "power", NODES))
        deliveries = stack.enter_context(cloud(lab, Aws(), tmp_path / "power"))
        watch = stack.enter_context(CloudWatch(lab, VIP, deliveries))
        yield InACloud(lab, switch, watch)


def test_packets_go_where_the_cloud_leads_them_whoever_would_answer(scene: InACloud) -> None:
    client = scene.node("client")
    for name in NODES:
        scene.node(name).add_address(f"{VIP}/32")
    nowhere = client.who_answers(str(VIP), timeout_s=0.2)

    scene.assign("beta")
    scene.watch.await_lead("beta", PATIENCE_S)
    first = client.who_answers(str(VIP))
    scene.assign("alpha")
    scene.watch.await_lead("alpha", PATIENCE_S)
    then = client.who_answers(str(VIP))

    assert (nowhere, first, then) == (None, "beta", "alpha")


def test_a_node_that_would_answer_and_one_that_is_led_to_both_own(scene: InACloud) -> None:
    began_ns = now_ns()
    scene.assign("alpha")
    scene.watch.await_lead("alpha", PATIENCE_S)
    before_ns = scene.watch.both_own_ns(VIP, began_ns)

    scene.node("beta").add_address(f"{VIP}/32")
    scene.watch.await_owners(VIP, {"beta"}, PATIENCE_S)

    assert before_ns == 0
    assert until(lambda: scene.watch.both_own_ns(VIP, began_ns) > 0)


def test_an_instance_is_stopped_when_its_machine_is_down_and_not_before(scene: InACloud) -> None:
    scene.switch.stuck = True
    scene.call(f"ec2.stop_instances(InstanceIds=['{INSTANCES['alpha']}'])")
    stuck = scene.state("alpha"), scene.node("client").who_answers("10.1.1.100")

    scene.switch.stuck = False
    stopped = until(lambda: scene.state("alpha") == "stopped")
    is_up = {each.name: each.up for each in scene.lab.describe().machines}
    scene.switch.switch_on("alpha")
    runs = until(lambda: scene.state("alpha") == "running")

    assert stuck == ("stopping", "alpha")
    assert stopped
    assert not is_up["alpha"]
    assert runs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([(1, 2), (3, 4)], [(1, 2), (3, 4)]),
        ([(3, 4), (1, 3)], [(1, 4)]),
        ([(1, 9), (2, 3)], [(1, 9)]),
        ([(1, None), (2, 3)], [(1, None)]),
        ([(1, 3), (2, None), (5, 6)], [(1, None)]),
    ],
    ids=["none", "apart", "adjoining", "within", "within an open one", "open at last"],
)
def test_the_same_time_is_counted_once(
    given: list[tuple[int, int | None]], expected: list[tuple[int, int | None]]
) -> None:
    found = merged(Interval(*each) for each in given)

    assert [(each.start_ns, each.end_ns) for each in found] == expected
