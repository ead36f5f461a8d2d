from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from hafw.cli.detect import Gateway, address_towards, default_gateway

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
NETWORK = "eth0\t0001010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
DEFAULT = "eth0\t00000000\t0101010A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"


def routes(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "route"
    path.write_text(text)
    return path


def test_the_gateway_is_that_of_the_default_route(tmp_path: Path) -> None:
    found = default_gateway(routes(tmp_path, HEADER + NETWORK + DEFAULT))

    assert found == Gateway(IPv4Address("10.1.1.1"), "eth0")


def test_a_machine_without_a_default_route_has_no_gateway(tmp_path: Path) -> None:
    assert default_gateway(routes(tmp_path, HEADER + NETWORK)) is None


def test_a_system_that_does_not_tell_its_routes_has_no_gateway(tmp_path: Path) -> None:
    assert default_gateway(tmp_path / "missing") is None


def test_the_own_address_towards_loopback_is_loopback() -> None:
    assert address_towards(ip_address("127.0.0.1")) == ip_address("127.0.0.1")
