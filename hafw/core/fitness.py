"""What keeps this node from running a group: its worker, its interfaces, what is to be disturbed.

One rule: a service interface that is down moves a group away; what its worker cannot prepare for
only keeps a group from being taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import announcing
from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import ServiceChanged, WorkerChanged

_WORKER: Final = {
    True: ("worker.up", "the worker is warm"),
    False: ("worker.down", "the worker is gone"),
}


def service_changed(event: ServiceChanged, engine: Engine) -> None:
    """The interfaces of a group's VIPs are up, or one is down."""
    group = engine.groups[event.group]
    if group.service_up == event.up:
        return
    group.service_up = event.up
    word = "up" if event.up else "down"
    engine.note("service." + word, group.id, f"the service interface is {word}")
    engine.changed()
    if event.up:
        announcing.again(group, engine)


def worker_changed(event: WorkerChanged, engine: Engine) -> None:
    """The worker is warm or gone, or is cold for other groups than before."""
    if engine.worker_up != event.up:
        engine.worker_up, engine.worker_ns = event.up, engine.now_ns
        name, text = _WORKER[event.up]
        engine.note(name, 0, text)
    before, engine.cold = engine.cold, dict(event.cold)
    for group, why in event.cold:
        if before.get(group) != why:
            engine.note("group.cold", group, f"it cannot be taken here: {why}")
    if event.up:
        for group in sorted(before.keys() - engine.cold.keys()):
            engine.note("group.prepared", group, "it can be taken here again")


def notice_came(what: str, engine: Engine) -> None:
    """Who runs this machine will disturb it, or has taken that back ("")."""
    if what == engine.notice:
        return
    engine.notice = what
    text = f"this machine is to be disturbed: {what}" if what else "nothing is announced now"
    engine.note("machine.notice", 0, text)
    engine.changed()


def why_unwilling(group: Group, engine: Engine) -> str:
    """Why this node would not run a group now; the same words as long as it is the same."""
    if not engine.worker_up:
        return "the worker is not up"
    if group.id in engine.cold:
        return engine.cold[group.id]
    if not group.service_up:
        return "the service interface is down"
    if engine.leaving:
        return "this agent is stopping"
    if group.held_off:
        return "an operator released it here; hafw takeover ends that"
    if engine.now_ns < group.unwilling_ns:  # no countdown: each new reason is told to people
        seconds = group.hold_down_ns() // SECOND
        return f"a start failed here; next try {seconds} s after that, or at hafw takeover"
    return "it is ready"
