"""What Google announces for an instance, and what an agent there says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Notice, NoticeRequest
from hafw.providers import gcp
from hafw.providers.gcp.metadata import HOST_VARIABLE
from hafw_sim.clouds.gce import Gce, pair
from hafw_sim.clouds.gce.server import served
from tests.agent.lone import lone
from tests.net.hosts import isolated
from tests.providers.gcp.clouds import StaticRoute
from tests.providers.gcp.test_agent import ADDRESSES, called, write

if TYPE_CHECKING:
    from pathlib import Path

    from hafw_sim.clouds.gce.server import Server

END: Final = "TERMINATE_ON_HOST_MAINTENANCE"

REQUEST: Final = NoticeRequest(deadline_ns=2**62)


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it."""
    monkeypatch.setenv(HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    return cloud


@pytest.mark.usefixtures("here")
def test_usually_nothing_is_announced() -> None:
    assert gcp.hafw_notice_read(REQUEST) == ()


def test_a_maintenance_event_is_near(here: Server) -> None:
    here.announced["vm-a"] = END
    assert gcp.hafw_notice_read(REQUEST) == (Notice(f"Google announces {END}", 0.0),)


def test_the_other_instances_event_is_none_of_ours(here: Server) -> None:
    here.announced["vm-b"] = END
    assert gcp.hafw_notice_read(REQUEST) == ()


def test_a_preemption_is_near(here: Server) -> None:
    here.preempted.add("vm-a")
    (notice,) = gcp.hafw_notice_read(REQUEST)
    assert notice.what == "Google is taking this preemptible instance back"


def test_a_metadata_server_that_is_away_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST_VARIABLE, "127.0.0.1:9")
    with pytest.raises(Retryable):
        gcp.hafw_notice_read(REQUEST)


@isolated
def test_an_agent_says_what_is_announced_for_its_machine(tmp_path: Path) -> None:
    gce = Gce("my-project", pair())
    with lone(tmp_path) as scene, scene.alpha.entered(), served(gce) as server:
        StaticRoute(server, ADDRESSES["route"]).give_to("beta")
        server.announced["vm-a"] = END
        write(scene, ADDRESSES["route"], called("route", server.endpoint))
        scene.start(**{HOST_VARIABLE: server.metadata_hosts["vm-a"]})
        scene.until(lambda: END in scene.warnings())
