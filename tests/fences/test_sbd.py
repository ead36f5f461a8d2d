"""The fence `sbd`, on a file: with a guard as the target runs it, and a double of its watchdog."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hafw import pill
from hafw.fences.sbd import LAYOUT
from hafw.hooks.errors import Misconfigured, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import Power
from hafw.net.clock import boot_ns
from hafw.pill import Guard, Pill, Verdict
from hafw.sectors import UNIT, Sectors
from hafw.testing.fences import BlindFenceConformance, Shooter
from tests.stores.test_disk import loop_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hafw.testing.fences import Fault

CLUSTER = str(uuid4())
WATCHDOG_MS = 500
LOOK_S = 0.05
SLOT = pill.slot_of("beta", "alpha")


@dataclass(slots=True)
class Target:
    """Beta: it runs until it has killed itself, or its watchdog has."""

    path: Path
    options: Mapping[str, str | int | bool]
    absent: Mapping[str, str | int | bool]
    another: Mapping[str, str | int | bool]
    starts: int = 0
    frozen: threading.Event = field(default_factory=threading.Event)
    off: threading.Event = field(default_factory=threading.Event)
    petted_ns: int = 0
    thread: threading.Thread | None = None

    @property
    def on(self) -> bool:
        strikes_ns = self.petted_ns + WATCHDOG_MS * 10**6
        if self.petted_ns and boot_ns() >= strikes_ns:
            self.off.set()
        return not self.off.is_set()

    def switch(self, *, on: bool) -> None:
        """Pull its plugs: its guard writes no more."""
        assert not on
        self.off.set()
        if self.thread is not None:
            self.thread.join(5.0)

    def break_(self, fault: Fault) -> None:
        raise NotImplementedError(fault)

    def disk(self) -> Sectors:
        return Sectors(str(self.path), UUID(CLUSTER).bytes, LAYOUT, lambda: False)

    def arm(self, incarnation: int = 5) -> Guard:
        with self.disk() as disk:
            found = pill.decode_pill(disk.read(pill.pill_unit(SLOT)))
            guard = pill.armed(incarnation, WATCHDOG_MS, found)
            disk.write(pill.guard_unit(SLOT), pill.encode_guard(guard))
        return guard

    def start(self) -> None:
        """Arm, and let the guard look and pet."""
        guard = self.arm()
        self.petted_ns = boot_ns()
        self.thread = threading.Thread(target=self._guard, args=(guard,))
        self.thread.start()

    def _guard(self, guard: Guard) -> None:
        with self.disk() as disk:
            while self.on:
                if not self.frozen.is_set():
                    found = pill.decode_pill(disk.read(pill.pill_unit(SLOT)))
                    if pill.judge(guard, found) is Verdict.DIE:
                        last = pill.encode_guard(pill.dying(guard, found))
                        disk.write(pill.guard_unit(SLOT), last)
                        break
                    self.petted_ns = boot_ns()
                self.off.wait(LOOK_S)
        while self.on:
            self.off.wait(LOOK_S)


@pytest.fixture(autouse=True)
def watchdogs_of_a_fine_grain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The double's needs less room than a device's, which counts in seconds."""
    monkeypatch.setattr(pill, "MARGIN_NS", 50_000_000)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """A disk, and a target whose guard does not run yet."""
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(LAYOUT.size)
    options = {"device": str(path)}
    absent = {"device": str(tmp_path / "none")}
    found = Target(path, options, absent, options)
    yield found
    found.off.set()
    if found.thread is not None:
        found.thread.join(5.0)
        assert not found.thread.is_alive()


@pytest.fixture
def shooter(target: Target) -> Shooter:
    return Shooter("sbd", target.options, 10.0, cluster_id=CLUSTER)


class TestSbd(BlindFenceConformance):
    """What every fence promises on which a takeover may rest."""

    method = "sbd"

    @pytest.fixture
    def machine(self, target: Target) -> Target:
        target.start()
        return target

    @pytest.fixture
    def shooter(self, machine: Target) -> Shooter:
        return Shooter(self.method, machine.options, self.timeout_s, cluster_id=CLUSTER)


def test_a_target_that_takes_the_pill_says_so_and_is_off_sooner(
    target: Target, shooter: Shooter
) -> None:
    target.start()

    receipt = shooter.off()

    states = [seen.state for seen in receipt.seen]
    assert not target.on
    assert states[0] == f"incarnation 5, watchdog of {WATCHDOG_MS} ms"
    assert any(", dying of alpha/1/1/" in state for state in states)


def test_a_target_that_is_frozen_is_struck_by_its_watchdog(
    target: Target, shooter: Shooter
) -> None:
    target.start()
    target.frozen.set()
    written_ns = boot_ns()

    receipt = shooter.off()

    assert (receipt.power, target.on) == (Power.OFF, False)
    assert boot_ns() - written_ns >= 2 * WATCHDOG_MS * 10**6


@pytest.mark.parametrize("written", [False, True], ids=["never armed", "disarmed"])
def test_a_pill_for_a_target_without_a_watchdog_proves_nothing(
    target: Target, shooter: Shooter, *, written: bool
) -> None:
    if written:
        with target.disk() as disk:
            disk.write(pill.guard_unit(SLOT), pill.encode_guard(Guard(incarnation=5)))

    receipt = shooter.off()

    assert (receipt.power, receipt.confirmed) == (Power.UNKNOWN, False)
    assert receipt.seen[-1].state == "pill written"


def test_a_target_that_is_dying_of_another_pill_pets_no_more(
    target: Target, shooter: Shooter
) -> None:
    guard = pill.dying(target.arm()._replace(watchdog_ms=60_000), Pill("alpha/1/1/0"))
    with target.disk() as disk:
        last = guard._replace(down_in_ms=100)
        disk.write(pill.guard_unit(SLOT), pill.encode_guard(last))

    assert shooter.off().power is Power.OFF


@pytest.fixture(params=[512, 4096])
def hosts(request: pytest.FixtureRequest, target: Target) -> Iterator[tuple[str, str]]:
    """The disk as two hosts see it: two devices on one file, each with caches of its own."""
    devices: list[str] = []
    try:
        devices += [loop_device(target.path, request.param) for _ in range(2)]
        yield devices[0], devices[1]
    finally:
        for device in devices:
            subprocess.run(["losetup", "--detach", device], check=True)


def test_two_hosts_see_the_pill_and_what_the_guard_makes_of_it(
    target: Target, shooter: Shooter, hosts: tuple[str, str]
) -> None:
    alpha = replace(shooter, options={"device": hosts[0]})
    target.path = Path(hosts[1])
    before = alpha.status()
    target.start()

    receipt = alpha.off()

    assert before.seen[0].state == "no watchdog is armed"
    assert any(", dying of alpha/1/1/" in seen.state for seen in receipt.seen)


def test_a_target_that_starts_again_meanwhile_is_not_off(target: Target, shooter: Shooter) -> None:
    target.arm(incarnation=5)
    again = threading.Timer(0.3, target.arm, [6])
    again.start()

    with pytest.raises(UnknownOutcome, match="beta has started again since the pill was written"):
        shooter.off()

    again.join()


def test_a_watchdog_that_is_slower_than_the_deadline_proves_nothing(
    target: Target, shooter: Shooter
) -> None:
    target.arm()

    with pytest.raises(UnknownOutcome, match=r"\(500 ms, twice\) is not over by the deadline"):
        replace(shooter, timeout_s=0.8).off()


def test_a_target_that_starts_does_not_take_the_pill_of_its_earlier_life(
    target: Target,
) -> None:
    with target.disk() as disk:
        disk.write(pill.pill_unit(SLOT), pill.encode_pill(Pill("alpha/1/1/1")))

    guard = target.arm(incarnation=6)
    with target.disk() as disk:
        found = pill.decode_pill(disk.read(pill.pill_unit(SLOT)))

    assert found.op
    assert pill.judge(guard, found) is Verdict.PET


def test_a_look_at_the_disk_says_neither_on_nor_off(target: Target, shooter: Shooter) -> None:
    target.arm()

    seen = shooter.status()

    assert (seen.power, seen.confirmed) == (Power.UNKNOWN, False)
    assert seen.seen[0].state == f"incarnation 5, watchdog of {WATCHDOG_MS} ms"


def test_the_disk_of_another_cluster_is_refused(target: Target, shooter: Shooter) -> None:
    target.arm()

    with pytest.raises(Misconfigured, match="belongs to another cluster"):
        replace(shooter, cluster_id=str(uuid4())).off()


def test_a_damaged_guard_is_not_guessed_at(target: Target, shooter: Shooter) -> None:
    target.arm()
    with target.path.open("r+b") as file:
        file.seek(UNIT * pill.guard_unit(SLOT) + 30)
        file.write(b"\xff")

    with pytest.raises(Retryable, match="wrong checksum"):
        shooter.off()


def test_the_lease_disk_is_no_disk_of_pills(target: Target, shooter: Shooter) -> None:
    with target.path.open("r+b") as file:
        file.write(b"hafwdisk")

    with pytest.raises(Misconfigured, match="is no disk of poison pills of this version"):
        shooter.warm()


# --- the pill and the guard, without a disk -----------------------------------------------------


def test_both_nodes_agree_on_slots_whatever_the_case() -> None:
    slots = [pill.slot_of("beta", "Alpha"), pill.slot_of("BETA", "alpha")]

    assert slots == [1, 1]
    assert pill.slot_of("alpha", "beta") == 0


def test_the_units_of_a_disk_do_not_overlap() -> None:
    units = [0, *map(pill.pill_unit, (0, 1)), *map(pill.guard_unit, (0, 1))]

    assert units == list(range(LAYOUT.units))


@pytest.mark.parametrize(
    "guard",
    [
        Guard(),
        Guard(2**63, 60_000, "alpha/9/9/9"),
        Guard(7, 5_000, "ä" * 64, down_in_ms=0),
        Guard(7, 5_000, "x", down_in_ms=5_000),
    ],
)
def test_what_a_guard_writes_is_read_back(guard: Guard) -> None:
    assert pill.decode_guard(pill.encode_guard(guard).ljust(484, b"\0")) == guard


def test_a_sector_that_nobody_wrote_says_nothing() -> None:
    assert (pill.decode_pill(b""), pill.decode_guard(b"")) == (Pill(), Guard())


@pytest.mark.parametrize("decode", [pill.decode_pill, pill.decode_guard])
def test_a_name_that_is_too_long_is_refused(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError, match="a name of 255 bytes"):
        decode(b"\xff" * 484)


def test_a_guard_takes_a_pill_once_and_dies_of_it() -> None:
    guard = pill.armed(5, 5_000, Pill("old"))

    verdicts = [pill.judge(guard, Pill(op)) for op in ("old", "new")]
    last = pill.dying(guard, Pill("new"))

    assert verdicts == [Verdict.PET, Verdict.DIE]
    assert last == Guard(5, 5_000, "new", down_in_ms=5_000)


def test_no_pet_outlives_the_time_after_which_a_target_counts_as_off() -> None:
    """The worst moment: a look just before the pill is there, and a guard frozen after it."""
    watchdog_ns = 300 * 10**9  # long, so that the clocks' rates count
    written_ns = 100 * 10**9
    last_pet_ns = written_ns - 1 + watchdog_ns  # a look begun before; frozen as long as it may be
    struck_ns = last_pet_ns + watchdog_ns
    fast, slow = 1 + pill.CLOCK_RATE_ERROR, 1 - pill.CLOCK_RATE_ERROR

    off_ns = pill.certainly_off_ns(Guard(5, 300_000), written_ns)

    assert written_ns + (struck_ns - written_ns) * fast / slow <= off_ns
    assert pill.certainly_down_ns(Guard(5, 300_000, "x", 300_000), written_ns) < off_ns
