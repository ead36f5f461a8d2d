"""The provider aws, with Amazon's real SDK, in virtual time against the model.

One rule: nothing of the provider or the SDK is replaced but its transport, clock and chance.
"""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from hafw.api_budget import Budget
from hafw.providers.aws.api import QUOTA, TIMEOUTS_S
from hafw_sim.clouds.ec2.wire import Later, Reply
from hafw_sim.clouds.hub import GoOn, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSPreparedRequest

    from hafw.providers.aws.api import Where
    from hafw_sim.clouds.ec2.model import Ec2
    from hafw_sim.clouds.ec2.wire import Answer
    from hafw_sim.clouds.hub import Hub

ENDPOINT: Final = "http://ec2.invalid"


class Wire:
    """Carries the SDK's requests to the model that is present now, through its hub."""

    def __init__(self) -> None:
        """Nobody is there yet. The clients are made once: it takes a while."""
        self.hub: Hub | None = None
        self.ec2: Ec2 | None = None
        session = boto3.session.Session("model", "model", region_name="eu-central-1")
        self._clients = {length: self._client(session, length) for length in TIMEOUTS_S}

    def client(self, where: Where, timeout_s: float) -> Any:  # noqa: ANN401 - boto3 has no types
        """As `hafw.providers.aws.api` makes one."""
        del where
        return self._clients[min(TIMEOUTS_S, key=lambda length: abs(length - timeout_s))]

    def _client(self, session: boto3.session.Session, timeout_s: float) -> Any:  # noqa: ANN401
        config = Config(read_timeout=timeout_s, retries={"total_max_attempts": 1})
        client = session.client("ec2", endpoint_url=ENDPOINT, config=config)

        def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
            return self._send(request, timeout_s)

        client.meta.events.register("before-send.ec2", send)
        return client

    def _send(self, request: AWSPreparedRequest, timeout_s: float) -> AWSResponse:
        """One exchange; the SDK's timeout is kept here, as no socket does it."""
        assert self.hub is not None
        assert self.ec2 is not None
        ec2, body = self.ec2, request.body
        form = body.decode() if isinstance(body, bytes) else str(body)
        try:
            answer = self.hub.exchange(lambda at_s: _carried(ec2.handle(form, at_s)), timeout_s)
        except TimedOut:
            raise ReadTimeoutError(endpoint_url=request.url) from None
        if not isinstance(answer, Reply):
            raise ConnectionClosedError(endpoint_url=request.url)
        return AWSResponse(request.url, answer.status, {}, _Raw(answer.body.encode()))


class _Raw:
    """What a response reads its body from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: object) -> Iterator[bytes]:
        """The body, at once."""
        yield self._data


@contextmanager
def running(wire: Wire, hub: Hub, ec2: Ec2, seed: int) -> Iterator[None]:
    """In the block, the provider lives in the time of `hub`, and its cloud is `ec2`."""
    clock = SimpleNamespace(sleep=hub.sleep)
    with ExitStack() as stack:
        stack.enter_context(patch("hafw.providers.aws.api.time", clock))
        stack.enter_context(patch("hafw.providers.aws.api.boot_ns", lambda: hub.now_ns))
        budget = Budget("EC2", QUOTA)
        stack.enter_context(patch("hafw.providers.aws.api._budget", lambda _: budget))
        chance = random.Random(f"{seed}/pauses")
        stack.enter_context(patch("hafw.providers.aws.api._DRAWN", chance))
        stack.enter_context(patch("hafw.providers.aws.api._client", wire.client))
        stack.enter_context(patch.dict("os.environ", AWS_EC2_METADATA_DISABLED="true"))
        wire.hub, wire.ec2 = hub, ec2
        try:
            yield
        finally:
            wire.hub = wire.ec2 = None


def _carried(answer: Answer) -> object:
    if not isinstance(answer, Later):
        return answer
    then = answer.then
    return GoOn(answer.at_s, lambda at_s: _carried(then(at_s)))
