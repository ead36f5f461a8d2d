"""Answers the calls of EC2: faults first, then the throttle and permissions, then the call.

One rule: what a client saw refused has not happened, and what has happened shows in a later read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.ec2 import addresses, machines, paths, volumes
from hafw_sim.clouds.ec2.faults import REFUSALS, Faults, Kind
from hafw_sim.clouds.ec2.state import Ask, State
from hafw_sim.clouds.ec2.wire import Answer, ApiError, Later, Lost, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.clouds.ec2.values import Things
    from hafw_sim.clouds.ec2.wire import Params, Reply

CALLS: Final[dict[str, Callable[[State, Ask], Params]]] = {
    "AssignIpv6Addresses": addresses.assign6,
    "AssignPrivateIpAddresses": addresses.assign,
    "AssociateAddress": paths.associate,
    "AttachVolume": volumes.attach,
    "DescribeAddresses": paths.describe_addresses,
    "DescribeInstanceAttribute": machines.attribute,
    "DescribeInstances": machines.describe,
    "DescribeNetworkInterfaces": addresses.describe,
    "DescribeRouteTables": paths.describe_tables,
    "DescribeVolumes": volumes.describe,
    "DetachVolume": volumes.detach,
    "DisassociateAddress": paths.disassociate,
    "ReplaceRoute": paths.replace_route,
    "StopInstances": machines.stop,
    "UnassignIpv6Addresses": addresses.unassign6,
    "UnassignPrivateIpAddresses": addresses.unassign,
}


class Ec2:
    """One region of one account.

    `made`: the calls that arrived, in order. `denied`: the calls that the caller may not make.
    `remap_s`: how long after a move an instance's own metadata still shows what was before.
    `bucket`: how many calls in a row there are tokens for, `refill` how many come back in a second.
    """

    def __init__(
        self,
        things: Things,
        *,
        remap_s: float = 0.0,
        bucket: float = float("inf"),
        refill: float = 20.0,
    ) -> None:
        """Start with `things`."""
        self.state = State(things)
        self.faults = Faults()
        self.denied: set[str] = set()
        self.made: list[str] = []
        self.remap_s = remap_s
        self._bucket, self._refill = bucket, refill
        self._tokens, self._filled_s = bucket, 0.0

    def handle(self, form: str, now_s: float) -> Answer:
        """What becomes of a request that was sent at `now_s`."""
        request_id = f"{self.state.number():08x}-0000-4000-8000-000000000000"
        try:
            call, params = decode(form, CALLS)
        except ApiError as problem:
            return problem.reply(request_id)
        self.made.append(call)
        met = self.faults.meet(call)

        def arrive(at_s: float) -> Answer:
            return self._arrived(Ask(call=call, params=params, met=met, now_s=at_s), request_id)

        if Kind.LATE_LANDING in met:
            return Later(now_s + met[Kind.LATE_LANDING], arrive)
        return arrive(now_s)

    def metadata(self, interface: str, now_s: float) -> dict[str, str]:
        """What the instance behind an interface finds in its own metadata."""
        self.state.advance(now_s)
        one = self.state.ago(now_s, self.remap_s).interfaces[interface]
        place = f"network/interfaces/macs/{one.mac}"
        return {
            "instance-id": one.instance,
            "mac": one.mac,
            "network/interfaces/macs/": f"{one.mac}/",
            f"{place}/interface-id": one.id,
            f"{place}/local-ipv4s": "\n".join((one.primary, *one.addresses)),
            f"{place}/ipv6s": "\n".join(one.ipv6),
        }

    def _arrived(self, ask: Ask, request_id: str) -> Answer:
        self.state.advance(ask.now_s)
        answer = self._answer(ask, request_id)
        if Kind.LOST_REPLY in ask.met:
            return Lost()
        if Kind.LATENCY in ask.met:
            return Later(ask.now_s + ask.met[Kind.LATENCY], lambda _: answer)
        return answer

    def _answer(self, ask: Ask, request_id: str) -> Reply:
        try:
            self._refuse(ask)
            answer = encode(ask.call, CALLS[ask.call](self.state, ask), request_id)
        except ApiError as problem:
            return problem.reply(request_id)
        if Kind.INTERNAL_ERROR in ask.met:
            message = "An internal error has occurred"
            return ApiError("InternalError", message, 500).reply(request_id)
        return answer

    def _refuse(self, ask: Ask) -> None:
        for kind, (status, code, message) in REFUSALS.items():
            if kind in ask.met:
                raise ApiError(code, message, status)
        self._spend(ask.now_s)
        if ask.call in self.denied:
            message = (
                "You are not authorized to perform this operation. User: arn:aws:sts::1:"
                f"assumed-role/hafw/i-1 is not authorized to perform: ec2:{ask.call}"
            )
            raise ApiError("UnauthorizedOperation", message, 403)

    def _spend(self, now_s: float) -> None:
        elapsed_s = max(now_s - self._filled_s, 0.0)
        self._tokens = min(self._bucket, self._tokens + elapsed_s * self._refill)
        self._filled_s = now_s
        if self._tokens < 1:
            raise ApiError("RequestLimitExceeded", "Request limit exceeded.", 503)
        self._tokens -= 1
