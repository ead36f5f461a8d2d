"""Instances: stopped, started, described.

One rule: a stop takes its time, and the guest's consent unless it is told to do without.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.ec2.faults import Kind
from hafw_sim.clouds.ec2.state import Ask, State, dry
from hafw_sim.clouds.ec2.values import STATES, Guest, Instance
from hafw_sim.clouds.ec2.wire import ApiError

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2.values import Interface, Things, Volume
    from hafw_sim.clouds.ec2.wire import Params

SHUTDOWN_S: Final = 0.4
"""A guest's shutdown by default, short so that tests are; real ones take up to minutes."""
POWER_OFF_S: Final = 0.1


def describe(state: State, ask: Ask) -> Params:
    """DescribeInstances."""
    things = state.seen(ask)
    found = [_instance(things, name) for name in ask.get("InstanceIds") or sorted(things.instances)]
    if Kind.WRONG_STATE in ask.met:
        found = [replace(one, state="stopped") for one in found]
    return {"Reservations": [{"Instances": [_shown(things, one) for one in found]}]}


def attribute(state: State, ask: Ask) -> Params:
    """DescribeInstanceAttribute: whether an instance is protected from being stopped."""
    one = _instance(state.seen(ask), ask["InstanceId"])
    return {"InstanceId": one.id, "DisableApiStop": {"Value": one.stop_protection}}


def stop(state: State, ask: Ask) -> Params:
    """StopInstances: Force alone asks the guest first; only SkipOsShutdown does without it."""
    found = [_instance(state.things, name) for name in ask["InstanceIds"]]
    for one in found:
        if one.stop_protection:
            message = f"The instance '{one.id}' may not be stopped: disableApiStop"
            raise ApiError("OperationNotPermitted", message)
        if one.spot:
            raise ApiError("UnsupportedOperation", f"{one.id} is a one-time spot instance")
        if one.state in {"terminated", "shutting-down"}:
            message = f"The instance '{one.id}' is not in a state from which it can be stopped."
            raise ApiError("IncorrectInstanceState", message)
    dry(ask)
    told = []
    for one in found:
        lasts_s = _lasts_s(one.guest, hard=ask.get("SkipOsShutdown", False))
        if one.state != "stopped":
            state.put(ask.now_s, replace(one, state="stopping"))
        if one.state != "stopped" and lasts_s is not None:
            _end(state, one.id, ask.now_s + lasts_s)
        now = state.things.instances[one.id].state
        told.append(
            {
                "InstanceId": one.id,
                "CurrentState": _state(now),
                "PreviousState": _state(one.state),
            }
        )
    return {"StoppingInstances": told}


def _end(state: State, name: str, at_s: float) -> None:
    def land(now_s: float) -> None:
        now = state.things.instances[name]
        if now.state == "stopping":
            held = [one for one in state.things.volumes.values() if one.instance == name]
            freed = [_unmounted(one) for one in held if one.mounted]
            state.put(now_s, replace(now, state="stopped"), *freed)

    state.at(at_s, land)


def _unmounted(one: Volume) -> Volume:
    """What a system that has ended does not use; a detach that waited for that is over."""
    if one.attachment == "busy":
        return replace(one, instance="", device="", attachment="", mounted=False)
    return replace(one, mounted=False)


def _lasts_s(guest: Guest, *, hard: bool) -> float | None:
    if guest is Guest.NEVER_STOPS or (guest is Guest.HANGS and not hard):
        return None
    return POWER_OFF_S if hard else SHUTDOWN_S


def _instance(things: Things, name: str) -> Instance:
    if name not in things.instances:
        message = f"The instance ID '{name}' does not exist"
        raise ApiError("InvalidInstanceID.NotFound", message)
    return things.instances[name]


def _shown(things: Things, one: Instance) -> Params:
    tags = {"Name": one.name}
    if one.scaling_group:
        tags["aws:autoscaling:groupName"] = one.scaling_group
    shown: Params = {
        "InstanceId": one.id,
        "State": _state(one.state),
        "RootDeviceType": "ebs",
        "Placement": {"AvailabilityZone": one.zone},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "NetworkInterfaces": [
            _interface(things, each)
            for each in things.interfaces.values()
            if each.instance == one.id
        ],
    }
    return shown | ({"InstanceLifecycle": "spot"} if one.spot else {})


def _interface(things: Things, one: Interface) -> Params:
    public = {each.private: each.address for each in things.elastic.values() if each.private}
    return {
        "NetworkInterfaceId": one.id,
        "PrivateIpAddresses": [
            {"PrivateIpAddress": private, "Primary": private == one.primary}
            | ({"Association": {"PublicIp": public[private]}} if private in public else {})
            for private in (one.primary, *one.addresses)
        ],
    }


def _state(name: str) -> Params:
    return {"Code": STATES[name], "Name": name}
