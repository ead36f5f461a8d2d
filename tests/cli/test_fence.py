"""`hafw fence`, with a method that does as a test tells it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import Denied, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns
from tests.config.samples import changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from hafw.hooks.hookspecs import FenceRequest

TABLE = """
[[nodes.beta.fence]]
method = "ipmi"
timeout = "1s"
address = "10.9.9.2"
username = "hafw"
password_file = "/etc/hafw/beta.bmc"
"""


def receipt(power: Power, *, confirmed: bool = True) -> FenceReceipt:
    now_ns = boot_ns()
    seen = (Sighting("on", now_ns - 10**9), Sighting(str(power), now_ns))
    return FenceReceipt(
        power=power, confirmed=confirmed, method="ipmi", identity="GUID 7", seen=seen
    )


class Devices:
    """What every level answers, and what was asked."""

    def __init__(self) -> None:
        self.answer: FenceReceipt | Exception = receipt(Power.ON)
        self.calls: list[tuple[str, FenceRequest]] = []

    def call(self, method: str, hook: str, *, request: FenceRequest) -> FenceReceipt:
        assert method == "ipmi"
        self.calls.append((hook, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Devices:
    (tmp_path / "cluster.toml").write_text(changed("[nodes.beta]\n", f"[nodes.beta]\n{TABLE}"))
    found = Devices()
    monkeypatch.setattr(Registry, "call", found.call)
    return found


def test_asking_tells_what_the_devices_see(devices: Devices, hafw: Callable[..., Result]) -> None:
    result = hafw("fence", "status", "beta", "--node", "alpha")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "ipmi: on"
    assert "GUID 7" in result.stdout
    assert [hook for hook, _ in devices.calls] == ["hafw_fence_status"]


def test_devices_that_do_not_tell_are_an_unknown_outcome(
    devices: Devices, hafw: Callable[..., Result]
) -> None:
    devices.answer = Denied("the user may not")

    result = hafw("fence", "status", "beta", "--node", "alpha")

    assert result.exit_code == 8
    assert result.stdout == "ipmi: failed: the user may not\n"


def test_it_is_switched_off_when_it_is_confirmed(
    devices: Devices, hafw: Callable[..., Result]
) -> None:
    devices.answer = receipt(Power.OFF)

    result = hafw("fence", "off", "BETA", "--node", "alpha", "--yes", "--json")

    answer = json.loads(result.stdout)
    hook, request = devices.calls[0]
    assert result.exit_code == 0
    assert (answer["schema"], answer["node"], answer["confirmed_off"]) == (
        "hafw.fence/1",
        "beta",
        True,
    )
    assert [seen["state"] for seen in answer["attempts"][0]["seen"]] == ["on", "off"]
    assert (hook, request.sender, request.target) == ("hafw_fence_off", "alpha", "beta")


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (Denied("the user may not"), 1, "nothing was ordered"),
        (UnknownOutcome("no answer"), 8, "it may be off, or may go off yet"),
        (receipt(Power.OFF, confirmed=False), 8, "it may be off, or may go off yet"),
        (receipt(Power.ON), 8, "it may be off, or may go off yet"),
    ],
)
def test_what_is_not_confirmed_is_no_success(
    devices: Devices,
    hafw: Callable[..., Result],
    answer: FenceReceipt | Exception,
    status: int,
    said: str,
) -> None:
    devices.answer = answer

    result = hafw("fence", "off", "beta", "--node", "alpha", "--yes")

    assert result.exit_code == status
    assert f"beta is not confirmed to be off: {said}" in result.stderr


def test_nobody_is_switched_off_unasked(devices: Devices, hafw: Callable[..., Result]) -> None:
    result = hafw("fence", "off", "beta", "--node", "alpha")

    assert result.exit_code == 2
    assert "beta is switched off by ipmi (1s)" in result.stderr
    assert devices.calls == []


@pytest.mark.parametrize("verb", ["off", "status"])
def test_this_node_is_refused(devices: Devices, hafw: Callable[..., Result], verb: str) -> None:
    result = hafw("fence", verb, "beta", "--node", "Beta")

    assert result.exit_code == 5
    assert "beta is this node, and a node never switches itself off" in result.stderr
    assert devices.calls == []


def test_this_machine_is_refused_whatever_the_option_says(
    devices: Devices, hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Uname:
        nodename = "beta"

    monkeypatch.setattr("os.uname", Uname)

    result = hafw("fence", "off", "beta", "--node", "alpha", "--yes")

    assert result.exit_code == 5
    assert devices.calls == []


@pytest.mark.usefixtures("devices")
@pytest.mark.parametrize(
    ("target", "sender", "said"),
    [
        ("gamma", "alpha", '"gamma" is no node of this cluster'),
        ("beta", "gamma", '"gamma" is no node of this cluster'),
        ("alpha", "beta", "has no fence for alpha; add a table [nodes.alpha.fence]"),
    ],
)
def test_what_the_cluster_file_does_not_have_is_an_invalid_configuration(
    hafw: Callable[..., Result], target: str, sender: str, said: str
) -> None:
    result = hafw("fence", "off", target, "--node", sender, "--yes")

    assert result.exit_code == 9
    assert said in result.stderr


@pytest.mark.usefixtures("devices")
def test_the_check_of_the_file_says_what_is_missing_here(hafw: Callable[..., Result]) -> None:
    result = hafw("config", "check")

    assert result.exit_code == 0
    assert "warning: this machine cannot switch beta off: there is no file" in result.stderr


# --- a person's word ----------------------------------------------------------------------------


@pytest.fixture
def trusting(tmp_path: Path) -> Path:
    """A cluster whose last level is a person; the directory of their word."""
    table = f'\n[[nodes.beta.fence]]\nmethod = "manual"\ndirectory = "{tmp_path}"\n'
    (tmp_path / "cluster.toml").write_text(changed("[nodes.beta]\n", f"[nodes.beta]{table}"))
    return tmp_path


def test_a_persons_word_counts_once(trusting: Path, hafw: Callable[..., Result]) -> None:
    given = hafw("fence", "ack", "beta", "--node", "alpha", "--reason", "both plugs", "--yes")
    first = hafw("fence", "off", "beta", "--node", "alpha", "--yes")
    second = hafw("fence", "status", "beta", "--node", "alpha")

    assert given.exit_code == 0
    assert given.stdout == "beta counts as off, once, for 5 minutes\n"
    assert first.exit_code == 0
    assert ": both plugs\n" in first.stdout
    assert second.exit_code == 8
    assert not (trusting / "fence-ack-beta").exists()


def test_nobody_vouches_unasked(trusting: Path, hafw: Callable[..., Result]) -> None:
    result = hafw("fence", "ack", "beta", "--node", "alpha", "--reason", "both plugs")

    assert result.exit_code == 2
    assert "If it is not, two nodes will own what it runs." in result.stderr
    assert not (trusting / "fence-ack-beta").exists()


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("reason", ["x" * 501, "two\nlines"])
def test_a_reason_is_one_line(hafw: Callable[..., Result], reason: str) -> None:
    assert hafw("fence", "ack", "beta", "--node", "alpha", "--reason", reason).exit_code == 2


@pytest.mark.usefixtures("devices")
def test_a_word_that_no_fence_waits_for_is_refused(hafw: Callable[..., Result]) -> None:
    result = hafw("fence", "ack", "beta", "--node", "alpha", "--reason", "x", "--yes")

    assert result.exit_code == 9
    assert 'has no fence "manual" for beta' in result.stderr


def test_a_directory_that_others_may_write_is_refused(
    trusting: Path, hafw: Callable[..., Result]
) -> None:
    trusting.chmod(0o777)

    result = hafw("fence", "ack", "beta", "--node", "alpha", "--reason", "x", "--yes")

    assert result.exit_code == 6
    assert "may be written by others" in result.stderr
