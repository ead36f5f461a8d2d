"""Every mover of AWS passes the conformance class, with the real SDK against the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.testing.movers import ConditionalMoverConformance, MoverConformance
from tests.providers.aws.clouds import BOTH, PrivateAddress, PublicAddress, Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds.ec2 import Ec2


class TestPrivateIp(ConditionalMoverConformance):
    plugin = "hafw.providers.aws"
    sdk = "botocore"

    @pytest.fixture
    def cloud(self, ec2: Ec2) -> PrivateAddress:
        return PrivateAddress(ec2, self.address)

    @pytest.fixture
    def options(self) -> Mapping[str, VipOption]:
        return {"mover": "private-ip", "eni": BOTH}


class TestPrivateIpv6(TestPrivateIp):
    address = "2001:db8:1::50"


class TestRoute(MoverConformance):
    plugin = "hafw.providers.aws"
    sdk = "botocore"
    address = "192.168.50.50"
    gives_up = False

    @pytest.fixture
    def cloud(self, ec2: Ec2) -> Routes:
        return Routes(ec2, f"{self.address}/32")

    @pytest.fixture
    def options(self) -> Mapping[str, VipOption]:
        return {"mover": "route", "eni": BOTH, "route_tables": ("rtb-00000001", "rtb-00000002")}


class TestElasticIp(ConditionalMoverConformance):
    plugin = "hafw.providers.aws"
    sdk = "botocore"
    address = "203.0.113.5"

    @pytest.fixture
    def cloud(self, ec2: Ec2) -> PublicAddress:
        return PublicAddress(ec2)

    @pytest.fixture
    def options(self) -> Mapping[str, VipOption]:
        return {"mover": "elastic-ip", "eni": BOTH, "allocation_id": "eipalloc-00000001"}
