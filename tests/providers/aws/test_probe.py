"""`hafw precheck --live-probe` on the model of EC2: what is tried, what is found, what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw_sim.clouds.ec2 import addresses
from hafw_sim.clouds.ec2.model import CALLS
from tests.providers.aws.test_hooks import OTHER, change_interface, here  # noqa: F401 - a fixture
from tests.providers.probing import MOVED, probed

if TYPE_CHECKING:
    from pathlib import Path

    from hafw_sim.clouds.ec2 import Ec2

ENI: Final = 'eni = { alpha = "eni-00000001", beta = "eni-00000002" },'
PRIVATE: Final = f'provider = "aws", mover = "private-ip", {ENI}'
ROUTE: Final = f'provider = "aws", mover = "route", {ENI} route_tables = ["rtb-00000001"],'
ELASTIC: Final = (
    f'provider = "aws", mover = "elastic-ip", {ENI} allocation_id = "eipalloc-00000001",'
)


def test_without_an_address_nothing_is_changed(here: Ec2, tmp_path: Path) -> None:  # noqa: F811
    before = here.state.things

    result = probed(tmp_path, PRIVATE)

    assert result.status == 0
    assert result.verdicts() == {"probe.assign": ["ok"], "probe.unassign": ["ok"]}
    assert here.state.things == before


def test_a_scratch_address_goes_to_both_nodes_and_away(here: Ec2, tmp_path: Path) -> None:  # noqa: F811
    before = here.state.things

    result = probed(tmp_path, PRIVATE, "10.0.1.77")

    assert result.status == 0
    assert result.verdicts() == {
        "probe.assign": ["ok"],
        "probe.unassign": ["ok"],
        "probe.taken": ["ok"],
        "probe.not_there": ["ok"],
        "probe.metadata": ["ok"],
        "probe.move": MOVED,
        "probe.scratch": ["ok"],
    }
    assert here.state.things == before


def test_ipv6_is_probed_in_the_same_way(here: Ec2, tmp_path: Path) -> None:  # noqa: F811
    before = here.state.things

    result = probed(tmp_path, PRIVATE, "2001:db8:1::77")

    assert result.verdicts()["probe.taken"] == ["ok"]
    assert result.verdicts()["probe.move"] == MOVED
    assert here.state.things == before


def test_an_address_that_somebody_has_is_left_alone(here: Ec2, tmp_path: Path) -> None:  # noqa: F811
    change_interface(here, OTHER, addresses=("10.0.1.77",))
    before = here.state.things

    result = probed(tmp_path, PRIVATE, "10.0.1.77")

    assert result.status == 1
    assert "eni-00000003 has it" in result.what("probe.scratch")
    assert here.state.things == before


def test_missing_permissions_are_found(here: Ec2, tmp_path: Path) -> None:  # noqa: F811
    here.denied |= {"AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"}

    result = probed(tmp_path, PRIVATE)

    assert result.status == 1
    assert result.verdicts() == {"probe.assign": ["error"], "probe.unassign": ["error"]}


def test_a_cloud_that_gives_an_address_to_two_is_found(
    here: Ec2,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def always(state: Any, ask: Any) -> Any:  # noqa: ANN401
        return addresses.assign(
            state, replace(ask, params={**ask.params, "AllowReassignment": True})
        )

    monkeypatch.setitem(CALLS, "AssignPrivateIpAddresses", always)
    monkeypatch.setattr("hafw.providers.aws.probe.SHOWN_S", 0.1)

    result = probed(tmp_path, PRIVATE, "10.0.1.77")

    assert result.verdicts()["probe.taken"] == ["error"]
    assert here.state.things.holders("10.0.1.77") == []


def test_refusals_in_other_words_are_a_warning(
    here: Ec2,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del here
    monkeypatch.setattr("hafw.providers.aws.errors._TAKEN_TEXT", ())
    monkeypatch.setattr("hafw.providers.aws.errors._NOT_THERE_TEXT", ())

    verdicts = probed(tmp_path, PRIVATE, "10.0.1.77").verdicts()

    assert verdicts["probe.taken"] == verdicts["probe.not_there"] == ["warning"]
    assert verdicts["probe.scratch"] == ["ok"]


def test_a_scratch_route_leads_where_it_led(here: Ec2, tmp_path: Path) -> None:  # noqa: F811
    tables = here.state.things.routes
    scratch = {"rtb-00000001": {**tables["rtb-00000001"], "192.168.50.77/32": "eni-00000001"}}
    here.state.things = replace(here.state.things, routes={**tables, **scratch})
    before = here.state.things

    result = probed(tmp_path, ROUTE, "192.168.50.77")

    assert result.verdicts() == {"probe.move": MOVED, "probe.scratch": ["ok"]}
    assert here.state.things == before


def test_a_route_that_is_not_there_is_named_with_its_command(
    here: Ec2,  # noqa: F811
    tmp_path: Path,
) -> None:
    del here

    result = probed(tmp_path, ROUTE, "192.168.50.77")

    assert result.status == 1
    assert "has no route to 192.168.50.77/32" in result.what("probe.move")


@pytest.mark.usefixtures("here")
def test_an_elastic_ip_is_not_probed(tmp_path: Path) -> None:
    assert probed(tmp_path, ELASTIC).verdicts() == {"probe.elastic_ip": ["warning"]}
