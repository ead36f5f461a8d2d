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

    async def left_alone(self) -> bool:
        """Whether the worker is asked nothing more, once every timer of now had its turn."""
        turn = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.0, turn.set_result, None)
        await turn
        return self.asked.empty()

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
    assert await scene.left_alone()


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
    assert await scene.left_alone()


@in_a_loop
async def test_a_new_worker_is_asked_instead_of_the_next_question(scene: Scene) -> None:
    await scene.answered("")
    scene.notices.begin()
    await scene.number()
    assert await scene.left_alone()
