"""What a person is told who looks at a group that is not taken: why, and what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import blocking, maintenance
from hafw.core.duties import FENCE_RUNS, LEASE_RUNS
from hafw.core.effects import Note
from hafw.core.settings import Classes
from tests.core.takers import dead, silent

if TYPE_CHECKING:
    from hafw.core.engine import Engine

VOUCH = "If alpha is certainly off: hafw takeover --force --peer-is-off alpha --reason TEXT"
COLD = {1: "there is no route"}


def texts(engine: Engine) -> list[str]:
    return [effect.text for effect in engine._effects if isinstance(effect, Note)]


def test_the_command_that_vouches_for_a_silent_node_stands_beside_the_reason() -> None:
    group, engine = silent()

    blocking.block(group, ["nothing proves it"], engine)

    assert texts(engine) == [f"blocked: nothing proves it. {VOUCH}"]


def test_where_this_node_cannot_run_it_only_the_reason_is_told() -> None:
    group, engine = silent()
    engine.cold = COLD

    blocking.block(group, ["there is no route"], engine)

    assert texts(engine) == ["blocked: there is no route"]


@pytest.mark.parametrize(
    ("can_run", "hint"),
    [(True, f"hafw maintenance off ends it. {VOUCH}"), (False, "hafw maintenance off ends it")],
)
def test_what_ends_maintenance_is_named_first(hint: str, *, can_run: bool) -> None:
    group, engine = dead()
    engine.cold = {} if can_run else COLD
    maintenance.order(engine, on=True, for_ms=0)

    assert blocking.unblock_hint(group, engine) == hint


def test_nobody_is_told_to_force_in_maintenance_what_a_living_node_could_give() -> None:
    group, engine = silent()
    maintenance.order(engine, on=True, for_ms=0)
    assert engine.peer.alive()

    assert blocking.unblock_hint(group, engine) == "hafw maintenance off ends it"


@pytest.mark.parametrize(
    ("why", "text"),
    [
        (
            LEASE_RUNS,
            "waiting for the lease: to be claimed when nobody renewed it for 20 s",
        ),
        (FENCE_RUNS, "waiting: the other node is to be switched off"),
    ],
)
def test_what_is_waited_for_is_told(why: str, text: str) -> None:
    group, engine = silent(Classes.LEASED)

    blocking.wait(group, f"leased: {why}", engine)

    assert texts(engine) == [text]
