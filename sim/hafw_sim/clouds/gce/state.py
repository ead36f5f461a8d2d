"""The state of the model: what exists, what it was before, and the changes under way.

One rule: a change takes effect when its operation ends, in the order of those ends, and never half.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.exchange import Reply
from hafw_sim.clouds.gce.faults import Kind
from hafw_sim.clouds.gce.values import Disk, Instance, Operation, Route
from hafw_sim.clouds.gce.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.clouds.exchange import Request

Effect = Callable[[float], None]
"""What a change does, when its time has come. Raises OperationFailed."""
PAST: Final = 256
"""How many earlier states are kept for stale reads."""


class OperationFailed(Exception):
    """An operation ends with an error, and without effect."""

    def __init__(self, code: str, message: str) -> None:
        """`code`: as it stands in the operation's `error`."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call that got through to the service."""

    call: str
    names: Mapping[str, str]
    request: Request
    met: Mapping[Kind, float]
    now_s: float


@dataclass(frozen=True, slots=True)
class Things:
    """What exists at one instant."""

    instances: Mapping[tuple[str, str], Instance]
    routes: Mapping[str, Route]
    disks: Mapping[str, Disk]
    """By their paths."""


class State:
    """Everything in one project."""

    def __init__(
        self,
        project: str,
        instances: Iterable[Instance],
        disks: Iterable[Disk],
        *,
        pending_s: float,
        running_s: float,
    ) -> None:
        """An operation is PENDING for `pending_s`, then RUNNING for `running_s`, then DONE."""
        self.project = project
        self.pending_s, self.running_s = pending_s, running_s
        self._last_id = 1_000
        self._operations: dict[tuple[str, str], Operation] = {}
        self._effects: dict[int, Effect] = {}
        self._by_request_id: dict[str, Operation] = {}
        given = [one if one.id else replace(one, id=self.next_id()) for one in instances]
        self.things = Things(
            {(one.zone, one.name): one for one in given}, {}, {one.path: one for one in disks}
        )
        self.past: deque[tuple[float, Things]] = deque(maxlen=PAST)

    def next_id(self) -> int:
        """A number that nothing else has."""
        self._last_id += 1
        return self._last_id

    def put(self, instance: Instance, now_s: float) -> None:
        """Replace an instance."""
        key = (instance.zone, instance.name)
        instances = {**self.things.instances, key: instance}
        self._become(replace(self.things, instances=instances), now_s)

    def put_disk(self, disk: Disk, now_s: float) -> None:
        """Replace a disk, or add it."""
        self._become(replace(self.things, disks={**self.things.disks, disk.path: disk}), now_s)

    def put_route(self, name: str, route: Route | None, now_s: float) -> None:
        """Add a route, or remove it."""
        routes = {key: one for key, one in self.things.routes.items() if key != name}
        if route is not None:
            routes[name] = route
        self._become(replace(self.things, routes=routes), now_s)

    def _become(self, things: Things, now_s: float) -> None:
        self.past.append((now_s, self.things))
        self.things = things

    def seen(self, ask: Ask) -> Things:
        """What a read shows: what is, or what was."""
        if Kind.STALE_READ not in ask.met:
            return self.things
        since_s = ask.now_s - ask.met[Kind.STALE_READ]
        return next((old for until_s, old in self.past if until_s > since_s), self.things)

    def advance(self, now_s: float) -> None:
        """End what has to end by now."""
        due = [one for one in self._operations.values() if not one.done and one.ends_s <= now_s]
        for operation in sorted(due, key=lambda one: (one.ends_s, one.id)):
            try:
                self._effects.pop(operation.id)(operation.ends_s)
            except OperationFailed as problem:
                operation.error = (problem.code, str(problem))
            operation.done = True

    def repeated(self, ask: Ask) -> Reply | None:
        """The operation that an earlier request with the same `requestId` began."""
        operation = self._by_request_id.get(ask.request.query.get("requestId", ""))
        if operation is None:
            return None
        if operation.request != _identity(ask):
            raise ApiError(400, "invalid", "requestId was used for another request")
        return Reply(200, operation.json(self.project, ask.now_s))

    def busy(self, thing: str) -> bool:
        """Is an operation under way on `thing`?"""
        return any(thing in one.touches for one in self._operations.values() if not one.done)

    def begin(
        self,
        ask: Ask,
        target: str,
        effect: Effect,
        *,
        touches: Iterable[str] = (),
        lasts_s: float | None = None,
    ) -> Reply:
        """Accept a change of `target`; it lands `lasts_s` after it began to run, or as usual."""
        scope = "global" if target.startswith("global/") else target.partition("/instances/")[0]
        starts_s = ask.now_s + self.pending_s
        ends_s = starts_s + (self.running_s if lasts_s is None else lasts_s)
        operation = Operation(
            id=self.next_id(),
            kind=ask.call.partition(".")[2],
            scope=scope,
            target=target,
            request=_identity(ask),
            inserted_s=ask.now_s,
            starts_s=starts_s,
            ends_s=math.inf if Kind.STUCK_OPERATION in ask.met else ends_s,
            touches=frozenset(touches),
        )
        self._operations[scope, operation.name] = operation
        self._effects[operation.id] = _too_many if Kind.FAILED_OPERATION in ask.met else effect
        if request_id := ask.request.query.get("requestId"):
            self._by_request_id[request_id] = operation
        return Reply(200, operation.json(self.project, ask.now_s))

    def operation(self, scope: str, name: str) -> Operation:
        """A change under way, or ended. Raises ApiError."""
        found = self._operations.get((scope, name))
        if found is None:
            raise ApiError(
                404, "notFound", f"The resource '{scope}/operations/{name}' was not found"
            )
        return found


def _too_many(_: float) -> None:
    """The effect of a change that is not made."""
    raise OperationFailed(
        "RESOURCE_OPERATION_RATE_EXCEEDED", "Operation rate exceeded for resource"
    )


def _identity(ask: Ask) -> tuple[str, ...]:
    """What makes a request the same as another, the body apart."""
    return (ask.call, *(ask.names[key] for key in sorted(ask.names)))
