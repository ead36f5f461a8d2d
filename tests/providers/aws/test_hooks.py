"""What the hooks of AWS find before it is needed, and what an instance says of itself."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import Denied, Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import Holder
from hafw.providers import aws as provider
from hafw.providers.aws import errors
from hafw.providers.aws.calls import Use
from hafw.providers.aws.metadata import Metadata, Unavailable
from hafw.testing.movers import Hosts
from hafw_sim.clouds.ec2 import Ec2, Fault, Kind
from tests.providers.aws.test_calls import vip

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2.server import Server

ALPHA, OTHER = "eni-00000001", "eni-00000003"


@pytest.fixture(autouse=True)
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    hosts = Hosts()
    for name in ("observe", "attach", "detach"):
        monkeypatch.setattr(f"hafw.hostaddress.{name}", getattr(hosts, name))
    return hosts


@pytest.fixture
def here(server: Server, ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> Ec2:
    """The cloud, as the instance alpha sees it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.metadata[ALPHA])
    provider._movers.cache_clear()
    return ec2


def change_interface(ec2: Ec2, name: str, **changes: object) -> None:
    one = ec2.state.things.interfaces[name]
    ec2.state.put(time.time(), replace(one, **changes))  # type: ignore[arg-type]


# --- before it is needed ----------------------------------------------------------------------


def test_an_interface_of_another_machine_is_refused_at_the_start(here: Ec2) -> None:
    del here

    with pytest.raises(Misconfigured, match="eni-00000002 is no interface of this instance"):
        provider.hafw_warm(requests=(vip(Use.PRIVATE_IP, node=1),))


def test_a_route_through_an_interface_that_checks_destinations_is_refused(here: Ec2) -> None:
    change_interface(here, ALPHA, source_dest_check=True)

    with pytest.raises(Misconfigured, match="no-source-dest-check"):
        provider.hafw_warm(requests=(vip(Use.ROUTE),))


def test_a_table_without_the_route_is_refused_with_the_command(here: Ec2) -> None:
    request = replace(vip(Use.ROUTE), address="192.168.50.51")

    with pytest.raises(Misconfigured, match=r"aws ec2 create-route --route-table-id rtb-00000001"):
        provider.hafw_warm(requests=(request,))

    assert "ReplaceRoute" not in here.made


def test_an_elastic_ip_that_is_another_is_refused(here: Ec2) -> None:
    del here
    request = replace(vip(Use.ELASTIC_IP), address="203.0.113.50")

    with pytest.raises(Misconfigured, match="correct allocation_id or address"):
        provider.hafw_warm(requests=(request,))


@pytest.mark.parametrize(
    ("use", "call"),
    [
        (Use.PRIVATE_IP, "DescribeNetworkInterfaces"),
        (Use.ROUTE, "ReplaceRoute"),
        (Use.ELASTIC_IP, "AssociateAddress"),
    ],
)
def test_a_missing_permission_is_found_at_the_start(here: Ec2, use: Use, call: str) -> None:
    here.denied.add(call)

    with pytest.raises(Denied, match=f"allow ec2:{call}"):
        provider.hafw_warm(requests=(vip(use),))


@pytest.mark.parametrize("use", [Use.PRIVATE_IP, Use.ROUTE, Use.ELASTIC_IP])
def test_a_warm_up_changes_nothing(here: Ec2, use: Use) -> None:
    before = here.state.things

    provider.hafw_warm(requests=(vip(use),))

    assert here.state.things == before


def test_an_api_that_is_away_at_the_start_is_no_reason_not_to_be_ready(
    here: Ec2, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.hafw_warm(requests=(vip(Use.PRIVATE_IP),))  # the SDK's import takes longer than that
    before = len(here.made)
    monkeypatch.setattr(provider, "WARM_S", 0.5)
    here.faults.add(Fault(Kind.CONTROL_PLANE_DOWN))

    provider.hafw_warm(requests=(vip(Use.PRIVATE_IP),))

    assert len(here.made) > before


def test_a_mover_that_does_not_exist_is_refused() -> None:
    request = vip(Use.PRIVATE_IP, mover="dns")

    with pytest.raises(Misconfigured, match='"dns" is no mover of aws'):
        provider.hafw_vip_plan(request=request)


# --- what an instance says of itself ----------------------------------------------------------


def test_an_attach_waits_until_the_instance_itself_sees_the_address(here: Ec2) -> None:
    here.remap_s = 0.5
    began_s = time.monotonic()

    provider.hafw_vip_attach(request=vip(Use.PRIVATE_IP, 0, "fenced"))

    assert time.monotonic() - began_s >= 0.5


def test_an_address_that_the_instance_never_sees_is_an_unknown_outcome(here: Ec2) -> None:
    here.remap_s = 3600.0
    request = vip(Use.PRIVATE_IP, 0, "fenced")
    hurried = replace(request, deadline_ns=request.deadline_ns - 9 * 10**9)

    with pytest.raises(UnknownOutcome, match="is not seen at eni-00000001 in time"):
        provider.hafw_vip_attach(request=hurried)


def test_what_the_cloud_leads_here_is_free_until_the_host_has_it(ec2: Ec2, hosts: Hosts) -> None:
    del ec2
    provider.hafw_vip_attach(request=vip(Use.ROUTE, 0, "fenced"))
    hosts.holding.clear()

    seen = provider.hafw_vip_observe(request=vip(Use.ROUTE))

    assert (seen.holder, seen.who) == (Holder.FREE, "it leads to eni-00000001, and is not on eth0")


def test_metadata_is_asked_without_any_proxy(here: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    del here
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert Metadata().instance() == "i-00000001"


def test_metadata_that_is_switched_off_is_no_evidence(
    here: Ec2, monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(Unavailable):
        Metadata().instance()


def test_a_token_that_is_not_valid_any_more_is_replaced(here: Ec2) -> None:
    del here
    metadata = Metadata()
    metadata._token = "expired"

    assert metadata.instance() == "i-00000001"


def test_an_address_that_is_the_beginning_of_another_is_not_the_other(ec2: Ec2) -> None:
    change_interface(ec2, OTHER, addresses=("10.0.1.50",))
    shorter = replace(vip(Use.PRIVATE_IP, 0, "reflected"), address="10.0.1.5")

    provider.hafw_vip_attach(request=shorter)

    assert ec2.state.things.holders("10.0.1.5") == [ALPHA]
    assert ec2.state.things.holders("10.0.1.50") == [OTHER]


@pytest.mark.parametrize("use", [Use.PRIVATE_IP, Use.PRIVATE_IPV6])
@pytest.mark.parametrize("owner", [0, 1], ids=["it has it already", "the peer has it"])
def test_refusals_in_unknown_words_are_looked_into(
    ec2: Ec2, monkeypatch: pytest.MonkeyPatch, use: Use, owner: int
) -> None:
    monkeypatch.setattr(errors, "_TAKEN_TEXT", ())
    monkeypatch.setattr(errors, "_NOT_THERE_TEXT", ())
    provider.hafw_vip_attach(request=vip(use, owner, "released"))

    provider.hafw_vip_attach(request=vip(use, 0, "fenced"))

    assert ec2.state.things.holders(vip(use).address) == [ALPHA]


@pytest.mark.parametrize("certificate", ["fenced", "reflected"])
def test_an_address_of_another_subnet_is_refused_after_one_more_look(
    ec2: Ec2, certificate: str
) -> None:
    stray = replace(vip(Use.PRIVATE_IP, 0, certificate), address="10.9.9.9")

    with pytest.raises(Misconfigured, match="does not fall within the subnet"):
        provider.hafw_vip_attach(request=stray)

    assert ec2.made.count("AssignPrivateIpAddresses") <= 3


def test_nobody_can_be_asked_in_a_vpc_whether_he_answers() -> None:
    assert provider.hafw_vip_probe(request=vip(Use.PRIVATE_IP)).holder is Holder.UNKNOWN
