"""A node's guard, with a real disk (a file) and a watchdog that is a socket, as a daemon's is."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from hafw import pill
from hafw.agent.guard import Guard
from hafw.config.model import Watchdog
from hafw.core.settings import SECOND
from hafw.sectors import Layout, Sectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

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
    got: bytearray = field(default_factory=bytearray)
    told: list[tuple[str, str]] = field(default_factory=list)
    armed: asyncio.Event = field(default_factory=asyncio.Event)
    shot: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

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
        """Let the loop turn until it holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - of things that are no events
                await asyncio.sleep(0)

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
    post = Post(path, cast("Guard", None))

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            post.got += data
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
        note=lambda name, text: post.told.append((name, text)),
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

            await post.until(lambda: post.said().down_in_ms is not None)

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
