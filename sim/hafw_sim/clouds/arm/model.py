"""Answers the calls of Azure Resource Manager: faults, then permissions and quota, then the call.

One rule: what a client saw refused has not happened, and what has happened shows in a later read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.arm import attaching, machines, networks
from hafw_sim.clouds.arm.faults import REFUSALS, Faults, Kind
from hafw_sim.clouds.arm.state import Ask, State
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from hafw_sim.clouds.arm.wire import CALLS, ApiError, recognise
from hafw_sim.clouds.exchange import Answer, Later, Lost, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hafw_sim.clouds.arm.values import Disk, Resource, Vm
    from hafw_sim.clouds.exchange import Request

RUNNING_S: Final = 0.05
"""An operation's life by default, short so that tests are; `docs/azure.md` has real figures."""

_HANDLERS: Final[dict[str, Callable[[State, Ask], Reply]]] = {
    "networkInterfaces.get": networks.get,
    "networkInterfaces.list": networks.list_,
    "networkInterfaces.createOrUpdate": networks.put,
    "routeTables.get": networks.get,
    "routeTables.createOrUpdate": networks.put,
    "virtualNetworks.moveIpConfigurations": networks.carry,
    "loadBalancers.get": networks.get,
    "publicIPAddresses.get": networks.get,
    "virtualMachines.get": machines.get,
    "virtualMachines.instanceView": machines.instance_view,
    "virtualMachines.powerOff": machines.power_off,
    "virtualMachines.attachDetachDataDisks": attaching.change,
    "disks.get": attaching.get,
}


class Arm:
    """One resource group.

    `made`: the calls that arrived, in order. `denied`: the permissions that the caller lacks.
    """

    def __init__(
        self,
        resources: Iterable[Resource],
        vms: Iterable[Vm],
        *,
        disks: Iterable[Disk] = (),
        running_s: float = RUNNING_S,
    ) -> None:
        """Start with these."""
        self.state = State(resources, vms, disks, running_s=running_s)
        self.faults = Faults()
        self.denied: set[str] = set()
        self.made: list[str] = []

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
        answer: Answer
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
        for kind, (status, code, message) in REFUSALS.items():
            if kind in ask.met:
                raise ApiError(status, code, message, retry_after_s=ask.met[kind] or None)
        if ask.names["subscription"].lower() != SUBSCRIPTION:
            raise ApiError(404, "SubscriptionNotFound", "The subscription could not be found.")
        if ask.names.get("group", GROUP).lower() != GROUP:
            raise ApiError(404, "ResourceGroupNotFound", "The resource group could not be found.")
        for permission in CALLS[ask.call][2]:
            if permission in self.denied:
                raise _forbidden(permission, ask.request.path)

    def _act(self, ask: Ask) -> Reply:
        if ask.call == "permissions.list":
            granted = {"actions": ["*"], "notActions": sorted(self.denied)}
            return Reply(200, {"value": [granted]})
        if ask.call == "operations.get":
            found = self.state.operations.get(ask.names["name"])
            if found is None:
                raise ApiError(404, "OperationNotFound", "There is no such operation.")
            error = {"error": {"code": "InternalServerError"}} if found.status == "Failed" else {}
            headers = {"Retry-After": "1"} if found.running else {}
            return Reply(200, {"status": found.status, **error}, headers)
        return _HANDLERS[ask.call](self.state, ask)


def _forbidden(permission: str, scope: str) -> ApiError:
    if permission.endswith("/join/action"):
        message = (
            "The client has permission to perform the action on this scope; however, it does not "
            f"have permission to perform action(s) '{permission}' on the linked scope(s)."
        )
        return ApiError(403, "LinkedAuthorizationFailed", message)
    message = (
        f"The client does not have authorization to perform action '{permission}' over scope "
        f"'{scope}' or the scope is invalid."
    )
    return ApiError(403, "AuthorizationFailed", message)
