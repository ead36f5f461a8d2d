"""Calls about managed disks: reads, and attaching them to machines and detaching them.

One rule: a disk has one owner, from the end of the change that attaches it to the end of the one
that detaches it; its machine lists it from the moment that the one is wanted until the other ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafw_sim.clouds.arm.faults import Kind
from hafw_sim.clouds.arm.machines import find
from hafw_sim.clouds.arm.values import DataDisk
from hafw_sim.clouds.arm.wire import ApiError, text
from hafw_sim.clouds.exchange import Reply

if TYPE_CHECKING:
    from hafw_sim.clouds.arm.state import Ask, State
    from hafw_sim.clouds.arm.values import Disk, Vm
    from hafw_sim.clouds.exchange import Json

ZONE_REDUNDANT = "_ZRS"


def get(state: State, ask: Ask) -> Reply:
    """`disks.get`."""
    seen, name = state.seen(ask), ask.names["name"]
    found = seen.disks.get(name.lower())
    if found is None:
        raise _missing(name)
    owner = seen.vms.get(found.owner.lower())
    return Reply(200, found.json(owner.power if owner else ""))


def change(state: State, ask: Ask) -> Reply:
    """`virtualMachines.attachDetachDataDisks`, of one disk, and never by force."""
    vm, body = find(state.things, ask), ask.request.body
    attach, detach = (body.get(f"dataDisksTo{what}") or [] for what in ("Attach", "Detach"))
    if len(attach) + len(detach) != 1:
        raise ApiError(400, "InvalidParameter", "The model knows changes of one disk alone.")
    if vm.power == "stopping" or state.busy(_thing(vm)):
        raise ApiError(409, "AnotherOperationInProgress", f"Another operation on {vm.name} runs.")
    if attach:
        return _attach(state, ask, vm, attach[0])
    return _detach(state, ask, vm, detach[0])


def _attach(state: State, ask: Ask, vm: Vm, item: Json) -> Reply:
    disk = _disk(state, item)
    if disk.zone != vm.zone and ZONE_REDUNDANT not in disk.sku:
        message = f"Disk {disk.name} cannot be attached to the VM because it is not in its zone."
        raise ApiError(400, "BadRequest", message)
    for other in state.things.vms.values():
        if any(one.leaving and one.disk.name == disk.name for one in other.disks):
            message = f"Cannot attach data disk '{disk.name}': it is currently being detached."
            raise ApiError(409, "AttachDiskWhileBeingDetached", message)
    if taken := _taken(disk):
        raise ApiError(409, "ConflictingUserInput", taken)
    lun = int(item.get("lun", len(vm.disks)))
    if any(one.lun == lun for one in vm.disks):
        raise ApiError(409, "ConflictingUserInput", f"The LUN {lun} of {vm.name} is in use.")
    state.put_vm(replace(vm, disks=(*vm.disks, DataDisk(disk, lun)), state="Updating"), ask.now_s)

    def land(at_s: float) -> None:
        now, owned = find(state.things, ask), _disk(state, item)
        if Kind.FAILED_OPERATION in ask.met or _taken(owned):
            state.put_vm(replace(now, disks=_without(now, disk), state="Failed"), at_s)
            return
        state.put_disk(replace(owned, owner=vm.name), at_s)
        state.put_vm(replace(now, state="Succeeded"), at_s)

    return Reply(202, {}, state.begin(ask, _thing(vm), land))


def _detach(state: State, ask: Ask, vm: Vm, item: Json) -> Reply:
    if item.get("detachOption"):
        raise ApiError(400, "InvalidParameter", "ForceDetach: the model loses nobody's writes.")
    disk = _disk(state, item)
    kept = _without(vm, disk)
    (found,) = set(vm.disks) - set(kept) or (None,)
    if found is None:
        message = f"Disk {disk.name} is not attached to {vm.name}."
        raise ApiError(400, "InvalidParameter", message)
    leaving = replace(found, leaving=True)
    state.put_vm(replace(vm, disks=(*kept, leaving), state="Updating"), ask.now_s)

    def land(at_s: float) -> None:
        now = find(state.things, ask)
        if Kind.FAILED_OPERATION in ask.met:
            state.put_vm(replace(now, disks=(*kept, found), state="Failed"), at_s)
            return
        state.put_disk(replace(_disk(state, item), owner=""), at_s)
        state.put_vm(replace(now, disks=_without(now, disk), state="Succeeded"), at_s)

    return Reply(202, {}, state.begin(ask, _thing(vm), land))


def _disk(state: State, item: Json) -> Disk:
    """The disk that an item names. Raises ApiError."""
    name = text(item, "diskId").rpartition("/disks/")[2]
    found = state.things.disks.get(name.lower())
    if found is None:
        raise _missing(name)
    return found


def _without(vm: Vm, disk: Disk) -> tuple[DataDisk, ...]:
    return tuple(one for one in vm.disks if one.disk.name != disk.name)


def _taken(disk: Disk) -> str:
    """Why it cannot be attached now; empty: it can. Its own machine is no exception."""
    if not disk.owner or disk.max_shares > 1:
        return ""
    return f"Disk '{disk.name}' cannot be attached as it is already owned by VM '{disk.owner}'."


def _thing(vm: Vm) -> str:
    return f"Microsoft.Compute/{vm.name}/disks"


def _missing(name: str) -> ApiError:
    message = f"The Resource 'Microsoft.Compute/disks/{name}' was not found."
    return ApiError(404, "ResourceNotFound", message)
