"""Lets the plugins prepare for what the groups need, before this node may take one.

One rule: what ails one group keeps no other from being taken; what ails a store or a fence, none.
"""

from __future__ import annotations

import threading
import time
import traceback
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.hooks.errors import ProviderError
from hafw.hooks.hookspecs import VipRequest
from hafw.worker import fencing, leases, resources

if TYPE_CHECKING:
    from hafw.hooks.registry import Registry
    from hafw.worker.protocol import Hello, Order


AUTHORITY_S: Final = 5.0
"""How long stores and devices are waited for. A cloud's API that is silent would take minutes."""


def prepare(hello: Hello, registry: Registry) -> dict[int, str]:
    """Prepare for all groups. Returns why, for each for which that cannot be done.

    All at once, so that an API that does not answer is waited for once; by group if that fails.
    """
    trouble, groups = _trouble(hello, registry), sorted(hello.groups())
    if not trouble:
        return {}
    if len(groups) == 1:
        return {groups[0]: trouble}
    troubles = {group: _trouble(hello.part({group}), registry) for group in groups}
    return {group: why for group, why in troubles.items() if why}


def authorities(hello: Hello, registry: Registry) -> None:
    """Prepare the stores and the fence, all at once; what takes too long goes on alone."""
    calls = [threading.Thread(target=leases.warm, args=(it, registry)) for it in hello.leases]
    if hello.fence is not None:
        calls.append(threading.Thread(target=fencing.warm, args=(hello.fence, registry)))
    end_s = time.monotonic() + AUTHORITY_S
    for call in calls:
        call.daemon = True
        call.start()
    for call in calls:
        call.join(max(end_s - time.monotonic(), 0.0))


def vips_of(hello: Hello, provider: str) -> tuple[VipRequest, ...]:
    """The VIPs of one provider."""
    return tuple(request(order) for order in hello.vips if order.provider == provider)


def request(order: Order) -> VipRequest:
    """What a plugin is told of a VIP."""
    return VipRequest(**msgspec.structs.asdict(order.vip))


def _trouble(hello: Hello, registry: Registry) -> str:
    """Why its resources cannot be prepared for, or ""."""
    try:
        for name in hello.plugins:
            registry.prepare(name, "hafw_warm", requests=vips_of(hello, name))
            resources.warm(hello.resources, name, registry)
    except ProviderError as problem:
        return str(problem) or type(problem).__name__
    except BaseException as problem:  # noqa: BLE001 - a plugin may raise anything
        traceback.print_exc()
        return f"{type(problem).__name__}: {problem}"
    return ""
