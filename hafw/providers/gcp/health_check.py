"""The mover `health-check`: an internal passthrough load balancer has the VIP as its address.

One rule: no call is made. The load balancer asks both nodes at the VIP itself, and the one whose
gate is open answers; so whoever holds the VIP has its traffic, and nobody else can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw import answering, hostaddress
from hafw.hooks.hookspecs import Holder

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipObservation, VipReceipt, VipRequest

NAME: Final = "health-check"


def chosen(request: VipRequest) -> bool:
    """Is this the VIP's mover?"""
    return request.options.get("mover") == NAME


def warm(request: VipRequest) -> None:
    """Answer again, where the worker before this one did."""
    place = _place(request)
    if observe(request).holder is Holder.MINE:
        answering.begin(place)


def observe(request: VipRequest) -> VipObservation:
    """Look at the interface: who has the address, and its gate open, has the traffic."""
    return hostaddress.observe(request)


def attach(request: VipRequest) -> VipReceipt:
    """Answer the load balancer, as soon as the gate is open."""
    answering.begin(_place(request))
    return hostaddress.attach(request)


def detach(request: VipRequest) -> VipReceipt:
    """Answer no more."""
    receipt = hostaddress.detach(request)
    answering.end(_place(request))
    return receipt


def plan(request: VipRequest) -> tuple[str, ...]:
    """No calls."""
    _, port = _place(request)
    return (f"answer the load balancer's health checks at {request.address}, TCP port {port}",)


def _place(request: VipRequest) -> answering.Place:
    return request.address, answering.port_of(request)
