"""EBS volumes: attached to an instance, and detached from it, which takes a while.

One rule: a volume is attached to one instance at a time, and is nowhere in between.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.ec2.state import Ask, State, dry
from hafw_sim.clouds.ec2.wire import ApiError

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2.values import Things, Volume
    from hafw_sim.clouds.ec2.wire import Params

ATTACH_S: Final = 0.2
DETACH_S: Final = 0.2
"""Short, so that tests are; real ones take seconds, and at times tens of them."""


def describe(state: State, ask: Ask) -> Params:
    """DescribeVolumes."""
    things = state.seen(ask)
    names = ask.get("VolumeIds") or sorted(things.volumes)
    return {"Volumes": [_shown(_volume(things, name)) for name in names]}


def attach(state: State, ask: Ask) -> Params:
    """AttachVolume: only of a volume that is nowhere, and whose zone and device name fit."""
    one, where = _volume(state.things, ask["VolumeId"]), ask["InstanceId"]
    if where not in state.things.instances:
        message = f"The instance ID '{where}' does not exist"
        raise ApiError("InvalidInstanceID.NotFound", message)
    if one.zone != state.things.instances[where].zone:
        message = f"The volume '{one.id}' is not in the same availability zone as '{where}'"
        raise ApiError("InvalidVolume.ZoneMismatch", message)
    _check_free(one)
    for other in state.things.volumes.values():
        if (other.instance, other.device) == (where, ask["Device"]):
            message = (
                f"Invalid value '{ask['Device']}' for unixDevice. "
                f"Attachment point {ask['Device']} is already in use"
            )
            raise ApiError("InvalidParameterValue", message)
    dry(ask)
    coming = replace(one, instance=where, device=ask["Device"], attachment="attaching")
    state.put(ask.now_s, coming)
    _later(state, coming, ask.now_s + ATTACH_S, replace(coming, attachment="attached"))
    return _attachment(coming)


def detach(state: State, ask: Ask) -> Params:
    """DetachVolume: refused unless it is attached, and to the instance that is named.

    While a running instance has it mounted, it stays `busy` (EC2 user guide, "Detach a volume").
    """
    one, where = _volume(state.things, ask["VolumeId"]), ask.get("InstanceId")
    if not one.attachment:
        raise ApiError("IncorrectState", f"Volume '{one.id}' is in the 'available' state.")
    if where not in (None, one.instance):
        message = f"The volume '{one.id}' is not attached to instance '{where}'."
        raise ApiError("InvalidAttachment.NotFound", message)
    if one.attachment != "attached":
        message = f"Volume '{one.id}' is in the '{one.attachment}' state."
        raise ApiError("IncorrectState", message)
    dry(ask)
    runs = state.things.instances[one.instance].state == "running"
    going = replace(one, attachment="busy" if one.mounted and runs else "detaching")
    state.put(ask.now_s, going)
    if going.attachment == "detaching":
        gone = replace(going, instance="", device="", attachment="", mounted=False)
        _later(state, going, ask.now_s + DETACH_S, gone)
    return _attachment(going)


def _check_free(one: Volume) -> None:
    if one.attachment == "detaching":
        raise ApiError("IncorrectState", f"{one.id} is not 'available'.")
    if one.attachment:
        raise ApiError("VolumeInUse", f"{one.id} is already attached to an instance")


def _later(state: State, before: Volume, at_s: float, after: Volume) -> None:
    def land(now_s: float) -> None:
        if state.things.volumes[before.id] == before:
            state.put(now_s, after)

    state.at(at_s, land)


def _volume(things: Things, name: str) -> Volume:
    if name not in things.volumes:
        raise ApiError("InvalidVolume.NotFound", f"The volume '{name}' does not exist.")
    return things.volumes[name]


def _shown(one: Volume) -> Params:
    return {
        "VolumeId": one.id,
        "AvailabilityZone": one.zone,
        "State": "in-use" if one.attachment else "available",
        "MultiAttachEnabled": one.multi_attach,
        "Attachments": [_attachment(one)] if one.attachment else [],
    }


def _attachment(one: Volume) -> Params:
    return {
        "VolumeId": one.id,
        "InstanceId": one.instance,
        "Device": one.device,
        "State": one.attachment,
        "DeleteOnTermination": False,
    }
