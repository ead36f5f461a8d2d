"""`make demo`: runs all steps and exits 0 only if every one of them held."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw_sim.cloudlab.sites import MOVERS, SDKS, has_sdk
from hafw_sim.demo import clouds
from hafw_sim.demo.stage import NOISE_NS, Failed, Result, Stage
from hafw_sim.demo.steps import STEPS
from hafw_sim.demo.tale import Tale
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.namespaces import NamespacesForbidden
from hafw_sim.lab.pair import Pair
from hafw_sim.lab.topology import VIP
from hafw_sim.lab.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hafw_sim.demo.steps import S, Step

SHOWN_BEFORE_NS: Final = 200_000_000
_NO_SDK: Final = "No demo here: the SDK of {0} is not installed. Remedy: make demo CLOUD={0}"
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hafw_sim.demo")
    parser.add_argument("--cloud", choices=SDKS, help="The pair is in this cloud, as modelled.")
    parser.add_argument("--mover", default="", help="In a cloud: azure has load-balancer as well.")
    parser.add_argument("--steps", type=int, help="Only the first so many.")
    chosen = parser.parse_args(arguments)
    if chosen.mover and chosen.mover not in MOVERS.get(chosen.cloud, ()):
        parser.error(f"there is no lab of {chosen.cloud} with the mover {chosen.mover}")
    tale = Tale()
    try:
        if chosen.cloud is None:
            with _on_premises(tale) as stage:
                return _play(stage, STEPS[: chosen.steps])
        if not has_sdk(chosen.cloud):
            print(_NO_SDK.format(chosen.cloud), file=sys.stderr)  # noqa: T201 - its only output
            return 1
        with clouds.set_up(chosen.cloud, tale, chosen.mover) as stage:
            return _play(stage, clouds.steps(stage.site)[: chosen.steps])
    except NamespacesForbidden as problem:
        print(f"No demo here: {problem}", file=sys.stderr)  # noqa: T201 - its only output
        return 1
    except LabError as problem:
        print(f"The lab failed: {problem}", file=sys.stderr)  # noqa: T201 - its only output
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def _on_premises(tale: Tale) -> Iterator[Stage]:
    tale.say("building a lab: two nodes, a gateway and a client, in network namespaces")
    with (
        tempfile.TemporaryDirectory(prefix="hafw-demo-") as directory,
        Lab() as lab,
        Watch(lab, [VIP]) as watch,
    ):
        yield Stage(lab, Pair(lab, Path(directory)), tale, VIP, watch)


def _play(stage: S, steps: Sequence[Step[S]]) -> int:
    stage.tale.say(f"a client asks {stage.vip} a thousand times a second who has it")
    results: list[Result] = []
    for number, step in enumerate(steps, 1):
        results.append(_perform(number, step, stage))
        if results[-1].failure:
            break
    stage.tale.summary(results)
    held = len(results) == len(steps) and not any(result.failure for result in results)
    return 0 if held else 1


def _perform(number: int, step: Step[S], stage: S) -> Result:
    stage.tale.heading(number, step.title)
    stage.tale.say(step.told)
    begin_ns = now_ns()
    failure, phases = "", {}
    try:
        taker = step.run(stage)
        phases = stage.phases_of(taker) if taker else {}
    except Failed as problem:
        failure = str(problem)
    end_ns = now_ns()
    first = stage.watch.first_answer(stage.vip, 0)
    since_ns = begin_ns if first is None or number > 1 else first.at_ns  # nobody had it before
    outage_ns = stage.watch.outage(stage.vip, since_ns, end_ns).longest_ns
    both_ns = stage.watch.both_own_ns(stage.vip, begin_ns, end_ns)
    if not failure and both_ns:
        failure = f"both nodes had the address for {both_ns / 1e6:.1f} ms"
    if not failure and outage_ns > NOISE_NS and not step.interrupts:
        failure = f"the client waited {outage_ns / 1e6:.1f} ms"
    result = Result(step.title, outage_ns, both_ns, phases, failure)
    shown_ns = begin_ns - SHOWN_BEFORE_NS
    stage.tale.strip(stage.watch.turns(stage.vip, shown_ns, end_ns), shown_ns, end_ns)
    stage.tale.result(result)
    return result


if __name__ == "__main__":
    sys.exit(main())
