"""The mover `health-check`: an internal passthrough load balancer has the VIP as its address.

One rule: no call is made. The load balancer asks both nodes at the VIP itself, and the one whose
gate is open answers; so whoever holds the VIP has its traffic, and nobody else can.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from hafw import hostaddress
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Holder
from hafw.net.responder import Responder

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipObservation, VipReceipt, VipRequest

NAME: Final = "health-check"

_responders: dict[tuple[str, int], Responder] = {}
_lock = threading.Lock()


def chosen(request: VipRequest) -> bool:
    """Is this the VIP's mover?"""
    return request.options.get("mover") == NAME


def warm(request: VipRequest) -> None:
    """Answer again, where the worker before this one did."""
    _place(request)
    if observe(request).holder is Holder.MINE:
        _open(request)


def observe(request: VipRequest) -> VipObservation:
    """Look at the interface: who has the address, and its gate open, has the traffic."""
    return hostaddress.observe(request)


def attach(request: VipRequest) -> VipReceipt:
    """Answer the load balancer, as soon as the gate is open."""
    _open(request)
    return hostaddress.attach(request)


def detach(request: VipRequest) -> VipReceipt:
    """Answer no more."""
    receipt = hostaddress.detach(request)
    with _lock:
        found = _responders.pop(_place(request), None)
    if found is not None:
        found.close()
    return receipt


def plan(request: VipRequest) -> tuple[str, ...]:
    """No calls."""
    _, port = _place(request)
    return (f"answer the load balancer's health checks at {request.address}, TCP port {port}",)


def _open(request: VipRequest) -> None:
    place = _place(request)
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


def _place(request: VipRequest) -> tuple[str, int]:
    port = str(request.options.get("port", ""))
    if not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - as ports are
        raise Misconfigured(f'port "{port}" of the VIP {request.address} is no TCP port')
    return request.address, int(port)
