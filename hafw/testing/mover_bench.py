"""What movers are tested on: two nodes that ask one plugin, and a cloud that can be broken.

One rule: the cloud is whoever's who tests; here is only what must be known of it, and done to it.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import pytest

from hafw import hostaddress
from hafw.hooks.errors import Conflict, StaleEpoch, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.hookspecs import VipOption

ALPHA, BETA = 0, 1
NODES: Final = ("alpha", "beta")
OTHER: Final = "other"
LANDS_S: Final = 2.0
"""How long after it was sent a change takes effect that lands late."""
BY_SILENCE: Final = "reflected"
"""A certificate that says only that the old holder has let go by now."""


class Trouble(StrEnum):
    """What a cloud must be able to do wrong."""

    DOWN = "down"
    """Every call is refused, and has no effect."""
    THROTTLED = "throttled"
    LOST_REPLY = "lost reply"
    """The next change takes effect, and its answer is lost."""
    STALE_READ = "stale read"
    """The next read shows what was before the last change."""
    LATE_LANDING = "late landing"
    """Changes take effect `LANDS_S` after they were sent."""
    DENIED = "denied"
    """Changes are refused for want of a permission."""
    EXPIRED = "expired"
    """The credentials are."""


class Cloud(Protocol):
    """The cloud behind a mover, as the tests see and break it."""

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        """From now on, for so many calls, or until `calm`."""

    def calm(self) -> None:
        """End every trouble."""

    def leads_to(self) -> set[str]:
        """Whom the VIP leads to: "alpha", "beta", "other"; empty: nobody."""

    def give_to(self, who: str) -> None:
        """Let the VIP lead to "alpha", "beta" or "other", as somebody else might do it."""

    def calls(self) -> int:
        """How many calls were made so far."""

    def bystanders(self) -> object:
        """All that is none of the VIP's business, to be compared."""


class Hosts:
    """The host's halves of both nodes, in memory."""

    def __init__(self) -> None:
        """Neither has the VIP."""
        self.holding: set[int] = set()

    def observe(self, request: VipRequest) -> VipObservation:
        """As `hafw.hostaddress`."""
        mine = request.node in self.holding
        return VipObservation(holder=Holder.MINE if mine else Holder.FREE)

    def attach(self, request: VipRequest) -> VipReceipt:
        """As `hafw.hostaddress`."""
        changed = request.node not in self.holding
        self.holding.add(request.node)
        return VipReceipt(changed=changed)

    def detach(self, request: VipRequest) -> VipReceipt:
        """As `hafw.hostaddress`."""
        changed = request.node in self.holding
        self.holding.discard(request.node)
        return VipReceipt(changed=changed)


class Pair:
    """Two nodes that ask the same plugin, and what is behind it."""

    def __init__(
        self,
        plugin: str,
        address: str,
        options: Mapping[str, VipOption],
        cloud: Cloud,
        hosts: Hosts,
    ) -> None:
        """Of the module `plugin`; for `address`."""
        self.hooks: Any = importlib.import_module(plugin)
        self.cloud, self.hosts = cloud, hosts
        self._address, self._options = address, options
        self._epoch = 0

    def request(self, node: int, certificate: str = "", lasts_s: float = 15.0) -> VipRequest:
        """What the agent of a node would ask."""
        self._epoch += 1
        return VipRequest(
            cluster_id="0" * 32,
            group=3,
            epoch=self._epoch,
            address=self._address,
            interface="eth0",
            deadline_ns=boot_ns() + int(lasts_s * 1e9),
            lifetime_s=60,
            op=f"{node}/1/{self._epoch}/1",
            certificate=certificate,
            node=node,
            nodes=NODES,
            options=self._options,
        )

    def attach(self, node: int, certificate: str = BY_SILENCE, lasts_s: float = 15.0) -> VipReceipt:
        """The hook."""
        wanted = self.request(node, certificate, lasts_s)
        receipt: VipReceipt = self.hooks.hafw_vip_attach(request=wanted)
        return receipt

    def detach(self, node: int, lasts_s: float = 15.0) -> VipReceipt:
        """The hook."""
        receipt: VipReceipt = self.hooks.hafw_vip_detach(request=self.request(node, "", lasts_s))
        return receipt

    def observe(self, node: int, lasts_s: float = 15.0) -> VipObservation:
        """The hook."""
        seen: VipObservation = self.hooks.hafw_vip_observe(request=self.request(node, "", lasts_s))
        return seen

    def race(self) -> list[int]:
        """Let both attach at once; who is sure to have the VIP?"""
        start = threading.Barrier(len(NODES))

        def run(node: int) -> bool:
            start.wait(10.0)
            try:
                self.attach(node, lasts_s=2.0)
            except (Conflict, StaleEpoch, UnknownOutcome):
                return False
            return True

        with ThreadPoolExecutor(len(NODES)) as pool:
            won = list(pool.map(run, (ALPHA, BETA)))
        return [node for node in (ALPHA, BETA) if won[node]]


class MoverFixtures:
    """What a subclass says of its mover, and both nodes."""

    plugin: ClassVar[str]
    """The module with the hooks."""
    address: ClassVar[str] = "10.0.1.50"
    sdk: ClassVar[str] = ""
    """A module that must not be imported before it is needed."""

    @pytest.fixture
    def cloud(self) -> Cloud:
        """The cloud; a subclass says which."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture cloud: see hafw.testing")

    @pytest.fixture
    def options(self) -> Mapping[str, VipOption]:
        """What the cluster file says of the VIP; a subclass says what."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture options")

    @pytest.fixture
    def hosts(self, monkeypatch: pytest.MonkeyPatch) -> Hosts:
        """Two hosts in memory instead of the kernel."""
        hosts = Hosts()
        for name in ("observe", "attach", "detach"):
            monkeypatch.setattr(hostaddress, name, getattr(hosts, name))
        return hosts

    @pytest.fixture
    def pair(self, cloud: Cloud, options: Mapping[str, VipOption], hosts: Hosts) -> Pair:
        """Both nodes, and a VIP that neither has; one that must lead somewhere leads to beta."""
        return Pair(self.plugin, self.address, options, cloud, hosts)

    def test_the_sdk_is_not_imported_before_it_is_needed(self) -> None:
        """A slow import must not delay what does not need it."""
        code = f"import sys, {self.plugin}; sys.exit({self.sdk!r} in sys.modules)"

        ended = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - our own

        assert ended.returncode == 0
