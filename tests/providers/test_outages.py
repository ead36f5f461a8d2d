"""What each provider calls while its cloud is away, and that there is room for what cannot wait."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from hafw.api_budget import Budget, Use
from hafw.hooks.errors import ProviderError
from hafw.hooks.hookspecs import Power
from hafw.providers.aws import api as aws
from hafw.providers.azure import api as azure
from hafw.providers.gcp import api as gcp
from hafw.worker.main import THREADS
from tests.providers.budgets import spend
from tests.providers.outages import Aws, Azure, Cloud, Gcp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.api_budget import Quota

Kind = type[Aws] | type[Gcp] | type[Azure]
QUOTAS: Final[dict[Kind, Quota]] = {Aws: aws.QUOTA, Gcp: gcp.QUOTA, Azure: azure.QUOTA}
AT_ONCE_S: Final = 0.1
"""A request is on its way for less than half of that; for room it waits longer."""
RETRY_AFTER_S: Final = 60.0
FIRST_TAKEOVER: Final = 12
"""So many VIPs of one node find room at once."""

SAYS_WHEN = pytest.mark.parametrize("kind", [Gcp, Azure])
"""EC2 says "later", but not when."""


@pytest.fixture(params=[Aws, Gcp, Azure])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def cloud(kind: Kind) -> Iterator[Cloud]:
    made = kind()
    with made.running():
        yield made


def worst_minute(cloud: Cloud) -> int:
    """The most calls that arrived within sixty seconds."""
    times = sorted(at_s for at_s, _ in cloud.calls)
    return max(bisect_left(times, at_s + 60.0) - number for number, at_s in enumerate(times))


def test_a_total_outage_stays_in_the_budget(cloud: Cloud, kind: Kind) -> None:
    cloud.trouble("control-plane-down")

    cloud.do(*(lambda n=n: cloud.keep_trying(n, minutes=4) for n in range(THREADS)))

    quota = QUOTAS[kind]
    assert 0 < worst_minute(cloud) <= quota.burst + 60 * quota.per_s


def test_a_permission_that_lacks_for_an_hour_is_asked_for_ever_less_often(cloud: Cloud) -> None:
    cloud.deny()

    cloud.do(lambda: cloud.keep_trying(0, minutes=60))

    late = [at_s for at_s, _ in cloud.calls if at_s > cloud.hub.now_s - 1_800]
    assert 0 < len(late) < 100


@SAYS_WHEN
def test_for_an_hour_no_call_is_made_before_its_retry_after(cloud: Cloud) -> None:
    cloud.trouble("throttled", RETRY_AFTER_S)

    cloud.do(*(lambda n=n: cloud.keep_trying(n, minutes=60) for n in range(THREADS)))

    pauses = [
        later - earlier
        for each in {name for _, name in cloud.calls}
        for earlier, later in pairwise(at_s for at_s, name in cloud.calls if name == each)
    ]
    assert max(pauses) >= RETRY_AFTER_S
    assert not [one for one in pauses if AT_ONCE_S < one < RETRY_AFTER_S]


def test_a_release_finds_room_that_attempts_to_start_have_not_used_up(cloud: Cloud) -> None:
    cloud.do(lambda: cloud.attach(0))
    spend(cloud.budget(), Use.ROUTINE, cloud.hub.now_ns)
    cloud.calls.clear()
    began_s = cloud.hub.now_s

    cloud.do(lambda: cloud.detach(0))

    assert cloud.calls[0][0] - began_s < AT_ONCE_S


def test_without_what_is_kept_a_release_would_wait(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.do(lambda: cloud.attach(0))
    spend(cloud.budget(), Use.ROUTINE, cloud.hub.now_ns)
    cloud.calls.clear()
    began_s = cloud.hub.now_s
    monkeypatch.setattr(Use.RELEASE, "_value_", Use.ROUTINE.value)

    cloud.do(lambda: cloud.detach(0))

    assert cloud.calls[0][0] - began_s > AT_ONCE_S


@pytest.mark.parametrize("spent", [Use.ROUTINE, Use.RELEASE])
def test_a_fence_finds_room_whatever_else_has_used_up(cloud: Cloud, spent: Use) -> None:
    spend(cloud.budget(), spent, cloud.hub.now_ns)
    began_s = cloud.hub.now_s

    cloud.do(lambda: shot(cloud))

    assert cloud.calls[0][0] - began_s < AT_ONCE_S
    assert cloud.calls[-1][0] - began_s < 3 * AT_ONCE_S


@SAYS_WHEN
def test_a_fence_does_not_wait_for_a_retry_after_that_others_keep(cloud: Cloud) -> None:
    cloud.trouble("throttled", RETRY_AFTER_S)
    cloud.do(lambda: refused(cloud))
    cloud.calm()
    began_s = cloud.hub.now_s

    cloud.do(lambda: shot(cloud))

    assert cloud.calls[-1][0] - began_s < 3 * AT_ONCE_S


def test_a_takeover_of_a_dozen_vips_waits_for_no_room(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget, "_refusal", _no_room)

    cloud.do(lambda: [cloud.attach(number) for number in range(FIRST_TAKEOVER)])

    assert cloud.calls


@pytest.mark.parametrize("latency_s", [0.2, 0.7, 1.1, 1.9, 2.5, 4.0])
def test_no_change_is_sent_after_the_deadline(cloud: Cloud, latency_s: float) -> None:
    cloud.budget_s = 3.0
    cloud.trouble("latency", latency_s)
    until_s = cloud.hub.now_s + cloud.budget_s

    cloud.do(lambda: refused(cloud))

    changes = [at_s for at_s, name in cloud.calls if fnmatchcase(name, cloud.changes)]
    assert all(at_s < until_s + AT_ONCE_S / 2 for at_s in changes)


def test_what_comes_after_the_deadline_sends_nothing(cloud: Cloud) -> None:
    cloud.budget_s = -1.0

    cloud.do(lambda: refused(cloud))

    assert cloud.calls == []


def shot(cloud: Cloud) -> None:
    """The peer's machine is read and ordered off, as a fence begins."""
    device = cloud.fenced()
    power, _ = device.read()
    assert power is Power.ON
    device.order_off()


def refused(cloud: Cloud) -> None:
    """An attach that does not work, or only in time."""
    with suppress(ProviderError):
        cloud.attach(0)


def _no_room(*_: object) -> NoReturn:
    raise AssertionError("there was no room for a call")
