"""The handshake of `reflected`: who may take by silence, and whether a holder may rest on it.

One rule: a node may take only while it is armed with the holder's grant, and a holder that has
granted it may no longer rest on the other's not being armed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core import takeover
from hafw.core.duties import DUTIES, Certificate
from hafw.core.model import Phase
from hafw.core.settings import Classes
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat


def update(group: Group, engine: Engine) -> None:
    """Judge our own arming by the clock: who no longer sees the ping node disarms at once."""
    reflector = engine.reflector
    if reflector is None or not group.settings.reflected:
        return
    fit = (
        group.phase is Phase.CLEAR
        and engine.now_ns - reflector.mth_ns < engine.settings.hold_ns
        and engine.peer.known(engine.settings)
    )
    if group.want_no and not fit:
        group.disarm()
        engine.changed()
    elif not group.want_no and fit and group.state is not State.CLEANING:
        group.arming_no += 1
        group.want_no = group.arming_no
        engine.changed()


def heard(group: Group, word: GroupBeat, engine: Engine) -> None:
    """The peer's arming, and its grant of ours, as a new beat says them."""
    if not group.settings.reflected or engine.reflector is None:
        return
    if not word.want:
        group.unarmed = True
        group.granted_no = 0
    elif not group.held or _holds_by_other_evidence(engine):
        # From now on the peer may take by silence, so this node may no longer rest on its not
        # being armed. A node that rests on nothing else does not grant.
        group.unarmed = False
        if group.granted_no != word.want:
            group.granted_no = word.want
            engine.changed()
    if group.want_no and word.grant == group.want_no and engine.addressed():
        group.armed = True


def _holds_by_other_evidence(engine: Engine) -> bool:
    assert engine.reflector is not None
    now_ns, hold_ns = engine.now_ns, engine.settings.hold_ns
    return now_ns - engine.reflector.mth_ns < hold_ns or now_ns - engine.peer.heard_ns < hold_ns


def certainly_unarmed(group: Group, engine: Engine) -> None:
    """For a holder: the peer's silence, with echoes answered throughout, means it disarmed."""
    if not group.held or group.unarmed or not group.settings.reflected:
        return
    if engine.peer.silence_ns(engine.now_ns) < engine.settings.timing.deadtime_ns:
        return
    seen = takeover.view(group, engine)._replace(met=True, bound=Classes.REFLECTED, armed=True)
    if DUTIES[Certificate.REFLECTED].refusal(seen, engine.settings) is None:
        group.unarmed = True
