"""The host's half of a VIP, whoever moves the other half: an address on one of its interfaces.

One rule: the address is a host address, deprecated from the start and with a lifetime, so that it
is no source of new connections and goes by itself when nobody renews it.

The connections that an address leaves behind are closed behind the detach, not within it: they are
cut off as soon as it is gone, and the other node waits for the answer.
"""

from __future__ import annotations

import errno
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Denied, Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt
from hafw.net.netlink import NetlinkError
from hafw.net.rtnetlink import Change, Rtnl
from hafw.net.sockdiag import destroy_connections

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest
    from hafw.net.rtmessages import IPAddress

CLOSING_S: Final = 2.0
"""An attach waits so long for the old connections of its address: netlink's own deadline."""

ANSWER_S: Final = 0.02
"""The answer to a detach goes first; what closes connections would hold it up (one interpreter)."""

_closer = ThreadPoolExecutor(1, thread_name_prefix="closer")
_closing: dict[IPAddress, Future[None]] = {}


def rouse(request: VipRequest) -> None:
    """Go the way of an attach and of a detach once, but for the change."""
    observe(request)
    _closer.submit(int)  # so that its thread is there


def observe(request: VipRequest) -> VipObservation:
    """Look at the interface: MINE, FREE (it is not there), or UNKNOWN."""
    address = ip_address(request.address)
    with Rtnl() as rtnl:
        try:
            found = any(held.ip == address for held in rtnl.addresses(request.interface))
        except (NetlinkError, TimeoutError) as problem:
            return VipObservation(holder=Holder.UNKNOWN, who=str(problem))
    return VipObservation(holder=Holder.MINE if found else Holder.FREE)


def attach(request: VipRequest) -> VipReceipt:
    """Add the host address, with a lifetime, and read it back."""
    address = ip_address(request.address)
    closed(address)  # else what a client opens next would be closed with the rest
    with Rtnl() as rtnl:
        try:
            made = rtnl.add_address(
                request.interface,
                address,
                address.max_prefixlen,
                valid_s=request.lifetime_s,
                # Deprecated from the start: the kernel does not pick it as source by itself.
                preferred_s=0,
                replace=True,
            )
            held = any(found.ip == address for found in rtnl.addresses(request.interface))
        except NetlinkError as problem:
            raise _refused(f"attach {address} to {request.interface}", problem) from problem
        except TimeoutError as problem:
            raise UnknownOutcome(f"attach {address}: the kernel did not answer") from problem
    if not held:
        raise UnknownOutcome(f"{address} is not on {request.interface} after adding it")
    return VipReceipt(changed=made is Change.MADE)


def detach(request: VipRequest) -> VipReceipt:
    """Remove the host address, read back, have the connections closed that ended there."""
    address = ip_address(request.address)
    with Rtnl() as rtnl:
        try:
            made = rtnl.delete_address(request.interface, address, address.max_prefixlen)
            still = any(found.ip == address for found in rtnl.addresses(request.interface))
        except NetlinkError as problem:
            if problem.errno == errno.ENODEV:  # with its interface the address is gone
                return VipReceipt(changed=False)
            raise _refused(f"detach {address} from {request.interface}", problem) from problem
        except TimeoutError as problem:
            raise UnknownOutcome(f"detach {address}: the kernel did not answer") from problem
    if still:
        raise UnknownOutcome(f"{address} is still on {request.interface} after removing it")
    _closing[address] = _closer.submit(_close, address)
    return VipReceipt(changed=made is Change.MADE)


def closed(address: IPAddress) -> None:
    """Wait until the connections that the address left behind are closed, or `CLOSING_S`."""
    pending = _closing.pop(address, None)
    if pending is not None:
        wait([pending], CLOSING_S)


def _close(address: IPAddress) -> None:
    time.sleep(ANSWER_S)
    with suppress(NetlinkError, TimeoutError):  # the address is off, whatever becomes of these
        destroy_connections(address)


def _refused(what: str, problem: NetlinkError) -> ProviderError:
    """What the kernel's refusal means to an operator."""
    if problem.errno == errno.ENODEV:
        return Misconfigured(f"{what}: there is no such interface on this machine")
    if problem.errno in (errno.EPERM, errno.EACCES):
        return Denied(f"{what}: CAP_NET_ADMIN is missing")
    return ProviderError(f"{what}: {problem}")
