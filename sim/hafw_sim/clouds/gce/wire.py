"""The calls that the model knows, and how the service refuses one.

One rule: a call that is not in the list does not exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from hafw_sim.clouds.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw_sim.clouds.exchange import Request


class ApiError(Exception):
    """The service refuses: an HTTP status with a reason, and nothing was done."""

    def __init__(
        self, status: int, reason: str, message: str, *, retry_after_s: float | None = None
    ) -> None:
        """`reason`: what the service's own errors are told apart by."""
        super().__init__(message)
        self.status, self.reason, self.retry_after_s = status, reason, retry_after_s

    def reply(self) -> Reply:
        """As it goes over the wire."""
        one = {"domain": "global", "reason": self.reason, "message": str(self)}
        error = {"code": self.status, "message": str(self), "errors": [one]}
        headers = {} if self.retry_after_s is None else {"Retry-After": f"{self.retry_after_s:g}"}
        return Reply(self.status, {"error": error}, headers)


CALLS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "instances.get": ("GET", "zones/{zone}/instances/{name}", ("compute.instances.get",)),
    "instances.aggregatedList": ("GET", "aggregated/instances", ("compute.instances.list",)),
    "instances.list": ("GET", "zones/{zone}/instances", ("compute.instances.list",)),
    "instances.stop": ("POST", "zones/{zone}/instances/{name}/stop", ("compute.instances.stop",)),
    "instances.reset": (
        "POST",
        "zones/{zone}/instances/{name}/reset",
        ("compute.instances.reset",),
    ),
    "instances.testIamPermissions": (
        "POST",
        "zones/{zone}/instances/{name}/testIamPermissions",
        (),
    ),
    "instances.updateNetworkInterface": (
        "PATCH",
        "zones/{zone}/instances/{name}/updateNetworkInterface",
        ("compute.instances.updateNetworkInterface", "compute.subnetworks.use"),
    ),
    "instances.attachDisk": (
        "POST",
        "zones/{zone}/instances/{name}/attachDisk",
        ("compute.instances.attachDisk", "compute.disks.use"),
    ),
    "instances.detachDisk": (
        "POST",
        "zones/{zone}/instances/{name}/detachDisk",
        ("compute.instances.detachDisk",),
    ),
    "disks.get": ("GET", "zones/{zone}/disks/{name}", ("compute.disks.get",)),
    "regionDisks.get": ("GET", "regions/{region}/disks/{name}", ("compute.disks.get",)),
    "zoneOperations.get": (
        "GET",
        "zones/{zone}/operations/{name}",
        ("compute.zoneOperations.get",),
    ),
    "zoneOperations.wait": (
        "POST",
        "zones/{zone}/operations/{name}/wait",
        ("compute.zoneOperations.get",),
    ),
    "globalOperations.get": (
        "GET",
        "global/operations/{name}",
        ("compute.globalOperations.get",),
    ),
    "globalOperations.wait": (
        "POST",
        "global/operations/{name}/wait",
        ("compute.globalOperations.get",),
    ),
    "routes.get": ("GET", "global/routes/{name}", ("compute.routes.get",)),
    "routes.list": ("GET", "global/routes", ("compute.routes.list",)),
    "routes.insert": (
        "POST",
        "global/routes",
        ("compute.routes.create", "compute.networks.updatePolicy", "compute.instances.use"),
    ),
    "routes.delete": (
        "DELETE",
        "global/routes/{name}",
        ("compute.routes.delete", "compute.networks.updatePolicy"),
    ),
}
"""Method, path within the project, and permissions of every call that the model knows."""

_PATTERNS: Final = {
    name: (method, re.compile("/compute/v1/projects/(?P<project>[^/]+)/" + _path + "$"))
    for name, (method, path, _) in CALLS.items()
    for _path in (re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path),)
}


def recognise(request: Request) -> tuple[str, dict[str, str]]:
    """The call's name, and what its path names. Raises ApiError."""
    for name, (method, pattern) in _PATTERNS.items():
        found = pattern.match(request.path)
        if found and method == request.method:
            return name, found.groupdict()
    raise ApiError(404, "notFound", f"{request.method} {request.path}: the model has no such call")


def text(body: Mapping[str, Any], key: str) -> str:
    """A field that must be there. Raises ApiError."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ApiError(400, "required", f"Required field 'resource.{key}' not specified")
    return value
