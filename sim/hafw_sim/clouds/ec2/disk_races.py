"""Two nodes want one volume at once, on an EC2 where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what was said of the volume, or taken without a proof, in
sentences; nothing, if nothing was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw import disk_rounds
from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.hooks.resources import ResourceRequest
from hafw.providers.aws.api import Ec2 as Api
from hafw.providers.aws.api import Where
from hafw.providers.aws.disk import Volume
from hafw_sim.clouds.ec2.faults import Fault
from hafw_sim.clouds.ec2.model import Ec2
from hafw_sim.clouds.ec2.races import FAULTS, LONG_AFTER_S, NODES, PATIENCE_S, PROOF
from hafw_sim.clouds.ec2.values import Things, pair
from hafw_sim.clouds.ec2.virtual import Wire, running
from hafw_sim.clouds.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Callable

VOLUME: Final = "vol-00000001"
INSTANCES: Final = ("i-00000001", "i-00000002")
NO_PROOF: Final = "operator"
CALLS: Final = ("*", "Describe*", "*tachVolume", "DetachVolume", "AttachVolume")


@dataclass(slots=True)
class Racer:
    """A node, what it wants, and how that ended: "done", "unknown" or "no effect"."""

    node: int
    certificate: str = NO_PROOF
    stops: bool = False
    said: str = ""
    problem: str = ""

    @property
    def instance(self) -> str:
        """Its machine."""
        return INSTANCES[self.node]


class DiskTrack:
    """The real SDK on a wire to the model: to be built once, as it takes a while."""

    def __init__(self) -> None:
        """With clients that know no clock and no cloud yet."""
        self.wire = Wire()

    def race(
        self, seed: int, *, faults: bool = True, build: Callable[[Things], Ec2] = Ec2
    ) -> list[str]:
        """One run; `build` makes the cloud, for one with a bug."""
        chance, hub, ec2 = random.Random(f"{seed}/disk"), Hub(seed), build(pair())
        first, racers = _cast(chance)
        with running(self.wire, hub, ec2, seed):
            if first is not None:
                hub.spawn("first", lambda: _run(hub, first))
                hub.run()
            before = _owner(ec2.state.things)
            for fault in _draw(chance) if faults else ():
                hub.at(chance.uniform(0.0, 4.0), lambda fault=fault: ec2.faults.add(fault))  # type: ignore[misc]
            for racer in racers:
                hub.spawn(
                    f"{NODES[racer.node]} {'stops' if racer.stops else 'starts'}",
                    lambda racer=racer: _run(hub, racer),  # type: ignore[misc]
                    chance.uniform(0.0, 2.0),
                )
            hub.run()
            ec2.state.advance(hub.now_s + LONG_AFTER_S)
        for task in hub.tasks:
            if task.problem is not None:
                raise task.problem
        return _wrong(racers, before, _owner(ec2.state.things))


def _cast(chance: random.Random) -> tuple[Racer | None, list[Racer]]:
    """Who had it first, and who wants what of it then."""
    first = Racer(chance.choice((0, 1))) if chance.random() < 0.7 else None  # noqa: PLR2004 - most
    match chance.choice(("race", "proof", "stop")):
        case "proof":  # the other one is off
            return first, [Racer(chance.choice((0, 1)), PROOF)]
        case "stop" if first is not None:
            return first, [Racer(first.node, stops=True), Racer(1 - first.node)]
        case _:
            return first, [Racer(0), Racer(1)]


def _run(hub: Hub, racer: Racer) -> None:
    request = ResourceRequest(
        type="cloud-disk",
        cluster_id="c1",
        group=3,
        epoch=1,
        deadline_ns=hub.now_ns + int(PATIENCE_S * 1e9),
        certificate="" if racer.stops else racer.certificate,
        node=racer.node,
        nodes=NODES,
        options={"volume": VOLUME, "instance": INSTANCES, "device": "/dev/sdf"},
    )
    volume = Volume(request, Api(Where(None, None), request.deadline_ns))
    try:
        if racer.stops:
            disk_rounds.stop(volume)
        else:
            disk_rounds.start(volume, request)
        racer.said = "done"
    except UnknownOutcome as problem:
        racer.said, racer.problem = "unknown", str(problem)
    except ProviderError as problem:
        racer.said, racer.problem = "no effect", f"{type(problem).__name__}: {problem}"


def _draw(chance: random.Random) -> list[Fault]:
    """Some faults, each for a few calls."""
    return [
        Fault(kind, chance.uniform(0.0, longest_s), chance.choice(CALLS), chance.randint(1, 3))
        for kind, longest_s in FAULTS
        if chance.random() < 0.3  # noqa: PLR2004 - two or three kinds in most runs
    ]


def _owner(things: Things) -> str:
    return things.volumes[VOLUME].instance


def _wrong(racers: list[Racer], before: str, end: str) -> list[str]:
    """What was said that is not so, and what was taken; `before` and `end`: who had it then."""
    wrong = []
    for racer in racers:
        name, has = NODES[racer.node], end == racer.instance
        if racer.said == "done" and racer.stops == has:
            says = "is without it" if racer.stops else "has it"
            wrong.append(f"{name} said that it {says}, and {end or 'nobody'} has it")
        if racer.said == "no effect" and end != before and racer.stops != has:
            wrong.append(f"{name} said that it had no effect ({racer.problem}), and {end} has it")
    given_up = any(racer.stops and racer.instance == before for racer in racers)
    proved = any(racer.certificate == PROOF for racer in racers)
    if before not in ("", end) and not given_up and not proved:
        wrong.append(f"it was taken from {before} without a proof, and {end or 'nobody'} has it")
    return wrong
