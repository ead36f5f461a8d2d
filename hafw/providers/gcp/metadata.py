"""Who this machine is, as the metadata server on its link says.

One rule: it is asked directly, never through a proxy: a proxy would answer for its own machine.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Final

from hafw.hooks.errors import Misconfigured, Retryable

HOST_VARIABLE: Final = "GCE_METADATA_HOST"
"""Google's own libraries read it too."""
_DIRECT_HOSTS: Final = ("169.254.169.254", "metadata.google.internal", "metadata")
_TIMEOUT_S: Final = 2.0
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Identity:
    """This instance; `id` is never given to another, unlike its name."""

    project: str
    zone: str
    name: str
    id: int


def go_direct() -> None:
    """Let nothing in this process ask the metadata server through a proxy, tokens included."""
    for variable in ("no_proxy", "NO_PROXY"):
        known = [one for one in os.environ.get(variable, "").split(",") if one]
        os.environ[variable] = ",".join(dict.fromkeys([*known, *_DIRECT_HOSTS]))


def identity() -> Identity:
    """This instance. Raises Misconfigured where no instance is, Retryable without an answer."""
    return Identity(
        project=_get("project/project-id"),
        zone=_get("instance/zone").rpartition("/")[2],
        name=_get("instance/name"),
        id=int(_get("instance/id")),
    )


def announced() -> tuple[str, ...]:
    """What Google has announced for this instance. Raises Retryable.

    A live migration is announced 60 s ahead, a preemption 30 s (Compute Engine documentation,
    "live migration" and "spot VMs").
    """
    event = _get("instance/maintenance-event")
    found = () if event == "NONE" else (f"Google announces {event}",)
    if _get("instance/preempted") == "TRUE":
        found = (*found, "Google is taking this preemptible instance back")
    return found


def _get(path: str) -> str:
    host = os.environ.get(HOST_VARIABLE, "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/{path}"
    request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
    try:
        with _opener.open(request, timeout=_TIMEOUT_S) as answer:
            if answer.headers.get("Metadata-Flavor") != "Google":
                raise Misconfigured(f"{url} answers, but is no metadata server of Google's")
            return str(answer.read().decode().strip())
    except urllib.error.HTTPError as problem:
        with problem:
            raise Retryable(f"{url} answered {problem.code}", 0.0) from None
    except OSError as problem:
        raise Retryable(
            f"{url} does not answer ({problem}); gcp works on Compute Engine instances alone", 0.0
        ) from None
