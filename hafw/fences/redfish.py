"""The fence `redfish`: a management controller that speaks Redfish (DMTF DSP0266), over TLS.

One rule: `PowerState` is what counts; the controller's certificate is verified unless the cluster
file says in so many words that it is not.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from hafw.fence_options import Options
from hafw.fence_rounds import check_identity, look, switch_off
from hafw.fences.rest import Rest, trust
from hafw.hooks.errors import Misconfigured, Retryable
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

METHOD: Final = "redfish"
OPTIONS: Final = (
    "address",
    "port",
    "username",
    "password_file",
    "system",
    "uuid",
    "ca_file",
    "insecure",
    "session",
)
PORT: Final = 443
SYSTEMS: Final = "/redfish/v1/Systems"
ACTION: Final = "#ComputerSystem.Reset"
RESET: Final = "ForceOff"
_POWER: Final = {"Off": Power.OFF, "On": Power.ON}
"""Whatever else a controller says (PoweringOff, Paused …) is neither."""


class System:
    """One computer system of a controller, for one request."""

    method = METHOD

    def __init__(self, request: FenceRequest) -> None:
        """Raises Misconfigured or Denied for options that cannot work."""
        options = Options(request, OPTIONS)
        self._request = request
        self._name = options.text_or_none("system")
        self._uuid = options.text_or_none("uuid")
        self._rest = Rest(
            request,
            (options.text("address"), options.number("port", PORT)),
            (options.text("username"), options.secret("password_file")),
            trust(options.text_or_none("ca_file"), insecure=options.flag("insecure")),
            session=options.flag("session"),
        )
        self._path = ""
        self._target = ""

    def __enter__(self) -> Self:
        """Log in."""
        self._rest.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Log out."""
        self._rest.__exit__()

    def identity(self) -> str:
        """The system's UUID; it is found, and asked how it is reset, on the way."""
        self._path = self._find()
        system = self._rest.get(self._path)
        self._target = self._reset(system)
        uuid = str(system.get("UUID") or "none")
        return check_identity(self._request, pinned=self._uuid, found=uuid, what="UUID") + (
            f" at {self._rest.where}{self._path}"
        )

    def read(self) -> tuple[Power, str]:
        """The system's power."""
        state = self._rest.get(self._path).get("PowerState")
        if not isinstance(state, str):
            raise Retryable(f"{self._rest.where}{self._path} does not tell its PowerState", 1.0)
        return _POWER.get(state, Power.UNKNOWN), state

    def order_off(self) -> None:
        """Off, without asking the operating system."""
        self._rest.post(self._target, {"ResetType": RESET})

    def _find(self) -> str:
        """The path of the system: the one that is named, or the only one."""
        if self._name and self._name.startswith("/"):
            return self._name
        members = self._rest.get(SYSTEMS).get("Members") or []
        paths = [str(each.get("@odata.id")) for each in members if isinstance(each, dict)]
        fits = [path for path in paths if self._name in (None, path.rpartition("/")[2])]
        if len(fits) == 1:
            return fits[0]
        listed = ", ".join(paths) or "none"
        raise Misconfigured(
            f"{self._rest.where} has {len(paths)} systems ({listed}); name one of them: system = …"
        )

    def _reset(self, system: Mapping[str, Any]) -> str:
        """Where the system is reset."""
        action = (system.get("Actions") or {}).get(ACTION) or {}
        allowed = action.get("ResetType@Redfish.AllowableValues")
        if "target" not in action or (allowed is not None and RESET not in allowed):
            raise Misconfigured(
                f"{self._rest.where}{self._path} offers no {RESET}; use another method"
            )
        return str(action["target"])


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Refuse what cannot work; that the controller leads to another machine too."""
    with suppress(Retryable), System(request) as system:
        system.identity()


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """ForceOff, then the PowerState until it is Off."""
    with System(request) as system:
        return switch_off(system, request)


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """The PowerState."""
    with System(request) as system:
        return look(system, request)
