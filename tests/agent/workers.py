"""A supervisor in a running loop with a real worker, and all that it tells."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from hafw.agent import clock, supervisor
from hafw.agent.supervisor import COMMAND, Supervisor
from hafw.worker.protocol import Hello, Order, Reply, Vip
from tests.hooks.plugins import PROVIDER, install

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    import pytest

T = TypeVar("T")

SOON_S: Final = 0.3
"""A deadline in these tests: ample for a hook that does nothing."""
PATIENCE_S: Final = 20.0


def install_trial(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the trial provider; a worker that hangs is soon replaced."""
    install(directory, monkeypatch)
    monkeypatch.setattr(supervisor, "GRACE_S", 0.2)
    monkeypatch.setattr(supervisor, "RESPAWN_S", (0.0,))


class Bench:
    """A supervisor in a running loop, and all that it tells."""

    def __init__(self, hello: Hello, command: Sequence[str]) -> None:
        self.changes: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()
        self.supervisor = Supervisor(
            asyncio.get_running_loop(),
            hello,
            lambda up, why: self.changes.put_nowait((up, why)),
            self.replies.put_nowait,
            command,
        )

    def orders(  # noqa: PLR0913 - one argument for each part of an order
        self,
        address: str,
        *,
        number: int = 1,
        hook: str = "hafw_vip_attach",
        interface: str = "eth0",
        deadline_s: float = SOON_S,
        provider: str = PROVIDER,
    ) -> None:
        deadline_ns = clock.boot_ns() + int(deadline_s * 1e9)
        vip = Vip("c1", 1, 7, address, interface, deadline_ns)
        self.supervisor.order(Order(number, provider, hook, vip), deadline_ns)

    async def reply(self) -> Reply:
        async with asyncio.timeout(PATIENCE_S):
            return await self.replies.get()

    async def change(self) -> tuple[bool, str]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.changes.get()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - nobody tells of this
                await asyncio.sleep(0.01)

    async def warm(self) -> None:
        assert await self.change() == (True, "")


def with_worker(
    scene: Callable[[Bench], Awaitable[T]],
    *,
    warms: str = "10.1.1.111",
    plugins: tuple[str, ...] = (PROVIDER,),
    command: Sequence[str] = COMMAND,
) -> T:
    """Run a scene with a started supervisor, whose worker prepares for one VIP."""
    vip = Vip("c1", 1, 0, warms, "eth0", 0)
    hello = Hello(plugins, (Order(0, plugins[0], "hafw_warm", vip),))
    return with_hello(scene, hello, command)


def with_hello(
    scene: Callable[[Bench], Awaitable[T]], hello: Hello, command: Sequence[str] = COMMAND
) -> T:
    """Run a scene with a started supervisor, whose worker is greeted with `hello`."""

    async def run() -> T:
        bench = Bench(hello, command)
        bench.supervisor.start()
        try:
            return await scene(bench)
        finally:
            bench.supervisor.stop()

    return asyncio.run(run())
