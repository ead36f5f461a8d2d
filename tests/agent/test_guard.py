"""A node's guard, with a real disk (a file) and a watchdog that is a socket, as a daemon's is."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from hafw import pill
from hafw.agent import guard
from hafw.agent.guard import Guard
from hafw.config.model import Watchdog
from hafw.core.settings import SECOND
from hafw.sectors import Layout, Sectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import pytest

    from hafw.config import Cluster

CLUSTER = bytes(range(16))
NODES = ("alpha", "beta")
SLOT = pill.slot_of("alpha", "beta")
PATIENCE_S = 20.0


@dataclass
class Post:
    """Where a guard stands: its disk, what its watchdog got, and what it told."""

    disk: Path
    guard: Guard
    cluster: SimpleNamespace
    got: bytearray = field(default_factory=bytearray)
    told: list[tuple[str, str]] = field(default_factory=list)
    armed: asyncio.Event = field(default_factory=asyncio.Event)
    shot: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, name: str, text: str) -> None:
        """What people would see."""
        self.told.append((name, text))
        self.news.set()

    def sectors(self) -> Sectors:
        """The disk, as the other node opens it."""
        return Sectors(str(self.disk), CLUSTER, Layout(*pill.DISK), lambda: False)

    def said(self) -> pill.Guard:
        """What the guard wrote of itself."""
        with self.sectors() as disk:
            return pill.decode_guard(disk.read(pill.guard_unit(SLOT)))

    def write_pill(self, op: str) -> None:
        """As the other node does."""
        with self.sectors() as disk:
            disk.write(pill.pill_unit(SLOT), pill.encode_pill(pill.Pill(op)))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what was heard or told to make it so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def rest(self) -> None:
        """Wait for what the guard does at the disk now."""
        for thread in threading.enumerate():
            if thread.name == "guard":
                await asyncio.to_thread(thread.join, PATIENCE_S)

    async def petted(self, times: int) -> None:
        """Wait for so many more pets."""
        wanted = len(self.got) + times
        await self.until(lambda: len(self.got) >= wanted)


@asynccontextmanager
async def a_post(
    directory: Path, *, disk: bool = True, pill_before: str = ""
) -> AsyncIterator[Post]:
    """A guard that was just started, with a watchdog of one second."""
    path, door = directory / "pills", directory / "dog"
    if disk:
        path.write_bytes(bytes(64 * 1024))
    cluster = SimpleNamespace(
        id=SimpleNamespace(bytes=CLUSTER),
        nodes=NODES,
        watchdogs=(Watchdog(door, SECOND), None),
        pill_disk=lambda _node: str(path),
    )
    post = Post(path, cast("Guard", None), cluster)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            post.got += data
            post.news.set()
        writer.close()
        post.hung_up.set()

    if pill_before:
        post.write_pill(pill_before)
    server = await asyncio.start_unix_server(listen, door)
    post.guard = Guard(
        cast("Cluster", cluster),
        0,
        7,
        asyncio.get_running_loop(),
        on_armed=post.armed.set,
        on_pill=post.shot.set,
        note=post.note,
    )
    post.guard.start()
    async with server:
        yield post
        post.guard.close(disarm=False)
        await asyncio.wait_for(post.hung_up.wait(), PATIENCE_S)


def test_before_a_node_takes_anything_the_disk_says_that_its_watchdog_is_armed(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with a_post(tmp_path) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)

            assert post.said() == pill.Guard(incarnation=7, watchdog_ms=1_000)
            await post.petted(3)
            assert post.guard.trouble == ""

    asyncio.run(scene())


def test_a_pill_of_an_earlier_life_is_none(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_post(tmp_path, pill_before="long ago") as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)

            await post.petted(3)

            assert post.said().seen == "long ago"

    asyncio.run(scene())


def test_who_finds_a_pill_says_so_and_pets_no_more(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_post(tmp_path) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)
            post.write_pill("1/2/3/4")
            await asyncio.wait_for(post.shot.wait(), PATIENCE_S)
            petted = len(post.got)

            await post.rest()

            assert post.said() == pill.Guard(7, 1_000, "1/2/3/4", 1_000)
            assert len(post.got) == petted
            assert post.told[-1][0] == "guard.pill"

    asyncio.run(scene())


def test_who_cannot_read_the_disk_does_not_pet_until_it_can_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_post(tmp_path) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)
            content = post.disk.read_bytes()
            post.disk.write_bytes(b"x" * len(content))
            await post.until(lambda: post.told[-1][0] == "guard.blind")
            petted = len(post.got)
            blind = post.guard.trouble
            assert "the watchdog will switch this machine off" in blind
            assert len(post.got) == petted

            post.disk.write_bytes(content)

            await post.petted(1)
            assert post.told[-1] == ("guard.armed", "the disk of poison pills can be read again")

    asyncio.run(scene())


def test_a_good_end_disarms_and_takes_the_proof_away(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_post(tmp_path) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)

            post.guard.close(disarm=True)

            await post.until(lambda: post.got.endswith(b"V"))
            assert post.said() == pill.Guard(incarnation=7, watchdog_ms=0)

    asyncio.run(scene())


def test_an_end_with_something_held_leaves_the_watchdog_counting(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_post(tmp_path) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)

            post.guard.close(disarm=False)

            assert b"V" not in post.got
            assert post.said() == pill.Guard(incarnation=7, watchdog_ms=1_000)

    asyncio.run(scene())


def test_what_was_armed_is_disarmed_where_the_disk_cannot_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Sectors.write
    refusals = [OSError("no space")]

    def write(disk: Sectors, unit: int, data: bytes) -> None:
        if unit == pill.guard_unit(SLOT) and refusals:
            raise refusals.pop()
        written(disk, unit, data)

    async def scene() -> None:
        monkeypatch.setattr(Sectors, "write", write)
        async with a_post(tmp_path) as post:
            await post.until(lambda: b"V" in post.got and bool(post.told))

            assert "no space" in post.told[0][1]
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)

    asyncio.run(scene())


def test_what_is_armed_after_the_end_is_disarmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, reached, released = Sectors.write, threading.Event(), threading.Event()

    def write(disk: Sectors, unit: int, data: bytes) -> None:
        if unit == pill.guard_unit(SLOT):
            reached.set()
            released.wait(PATIENCE_S)
        written(disk, unit, data)

    async def scene() -> None:
        monkeypatch.setattr(Sectors, "write", write)
        monkeypatch.setattr(guard, "GOODBYE_S", 0.01)
        async with a_post(tmp_path) as post:
            await asyncio.to_thread(reached.wait, PATIENCE_S)

            post.guard.close(disarm=True)
            released.set()

            await post.until(lambda: post.got.endswith(b"V"))
            assert not post.armed.is_set()

    asyncio.run(scene())


def test_nothing_is_written_at_the_end_while_the_disk_is_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reached, released = Sectors.read, threading.Event(), threading.Event()

    def slow(disk: Sectors, unit: int) -> bytes:
        if threading.current_thread().name == "guard" and post_is_armed.is_set():
            reached.set()
            released.wait(PATIENCE_S)
        return read(disk, unit)

    post_is_armed = threading.Event()

    async def scene() -> None:
        monkeypatch.setattr(Sectors, "read", slow)
        monkeypatch.setattr(guard, "GOODBYE_S", 0.01)
        async with a_post(tmp_path) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)
            post_is_armed.set()
            await asyncio.to_thread(reached.wait, PATIENCE_S)

            post.guard.close(disarm=True)

            assert post.said().watchdog_ms == 1_000
            released.set()
            await post.rest()

    asyncio.run(scene())


def test_two_agents_of_one_node_do_not_share_its_sector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        monkeypatch.setattr(guard, "DISK_NS", 50_000_000)
        (tmp_path / "pills").write_bytes(bytes(64 * 1024))
        async with a_post(tmp_path, disk=False) as post:
            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)
            second = Guard(
                cast("Cluster", post.cluster),
                0,
                8,
                asyncio.get_running_loop(),
                on_armed=lambda: None,
                on_pill=lambda: None,
                note=post.note,
            )
            second.start()

            await post.until(lambda: post.told[-1][0] == "guard.not_armed")

            assert "another process of this node uses the disk" in post.told[-1][1]
            assert post.said().incarnation == 7
            second.close(disarm=False)

    asyncio.run(scene())


def test_a_node_whose_disk_is_missing_arms_as_soon_as_it_is_there(tmp_path: Path) -> None:
    async def scene() -> None:
        async with a_post(tmp_path, disk=False) as post:
            await post.until(lambda: bool(post.told))
            assert post.told[0][0] == "guard.not_armed"
            assert not post.guard.armed

            post.disk.write_bytes(bytes(64 * 1024))

            await asyncio.wait_for(post.armed.wait(), PATIENCE_S)
            assert post.guard.armed

    asyncio.run(scene())
