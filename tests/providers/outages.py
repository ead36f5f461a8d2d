"""Each cloud in virtual time, and a node that goes on trying there as the engine has it.

One rule: the pauses between the operations are the engine's, and the calls are the SDK's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from hafw.api_budget import Use
from hafw.core.group import START_HOLD_DOWN_NS, STOP_RETRY_NS
from hafw.core.settings import SECOND
from hafw.hooks.errors import ProviderError
from hafw.hooks.hookspecs import VipRequest
from hafw.providers.aws import api as aws
from hafw.providers.aws import fence as aws_fence
from hafw.providers.aws import moving
from hafw.providers.aws.private_ip import PrivateIp
from hafw.providers.azure import api as azure
from hafw.providers.azure import errors as azure_errors
from hafw.providers.azure import fence as azure_fence
from hafw.providers.azure import nic
from hafw.providers.azure.values import Move as AzureMove
from hafw.providers.gcp import alias_ip
from hafw.providers.gcp import api as gcp
from hafw.providers.gcp import errors as gcp_errors
from hafw.providers.gcp import fence as gcp_fence
from hafw.providers.gcp.values import Machine, Move
from hafw_sim.clouds import arm, ec2, gce
from hafw_sim.clouds.arm import virtual as arm_virtual
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from hafw_sim.clouds.ec2 import virtual as ec2_virtual
from hafw_sim.clouds.gce import virtual as gce_virtual
from hafw_sim.clouds.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from hafw.api_budget import Budget
    from hafw.hooks.hookspecs import Power

ENIS: Final = ("eni-00000001", "eni-00000002")
WHERE: Final = aws.Where(None, None)
DOUBLINGS: Final = 7
"""So often the engine doubles the pause after a failed start."""


class Fenced(Protocol):
    """What the fence does, of each cloud."""

    def read(self) -> tuple[Power, str]: ...

    def order_off(self) -> None: ...


class Cloud(ABC):
    """One cloud, as one node uses it; every operation raises the errors of the contract.

    `calls`: what arrived there, and when.
    """

    write: ClassVar[str]
    """What may be denied: the change that brings a VIP, or what it needs."""
    changes: ClassVar[str]
    """The call that brings a VIP, or takes it away, as a pattern."""
    budget_s: float
    """What the engine gives a move."""

    def __init__(self, model: Any, fault: Any) -> None:  # noqa: ANN401 - each cloud has its own
        self.hub = Hub(seed=1)
        self.model, self._fault = model, fault
        self.calls: list[tuple[float, str]] = []
        model.made = self

    def append(self, call: str) -> None:
        """The model tells what arrives."""
        self.calls.append((self.hub.now_s, call))

    def trouble(self, kind: str, seconds: float = 0.0, calls: str = "*") -> None:
        self.model.faults.add(self._fault(self._fault.kinds(kind), seconds, calls))

    def calm(self) -> None:
        self.model.faults.end()
        self.model.denied.clear()

    def deny(self) -> None:
        self.model.denied.add(self.write)

    def until_ns(self, seconds: float | None = None) -> int:
        return self.hub.now_ns + int((self.budget_s if seconds is None else seconds) * SECOND)

    @abstractmethod
    def running(self) -> AbstractContextManager[None]:
        """In the block the provider lives in the time of `hub`."""

    @abstractmethod
    def budget(self) -> Budget:
        """What this node may spend."""

    @abstractmethod
    def attach(self, number: int) -> None:
        """Bring a VIP here."""

    @abstractmethod
    def detach(self, number: int) -> None:
        """Give it up."""

    @abstractmethod
    def fenced(self) -> Fenced:
        """The other node's machine, as one order of the fence has it."""

    def do(self, *work: Callable[[], object]) -> None:
        """All of these at once, until all of them are over."""
        for number, one in enumerate(work):
            self.hub.spawn(str(number), one)
        self.hub.run()

    def keep_trying(self, number: int, minutes: float) -> None:
        """Attach a VIP, and where that fails detach it until that works, and attach it again."""
        until_s, failures = self.hub.now_s + minutes * 60, 0
        while self.hub.now_s < until_s and not self._ends(self.attach, number):
            while self.hub.now_s < until_s and not self._ends(self.detach, number):
                self.hub.sleep(STOP_RETRY_NS / SECOND)
            self.hub.sleep((START_HOLD_DOWN_NS << min(failures, DOUBLINGS)) / SECOND)
            failures += 1

    def _ends(self, operation: Callable[[int], None], number: int) -> bool:
        try:
            operation(number)
        except ProviderError:
            return False
        return True


@cache
def _ec2_wire() -> ec2_virtual.Wire:
    """One for all: clients of the SDK are dear."""
    return ec2_virtual.Wire()


class Aws(Cloud):
    """EC2, by private-ip."""

    write = "AssignPrivateIpAddresses"
    changes = "*ssignPrivateIpAddresses"
    budget_s = 20.0

    def __init__(self) -> None:
        super().__init__(ec2.Ec2(ec2.pair()), ec2.Fault)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ec2_virtual.running(_ec2_wire(), self.hub, self.model, seed=1):
            yield

    def attach(self, number: int) -> None:
        vip = self._vip(number)
        moving.attach(PrivateIp(), vip, self._api(vip.deadline_ns, Use.ROUTINE))

    def detach(self, number: int) -> None:
        vip = self._vip(number)
        moving.detach(PrivateIp(), vip, self._api(vip.deadline_ns, Use.RELEASE))

    def fenced(self) -> aws_fence.Instance:
        api = self._api(self.until_ns(60), Use.FENCE)
        return aws_fence.Instance(api, aws_fence.Target("i-00000002"))

    def budget(self) -> Budget:
        return aws._budget(WHERE)

    def _api(self, until_ns: int, use: Use) -> aws.Ec2:
        return aws.Ec2(WHERE, until_ns, use)

    def _vip(self, number: int) -> VipRequest:
        return VipRequest(
            cluster_id="c1",
            group=number + 1,
            epoch=1,
            address=f"10.0.1.{50 + number}",
            interface="eth0",
            deadline_ns=self.until_ns(),
            certificate="reflected",
            node=0,
            nodes=("alpha", "beta"),
            options={"mover": "private-ip", "eni": ENIS},
        )


class Gcp(Cloud):
    """Compute Engine, by alias-ip."""

    write = "compute.instances.updateNetworkInterface"
    changes = "*.updateNetworkInterface"
    budget_s = 180.0

    def __init__(self) -> None:
        instances = gce.pair()
        self._machines = [Machine(project="p", zone=one.zone, name=one.name) for one in instances]
        super().__init__(gce.Gce("p", instances), gce.Fault)

    @contextmanager
    def running(self) -> Iterator[None]:
        wire = gce_virtual.Wire()
        with gce_virtual.running(wire, self.hub, self.model):
            self._compute = gcp.Compute(gce_virtual.ENDPOINT, wire)
            yield

    def attach(self, number: int) -> None:
        move, compute = self._move(number), self._compute.spent_on(Use.ROUTINE)
        gcp_errors.decided(lambda: alias_ip.attach(compute, move), move.deadline_ns)

    def detach(self, number: int) -> None:
        move, compute = self._move(number), self._compute.spent_on(Use.RELEASE)
        gcp_errors.decided(lambda: alias_ip.detach(compute, move), move.deadline_ns)

    def fenced(self) -> gcp_fence.Instance:
        peer = self._machines[1]
        found = self.model.state.things.instances[peer.zone, peer.name]
        target = gcp_fence.Target(machine=peer, id=found.id, discard_local_ssd=False)
        return gcp_fence.Instance(self._compute.spent_on(Use.FENCE), target, self.until_ns(60))

    def budget(self) -> Budget:
        return gcp._budget(gce_virtual.ENDPOINT)

    def _move(self, number: int) -> Move:
        return Move(
            address=f"10.0.0.{50 + number}",
            me=self._machines[0],
            peer=self._machines[1],
            epoch=1,
            owner=f"c1/{number + 1}",
            deadline_ns=self.until_ns(),
        )


class Azure(Cloud):
    """Azure Resource Manager, by nic."""

    write = "Microsoft.Network/networkInterfaces/write"
    changes = "*.createOrUpdate"
    budget_s = 180.0

    def __init__(self) -> None:
        super().__init__(arm.Arm(arm.pair(), arm.vms()), arm.Fault)

    @contextmanager
    def running(self) -> Iterator[None]:
        wire = arm_virtual.Wire()
        self._clients = azure.connect(
            SUBSCRIPTION, arm_virtual.ENDPOINT, transport=wire.transport()
        )
        with arm_virtual.running(wire, self.hub, self.model):
            yield

    def attach(self, number: int) -> None:
        api, move = self._api(self.until_ns(), Use.ROUTINE), self._move(number)
        azure_errors.decided(api, lambda: nic.attach(api, move))

    def detach(self, number: int) -> None:
        api, move = self._api(self.until_ns(), Use.RELEASE), self._move(number)
        azure_errors.decided(api, lambda: nic.detach(api, move))

    def fenced(self) -> azure_fence.Machine:
        _, peer = arm.vms()
        target = azure_fence.Target(name=peer.name, id=peer.vm_id)
        return azure_fence.Machine(self._api(self.until_ns(60), Use.FENCE), target)

    def budget(self) -> Budget:
        return azure._budget(SUBSCRIPTION, arm_virtual.ENDPOINT)

    def _api(self, until_ns: int, use: Use) -> azure.Arm:
        where = azure.Where(SUBSCRIPTION, GROUP, arm_virtual.ENDPOINT)
        return azure.Arm(where, until_ns, self._clients, use)

    def _move(self, number: int) -> AzureMove:
        return AzureMove(
            address=f"10.0.0.{50 + number}",
            me="nic-a",
            peer="nic-b",
            epoch=1,
            tag=f"hafw-c1-{number + 1}",
            tables=(),
        )
