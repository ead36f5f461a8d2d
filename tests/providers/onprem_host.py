"""What the tests of the on-prem provider ask, and the hosts on which they ask it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.hookspecs import VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import onprem
from tests.net.hosts import INTERFACE, MS, VIP, VIP6, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.net.rtmessages import IPAddress

BOTH: Final = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


def asked(
    vip: IPAddress,
    *,
    interface: str = INTERFACE,
    lasts_ms: int = 5_000,
    lifetime_s: int | None = 60,
) -> VipRequest:
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address=str(vip),
        interface=interface,
        deadline_ns=boot_ns() + lasts_ms * MS,
        lifetime_s=lifetime_s,
    )


@contextmanager
def on(host: Host) -> Iterator[None]:
    """As the worker of that host; its warm sockets are that host's."""
    with host.entered():
        try:
            yield
        finally:
            onprem._forget(INTERFACE)
