"""The fence `manual`: what a person's word is worth, and for how long."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hafw.fences import acks
from hafw.fences.acks import Ack
from hafw.hooks.errors import Denied, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Power
from hafw.net.clock import boot_ns
from hafw.testing.fences import Shooter

SECOND = 10**9


@pytest.fixture
def shooter(tmp_path: Path) -> Shooter:
    return Shooter("manual", {"directory": str(tmp_path)}, 2.0)


def give(shooter: Shooter, ago_s: float = 0.0, node: str = "beta") -> None:
    ack = Ack("root", "I pulled both plugs", boot_ns() - int(ago_s * SECOND))
    acks.give(directory(shooter), shooter.cluster_id, node, ack)


def directory(shooter: Shooter) -> Path:
    return Path(str(shooter.options["directory"]))


def test_without_a_word_nothing_is_known(shooter: Shooter) -> None:
    assert shooter.status().power is Power.UNKNOWN

    with pytest.raises(ProviderError, match="hafw fence ack beta --reason TEXT") as refused:
        replace(shooter, timeout_s=0.1).off()

    assert not isinstance(refused.value, UnknownOutcome)


def test_a_word_is_waited_for(shooter: Shooter) -> None:
    patient = replace(shooter, timeout_s=10.0)
    speaking = threading.Timer(0.2, give, [patient])
    speaking.start()

    receipt = patient.off()

    speaking.join()
    assert (receipt.power, receipt.confirmed) == (Power.OFF, True)
    assert receipt.seen[0].state == "vouched for by root: I pulled both plugs"


def test_a_word_is_seen_and_counts_once(shooter: Shooter) -> None:
    give(shooter)

    seen = [shooter.status().power, shooter.off().power, shooter.status().power]

    assert seen == [Power.OFF, Power.OFF, Power.UNKNOWN]


def test_a_word_counts_for_a_few_minutes(shooter: Shooter) -> None:
    give(shooter, ago_s=acks.VALID_S + 1)

    assert shooter.status().power is Power.UNKNOWN


def test_a_word_of_the_future_does_not_count(shooter: Shooter) -> None:
    give(shooter, ago_s=-60)

    assert shooter.status().power is Power.UNKNOWN


def test_a_word_about_another_node_or_cluster_does_not_count(shooter: Shooter) -> None:
    give(shooter, node="alpha")
    give(replace(shooter, cluster_id="another"))

    assert shooter.status().power is Power.UNKNOWN


def test_a_word_of_an_earlier_life_of_this_machine_does_not_count(
    shooter: Shooter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(shooter)
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(acks, "_BOOT_ID", tmp_path / "boot_id")

    assert shooter.status().power is Power.UNKNOWN


@pytest.mark.parametrize("content", [b"", b"off", b"0123 {}", b"\xff" * 100])
def test_what_is_no_record_does_not_count(shooter: Shooter, content: bytes) -> None:
    (directory(shooter) / "fence-ack-beta").write_bytes(content)

    assert shooter.status().power is Power.UNKNOWN


@pytest.mark.parametrize("name", [".", "fence-ack-beta"])
def test_a_word_that_anybody_could_have_given_is_refused(shooter: Shooter, name: str) -> None:
    give(shooter)
    (directory(shooter) / name).chmod(0o777)

    with pytest.raises(Denied, match="may be written by others; run: chmod go-w"):
        shooter.off()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_word_of_another_user_is_refused(shooter: Shooter) -> None:
    give(shooter)
    os.chown(directory(shooter) / "fence-ack-beta", 65534, 65534)

    with pytest.raises(Denied, match="belongs to somebody else"):
        shooter.off()


def test_a_link_to_a_word_is_refused(shooter: Shooter, tmp_path: Path) -> None:
    give(shooter)
    (tmp_path / "fence-ack-beta").rename(tmp_path / "elsewhere")
    (tmp_path / "fence-ack-beta").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Denied):
        shooter.off()
