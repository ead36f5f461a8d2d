"""Calls about virtual machines: their state, and powering them off.

One rule: a machine that was told to stop is stopping until its operation ends, and may never be
stopped.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.arm.faults import Kind
from hafw_sim.clouds.arm.values import Guest, Vm
from hafw_sim.clouds.arm.wire import ApiError
from hafw_sim.clouds.exchange import Reply

if TYPE_CHECKING:
    from hafw_sim.clouds.arm.state import Ask, State, Things

SHUTDOWN_S: Final = 0.3
"""How long an obedient guest takes to shut down; real ones take minutes."""


def get(state: State, ask: Ask) -> Reply:
    """`virtualMachines.get`, with its instance view where that is asked for."""
    expanded = ask.request.query.get("$expand") == "instanceView"
    return Reply(200, _shown(state, ask).json(expanded=expanded))


def instance_view(state: State, ask: Ask) -> Reply:
    """`virtualMachines.instanceView`."""
    return Reply(200, _shown(state, ask).view)


def power_off(state: State, ask: Ask) -> Reply:
    """`virtualMachines.powerOff`: waits for the guest, unless told to skip its shutdown."""
    vm = find(state.things, ask)
    hard = ask.request.query.get("skipShutdown", "false").lower() == "true"
    thing = f"Microsoft.Compute/{vm.name}"
    if vm.power in ("stopped", "deallocated"):
        return Reply(202, {}, state.begin(ask, thing, lambda _: None))
    state.put_vm(replace(vm, power="stopping"), ask.now_s)

    def land(at_s: float) -> None:
        state.put_vm(replace(find(state.things, ask), power="stopped"), at_s)

    hangs = vm.guest is Guest.NEVER_STOPS or (vm.guest is Guest.HANGS and not hard)
    lasts_s = math.inf if hangs else None if hard else SHUTDOWN_S
    return Reply(202, {}, state.begin(ask, thing, land, lasts_s=lasts_s))


def _shown(state: State, ask: Ask) -> Vm:
    found = find(state.seen(ask), ask)
    return replace(found, power="stopped") if Kind.WRONG_STATE in ask.met else found


def find(things: Things, ask: Ask) -> Vm:
    """The machine that the call names. Raises ApiError."""
    found = things.vms.get(ask.names["name"].lower())
    if found is None:
        name = ask.names["name"]
        message = f"The Resource 'Microsoft.Compute/virtualMachines/{name}' was not found."
        raise ApiError(404, "ResourceNotFound", message)
    return found
