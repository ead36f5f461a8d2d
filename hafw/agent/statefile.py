"""The durable state of a node: incarnation, epochs, intents. Small, checksummed, replaced whole.

One rule: what cannot be read whole is not guessed: the node then joins as standby and says why.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw import durable
from hafw.agent import clock
from hafw.core.effects import Durable
from hafw.core.maintenance import Kept, Word
from hafw.core.model import Persisted, PersistFailed
from hafw.core.reboot import after_boot

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hafw.core.effects import Persist

FILE_NAME: Final = "state.json"
FORMAT: Final = 1
MAX_BYTES: Final = 65_536
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Drawn anew by the kernel at each boot (proc(5)); a container has that of its host."""
LIMIT: Final = 1 << 63
"""Incarnations and epochs are below this: they travel in 64 bits, and only ever rise."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found; `distrust` says why it cannot be relied on (empty: it can)."""

    state: Durable
    distrust: str


def load(state_dir: Path) -> Loaded:
    """Read the state. Never raises for what is in the file."""
    path = state_dir / FILE_NAME
    nothing = Durable(0, (), ())
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Loaded(nothing, f"{path} is missing")
    except OSError as problem:
        return Loaded(nothing, f"{path} cannot be read: {problem.strerror}")
    try:
        state, boot = decode(data)
    except ValueError as problem:
        return Loaded(nothing, f"{path} is damaged: {problem}")
    if not boot or boot != this_boot():
        state = after_boot(state, clock.boot_ns())
    return Loaded(state, "")


def this_boot() -> str:
    """What names this boot of the machine; '' where the kernel does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def save(state_dir: Path, state: Durable) -> None:
    """Make it durable. Raises OSError."""
    durable.replace(state_dir / FILE_NAME, encode(state))


def initialise(state_dir: Path) -> None:
    """Make the state of a node that never ran. Raises FileExistsError if there is one."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (state_dir / FILE_NAME).exists():
        raise FileExistsError(f"{state_dir / FILE_NAME} exists: this node ran before")
    save(state_dir, Durable(0, (), ()))


def encode(state: Durable) -> bytes:
    """The file's content."""
    body = {
        "format": FORMAT,
        "incarnation": state.incarnation,
        "epochs": state.epochs,
        "intents": state.intents,
        "met": state.met,
        "shots": state.shots,
        "maintenance": state.maintenance,
        "boot": this_boot(),
    }
    return durable.encode(body)


def decode(data: bytes) -> tuple[Durable, str]:
    """The state in a file's content, and in which boot it was written. Raises ValueError."""
    body = durable.decode(data, form=FORMAT, max_bytes=MAX_BYTES)
    try:
        state = Durable(
            int(body["incarnation"]),
            tuple((int(group), int(epoch)) for group, epoch in body["epochs"]),
            tuple((int(group), int(epoch), str(why)) for group, epoch, why in body["intents"]),
            bool(body.get("met")),
            tuple(int(at_ns) for at_ns in body.get("shots", ())),
            _kept(body.get("maintenance")),
        )
    except (KeyError, TypeError) as problem:
        raise ValueError(f"a field is missing or of another kind: {problem}") from problem
    epochs = [epoch for _, epoch in state.epochs] + [epoch for _, epoch, _ in state.intents]
    if not all(0 <= number < LIMIT for number in (state.incarnation, *epochs)):
        raise ValueError("a number is out of range")
    return state, str(body.get("boot", ""))


def _kept(found: object) -> Kept | None:
    """What is known of maintenance; a file of an agent before that says nothing."""
    if found is None:
        return None
    if not isinstance(found, list):
        raise TypeError("maintenance is no list")
    (revision, on, for_ms), until_ns, left_ns, holds = found
    word = Word(int(revision), bool(on), int(for_ms))
    known = tuple((int(group), int(epoch)) for group, epoch in holds)
    return Kept(word, int(until_ns), int(left_ns), known)


class Writer:
    """Writes the newest state in a thread, one at a time: an fsync must not delay a heartbeat."""

    def __init__(
        self,
        state_dir: Path,
        loop: asyncio.AbstractEventLoop,
        told: Callable[[Persisted | PersistFailed], None],
    ) -> None:
        """`told` hears in the loop what became of each order that was not overtaken."""
        self._state_dir = state_dir
        self._loop = loop
        self._told = told
        self._writing = False
        self._newest: Persist | None = None
        self._lock = threading.Lock()
        self._closed = False

    def write(self, order: Persist) -> None:
        """Write this; what waits behind what is being written is overtaken."""
        self._newest = order
        self._next()

    def _next(self) -> None:
        if self._writing or self._newest is None:
            return
        order, self._newest = self._newest, None
        self._writing = True
        future = self._loop.run_in_executor(None, self._save, order.state)
        future.add_done_callback(lambda done: self._written(order.token, done))

    def _save(self, state: Durable) -> None:
        with self._lock:
            if not self._closed:
                save(self._state_dir, state)

    def raise_incarnation(self, incarnation: int) -> None:
        """Let the next start be above `incarnation`; this one writes no more. Raises OSError.

        It waits for a write that is under way: both go by the same temporary file, and the older
        must not land last.
        """
        self._closed = True
        with self._lock:
            state = load(self._state_dir).state
            raised = max(incarnation, state.incarnation)
            save(self._state_dir, replace(state, incarnation=raised))

    def _written(self, token: int, done: asyncio.Future[None]) -> None:
        self._writing = False
        problem = done.exception()
        if problem is None:
            self._told(Persisted(token))
        else:
            self._told(PersistFailed(token, f"{self._state_dir}: {problem}"))
        self._next()
