"""The mover `health-check`: an internal passthrough load balancer has the VIP as its address.

One rule: no call is made. The load balancer asks both nodes at the VIP itself, and the one whose
gate is open answers; so whoever holds the VIP has its traffic, and nobody else can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw import answering

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest

NAME: Final = "health-check"


def chosen(request: VipRequest) -> bool:
    """Is this the VIP's mover?"""
    return request.options.get("mover") == NAME


def plan(request: VipRequest) -> tuple[str, ...]:
    """No calls."""
    _, port = place(request)
    return (f"answer the load balancer's health checks at {request.address}, TCP port {port}",)


def place(request: VipRequest) -> answering.Place:
    """The VIP itself: that is where it is asked. Raises Misconfigured."""
    return request.address, answering.port_of(request)
