"""The conformance class of fences: subclass it, and give it a machine with a device to break.

One rule: a test asks only what the hooks promise, so every fence that passes may carry a takeover.

    class TestVendor(FenceConformance):
        method = "vendor"

        @pytest.fixture
        def machine(self) -> Iterator[Machine]: ...   # one that is on, with its device

`BlindFenceConformance` is for a method that cannot read whether the machine runs, and proves it in
another way. The device may be a real one, an emulator, or a double: what
counts is that `Machine.on` is the truth, and not what the device says of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, Protocol
from uuid import uuid4

import pytest

from hafw.hooks.errors import Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

LATE_S: Final = 2.5
"""How much later than its deadline a call may end, on a busy machine."""


class Fault(StrEnum):
    """What a device may do wrong."""

    STUCK = "takes the order and does nothing"
    SLOW = "takes the order and obeys a second later"
    LIES_ONCE = "says off once after the order, and does nothing"
    FLAPS = "says off and on in turn after the order"
    HANGS = "does not answer any more"
    REPLY_LOST = "obeys, but its answer to the order is lost"


class Machine(Protocol):
    """A machine and the device that switches it."""

    options: Mapping[str, str | int | bool]
    """What a cluster file says of it."""
    another: Mapping[str, str | int | bool]
    """The same, but with the identity of another machine."""
    absent: Mapping[str, str | int | bool]
    """The same, but where no device answers."""

    @property
    def on(self) -> bool:
        """The truth."""

    @property
    def starts(self) -> int:
        """How often it was switched on, or restarted, by the device."""

    def switch(self, *, on: bool) -> None:
        """Switch it behind the fence's back."""

    def break_(self, fault: Fault) -> None:
        """Let the device do wrong from now on."""


@dataclass(frozen=True, slots=True)
class Shooter:
    """Calls the hooks of one method, as the worker does."""

    method: str
    options: Mapping[str, str | int | bool]
    timeout_s: float
    sender: str = "alpha"
    target: str = "beta"
    cluster_id: str = field(default_factory=lambda: str(uuid4()))

    def request(self) -> FenceRequest:
        """A request that begins now."""
        return FenceRequest(
            cluster_id=self.cluster_id,
            op=f"{self.sender}/1/1/{boot_ns()}",
            sender=self.sender,
            target=self.target,
            options=dict(self.options),
            deadline_ns=boot_ns() + int(self.timeout_s * 1e9),
        )

    def warm(self) -> None:
        """Let it prepare."""
        Registry([self.method]).call(self.method, "hafw_fence_warm", request=self.request())

    def off(self) -> FenceReceipt:
        """Switch the target off."""
        return self._call("hafw_fence_off")

    def status(self) -> FenceReceipt:
        """Ask whether it is on."""
        return self._call("hafw_fence_status")

    def _call(self, hook: str) -> FenceReceipt:
        answer = Registry([self.method]).call(self.method, hook, request=self.request())
        assert isinstance(answer, FenceReceipt)
        return answer


class BlindFenceConformance:
    """What every fence promises on which a takeover may rest."""

    method: ClassVar[str]
    timeout_s: ClassVar[float] = 10.0
    """Time in which a device that is all right switches its machine off."""
    patience_s: ClassVar[float] = 1.0
    """Time after which the tests give up a device that is not."""

    @pytest.fixture
    def machine(self) -> Machine:
        """A machine that is on; a subclass says which."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture machine")

    @pytest.fixture
    def shooter(self, machine: Machine) -> Shooter:
        """The other node."""
        return Shooter(self.method, machine.options, self.timeout_s)

    @pytest.fixture
    def impatient(self, shooter: Shooter) -> Shooter:
        """The other node, with little time."""
        return replace(shooter, timeout_s=self.patience_s)

    # --- a device that is all right ---------------------------------------------------------------

    def test_it_is_switched_off_and_not_restarted(self, machine: Machine, shooter: Shooter) -> None:
        """The receipt says so when it is, and a takeover may rest on it."""
        receipt = shooter.off()

        assert (machine.on, machine.starts) == (False, 0)
        assert (receipt.power, receipt.confirmed) == (Power.OFF, True)

    def test_a_machine_that_is_off_already_is_confirmed_off(
        self, machine: Machine, shooter: Shooter
    ) -> None:
        """Idempotent: the second order finds nothing to do."""
        machine.switch(on=False)

        receipt = shooter.off()

        assert (receipt.power, receipt.confirmed, machine.on) == (Power.OFF, True, False)

    def test_the_evidence_is_more_than_one_reading(self, shooter: Shooter) -> None:
        """Each with its instant, and the machine's identity."""
        before_ns = boot_ns()

        receipt = shooter.off()

        instants = [seen.at_ns for seen in receipt.seen]
        assert receipt.method == self.method
        assert receipt.identity
        assert instants == sorted(instants)
        assert before_ns <= instants[0] < instants[-1] <= boot_ns()

    def test_a_warm_up_changes_nothing(self, machine: Machine, shooter: Shooter) -> None:
        """It only looks whether fencing could work."""
        shooter.warm()

        assert machine.on

    # --- whom not to shoot ------------------------------------------------------------------------

    def test_a_node_does_not_switch_itself_off(self, machine: Machine, shooter: Shooter) -> None:
        """Whatever it is told."""
        mad = replace(shooter, sender="Beta", target="beta")

        with pytest.raises(Misconfigured):
            mad.off()

        assert machine.on

    def test_an_option_that_it_does_not_know_is_refused(
        self, machine: Machine, shooter: Shooter
    ) -> None:
        """It could be the one that says which machine."""
        misspelt = replace(shooter, options={**machine.options, "adress": "10.9.9.9"})

        with pytest.raises(Misconfigured):
            misspelt.off()

        assert machine.on

    def test_nothing_is_ordered_after_the_deadline(
        self, machine: Machine, shooter: Shooter
    ) -> None:
        """The other node may be back by then."""
        late = replace(shooter, timeout_s=-1.0)

        with pytest.raises(ProviderError) as refused:
            late.off()

        assert not isinstance(refused.value, UnknownOutcome)
        assert machine.on

    def test_a_device_that_is_not_there_had_no_effect(
        self, machine: Machine, impatient: Shooter
    ) -> None:
        """So the next level may be tried."""
        lost = replace(impatient, options=machine.absent)

        with pytest.raises(ProviderError) as refused:
            lost.off()

        assert not isinstance(refused.value, UnknownOutcome)
        assert machine.on

    def test_a_device_that_does_not_answer_says_neither_on_nor_off(
        self, machine: Machine, impatient: Shooter
    ) -> None:
        """An error, or unknown."""
        lost = replace(impatient, options=machine.absent)

        try:
            power = lost.status().power
        except ProviderError:
            power = Power.UNKNOWN

        assert power is Power.UNKNOWN


class FenceConformance(BlindFenceConformance):
    """What a fence promises as well whose device reads whether the machine runs."""

    def test_asking_changes_nothing(self, machine: Machine, shooter: Shooter) -> None:
        """On is on."""
        seen = shooter.status()

        assert (seen.power, machine.on) == (Power.ON, True)

    def test_a_machine_that_is_off_is_seen_to_be(self, machine: Machine, shooter: Shooter) -> None:
        """And stays so."""
        machine.switch(on=False)

        seen = shooter.status()

        assert (seen.power, machine.on) == (Power.OFF, False)

    def test_its_identity_stays_the_same(self, machine: Machine, shooter: Shooter) -> None:
        """On and off, it is the same machine."""
        on = shooter.status().identity
        machine.switch(on=False)

        assert shooter.status().identity == on

    def test_another_machine_is_not_touched(self, machine: Machine, shooter: Shooter) -> None:
        """The file says which machine it must be, and the device leads to another."""
        misled = replace(shooter, options=machine.another)

        with pytest.raises(Misconfigured):
            misled.off()

        assert machine.on

    # --- a device that is not all right -----------------------------------------------------------

    def test_a_slow_machine_is_waited_for(self, machine: Machine, shooter: Shooter) -> None:
        """Accepted is not off."""
        machine.break_(Fault.SLOW)

        receipt = shooter.off()

        assert (receipt.power, machine.on) == (Power.OFF, False)

    def test_an_order_whose_answer_is_lost_is_settled_by_reading(
        self, machine: Machine, shooter: Shooter
    ) -> None:
        """It was obeyed, and reading shows it."""
        machine.break_(Fault.REPLY_LOST)

        receipt = shooter.off()

        assert (receipt.power, receipt.confirmed, machine.on) == (Power.OFF, True, False)

    @pytest.mark.parametrize("fault", [Fault.STUCK, Fault.LIES_ONCE, Fault.FLAPS], ids=str)
    def test_a_machine_that_stays_on_is_never_confirmed_off(
        self, machine: Machine, impatient: Shooter, fault: Fault
    ) -> None:
        """What became of the order is unknown, and that is said."""
        machine.break_(fault)

        with pytest.raises(UnknownOutcome):
            _beyond_the_order(impatient, self.timeout_s)

        assert machine.on

    def test_a_device_that_hangs_is_given_up_at_the_deadline(
        self, machine: Machine, impatient: Shooter
    ) -> None:
        """With an error, and not much later."""
        machine.break_(Fault.HANGS)
        began_s = time.monotonic()

        with pytest.raises(ProviderError):
            impatient.off()

        assert time.monotonic() - began_s < impatient.timeout_s + LATE_S


def _beyond_the_order(impatient: Shooter, timeout_s: float) -> None:
    """Switch off, with little time; with more where this machine was too busy to give the order."""
    try:
        impatient.off()
    except UnknownOutcome:
        raise
    except ProviderError:
        replace(impatient, timeout_s=timeout_s).off()
