"""The fence `ipmi`, against OpenIPMI's simulator of a management controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import Denied, ProviderError
from hafw.testing.fences import FenceConformance, Shooter

if TYPE_CHECKING:
    from tests.fences.devices import Controlled

pytestmark = pytest.mark.usefixtures("readings_follow_each_other_quickly")


class TestIpmi(FenceConformance):
    """The whole conformance suite."""

    method = "ipmi"

    @pytest.fixture
    def machine(self, bmc: Controlled) -> Controlled:
        return bmc


def test_the_identity_is_the_guid_that_the_controller_tells(bmc: Controlled) -> None:
    seen = Shooter("ipmi", bmc.options, 5.0).status()

    assert seen.identity == f"GUID {bmc.options['guid']} at 127.0.0.1"


def test_a_wrong_password_is_told_from_a_machine_that_is_off(bmc: Controlled) -> None:
    Path(str(bmc.options["password_file"])).write_text("wrong")

    with pytest.raises(ProviderError, match="the user, the password or the cipher suite is wrong"):
        Shooter("ipmi", bmc.options, 5.0).off()

    assert bmc.on


def test_a_password_that_others_can_read_is_refused(bmc: Controlled) -> None:
    Path(str(bmc.options["password_file"])).chmod(0o640)

    with pytest.raises(Denied, match="has mode 0640, so others than its owner can use it; run: ch"):
        Shooter("ipmi", bmc.options, 5.0).off()

    assert bmc.on
