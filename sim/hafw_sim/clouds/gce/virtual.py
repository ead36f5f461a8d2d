"""The provider gcp, with Google's real SDK, in virtual time against the model.

One rule: nothing of the provider or the SDK is replaced but its transport and its clock.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter

from hafw.api_budget import Budget
from hafw.providers.gcp.api import QUOTA
from hafw_sim.clouds.exchange import Later, Reply, Request
from hafw_sim.clouds.hub import GoOn, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.exchange import Answer
    from hafw_sim.clouds.gce.model import Gce
    from hafw_sim.clouds.hub import Hub

ENDPOINT: Final = "http://gce.invalid"
_CLOCKS: Final = ("hafw.providers.gcp.api", "hafw.providers.gcp.errors")
"""The modules that read a clock, or pause, when a VIP moves."""


class Wire(BaseAdapter):
    """Carries the SDK's requests to the model that is present now, through its hub."""

    def __init__(self) -> None:
        """Nobody is there yet."""
        super().__init__()
        self.hub: Hub | None = None
        self.gce: Gce | None = None

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        """One exchange; the SDK's timeout is kept here, as no socket does it."""
        assert self.hub is not None
        assert self.gce is not None
        gce, asked = self.gce, _request(request)
        timeout = options.get("timeout")
        read_s = timeout[1] if isinstance(timeout, tuple) else timeout
        try:
            answer = self.hub.exchange(
                lambda at_s: _carried(gce.handle(asked, at_s)), float(read_s or 60.0)
            )
        except TimedOut:
            raise requests.exceptions.ReadTimeout(request=request) from None
        if not isinstance(answer, Reply):
            raise requests.exceptions.ConnectionError("the connection ended", request=request)
        return _response(request, answer)

    def close(self) -> None:
        """There is nothing to close."""


@contextmanager
def running(wire: Wire, hub: Hub, gce: Gce) -> Iterator[None]:
    """In the block, the provider lives in the time of `hub`, and its cloud is `gce`."""
    clock = SimpleNamespace(sleep=hub.sleep)
    with ExitStack() as stack:
        for module in _CLOCKS:
            stack.enter_context(patch(f"{module}.time", clock))
            stack.enter_context(patch(f"{module}.boot_ns", lambda: hub.now_ns))
        budget = Budget("Compute Engine", QUOTA)
        stack.enter_context(patch("hafw.providers.gcp.api._budget", lambda _: budget))
        wire.hub, wire.gce = hub, gce
        try:
            yield
        finally:
            wire.hub = wire.gce = None


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
    )


def _response(request: requests.PreparedRequest, answer: Reply) -> requests.Response:
    response = requests.Response()
    response.status_code, response.url, response.request = answer.status, str(request.url), request
    response.headers.update({"Content-Type": "application/json", **answer.headers})
    response._content = json.dumps(answer.body).encode()  # noqa: SLF001 - as if it had been read
    return response
