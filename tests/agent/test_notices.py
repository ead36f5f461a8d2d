"""When an agent asks for notices, and what it does with the answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from hafw.agent import notices
from hafw.agent.notices import Notices
from hafw.core.model import Outcome
from hafw.worker.protocol import NOBODY, NoticeOrder, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pytest

    from hafw.agent.supervisor import Supervisor

SOON: Final = "AWS will stop this spot instance"
PATIENCE_S: Final = 20.0


class Scene:
    """An agent's notices; the worker is whoever reads `asked`."""

    def __init__(self) -> None:
        self.warm = True
        self.asked: asyncio.Queue[int] = asyncio.Queue()
        self.told: list[str] = []
        self.notices = Notices(
            asyncio.get_running_loop(),
            cast("Supervisor", self),
            lambda came: self.told.append(came.what),
        )

    def order(self, order: NoticeOrder, _deadline_ns: int) -> None:
        self.asked.put_nowait(order.number)

    async def number(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.asked.get()

    async def answered(self, detail: str, outcome: Outcome = Outcome.OK) -> None:
        self.notices.replied(Reply(await self.number(), outcome, detail))


def in_a_loop(
    test: Callable[[Scene], Coroutine[Any, Any, None]],
) -> Callable[[pytest.MonkeyPatch], None]:
    def run(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(notices, "EVERY_S", 0.0)

        async def play() -> None:
            scene = Scene()
            scene.notices.begin()
            await test(scene)

        asyncio.run(play())

    return run


@in_a_loop
async def test_a_notice_is_told_when_it_comes_and_when_it_is_taken_back(scene: Scene) -> None:
    for detail in ("", SOON, SOON, ""):
        await scene.answered(detail)
    assert scene.told == [SOON, ""]


@in_a_loop
async def test_silence_takes_nothing_back(scene: Scene) -> None:
    await scene.answered(SOON)
    await scene.answered("no answer by the deadline", Outcome.UNKNOWN)
    await scene.answered(SOON)
    assert scene.told == [SOON]


@in_a_loop
async def test_a_worker_without_such_a_plugin_is_asked_once(scene: Scene) -> None:
    await scene.answered(NOBODY, Outcome.FAILED_NO_EFFECT)
    await asyncio.sleep(0)
    assert scene.asked.empty()


@in_a_loop
async def test_an_answer_of_a_worker_that_was_replaced_counts_for_nothing(scene: Scene) -> None:
    old = await scene.number()
    scene.notices.begin()
    scene.notices.replied(Reply(old, Outcome.OK, SOON))
    assert scene.told == []


@in_a_loop
async def test_a_worker_that_is_gone_is_not_asked(scene: Scene) -> None:
    scene.warm = False
    await scene.answered("no worker: it died", Outcome.FAILED_NO_EFFECT)
    await asyncio.sleep(0)
    assert scene.asked.empty()
