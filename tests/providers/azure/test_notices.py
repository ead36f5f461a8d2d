"""What Azure schedules for a machine, as its metadata service says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Notice, NoticeRequest
from hafw.providers import azure
from hafw.providers.azure import metadata

if TYPE_CHECKING:
    from hafw_sim.clouds.arm.server import Server

LONG_AGO: Final = "Mon, 19 Sep 2016 18:29:47 GMT"

REQUEST: Final = NoticeRequest(deadline_ns=2**62)


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the machine vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    return cloud


def event(*machines: str, begins: str = LONG_AGO, kind: str = "Freeze") -> dict[str, Any]:
    return {
        "EventId": "e-1",
        "EventType": kind,
        "ResourceType": "VirtualMachine",
        "Resources": list(machines),
        "EventStatus": "Scheduled" if begins else "Started",
        "NotBefore": begins,
    }


@pytest.mark.usefixtures("here")
def test_usually_nothing_is_scheduled() -> None:
    assert azure.hafw_notice_read(REQUEST) == ()


def test_an_event_of_this_machine_says_when_it_begins(here: Server) -> None:
    here.events.append(event("VM-A", "vm-b"))
    (notice,) = azure.hafw_notice_read(REQUEST)
    assert notice.what == f"Azure has scheduled Freeze from {LONG_AGO} (e-1)"
    assert notice.within_s < 0


def test_an_event_that_has_begun_is_near(here: Server) -> None:
    here.events.append(event("vm-a", begins="", kind="Preempt"))
    assert azure.hafw_notice_read(REQUEST) == (Notice("Azure has begun Preempt (e-1)", 0.0),)


def test_an_event_of_a_neighbour_is_none_of_ours(here: Server) -> None:
    here.events.append(event("vm-b"))
    assert azure.hafw_notice_read(REQUEST) == ()


@pytest.mark.parametrize("broken", [{}, {"begins": "soon"}])
def test_what_is_not_understood_is_no_answer(here: Server, broken: dict[str, str]) -> None:
    here.events.append(event("vm-a", **broken) if broken else {"EventId": "e-1"})
    with pytest.raises(Retryable, match="cannot be understood"):
        azure.hafw_notice_read(REQUEST)


def test_a_metadata_service_that_is_away_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(Retryable):
        azure.hafw_notice_read(REQUEST)
