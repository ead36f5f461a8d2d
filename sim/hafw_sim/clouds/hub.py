"""Virtual time for blocking code: a cloud's real SDK runs in it, a thousand times faster than time.

One rule: one task runs at a time, and time passes only when every task waits; so a seed decides
everything, and what a client gave up may still land.

Each task is a thread, and a baton goes between it and the hub. Whatever a task does that waits must
wait here: its transport by `exchange`, its pauses by `sleep`.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Ask = Callable[[float], object]

STEPS: Final = 100_000
"""A run that takes more is one that never ends."""
STUCK_S: Final = 30.0
"""A task that does not give the baton back within this long of real time waits outside the hub."""
_LEG_S: Final = (0.002, 0.04)
"""How long a request, or an answer, is on its way: from, to."""


class TimedOut(Exception):
    """No answer came in time."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The answer takes time: ask again at `at_s`."""

    at_s: float
    ask: Ask


class Task:
    """One thread of a node."""

    def __init__(self, hub: Hub, name: str, work: Callable[[], object]) -> None:
        """Begin when the hub says so."""
        self.name = name
        self.problem: BaseException | None = None
        self.ended = False
        self._hub = hub
        self._baton = threading.Semaphore(0)
        self._value: object = None
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    def resume(self, value: object = None) -> None:
        """Let it run until it waits again, or ends. Called by the hub."""
        self._value = value
        self._hub.running = self
        self._baton.release()
        assert self._hub.baton.acquire(timeout=STUCK_S), f"{self.name} waits outside of the hub"
        self._hub.running = None

    def wait(self) -> object:
        """Give the baton back until somebody resumes this task. Called by the task."""
        self._hub.baton.release()
        self._baton.acquire()
        return self._value

    def _run(self, work: Callable[[], object]) -> None:
        self._baton.acquire()
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 - whoever runs the hub decides about it
            self.problem = problem
        self.ended = True
        self._hub.baton.release()


class Hub:
    """One run: a clock, what is to come, and the tasks."""

    def __init__(self, seed: int) -> None:
        """Begin at one thousand seconds, so that nothing is ever before zero."""
        self.now_ns = 1_000 * 10**9
        self.baton = threading.Semaphore(0)
        self.running: Task | None = None
        self.tasks: list[Task] = []
        self._net = random.Random(f"{seed}/net")
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    @property
    def now_s(self) -> float:
        """The same in seconds."""
        return self.now_ns / 1e9

    def at(self, delay_s: float, work: Callable[[], object]) -> None:
        """Do something later."""
        at_ns = self.now_ns + max(0, round(delay_s * 1e9))
        heapq.heappush(self._events, (at_ns, next(self._numbers), work))

    def spawn(self, name: str, work: Callable[[], object], delay_s: float = 0.0) -> Task:
        """A new task."""
        task = Task(self, name, work)
        self.tasks.append(task)
        self.at(delay_s, task.resume)
        return task

    def sleep(self, seconds: float) -> None:
        """Pause the task that calls."""
        task = self._task()
        self.at(seconds, task.resume)
        task.wait()

    def exchange(self, ask: Ask, timeout_s: float) -> object:
        """Send a request, and wait for its answer.

        `ask` is called when the request arrives, with the time; it returns the answer, or when to
        go on and what to ask then. Raises TimedOut; the request is on its way all the same.
        """
        task = self._task()
        waiting = [True]

        def end(value: object) -> None:
            if waiting and waiting.pop():
                task.resume(value)

        def go_on(ask: Ask) -> None:
            answer = ask(self.now_s)
            if not isinstance(answer, GoOn):
                self.at(self._leg(), lambda: end((answer,)))
            elif answer.at_s < math.inf:
                self.at(answer.at_s - self.now_s, lambda: go_on(answer.ask))

        self.at(self._leg(), lambda: go_on(ask))
        self.at(timeout_s, lambda: end(None))
        found = task.wait()
        if found is None:
            raise TimedOut
        assert isinstance(found, tuple)
        return found[0]

    def run(self) -> None:
        """Until nothing is to come any more. Raises what a task raised."""
        for _ in range(STEPS):
            if not self._events:
                break
            at_ns, _, work = heapq.heappop(self._events)
            self.now_ns = at_ns
            work()
        assert not self._events, f"more than {STEPS} steps"
        assert all(task.ended for task in self.tasks), "a task waits for what never comes"
        for task in self.tasks:
            if task.problem is not None:
                raise task.problem

    def _task(self) -> Task:
        assert self.running is not None, "only a task can wait"
        return self.running

    def _leg(self) -> float:
        return self._net.uniform(*_LEG_S)
