"""The fence `agent`: a real agent against a real device, and one that does as a test tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.fences import programs
from hafw.hooks.errors import Denied, Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Power
from hafw.testing.fences import Shooter
from tests.fences.devices import needs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fences.devices import Controlled

pytestmark = pytest.mark.usefixtures("readings_follow_each_other_quickly")

DOUBLE = """\
#!/bin/sh
cd {root}
cat > stdin
echo "$# arguments"
action=$(sed -n s/^action=//p stdin)
cp stdin stdin.$action
test -e $action.sh && . ./$action.sh
case $action in
  status) exit $(cat status);;
  off) echo 2 > status; exit 0;;
esac
exit 1
"""


@pytest.fixture
def lanplus(bmc: Controlled) -> Shooter:
    """`fence_ipmilan` against the simulated controller."""
    needs("fence_ipmilan", "fence-agents-ipmilan")
    parameters: dict[str, str | int | bool] = {
        "agent": "fence_ipmilan",
        "parameters.ip": "127.0.0.1",
        "parameters.ipport": bmc.options["port"],
        "parameters.username": "admin",
        "parameters.lanplus": True,
        "parameters.cipher": 3,
        "parameters.power_wait": 0,
        "secrets.password": bmc.options["password_file"],
    }
    return Shooter("agent", parameters, 20.0)


def test_a_real_agent_switches_a_machine_off_and_sees_it(lanplus: Shooter, bmc: Controlled) -> None:
    before = lanplus.status()
    receipt = lanplus.off()

    assert before.power is Power.ON
    assert (receipt.power, receipt.confirmed) == (Power.OFF, True)
    assert (bmc.on, bmc.starts) == (False, 0)
    assert receipt.identity == "fence_ipmilan ip 127.0.0.1"


def test_a_real_agent_without_a_device_had_no_effect(lanplus: Shooter, bmc: Controlled) -> None:
    password = bmc.options["password_file"]
    assert isinstance(password, str)
    with open(password, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("wrong")

    with pytest.raises(ProviderError, match="fence_ipmilan status failed") as refused:
        lanplus.off()

    assert not isinstance(refused.value, UnknownOutcome)
    assert bmc.on


# --- an agent that does as it is told -------------------------------------------------------------


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an agent in it; `status` holds the exit status of that action."""
    program = tmp_path / "fence_double"
    program.write_text(DOUBLE.format(root=tmp_path))
    program.chmod(0o755)
    (tmp_path / "status").write_text("0")
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    monkeypatch.setattr(programs, "SEARCH", f"{tmp_path}:{programs.SEARCH}")
    return tmp_path


def shooter(
    root: Path, more: Mapping[str, str | int | bool] | None = None, timeout_s: float = 5.0
) -> Shooter:
    options: dict[str, str | int | bool] = {
        "agent": "fence_double",
        "parameters.plug": 7,
        "parameters.ssl": True,
        "secrets.password": str(root / "password"),
    }
    return Shooter("agent", {**options, **(more or {})}, timeout_s)


def test_parameters_and_secrets_go_in_by_standard_input_and_off_is_said(double: Path) -> None:
    receipt = shooter(double).off()

    lines = (double / "stdin.off").read_text().splitlines()
    assert sorted(lines) == ["action=off", "password=secret", "plug=7", "ssl=1"]
    assert receipt.power is Power.OFF


def test_an_agent_that_fails_may_have_switched_it_off(double: Path) -> None:
    (double / "off.sh").write_text("echo timed out; exit 1")

    with pytest.raises(UnknownOutcome, match="is not seen to be off in time; last seen: on"):
        shooter(double, timeout_s=1.5).off()


def test_an_agent_that_says_it_is_off_is_not_believed_before_its_status(double: Path) -> None:
    (double / "off.sh").write_text("exit 0")

    with pytest.raises(UnknownOutcome):
        shooter(double, timeout_s=1.5).off()


def test_an_agent_that_hangs_is_killed(double: Path) -> None:
    (double / "off.sh").write_text("echo $$ > pid; sleep 60")

    with pytest.raises(UnknownOutcome):
        shooter(double, timeout_s=1.5).off()


@pytest.mark.parametrize("status", [1, 3, 126])
def test_a_status_that_is_neither_on_nor_off_is_no_state(double: Path, status: int) -> None:
    (double / "status").write_text(str(status))

    with pytest.raises(ProviderError, match="fence_double status failed: 0 arguments"):
        shooter(double).status()


def test_a_secret_that_others_can_read_is_refused(double: Path) -> None:
    (double / "password").chmod(0o644)

    with pytest.raises(Denied, match="run: chmod 600"):
        shooter(double).warm()


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"agent": "reboot"}, '"reboot" is no fence agent'),
        ({"agent": "/usr/sbin/fence_ipmilan"}, "is no fence agent"),
        ({"agent": "fence_no_such"}, "no program fence_no_such; install the package fence-agents"),
        ({"agent": "fence_scsi"}, "fence_scsi does not switch the machine off"),
        ({"parameters.action": "reboot"}, 'the parameter "action" is not'),
        ({"parameters.delay": 5}, 'the parameter "delay" is not'),
        ({"parameters.a=b": "x"}, "not one printable line"),
        ({"parameters.ip": "10.9.9.9\naction=on"}, "not one printable line"),
        ({"parameters.passwd": "secret"}, "belongs into a file of its own"),
        ({"parameter.ip": "10.9.9.9"}, 'no option "parameter.ip"'),
    ],
)
def test_what_cannot_be_meant_is_refused(
    double: Path, options: dict[str, str | int | bool], wrong: str
) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        shooter(double, options).warm()
