"""The steps of the demo, in order: what is done to the cluster, and what must hold afterwards.

One rule: each step first makes sure that what it claims to have done has happened.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hafw_sim.demo.stage import Stage
from hafw_sim.lab.clock import now_ns

if TYPE_CHECKING:
    from collections.abc import Callable

S = TypeVar("S", bound=Stage)

SPLIT_S: Final = 4.0
"""Four times deadtime: either node would have taken the address by then, if silence were proof."""


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """`run` acts, checks, and returns the node whose takeover explains the outage, if any.

    `interrupts`: the client may have to wait in this step.
    """

    title: str
    told: str
    run: Callable[[S], str | None]
    interrupts: bool = False


def start(stage: Stage) -> None:
    """Both agents, until alpha serves and beta is ready."""
    begin_ns = now_ns()
    stage.pair.start()
    stage.until(stage.pair.steady, "both nodes to be up and ready")
    stage.owner_is("alpha", begin_ns)


def crash(stage: Stage) -> str:
    """Alpha is gone; beta takes over."""
    at_ns = stage.lab.node("alpha").crash()
    stage.holds(not stage.is_up("alpha"), "alpha is down")
    stage.owner_is("beta", at_ns)
    return "beta"


def come_back(stage: Stage) -> None:
    """Alpha boots, and moves nothing."""
    stage.boot("alpha")
    stage.pair.start("alpha")
    stage.until(stage.pair.steady, "alpha to be back and ready")
    stage.stays_with("beta", 0.5)


def switch_over(stage: Stage) -> str:
    """Alpha takes it back, by order."""
    begin_ns = now_ns()
    done = stage.pair.hafw("alpha", "takeover")
    stage.holds(done.returncode == 0, f"hafw takeover succeeds: {done.stderr.strip()}")
    stage.owner_is("alpha", begin_ns)
    stage.until(stage.pair.steady, "beta to be ready again")
    return "alpha"


def _split(stage: Stage) -> None:
    stage.lab.cut("alpha", "beta")
    stage.is_cut()
    stage.stays_with("alpha", SPLIT_S)


def _heal(stage: Stage) -> None:
    stage.lab.heal()
    stage.until(stage.pair.steady, "the nodes to see each other again")
    stage.stays_with("alpha", 0.5)


def _kill(stage: Stage) -> str:
    begin_ns = now_ns()
    agent = stage.pair.agents["alpha"]
    agent.kill()
    stage.holds(agent.wait(5.0) == -signal.SIGKILL, "the agent of alpha is dead")
    stage.holds(stage.is_up("alpha"), "its machine is up")
    stage.owner_is("beta", begin_ns)
    own = str(stage.lab.node("alpha").plan.sockets[0].addresses[0].ip)
    answers = stage.lab.node("client").who_answers(own)
    stage.holds(answers == "alpha", "alpha still answers at its own address")
    return "beta"


STEPS: Final[tuple[Step[Stage], ...]] = (
    Step(
        "both nodes up",
        "two agents start; alpha is preferred and takes the VIP",
        start,
        interrupts=True,
    ),
    Step(
        "node crash",
        "alpha crashes: every process killed, cables dead",
        crash,
        interrupts=True,
    ),
    Step("crashed node returns", "alpha boots and joins as standby; nothing may move", come_back),
    Step("planned switchover", "hafw takeover, on alpha", switch_over, interrupts=True),
    Step(
        "split of the nodes",
        "alpha and beta lose each other on every network; both still see gateway and client: "
        "others own the address twice now",
        _split,
    ),
    Step("heal", "the networks are whole again", _heal),
    Step(
        "agent killed with -9",
        "only the agent of alpha dies: its kernel must shut the address by itself",
        _kill,
        interrupts=True,
    ),
)
