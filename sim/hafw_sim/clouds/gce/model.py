"""Answers the calls of Compute Engine: faults first, then permissions and quota, then the call.

One rule: what a client saw refused has not happened, and what has happened shows in a later read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.exchange import Answer, Later, Lost, Reply
from hafw_sim.clouds.gce import attaching, machines, routes
from hafw_sim.clouds.gce.faults import REFUSALS, Faults, Kind
from hafw_sim.clouds.gce.state import Ask, State
from hafw_sim.clouds.gce.wire import CALLS, ApiError, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hafw_sim.clouds.exchange import Request
    from hafw_sim.clouds.gce.values import Disk, Instance

PENDING_S: Final = 0.01
RUNNING_S: Final = 0.04
"""An operation's life by default, short so that tests are; `docs/gcp.md` has real figures."""
WAIT_S: Final = 120.0
"""The longest that a `wait` call is held before it answers with an operation that is not DONE."""
MINUTE_S: Final = 60.0

_HANDLERS: Final[dict[str, Callable[[State, Ask], Reply]]] = {
    "instances.get": machines.get,
    "instances.aggregatedList": machines.aggregated_list,
    "instances.list": machines.list_,
    "instances.stop": machines.stop,
    "instances.reset": machines.reset,
    "instances.updateNetworkInterface": machines.update_network_interface,
    "instances.attachDisk": attaching.attach,
    "instances.detachDisk": attaching.detach,
    "disks.get": attaching.get,
    "regionDisks.get": attaching.get,
    "routes.get": routes.get,
    "routes.list": routes.list_,
    "routes.insert": routes.insert,
    "routes.delete": routes.delete,
}
_REPEATABLE: Final = {
    "instances.stop",
    "instances.reset",
    "instances.updateNetworkInterface",
    "instances.attachDisk",
    "instances.detachDisk",
    "routes.insert",
    "routes.delete",
}


class Gce:
    """One project of Compute Engine.

    `made`: the calls that arrived, in order. `denied`: the permissions that the caller lacks.
    `quota`: calls per minute, whole minutes of the clock; None: as many as you like.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        project: str,
        instances: Iterable[Instance],
        *,
        disks: Iterable[Disk] = (),
        pending_s: float = PENDING_S,
        running_s: float = RUNNING_S,
        quota: int | None = None,
    ) -> None:
        """Start with `instances` and `disks`, and no routes."""
        self.state = State(project, instances, disks, pending_s=pending_s, running_s=running_s)
        self.faults = Faults()
        self.denied: set[str] = set()
        self.made: list[str] = []
        self.quota = quota
        self._minute = (0.0, 0)

    def handle(self, request: Request, now_s: float) -> Answer:
        """What becomes of a request that was sent at `now_s`."""
        try:
            call, names = recognise(request)
        except ApiError as problem:
            return problem.reply()
        self.made.append(call)
        met = self.faults.meet(call)

        def arrive(at_s: float) -> Answer:
            return self._arrived(Ask(call=call, names=names, request=request, met=met, now_s=at_s))

        if Kind.LATE_LANDING in met:
            return Later(now_s + met[Kind.LATE_LANDING], arrive)
        return arrive(now_s)

    def advance(self, now_s: float) -> None:
        """Let everything land that has to by now."""
        self.state.advance(now_s)

    def _arrived(self, ask: Ask) -> Answer:
        self.state.advance(ask.now_s)
        try:
            self._refuse(ask)
            answer = self._act(ask)
        except ApiError as problem:
            answer = problem.reply()
        if Kind.LOST_REPLY in ask.met:
            return Lost()
        if Kind.LATENCY in ask.met:
            return Later(ask.now_s + ask.met[Kind.LATENCY], lambda _: answer)
        return answer

    def _refuse(self, ask: Ask) -> None:
        for kind, (status, reason, message) in REFUSALS.items():
            if kind in ask.met:
                raise ApiError(status, reason, message, retry_after_s=ask.met[kind] or None)
        if ask.names["project"] != self.state.project:
            raise ApiError(404, "notFound", f"The resource '{ask.request.path}' was not found")
        self._spend(ask.now_s)
        for permission in CALLS[ask.call][2]:
            if permission in self.denied:
                message = f"Required '{permission}' permission for '{ask.request.path}'"
                raise ApiError(403, "forbidden", message)

    def _spend(self, now_s: float) -> None:
        """Count against the quota, which is full again when the next minute begins."""
        began_s, spent = self._minute
        if now_s // MINUTE_S != began_s // MINUTE_S:
            spent = 0
        if self.quota is not None and spent >= self.quota:
            raise ApiError(403, "rateLimitExceeded", "Quota exceeded for quota group 'default'")
        self._minute = (now_s, spent + 1)

    def _act(self, ask: Ask) -> Answer:
        if ask.call in _REPEATABLE and (earlier := self.state.repeated(ask)) is not None:
            return earlier
        if ask.call == "instances.testIamPermissions":
            return machines.test_iam_permissions(self.state, ask, self.denied)
        if ask.call.endswith("Operations.get") or ask.call.endswith("Operations.wait"):
            return self._operation(ask)
        return _HANDLERS[ask.call](self.state, ask)

    def _operation(self, ask: Ask) -> Answer:
        scope = f"zones/{ask.names['zone']}" if "zone" in ask.names else "global"
        operation = self.state.operation(scope, ask.names["name"])
        project = self.state.project
        if operation.done or ask.call.endswith(".get"):
            return Reply(200, operation.json(project, ask.now_s))

        def ended(at_s: float) -> Reply:
            self.state.advance(at_s)
            return Reply(200, operation.json(project, at_s))

        return Later(min(operation.ends_s, ask.now_s + WAIT_S), ended)
