"""The fence `redfish`, against `sushy-tools`, and against a controller that does wrong."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest

from hafw.fences import rest
from hafw.hooks.errors import Denied, Misconfigured, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import Power
from hafw.testing.fences import FenceConformance, Shooter
from tests.fences.chassis import Chassis
from tests.fences.devices import Controlled, needs, secret
from tests.fences.redfish_double import SYSTEM, UUID, Controller
from tests.stores.servers import answers, free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("readings_follow_each_other_quickly")

SUSHY = """\
import random

random.randint = lambda low, high: low  # hardware takes its time: here always the shortest
SUSHY_EMULATOR_LISTEN_IP = "127.0.0.1"
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_STATE_DIR = "{root}"
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_SSL_CERT = "{certificate}"
SUSHY_EMULATOR_SSL_KEY = "{key}"
SUSHY_EMULATOR_AUTH_FILE = "{root}/users"
SUSHY_EMULATOR_FAKE_SYSTEMS = [
    {{"uuid": "{uuid}", "name": "beta", "power_state": "On", "nics": []}},
]
"""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    needs("openssl", "openssl")
    root = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    command += " -keyout key.pem -out cert.pem -subj /CN=bmc -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(command.split(), cwd=root, check=True, capture_output=True)
    return root / "cert.pem", root / "key.pem"


@pytest.fixture
def controller(certificate: tuple[Path, Path], tmp_path: Path) -> Iterator[Controller]:
    (tmp_path / "chassis").mkdir()
    chassis = Chassis(tmp_path / "chassis")
    chassis.begin()
    with Controller(chassis, *certificate) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.05,))
        thread.start()
        yield found
        chassis.begin()
        found.drips.clear()
        found.shutdown()
        thread.join()


@pytest.fixture
def bmc(controller: Controller, certificate: tuple[Path, Path], tmp_path: Path) -> Controlled:
    options: dict[str, str | int | bool] = {
        "address": "127.0.0.1",
        "port": controller.port,
        "username": "admin",
        "password_file": secret(tmp_path / "password"),
        "ca_file": str(certificate[0]),
        "uuid": UUID,
    }
    return Controlled(
        controller.chassis,
        options,
        options | {"uuid": UUID[::-1]},
        options | {"port": free_port()},
    )


class TestRedfish(FenceConformance):
    """The whole conformance suite."""

    method = "redfish"

    @pytest.fixture
    def machine(self, bmc: Controlled) -> Controlled:
        return bmc


def shooter(bmc: Controlled, timeout_s: float = 5.0, system: str | None = None) -> Shooter:
    named: dict[str, str | int | bool] = {} if system is None else {"system": system}
    return Shooter("redfish", {**bmc.options, **named}, timeout_s)


# --- what a controller may say ------------------------------------------------------------------


@pytest.mark.parametrize("state", ["PoweringOff", "PoweringOn", "Paused", "off", ""])
def test_a_state_that_is_not_terminal_is_unknown(
    bmc: Controlled, controller: Controller, state: str
) -> None:
    controller.state = state or " "

    assert shooter(bmc).status().power is Power.UNKNOWN


def test_a_machine_that_is_powering_off_for_ever_is_never_off(
    bmc: Controlled, controller: Controller
) -> None:
    controller.state = "PoweringOff"

    with pytest.raises(UnknownOutcome, match="last seen: PoweringOff"):
        shooter(bmc, timeout_s=1.0).off()


def test_it_orders_off_and_nothing_else(bmc: Controlled, controller: Controller) -> None:
    shooter(bmc).off()

    assert controller.orders == [{"ResetType": "ForceOff"}]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderError),
        (403, Denied),
        (404, Misconfigured),
        (429, Retryable),
        (503, Retryable),
    ],
)
def test_an_order_that_is_refused_had_no_effect(
    bmc: Controlled, controller: Controller, status: int, error: type[ProviderError]
) -> None:
    controller.status = status

    with pytest.raises(error, match=f"HTTP {status} not now") as refused:
        shooter(bmc).off()

    assert not isinstance(refused.value, UnknownOutcome)
    assert bmc.on


def test_an_internal_error_leaves_an_order_open(bmc: Controlled, controller: Controller) -> None:
    controller.status = 500

    with pytest.raises(UnknownOutcome):
        shooter(bmc, timeout_s=1.0).off()


def test_a_controller_that_drips_is_given_up_at_the_deadline(
    bmc: Controlled, controller: Controller
) -> None:
    controller.drips.set()
    began_s = time.monotonic()

    with pytest.raises(ProviderError):
        shooter(bmc, timeout_s=0.5).status()

    assert time.monotonic() - began_s < 3.0


def test_a_controller_that_does_not_speak_is_given_up_before_the_deadline(
    bmc: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = int(silent.getsockname()[1])
        began_s = time.monotonic()

        with pytest.raises(Retryable, match="is not reached"):
            Shooter("redfish", {**bmc.options, "port": port}, 60.0).off()

    assert time.monotonic() - began_s < 10.0


@pytest.mark.parametrize(
    ("members", "system", "found"),
    [
        (["/redfish/v1/Systems/0", SYSTEM], "1", True),
        (["/redfish/v1/Systems/0", SYSTEM], SYSTEM, True),
        (["/redfish/v1/Systems/0", SYSTEM], None, False),
        (["/redfish/v1/Systems/0", SYSTEM], "7", False),
        ([], None, False),
    ],
)
def test_of_several_systems_one_has_to_be_named(
    bmc: Controlled, controller: Controller, members: list[str], system: str | None, *, found: bool
) -> None:
    controller.members = members
    named = shooter(bmc, system=system)

    if found:
        assert named.status().identity.endswith(SYSTEM)
    else:
        with pytest.raises(Misconfigured, match=f"has {len(members)} systems .*; name one of them"):
            named.status()


def test_a_system_that_cannot_be_forced_off_is_refused(
    bmc: Controlled, controller: Controller
) -> None:
    controller.allowed = ["On", "GracefulShutdown"]

    with pytest.raises(Misconfigured, match="offers no ForceOff; use another method"):
        shooter(bmc).warm()


def test_a_wrong_password_is_denied(bmc: Controlled) -> None:
    Path(str(bmc.options["password_file"])).write_text("wrong")

    with pytest.raises(Denied, match="HTTP 401 who are you"):
        shooter(bmc).off()


def with_session(bmc: Controlled, controller: Controller) -> Shooter:
    controller.basic = False
    return Shooter("redfish", {**bmc.options, "session": True}, 5.0)


def test_a_session_is_opened_once_and_closed(bmc: Controlled, controller: Controller) -> None:
    receipt = with_session(bmc, controller).off()

    assert (receipt.power, bmc.on) == (Power.OFF, False)
    assert controller.sessions == set()


def test_a_session_is_closed_after_a_failure_as_well(
    bmc: Controlled, controller: Controller
) -> None:
    controller.allowed = ["On"]

    with pytest.raises(Misconfigured, match="offers no ForceOff"):
        with_session(bmc, controller).off()

    assert controller.sessions == set()


def test_a_session_that_is_not_granted_is_denied(bmc: Controlled, controller: Controller) -> None:
    Path(str(bmc.options["password_file"])).write_text("wrong")

    with pytest.raises(Denied, match="HTTP 401"):
        with_session(bmc, controller).off()


def test_a_certificate_of_nobody_is_refused_unless_the_file_says_so(bmc: Controlled) -> None:
    options = {key: value for key, value in bmc.options.items() if key != "ca_file"}

    with pytest.raises(Misconfigured, match="has a certificate that is not trusted"):
        Shooter("redfish", options, 5.0).off()
    seen = Shooter("redfish", {**options, "insecure": True}, 5.0).status()

    assert seen.power is Power.ON


# --- another's reading of the standard ------------------------------------------------------------


@pytest.fixture(scope="module")
def sushy(
    certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The emulator of OpenStack; its port."""
    root, port = tmp_path_factory.mktemp("sushy"), free_port()
    cert, key = certificate
    settings = SUSHY.format(port=port, root=root, certificate=cert, key=key, uuid=UUID)
    (root / "settings").write_text(settings)
    password = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (root / "users").write_text(f"admin:{password}\n")
    emulator = str(Path(sys.executable).with_name("sushy-emulator"))
    command = [emulator, "--config", str(root / "settings"), "--fake"]
    with server(command, root / "log", lambda: answers(port)):
        yield port


def test_an_emulator_of_others_is_switched_off_and_seen_to_be(
    sushy: int, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    options: dict[str, str | int | bool] = {
        "address": "127.0.0.1",
        "port": sushy,
        "username": "admin",
        "password_file": secret(tmp_path / "password"),
        "ca_file": str(certificate[0]),
        "uuid": UUID,
    }
    alpha = Shooter("redfish", options, 20.0)

    before, receipt, after = alpha.status(), alpha.off(), alpha.status()

    assert (before.power, receipt.power, after.power) == (Power.ON, Power.OFF, Power.OFF)
    assert receipt.confirmed
    assert receipt.identity == f"UUID {UUID} at https://127.0.0.1:{sushy}/redfish/v1/Systems/{UUID}"
