"""Sends Google's client library to the discovery document of the bench, in a resource agent.

Rule: nothing but that one address is changed; it is built into the library.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

_BUILT_IN = "https://www.googleapis.com"

with suppress(ImportError):  # most agents have no use for it
    import httplib2  # type: ignore[import-untyped,unused-ignore]

    _request = httplib2.Http.request

    def _elsewhere(http: Any, uri: str, *words: Any, **named: Any) -> Any:  # noqa: ANN401 - theirs
        if uri.startswith(f"{_BUILT_IN}/discovery/"):
            uri = os.environ["BENCH_DISCOVERY"] + uri.removeprefix(_BUILT_IN)
        return _request(http, uri, *words, **named)

    httplib2.Http.request = _elsewhere
