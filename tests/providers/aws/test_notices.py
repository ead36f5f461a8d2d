"""What AWS announces for an instance, as its metadata says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Notice, NoticeRequest
from hafw.providers import aws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.ec2.server import Server

HERE: Final = "eni-00000001"
SPOT: Final = "spot/instance-action"
SCHEDULED: Final = "events/maintenance/scheduled"
LONG_AGO: Final = "21 Jan 2019 09:00:43 GMT"

REQUEST: Final = NoticeRequest(deadline_ns=2**62)


@pytest.fixture
def instance(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What AWS announces for this instance."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    announced = server.announced[HERE] = {}
    yield announced
    del server.announced[HERE]


def event(**fields: str) -> str:
    usual = {"NotBefore": LONG_AGO, "Code": "system-reboot", "EventId": "e-1", "State": "active"}
    return json.dumps([{**usual, **fields}])


def read() -> list[Notice]:
    return list(aws.hafw_notice_read(REQUEST))


@pytest.mark.usefixtures("instance")
def test_usually_nothing_is_announced() -> None:
    assert read() == []


def test_the_end_of_a_spot_instance_is_a_notice(instance: dict[str, str]) -> None:
    instance[SPOT] = '{"action": "terminate", "time": "2019-01-21T09:00:43Z"}'
    (notice,) = read()
    assert notice.what == "AWS will terminate this spot instance at 2019-01-21T09:00:43Z"
    assert notice.within_s < 0


def test_a_scheduled_event_says_when_it_begins(instance: dict[str, str]) -> None:
    instance[SCHEDULED] = event(NotBefore="21 Jan 2999 09:00:43 GMT")
    (notice,) = read()
    assert notice.what.startswith("AWS has scheduled system-reboot from 21 Jan 2999")
    assert notice.within_s > 0


@pytest.mark.parametrize("state", ["completed", "canceled"])
def test_an_event_that_is_over_is_none(instance: dict[str, str], state: str) -> None:
    instance[SCHEDULED] = event(State=state)
    assert read() == []


def test_advice_to_move_off_is_taken(instance: dict[str, str]) -> None:
    instance["events/recommendations/rebalance"] = '{"noticeTime": "2019-01-21T09:00:43Z"}'
    assert read() == [Notice("AWS advises to move off this spot instance", 0.0)]


@pytest.mark.parametrize("text", ["later", "{}", '{"action": "stop", "time": "soon"}'])
def test_what_is_not_understood_is_a_notice_for_now(instance: dict[str, str], text: str) -> None:
    instance[SPOT] = text
    assert read() == [Notice(f"AWS announces at {SPOT}: {text}", 0.0)]


@pytest.mark.usefixtures("server")
def test_metadata_that_cannot_be_had_is_no_answer() -> None:
    with pytest.raises(Retryable):
        read()
