"""Switches a node off by the levels that the cluster file gives it, one after the other.

One rule: the next level is tried only when the one before had no effect, or said itself that it
proves nothing, or its time is over and what became of it is unknown; no node is its own target.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from hafw.hooks.errors import Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hafw.hooks.registry import Registry

GRACE_S: Final = 2.5
"""How much later than its deadline a call may end; then it is left to itself."""
OBSERVE_S: Final = 1.0
"""Between two looks at a machine whose order had an unknown outcome."""


class Level(Protocol):
    """One method, as the cluster file has it."""

    @property
    def method(self) -> str:
        """The plugin's name."""

    @property
    def options(self) -> tuple[tuple[str, str | int | bool], ...]:
        """Its options."""

    @property
    def timeout_ns(self) -> int:
        """How long it may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Who switches whom off. `op`: which operation this is."""

    cluster_id: str
    sender: str
    target: str
    op: str


class Result(StrEnum):
    """How one level ended."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one level did. `detail`: why it did not confirm."""

    method: str
    result: Result
    detail: str
    receipt: FenceReceipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was tried, in order."""

    attempts: tuple[Attempt, ...]

    @property
    def confirmed(self) -> FenceReceipt | None:
        """The receipt that a takeover may rest on; None: the target may be running."""
        last = self.attempts[-1]
        return last.receipt if last.result is Result.CONFIRMED else None

    @property
    def no_effect(self) -> bool:
        """Did every level fail before anything was ordered?"""
        return all(attempt.result is Result.FAILED for attempt in self.attempts)


def switch_off(registry: Registry, levels: Sequence[Level], aim: Aim) -> Record:
    """Try the levels until one confirms that the target is off. Raises Misconfigured."""
    _check(levels, aim)
    attempts: list[Attempt] = []
    for level in levels:
        attempts.append(_off(registry, level, aim))
        if attempts[-1].result is Result.CONFIRMED:
            break
    return Record(attempts=tuple(attempts))


def warm(registry: Registry, level: Level, aim: Aim) -> None:
    """Let one level prepare. Raises Misconfigured or Denied for what no retry can cure."""
    _check((level,), aim)
    registry.prepare(level.method, "hafw_fence_warm", request=_request(level, aim))


def look(registry: Registry, levels: Sequence[Level], aim: Aim) -> Record:
    """Ask every level for the target's state, and change nothing. Raises Misconfigured."""
    _check(levels, aim)
    return Record(attempts=tuple(_look(registry, level, aim) for level in levels))


def _check(levels: Sequence[Level], aim: Aim) -> None:
    if aim.sender.casefold() == aim.target.casefold():
        raise Misconfigured(f"{aim.target} is this node, and a node never switches itself off")
    if not levels:
        raise Misconfigured(
            f"the cluster file has no fence for {aim.target}; "
            f"add a table [nodes.{aim.target}.fence]"
        )


def _off(registry: Registry, level: Level, aim: Aim) -> Attempt:
    request = _request(level, aim)
    attempt = _attempt(level, lambda: _call(registry, level, "hafw_fence_off", request))
    while attempt.result is Result.UNKNOWN and request.deadline_ns - boot_ns() > OBSERVE_S * 1e9:
        time.sleep(OBSERVE_S)
        seen = _attempt(level, lambda: _call(registry, level, "hafw_fence_status", request))
        if seen.result is Result.CONFIRMED:
            return seen
    return attempt


def _look(registry: Registry, level: Level, aim: Aim) -> Attempt:
    request = _request(level, aim)
    return _attempt(level, lambda: _call(registry, level, "hafw_fence_status", request))


def _request(level: Level, aim: Aim) -> FenceRequest:
    return FenceRequest(
        cluster_id=aim.cluster_id,
        op=aim.op,
        sender=aim.sender,
        target=aim.target,
        options=dict(level.options),
        deadline_ns=boot_ns() + level.timeout_ns,
    )


def _attempt(level: Level, call: Callable[[], FenceReceipt]) -> Attempt:
    """What a call came to. An error that nobody foresaw leaves the outcome open."""
    receipt: FenceReceipt | None = None
    detail, result = "", Result.UNKNOWN
    try:
        receipt = call()
    except UnknownOutcome as problem:
        detail = str(problem)
    except ProviderError as problem:
        result, detail = Result.FAILED, str(problem)
    except Exception as problem:  # noqa: BLE001 - a plugin may raise anything
        detail = f"{type(problem).__name__}: {problem}"
    else:
        confirmed = receipt.power is Power.OFF and receipt.confirmed
        result = Result.CONFIRMED if confirmed else Result.UNCONFIRMED
    return Attempt(method=level.method, result=result, detail=detail, receipt=receipt)


def _call(registry: Registry, level: Level, hook: str, request: FenceRequest) -> FenceReceipt:
    """One hook, in a thread: a plugin that forgets its deadline is left behind."""
    answers: list[object] = []
    problems: list[BaseException] = []

    def call() -> None:
        try:
            answers.append(registry.call(level.method, hook, request=request))
        except BaseException as problem:  # noqa: BLE001 - it is raised again where it is awaited
            problems.append(problem)

    thread = threading.Thread(target=call, name=f"{level.method} {hook}", daemon=True)
    thread.start()
    thread.join(max((request.deadline_ns - boot_ns()) / 1e9, 0.0) + GRACE_S)
    if problems:
        raise problems[0]
    with suppress(IndexError):
        answer = answers[0]
        if isinstance(answer, FenceReceipt):
            return answer
        raise UnknownOutcome(f"{hook} of {level.method} answered a {type(answer).__name__}")
    raise UnknownOutcome(f"{hook} of {level.method} did not return by its deadline")
