"""The provider azure, with Azure's real SDK, in virtual time against the model.

One rule: nothing of the provider or the SDK is replaced but its transport and its clock.
"""

from __future__ import annotations

import io
import json
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from hafw.api_budget import Budget
from hafw.providers.azure.api import QUOTA
from hafw_sim.clouds.exchange import Later, Reply, Request
from hafw_sim.clouds.hub import GoOn, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.arm.model import Arm
    from hafw_sim.clouds.exchange import Answer
    from hafw_sim.clouds.hub import Hub

ENDPOINT: Final = "http://arm.invalid"
_CLOCKED: Final = "hafw.providers.azure.api"
"""The one module that reads a clock, or pauses, when a VIP moves."""


class Wire(HTTPAdapter):
    """Carries the SDK's requests to the model that is present now, through its hub."""

    def __init__(self) -> None:
        """Nobody is there yet."""
        super().__init__()
        self.hub: Hub | None = None
        self.arm: Arm | None = None

    def transport(self) -> RequestsTransport:
        """For clients of the SDK, which may be built before anybody is there."""
        session = requests.Session()
        session.mount(ENDPOINT, self)
        return RequestsTransport(session=session, session_owner=False)

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        """One exchange; the SDK's timeout is kept here, as no socket does it."""
        assert self.hub is not None
        assert self.arm is not None
        arm, asked = self.arm, _request(request)
        _, read_s = options["timeout"]
        try:
            answer = self.hub.exchange(lambda at_s: _carried(arm.handle(asked, at_s)), read_s)
        except TimedOut:
            raise requests.exceptions.ReadTimeout(request=request) from None
        if not isinstance(answer, Reply):
            ended = ProtocolError("the connection ended without an answer")
            raise requests.exceptions.ConnectionError(ended, request=request)
        return self.build_response(request, _response(answer))


@contextmanager
def running(wire: Wire, hub: Hub, arm: Arm) -> Iterator[None]:
    """In the block, the provider lives in the time of `hub`, and its cloud is `arm`."""
    with ExitStack() as stack:
        stack.enter_context(patch(f"{_CLOCKED}.time", SimpleNamespace(sleep=hub.sleep)))
        stack.enter_context(patch(f"{_CLOCKED}.boot_ns", lambda: hub.now_ns))
        budget = Budget("Azure", QUOTA)
        stack.enter_context(patch(f"{_CLOCKED}._budget", lambda *_: budget))
        wire.hub, wire.arm = hub, arm
        try:
            yield
        finally:
            wire.hub = wire.arm = None


def _carried(answer: Answer) -> object:
    if not isinstance(answer, Later):
        return answer
    then = answer.then
    return GoOn(answer.at_s, lambda at_s: _carried(then(at_s)))


def _request(request: requests.PreparedRequest) -> Request:
    parts = urlsplit(str(request.url))
    return Request(
        method=str(request.method),
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        body=json.loads(request.body) if isinstance(request.body, (str, bytes)) else {},
        headers={name.lower(): str(value) for name, value in request.headers.items()},
    )


def _response(answer: Reply) -> HTTPResponse:
    body = json.dumps(answer.body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return HTTPResponse(
        body=io.BytesIO(body),
        headers={**headers, **answer.headers},
        status=answer.status,
        preload_content=False,
    )
