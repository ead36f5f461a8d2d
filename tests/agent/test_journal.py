"""The journal on disk: decisions are written at once, its size is bounded, a loss is said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hafw.agent import journal as journals
from hafw.agent.journal import Journal
from hafw.core.effects import Note
from hafw.core.journal import Segment
from hafw.core.model import Instant, Tick
from hafw.core.settings import MS
from hafw_sim.pairs import ALPHA, running_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from hafw.core.effects import Effect
    from hafw.core.engine import Engine

    Act = Callable[["Scene"], Coroutine[None, None, None]]
    Play = Callable[[Act], None]

DECIDED = (Note("peer.dead", 0, "the other node is silent"),)
NOTHING: tuple[Effect, ...] = ()


class Scene:
    """An engine whose steps are taken down."""

    def __init__(self, directory: Path, engine: Engine) -> None:
        self.directory = directory
        self.begun = self._now = engine.now
        self.journal = Journal(directory, asyncio.get_running_loop(), engine)

    def record(self, effects: tuple[Effect, ...] = NOTHING) -> None:
        """One step, a millisecond after the last."""
        self._now = Instant(self._now.boot_ns + MS, self._now.mono_ns + MS)
        self.journal.record(Tick(), self._now, effects)

    def segments(self) -> list[Path]:
        return sorted(self.directory.glob("*.hafwj"))

    def newest(self) -> Segment | None:
        """The newest segment, once something is in it."""
        segments = self.segments()
        data = segments[-1].read_bytes() if segments else b""
        return Segment(data) if data else None

    def steps(self) -> int:
        """How many steps there are in the newest segment."""
        newest = self.newest()
        return len(list(newest.steps(self.begun))) if newest is not None else 0

    def lost(self) -> int | None:
        """What the newest segment says was lost before it."""
        newest = self.newest()
        return newest.header.lost if newest is not None else None

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - a file says nothing
                await asyncio.sleep(0)


@pytest.fixture(name="play")
def plays_a_scene(tmp_path: Path) -> Play:
    engine = running_pair().engine(ALPHA)

    def play(act: Act) -> None:
        async def scene() -> None:
            await act(Scene(tmp_path / "journal", engine))

        asyncio.run(scene())

    return play


def test_a_decision_is_written_at_once_with_what_came_before(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.record()
        scene.record()
        scene.record(DECIDED)

        await scene.until(lambda: scene.steps() == 3)

    play(act)


def test_what_decides_nothing_is_written_in_the_end(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "FLUSH_S", 0.0)

    async def act(scene: Scene) -> None:
        scene.record()

        await scene.until(lambda: scene.steps() == 1)

    play(act)


def test_the_rest_is_written_when_the_agent_ends(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.record()
        scene.journal.close()

        assert scene.steps() == 1

    play(act)


def test_nobody_else_may_read_the_directory(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.journal.close()

        assert scene.directory.stat().st_mode & 0o777 == 0o700

    play(act)


def test_what_is_decided_during_a_write_is_written_right_after_it(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.record(DECIDED)
        scene.record(DECIDED)

        await scene.until(lambda: scene.steps() == 2)

    play(act)


def test_a_directory_that_is_deleted_meanwhile_comes_back(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.record(DECIDED)
        await scene.until(lambda: scene.steps() == 1)
        scene.segments()[0].unlink()
        scene.directory.rmdir()

        scene.record(DECIDED)

        await scene.until(lambda: bool(scene.segments()))

    play(act)


def test_the_oldest_segments_make_room(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "SEGMENTS_KEPT", 2)

    async def act(scene: Scene) -> None:
        scene.journal.close()
        header_bytes = scene.segments()[0].stat().st_size
        monkeypatch.setattr(journals, "SEGMENT_BYTES", header_bytes + 10)
        for _ in range(4):
            newest = scene.segments()[-1]
            scene.record(DECIDED)
            await scene.until(lambda before=newest: scene.segments()[-1] > before)  # type: ignore[misc]

        await scene.until(lambda: [path.stem[-1] for path in scene.segments()] == ["4", "5"])

    play(act)


def test_what_a_full_disk_did_not_take_is_counted_in_the_next_segment(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "RETRY_S", 0.0)

    async def act(scene: Scene) -> None:
        scene.directory.write_bytes(b"here a directory cannot be made")
        scene.record()
        scene.record(DECIDED)
        await scene.until(lambda: bool(scene.journal.trouble))
        trouble = scene.journal.trouble
        scene.directory.unlink()

        await scene.until(lambda: scene.lost() == 2)

        assert trouble.startswith(f"{scene.directory}: ")
        await scene.until(lambda: not scene.journal.trouble)

    play(act)


def test_a_disk_that_does_not_keep_up_holds_nobody_up(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "BUFFER_BYTES", 0)
    monkeypatch.setattr(journals, "RETRY_S", 0.0)

    async def act(scene: Scene) -> None:
        scene.record()

        assert scene.journal.trouble == f"{scene.directory}: the disk does not keep up"
        assert scene.journal.lost == 1
        await scene.until(lambda: scene.lost() == 1)

    play(act)
