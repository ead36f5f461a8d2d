"""Calls about persistent disks: reads, and attaching them to instances and detaching them.

One rule: a disk is attached for writing to one instance at most. That is judged when the change is
asked for, and again when it lands; a detach takes off whatever then has the device name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafw_sim.clouds.exchange import Reply
from hafw_sim.clouds.gce.machines import find, path_of
from hafw_sim.clouds.gce.state import OperationFailed
from hafw_sim.clouds.gce.wire import ApiError, text

if TYPE_CHECKING:
    from hafw_sim.clouds.gce.state import Ask, State, Things
    from hafw_sim.clouds.gce.values import Disk

SINGLE = "READ_WRITE_SINGLE"


def get(state: State, ask: Ask) -> Reply:
    """`disks.get` and `regionDisks.get`."""
    names = ask.names
    place = f"zones/{names['zone']}" if "zone" in names else f"regions/{names['region']}"
    found = state.seen(ask).disks.get(f"{place}/disks/{names['name']}")
    if found is None:
        message = f"The resource '{place}/disks/{names['name']}' was not found"
        raise ApiError(404, "notFound", message)
    return Reply(200, found.json(state.project))


def attach(state: State, ask: Ask) -> Reply:
    """`instances.attachDisk`, for reading and writing, and never by force."""
    body, instance = ask.request.body, find(state.things, ask)
    if ask.request.query.get("forceAttach") == "true" or body.get("forceAttach"):
        raise ApiError(400, "invalid", "forceAttach: the model takes a disk from nobody")
    source = text(body, "source")
    disk = state.things.disks.get(source.rpartition(f"projects/{state.project}/")[2])
    if disk is None:
        raise ApiError(404, "notFound", f"The resource '{source}' was not found")
    if instance.zone not in disk.zones:
        message = f"Invalid value for field 'disk.source': '{source}'. Disk is in another zone."
        raise ApiError(400, "invalid", message)
    if taken := _taken(disk, state.project):
        raise ApiError(400, "resourceInUseByAnotherResource", taken)
    device = str(body.get("deviceName") or f"persistent-disk-{len(state.things.disks)}")

    def land(at_s: float) -> None:
        now = state.things.disks[disk.path]
        if taken := _taken(now, state.project):
            raise OperationFailed("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", taken)
        users = {**now.users, instance.path: device}
        state.put_disk(replace(now, users=users), at_s)

    return state.begin(ask, path_of(ask), land, touches=[f"{instance.path}/{device}"])


def detach(state: State, ask: Ask) -> Reply:
    """`instances.detachDisk`: names the instance and the device name."""
    path, device = path_of(ask), ask.request.query.get("deviceName", "")
    find(state.things, ask)
    if _at(state.things, path, device) is None:
        message = f"Invalid value for field 'disk': '{device}'. No attached disk found with device"
        raise ApiError(400, "invalid", f"{message} name '{device}'")
    touched = f"{path}/{device}"
    if state.busy(touched):
        raise ApiError(400, "resourceNotReady", f"The resource '{touched}' is not ready")

    def land(at_s: float) -> None:
        now = _at(state.things, path, device)
        if now is not None:
            users = {user: name for user, name in now.users.items() if user != path}
            state.put_disk(replace(now, users=users), at_s)

    return state.begin(ask, path, land, touches=[touched])


def _at(things: Things, instance: str, device: str) -> Disk | None:
    """What an instance has under a device name."""
    found = (disk for disk in things.disks.values() if disk.users.get(instance) == device)
    return next(found, None)


def _taken(disk: Disk, project: str) -> str:
    """Why it cannot be attached now; empty: it can. The same instance is no exception."""
    if not disk.users or disk.access_mode != SINGLE:
        return ""
    (user, *_) = disk.users
    return (
        f"The disk resource 'projects/{project}/{disk.path}' is already being used by "
        f"'projects/{project}/{user}'"
    )
