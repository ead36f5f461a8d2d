"""A restored engine goes on exactly as the original."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hafw.core.engine import Engine
from hafw.core.snapshot import NotPlainError, pack, unpack
from tests.core.storms import storm

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Event, Instant
    from hafw_sim.world import Machine

EVERY = 97  # steps between two restorations: no divisor of any rhythm in the world


class Shadow:
    """Restores a copy of each engine now and then, and lets it live the same life."""

    def __init__(self) -> None:
        self.copies: dict[str, tuple[Engine | None, Engine]] = {}
        self.steps = 0
        self.differences: list[str] = []

    def tap(self, node: Machine, event: Event, now: Instant, effects: list[Effect]) -> None:
        self.steps += 1
        original, copy = self.copies.get(node.name, (None, None))
        if copy is not None and original is node.engine and copy.step(event, now) != effects:
            self.differences.append(f"{node.name} at {now}: {event}")
        if self.steps % EVERY == 0 or original is not node.engine:
            assert node.engine is not None
            snapshot = json.loads(json.dumps(node.engine.snapshot()))
            self.copies[node.name] = (node.engine, Engine.restore(snapshot))


@pytest.mark.parametrize("seed", range(3))
def test_a_restored_engine_decides_as_the_original(seed: int) -> None:
    shadow = Shadow()

    storm(seed, shadow.tap)

    assert shadow.steps > 2_000
    assert shadow.differences == []


def test_a_snapshot_is_the_same_after_a_round_trip() -> None:
    snapshots: list[tuple[object, object]] = []

    def tap(node: Machine, *_: object) -> None:
        assert node.engine is not None
        snapshot = node.engine.snapshot()
        snapshots.append((snapshot, Engine.restore(snapshot).snapshot()))

    storm(1, tap)

    assert all(before == after for before, after in snapshots)


@pytest.mark.parametrize(
    "plain",
    [
        [],
        [1],
        ["@Nothing"],
        ["@Tick", 1],
        ["@State", "flying"],
        ["@Group", 1],
        ["b", "xyz"],
        ["?"],
        ["d", ["t", 1]],
    ],
)
def test_what_is_no_snapshot_is_refused(plain: list[object]) -> None:
    with pytest.raises(NotPlainError):
        unpack(plain)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plain", "what"),
    [
        ([1], "a list without its mark"),
        (["@Nothing"], "@Nothing: 'Nothing'"),
        (["@State", "flying"], "@State: 'flying' is not a valid State"),
    ],
)
def test_what_is_wrong_with_a_snapshot_is_named(plain: list[object], what: str) -> None:
    with pytest.raises(NotPlainError, match=what):
        unpack(plain)  # type: ignore[arg-type]


def test_a_snapshot_of_an_engine_is_a_list_of_parts() -> None:
    with pytest.raises(NotPlainError, match="no list of parts"):
        Engine.restore(7)


def test_a_value_of_an_unknown_class_is_not_packed() -> None:
    with pytest.raises(KeyError):
        pack(object())
