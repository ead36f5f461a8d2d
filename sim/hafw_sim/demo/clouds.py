"""The demo in a cloud: the same story, where the cloud's model decides who gets what is sent.

One rule: whoever stops a machine stops it by the cloud's API; only crashes and starts are ours.
"""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw.core.settings import SECOND
from hafw_sim.cloudlab.sites import site_of
from hafw_sim.cloudlab.watch import CloudWatch, cloud
from hafw_sim.demo.stage import SETTLE_S, Failed, Stage
from hafw_sim.demo.steps import SPLIT_S, Step, come_back, crash, start, switch_over
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.pair import NAMES, Design, Pair
from hafw_sim.lab.power import PowerSwitch
from hafw_sim.lab.topology import NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.cloudlab.site import Site
    from hafw_sim.demo.tale import Tale

FENCE_DELAY_NS: Final = 2 * SECOND
"""Longer than the model and a busy machine need to switch a node off."""
_STRANGE: Final = ("AWS_", "AZURE_", "BOTO_", "CLOUDSDK_", "GCE_", "GOOGLE_")
"""What the names of variables begin with that would lead an SDK elsewhere."""


@dataclass(frozen=True, kw_only=True)
class CloudStage(Stage):
    """As `Stage`, with the cloud, and the switch by which it stops and starts machines."""

    watch: CloudWatch
    site: Site
    switch: PowerSwitch

    def leads_to(self, name: str) -> None:
        """Wait until the cloud leads packets for the VIP to this node alone."""
        try:
            self.watch.await_lead(name, SETTLE_S)
        except TimeoutError as problem:
            raise Failed(str(problem)) from problem

    def boot(self, name: str) -> None:
        """Start an instance that the cloud has stopped, as a person does in its console."""
        self.switch.switch_on(name)
        self.lab.node(name).boot()

    def phases_of(self, name: str) -> dict[str, float]:
        """The same, with the fence told apart from what was decided; nothing is announced here."""
        phases = dict(Stage.phases_of(self, name))
        phases.pop("announce", None)
        at_ns = {str(note["name"]): int(str(note["t_boot_ns"])) for note in self.pair.events(name)}
        if "decide" in phases and "fence.confirmed" in at_ns:
            phases["fence"] = (at_ns["fence.confirmed"] - at_ns["fence.ordered"]) / 1e6
            phases["decide"] -= phases["fence"]
        return phases


@contextmanager
def set_up(name: str, tale: Tale, mover: str = "") -> Iterator[CloudStage]:
    """A lab in this cloud, and a pair that is not started yet. Raises `LabError`."""
    site = site_of(name, mover)
    tale.say(
        f"building a lab: two nodes, a client, and {site.title} around them, as a model has it"
    )
    design = Design(
        vips=((site.vip,),),
        reflect=False,
        ping=False,
        provider=site.provider,
        options=site.options,
        fences=((site.fence(NAMES[0]),), (site.fence(NAMES[1]),)),
        fence_delay_ns=FENCE_DELAY_NS,
    )
    with (
        tempfile.TemporaryDirectory(prefix="hafw-demo-") as directory,
        Lab() as lab,
        PowerSwitch(lab, Path(directory) / "power", NAMES) as switch,
        cloud(lab, site, Path(directory) / "power") as deliveries,
        CloudWatch(lab, site.vip, deliveries) as watch,
    ):
        environment = {each: _usual() | site.environment(each) for each in NAMES}
        pair = Pair(lab, Path(directory), design, environment)
        yield CloudStage(lab, pair, tale, site.vip, watch=watch, site=site, switch=switch)


def steps(site: Site) -> tuple[Step[CloudStage], ...]:
    """The story in this cloud."""
    return (
        Step(
            "both nodes up",
            f"two agents start, each with {site.sdk}; alpha is preferred and takes the VIP",
            start,
            interrupts=True,
        ),
        Step(
            "node crash",
            f"alpha crashes, and {site.title} does not notice: beta waits its fence_delay, has "
            "alpha stopped, sees it stopped, and moves the VIP",
            crash,
            interrupts=True,
        ),
        Step(
            "crashed node returns",
            "a person starts alpha's instance; it joins as standby; nothing may move",
            come_back,
        ),
        Step("planned switchover", "hafw takeover, on alpha", switch_over, interrupts=True),
        Step(
            "split of the nodes",
            f"alpha and beta lose each other on every network, not {site.title}: both could stop "
            "the other now, and who serves does it first",
            _split,
        ),
        Step("heal", "the networks are whole again; a person starts beta's instance", _heal),
        Step(
            "agent killed with -9",
            "only the agent of alpha dies: its kernel must shut the address by itself; beta knows "
            f"no more than that it is silent, and has {site.title} stop it",
            _kill,
            interrupts=True,
        ),
    )


def _split(stage: CloudStage) -> None:
    stage.lab.cut("alpha", "beta")
    lost = {(loss.source, loss.target) for loss in stage.lab.describe().losses}
    alpha, beta = NODES
    for lan in alpha.lans:
        both = {(alpha.port(lan), beta.port(lan)), (beta.port(lan), alpha.port(lan))}
        stage.holds(both <= lost, f"alpha and beta are cut off from each other on {lan.value}")
    stage.until(lambda: not stage.is_up("beta"), f"{stage.site.title} to stop beta")
    stage.stays_with("alpha", SPLIT_S)
    stage.leads_to("alpha")


def _heal(stage: CloudStage) -> None:
    stage.lab.heal()
    stage.boot("beta")
    stage.pair.start("beta")
    stage.until(stage.pair.steady, "beta to be back and ready")
    stage.stays_with("alpha", 0.5)


def _kill(stage: CloudStage) -> str:
    begin_ns = now_ns()
    agent = stage.pair.agents["alpha"]
    agent.kill()
    stage.holds(agent.wait(5.0) == -signal.SIGKILL, "the agent of alpha is dead")
    stage.until(lambda: not stage.watch.owners(stage.vip), "alpha's kernel to shut the address")
    stage.holds(stage.is_up("alpha"), "its machine is up")
    stage.owner_is("beta", begin_ns)
    stage.holds(not stage.is_up("alpha"), f"{stage.site.title} has stopped alpha")
    return "beta"


def _usual() -> dict[str, str]:
    """The caller's environment, without clouds of the caller's own, and without proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_STRANGE) and not name.lower().endswith("_proxy")
    }
