"""Starts the agent, answers the control socket, and ends it in good order.

One rule: until the control socket answers nothing is held, and after a graceful end nothing is.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from hafw.agent import lock, log, realtime
from hafw.agent.client import SOCKET_NAME
from hafw.agent.control import MAX_ANSWER_BYTES, ControlServer, Reply, Request, Stream
from hafw.agent.driver import Driver
from hafw.agent.notify import SystemdNotifier
from hafw.agent.reload import read
from hafw.agent.status import status
from hafw.agent.timeline import Timeline
from hafw.agent.traffic import PortInUse
from hafw.agent.vips import Vips
from hafw.config import Cluster, ConfigError, to_settings
from hafw.config.engine import forced_of
from hafw.config.storage import risk_of
from hafw.core.effects import Note
from hafw.core.maintenance import LONGEST_MS
from hafw.core.model import OperatorAsked, Verb, What

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.agent.timeline import Line
    from hafw.core.wire import Key

CONFIG_INVALID: Final = 9
PERMISSION: Final = 6
REFUSED: Final = 5
UNEXPECTED: Final = 1
USAGE: Final = 2
RESTART: Final = -1
EVENTS_PER_ANSWER: Final = 200
MESSAGE_CHARS: Final = 20_000
"""A cluster file can have any number of errors."""
EVENTS_BYTES: Final = MAX_ANSWER_BYTES - 1024
"""Room for events in an answer; the rest is for what surrounds them."""


def run(config: Path, node: str, state_dir: Path, run_dir: Path) -> int:
    """Run the agent of `node` until it is stopped; returns the exit status."""
    try:
        cluster, keys = read(config)
    except ConfigError as problem:
        log.text(str(problem))
        return CONFIG_INVALID
    with ExitStack() as held:
        try:
            for directory in {state_dir.resolve(), run_dir.resolve()}:
                directory.mkdir(parents=True, exist_ok=True, mode=0o755)
                held.enter_context(lock.claim(directory))
        except (lock.DirectoryInUse, OSError) as problem:
            return _cannot_start(problem)
        notifier = SystemdNotifier()
        scheduling = realtime.acquire()
        agent = Agent(config, cluster, node, keys, state_dir, run_dir, notifier, scheduling)
        while True:
            code = asyncio.run(agent.live())
            if code != RESTART:
                return code


def _cannot_start(problem: Exception) -> int:
    """Say why the agent does not start; returns the exit status that means it."""
    log.text(f"the agent cannot start: {problem}")
    if isinstance(problem, (lock.DirectoryInUse, PortInUse)):
        return REFUSED
    denied = isinstance(problem, OSError) and problem.errno in (errno.EPERM, errno.EACCES)
    return PERMISSION if denied else UNEXPECTED


class Agent:
    """The agent, which may have several lives, and tells of all of them."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the command line gives
        self,
        config: Path,
        cluster: Cluster,
        node: str,
        keys: tuple[Key, ...],
        state_dir: Path,
        run_dir: Path,
        notifier: SystemdNotifier,
        scheduling: str,
    ) -> None:
        """Nothing is opened yet."""
        self._config = config
        self._cluster = cluster
        self._node = node
        self._keys = keys
        self._state_dir = state_dir
        self._run_dir = run_dir
        self._notifier = notifier
        self._scheduling = scheduling
        self._timeline = Timeline()
        self._driver: Driver | None = None
        self._control: ControlServer | None = None

    @property
    def driver(self) -> Driver:
        """The running driver."""
        assert self._driver is not None
        return self._driver

    async def live(self) -> int:
        """Serve until stopped, or until another life has to begin."""
        self._driver = None
        settings = to_settings(self._cluster, self._node)
        control = ControlServer(self._run_dir / SOCKET_NAME, self.handle)
        try:
            await control.start()
            vips = Vips(self._cluster, settings.node, settings)
            self._driver = driver = Driver(
                self._cluster,
                settings,
                self._keys,
                self._state_dir,
                vips,
                self._notifier,
                self._timeline,
            )
        except OSError as problem:
            await control.stop()
            return _cannot_start(problem)
        self._control = control
        self._admit()
        self._tell_what_is_forced()
        driver.scheduling = self._scheduling
        driver.on_reincarnate = self._reincarnate
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        gc.collect()
        gc.freeze()
        driver.start()
        self._notifier.send("READY=1")
        code = await driver.finished
        await control.stop()
        driver.close(for_good=code == 0)
        return code

    def _stop(self) -> None:
        request = self.driver.next_request()
        self.driver.step(OperatorAsked(request, Verb.STOP))

    def _reincarnate(self, incarnation: int) -> None:
        """The peer remembers more of us than our disk does: start again above that."""
        code = RESTART
        try:
            self.driver.writer.raise_incarnation(incarnation)
        except OSError as problem:
            log.text(f"the agent cannot go on: its state is older than it was, and {problem}")
            code = UNEXPECTED
        if not self.driver.finished.done():
            self.driver.finished.set_result(code)

    def _reload(self) -> str:
        """Take cluster file and keys anew; the old ones stay in force if the new ones are bad."""
        try:
            cluster, keys = read(self._config)
            why = self.driver.reload(cluster, keys)
        except ConfigError as problem:
            why = str(problem)
        if why:
            self.driver.note("config.refused", f"the old file stays in force: {why}")
            return why
        self._cluster, self._keys = cluster, keys
        self._admit()
        self._tell_what_is_forced()
        return ""

    def _reloaded(self) -> str:
        if self.driver.engine.coming is None:
            return "reloaded"
        return "reloaded; it comes into force when the other node has the same file"

    def _admit(self) -> None:
        """Let the user group of the cluster file give orders."""
        assert self._control is not None
        self._control.admit(self._cluster.control_group)
        self.driver.control_trouble = self._control.trouble

    def _tell_what_is_forced(self) -> None:
        """Whoever reads the log of a lost disk shall find that it was meant."""
        for group in self._cluster.groups:
            if force := forced_of(self._cluster, group):
                risk = risk_of(group, leased=self._cluster.authority is not None)
                self._timeline.add(Note("group.forced", group.id, f"{force}: {risk}"))

    # --- the control socket -------------------------------------------------------------------

    async def handle(self, request: Request) -> Reply | Stream:
        """Answer one request."""
        if self._driver is None:
            return _refuse(UNEXPECTED, "the agent is still starting")
        match request.get("verb"):
            case "ping":
                return _ok({"pid": os.getpid()})
            case "status":
                return _ok(status(self.driver))
            case "events":
                return self._events(request)
            case "reload":
                trouble = self._reload()
                return _refuse(CONFIG_INVALID, trouble) if trouble else _ok({}, self._reloaded())
            case (
                "standby"
                | "takeover"
                | "failback"
                | "release"
                | "stop"
                | "maintenance on"
                | "maintenance off"
            ):
                return await self._operate(request)
            case verb:
                return _refuse(USAGE, f"unknown verb {verb!r}")

    def _events(self, request: Request) -> Reply | Stream:
        timeline, limit = self.driver.timeline, request.get("limit")
        asked = limit if isinstance(limit, int) else EVENTS_PER_ANSWER
        count = min(max(asked, 0), EVENTS_PER_ANSWER)
        first = _ok({"events": timeline.newest(count, EVENTS_BYTES)})
        if not request.get("follow"):
            return first

        def show(line: Line) -> None:
            stream.offer(_ok({"events": [line]}))

        stream = Stream(first, on_end=lambda: timeline.followers.discard(show))
        timeline.followers.add(show)
        return stream

    async def _operate(self, request: Request) -> Reply:
        try:
            asked = _asked(self.driver.next_request(), request)
        except ValueError as problem:
            return _refuse(USAGE, str(problem))
        future = self.driver.awaited(asked.request)
        self.driver.step(asked)
        answer = await future
        if answer.code != 0:
            return _refuse(answer.code, answer.text)
        return _ok({}, answer.text)


def _asked(number: int, request: Request) -> OperatorAsked:
    """The engine's event for a request. Raises ValueError for words that do not exist."""
    peer_is_off, reason = request.get("peer_is_off"), request.get("reason")
    for_ms = request.get("for_ms") or 0
    if not isinstance(for_ms, int) or not 0 <= for_ms <= LONGEST_MS:
        raise ValueError(f"maintenance lasts from 1 to {LONGEST_MS} ms, not {for_ms!r}")
    return OperatorAsked(
        number,
        Verb(str(request["verb"])),
        What(str(request.get("what") or "all")),
        force=bool(request.get("force")),
        peer_is_off=None if peer_is_off is None else str(peer_is_off),
        reason=None if reason is None else str(reason)[:500],
        for_ms=for_ms,
    )


def _ok(result: dict[str, object], message: str = "") -> Reply:
    return {"ok": True, "result": result, "message": message}


def _refuse(code: int, message: str) -> Reply:
    return {"ok": False, "code": code, "message": message[:MESSAGE_CHARS]}
