"""The mover `load-balancer`: one with floating IP sends the VIP to whoever answers its probe.

One rule: no call moves it. Probes come to a node's own address, at a port that the kernel shuts
with the gate of the VIP; so whoever holds the VIP answers them, and nobody else can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw import answering
from hafw.hooks.errors import Misconfigured
from hafw.providers.azure.balancer import Wanted, judge, public_addresses

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.balancer import Judgement

NAME: Final = "load-balancer"


def chosen(request: VipRequest) -> bool:
    """Is this the VIP's mover?"""
    return request.options.get("mover") == NAME


def try_port(request: VipRequest) -> None:
    """See that this node, which does not answer now, could do so. Raises Misconfigured."""
    answering.begin(place(request))
    answering.end(place(request))


def plan(request: VipRequest) -> tuple[str, ...]:
    """No calls."""
    port, name = answering.port_of(request), request.options["load_balancer"]
    where = f"at {request.own('nic')}, TCP port {port}"
    return (f"answer the probe by which {name} finds {request.address}, {where}",)


def check(request: VipRequest, arm: Arm) -> Judgement:
    """See that the load balancer is as it has to be. Raises ProviderError where it is not."""
    found = judged(request, arm)
    for flaw in found.flaws:
        if flaw.grave:
            raise Misconfigured(f"{flaw.what}; {flaw.remedy}")
    return found


def judged(request: VipRequest, arm: Arm) -> Judgement:
    """What is to be said of the load balancer. Raises ProviderError."""
    balancer, nics = arm.balancer(str(request.options["load_balancer"])), request.options["nic"]
    wanted = Wanted(
        address=request.address, nics=(nics[0], nics[1]), port=answering.port_of(request)
    )
    public = {path: arm.public_address(path) for path in public_addresses(balancer)}
    return judge(balancer, wanted, public)


def place(request: VipRequest) -> answering.Place:
    """Every address of the node: which of them the probe goes to, Azure decides."""
    every = "::" if ":" in request.address else "0.0.0.0"  # noqa: S104 - as said; the gate shuts it
    return every, answering.port_of(request)
