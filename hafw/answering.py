"""Answers load balancers' health checks for as long as this node has the VIP; of every provider.

One rule: whether an answer gets out is for the gate to say. Here only a worker speaks, which may be
frozen; so it answers at an address, or at a port, that the kernel shuts when the gate does.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from hafw import hostaddress
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Holder
from hafw.net.responder import Responder

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipReceipt, VipRequest

Place = tuple[str, int]
"""An address and a TCP port."""
MAX_PORT: Final = 65_535

_responders: dict[Place, Responder] = {}
_lock = threading.Lock()


def port_of(request: VipRequest) -> int:
    """The TCP port of the VIP's health checks. Raises Misconfigured."""
    port = str(request.options.get("port", ""))
    if not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise Misconfigured(f'port "{port}" of the VIP {request.address} is no TCP port')
    return int(port)


def attach(request: VipRequest, place: Place) -> VipReceipt:
    """Put the VIP on the interface, and answer for it as soon as the gate is open."""
    begin(place)
    return hostaddress.attach(request)


def detach(request: VipRequest, place: Place) -> VipReceipt:
    """Take the VIP off the interface, and answer no more."""
    receipt = hostaddress.detach(request)
    end(place)
    return receipt


def resume(request: VipRequest, place: Place) -> bool:
    """Answer again, if the worker before this one did, and say so."""
    held = hostaddress.observe(request).holder is Holder.MINE
    if held:
        begin(place)
    return held


def begin(place: Place) -> None:
    """Answer at a place, if that is not done already. Raises Misconfigured where it is taken."""
    with _lock:
        if place in _responders:
            return
        try:
            _responders[place] = Responder(*place)
        except OSError as problem:
            raise Misconfigured(
                f"health checks at {place[0]} port {place[1]} cannot be answered: "
                f"{problem.strerror}; give the VIP a port that nothing else uses"
            ) from problem


def end(place: Place) -> None:
    """Answer no more."""
    with _lock:
        found = _responders.pop(place, None)
    if found is not None:
        found.close()


def end_all() -> None:
    """Answer nobody any more."""
    for place in [*_responders]:
        end(place)
