"""The calls that the model knows, and how Azure Resource Manager refuses one.

One rule: names in paths are the same however they are spelt, as in Azure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from hafw_sim.clouds.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw_sim.clouds.exchange import Request

_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{group}"
_NET: Final = f"{_GROUP}/providers/Microsoft.Network"
_COMPUTE: Final = f"{_GROUP}/providers/Microsoft.Compute"
_VMS: Final = f"{_COMPUTE}/virtualMachines"

CALLS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "networkInterfaces.get": (
        "GET",
        _NET + "/networkInterfaces/{name}",
        ("Microsoft.Network/networkInterfaces/read",),
    ),
    "networkInterfaces.list": (
        "GET",
        _NET + "/networkInterfaces",
        ("Microsoft.Network/networkInterfaces/read",),
    ),
    "networkInterfaces.createOrUpdate": (
        "PUT",
        _NET + "/networkInterfaces/{name}",
        (
            "Microsoft.Network/networkInterfaces/write",
            "Microsoft.Network/virtualNetworks/subnets/join/action",
        ),
    ),
    "routeTables.get": (
        "GET",
        _NET + "/routeTables/{name}",
        ("Microsoft.Network/routeTables/read",),
    ),
    "routeTables.createOrUpdate": (
        "PUT",
        _NET + "/routeTables/{name}",
        ("Microsoft.Network/routeTables/write",),
    ),
    "loadBalancers.get": (
        "GET",
        _NET + "/loadBalancers/{name}",
        ("Microsoft.Network/loadBalancers/read",),
    ),
    "publicIPAddresses.get": (
        "GET",
        _NET + "/publicIPAddresses/{name}",
        ("Microsoft.Network/publicIPAddresses/read",),
    ),
    "virtualNetworks.moveIpConfigurations": (
        "POST",
        _NET + "/virtualNetworks/{name}/moveIpConfigurations",
        ("Microsoft.Network/virtualNetworks/moveIpConfigurations/action",),
    ),
    "virtualMachines.get": (
        "GET",
        _VMS + "/{name}",
        ("Microsoft.Compute/virtualMachines/read",),
    ),
    "virtualMachines.instanceView": (
        "GET",
        _VMS + "/{name}/instanceView",
        ("Microsoft.Compute/virtualMachines/instanceView/read",),
    ),
    "virtualMachines.powerOff": (
        "POST",
        _VMS + "/{name}/powerOff",
        ("Microsoft.Compute/virtualMachines/powerOff/action",),
    ),
    "virtualMachines.attachDetachDataDisks": (
        "POST",
        _VMS + "/{name}/attachDetachDataDisks",
        (
            "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action",
            "Microsoft.Compute/disks/write",
        ),
    ),
    "disks.get": ("GET", _COMPUTE + "/disks/{name}", ("Microsoft.Compute/disks/read",)),
    "permissions.list": (
        "GET",
        _GROUP + "/{scope}/providers/Microsoft.Authorization/permissions",
        ("Microsoft.Authorization/permissions/read",),
    ),
    "operations.get": (
        "GET",
        "/subscriptions/{subscription}/providers/{provider}/locations/{location}/operations/{name}",
        (),
    ),
}
"""Method, path, and permissions of every call that the model knows."""


def _pattern(path: str) -> re.Pattern[str]:
    whole = path.replace("{scope}", "(?P<scope>.+)")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", whole) + "$", re.IGNORECASE)


_PATTERNS: Final = {call: (method, _pattern(path)) for call, (method, path, _) in CALLS.items()}


class ApiError(Exception):
    """The service refuses: an HTTP status with a code, and nothing was done."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after_s: float | None = None
    ) -> None:
        """`code`: what the service's own errors are told apart by."""
        super().__init__(message)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s

    def reply(self) -> Reply:
        """As it goes over the wire."""
        headers = {} if self.retry_after_s is None else {"Retry-After": f"{self.retry_after_s:g}"}
        return Reply(self.status, {"error": {"code": self.code, "message": str(self)}}, headers)


def recognise(request: Request) -> tuple[str, dict[str, str]]:
    """The call's name, and what its path names. Raises ApiError."""
    if "api-version" not in request.query:
        raise ApiError(400, "MissingApiVersionParameter", "The api-version query is required.")
    for call, (method, pattern) in _PATTERNS.items():
        found = pattern.match(request.path)
        if found and method == request.method:
            return call, found.groupdict()
    raise ApiError(404, "NotFound", f"{request.method} {request.path}: the model has no such call")


def text(body: Mapping[str, Any], key: str) -> str:
    """A field that must be there. Raises ApiError."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ApiError(400, "InvalidRequestFormat", f"Cannot parse the request: {key} is missing.")
    return value
