"""Who this machine is, as the metadata service on its link says.

One rule: it is asked directly, never through a proxy: a proxy would answer for its own machine.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from hafw.hooks.errors import Retryable

HOST_VARIABLE: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
"""Azure's own libraries ask there for tokens too."""
_HOST: Final = "http://169.254.169.254"
_PATH: Final = "/metadata/instance/compute?api-version=2021-02-01"
_EVENTS: Final = "/metadata/scheduledevents?api-version=2020-07-01"
_TIMEOUT_S: Final = 2.0
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Identity:
    """This machine, in small letters; `vm_id` is never given to another, unlike its name."""

    subscription: str
    group: str
    name: str
    vm_id: str


def go_direct() -> None:
    """Let nothing in this process ask the metadata service through a proxy, tokens included."""
    for variable in ("no_proxy", "NO_PROXY"):
        known = [one for one in os.environ.get(variable, "").split(",") if one]
        os.environ[variable] = ",".join(dict.fromkeys([*known, "169.254.169.254"]))


def identity() -> Identity:
    """This machine. Raises Retryable without an answer."""
    found = _get(_PATH)
    return Identity(
        subscription=str(found["subscriptionId"]).lower(),
        group=str(found["resourceGroupName"]).lower(),
        name=str(found["name"]).lower(),
        vm_id=str(found["vmId"]).lower(),
    )


def events() -> list[dict[str, Any]]:
    """The scheduled events of this machine and its neighbours. Raises Retryable."""
    return list(_get(_EVENTS)["Events"])


def _get(path: str) -> dict[str, Any]:
    url = os.environ.get(HOST_VARIABLE, _HOST).rstrip("/") + path
    request = urllib.request.Request(url, headers={"Metadata": "true"})  # noqa: S310 - see above
    try:
        with _opener.open(request, timeout=_TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as problem:
        with problem:
            raise Retryable(f"{url} answered {problem.code}", 0.0) from None
    except (OSError, ValueError) as problem:
        raise Retryable(
            f"{url} does not answer ({problem}); azure works on Azure's virtual machines alone", 0.0
        ) from None
