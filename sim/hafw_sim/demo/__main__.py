"""`make demo`: runs all steps and exits 0 only if every one of them held."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
    from hafw_sim.demo.steps import Step

SHOWN_BEFORE_NS: Final = 200_000_000
INTERRUPTED: Final = 130


def main() -> int:
    """Tell the story; returns the exit status."""
    tale = Tale()
    tale.say("building a lab: two nodes, a gateway and a client, in network namespaces")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="hafw-demo-") as directory,
            Lab() as lab,
            Watch(lab, [VIP]) as watch,
        ):
            return _play(Stage(lab, watch, Pair(lab, Path(directory)), tale))
    except NamespacesForbidden as problem:
        print(f"No demo here: {problem}", file=sys.stderr)  # noqa: T201 - its only output
        return 1
    except LabError as problem:
        print(f"The lab failed: {problem}", file=sys.stderr)  # noqa: T201 - its only output
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _play(stage: Stage) -> int:
    stage.tale.say(f"a client asks {VIP} a thousand times a second who has it")
    results: list[Result] = []
    for number, step in enumerate(STEPS, 1):
        results.append(_perform(number, step, stage))
        if results[-1].failure:
            break
    stage.tale.summary(results)
    held = len(results) == len(STEPS) and not any(result.failure for result in results)
    return 0 if held else 1


def _perform(number: int, step: Step, stage: Stage) -> Result:
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
    first = stage.watch.first_answer(VIP, 0)
    since_ns = begin_ns if first is None or number > 1 else first.at_ns  # nobody had it before
    outage_ns = stage.watch.outage(VIP, since_ns, end_ns).longest_ns
    both_ns = stage.watch.both_own_ns(VIP, begin_ns, end_ns)
    if not failure and both_ns:
        failure = f"both nodes had the address for {both_ns / 1e6:.1f} ms"
    if not failure and outage_ns > NOISE_NS and not step.interrupts:
        failure = f"the client waited {outage_ns / 1e6:.1f} ms"
    result = Result(step.title, outage_ns, both_ns, phases, failure)
    shown_ns = begin_ns - SHOWN_BEFORE_NS
    stage.tale.strip(stage.watch.turns(VIP, shown_ns, end_ns), shown_ns, end_ns)
    stage.tale.result(result)
    return result


if __name__ == "__main__":
    sys.exit(main())
