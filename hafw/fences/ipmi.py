"""The fence `ipmi`: a management controller (BMC, iLO, iDRAC, IMM …) that speaks IPMI 2.0.

One rule: the chassis' power is what counts, as the controller reads it; it is asked by `ipmitool`,
with the password in a file that only its owner can read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.fence_options import Options
from hafw.fence_rounds import check_identity, look, switch_off
from hafw.fences import programs
from hafw.hooks.errors import ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, hookimpl

if TYPE_CHECKING:
    from hafw.fences.programs import Ended

METHOD: Final = "ipmi"
OPTIONS: Final = ("address", "port", "username", "password_file", "cipher_suite", "guid")
PORT: Final = 623
CIPHER_SUITE: Final = 17
"""RAKP-HMAC-SHA256: what a controller of today offers. ipmitool asks for ten seconds which there
are, unless it is told."""
_TRIES: Final = ("-N", "1", "-R", "2")
"""A second for an answer, twice: a controller that is dead is known to be in six seconds."""
_NO_SESSION: Final = "Unable to establish"
_REFUSED: Final = re.compile(
    r"Chassis Power Control to \S+ failed: "
    r"(Command not supported|Insufficient privilege|Invalid|Node busy)"
)
"""Completion codes that say that nothing was done; others may come too late to say so."""
_GUID: Final = re.compile(r"System GUID\s*: ([0-9A-Fa-f-]{32,36})")
_POWER: Final = re.compile(r"Chassis Power is (\w+)")


class Bmc:
    """The controller of one machine, for one request."""

    method = METHOD

    def __init__(self, request: FenceRequest) -> None:
        """Raises Misconfigured or Denied for options that cannot work."""
        options = Options(request, OPTIONS)
        self._request = request
        self._address = options.text("address")
        self._guid = options.text_or_none("guid")
        self._command = [
            programs.find("ipmitool", "ipmitool"),
            *("-I", "lanplus", "-C", str(options.number("cipher_suite", CIPHER_SUITE))),
            *("-H", self._address, "-p", str(options.number("port", PORT))),
            *("-U", options.text("username")),
            *("-f", str(options.secret_file("password_file"))),
            *_TRIES,
        ]

    def identity(self) -> str:
        """The system's GUID; of a controller that has none, its address."""
        ended = self._ask("mc", "guid")
        found = _GUID.search(ended.output)
        guid = found[1] if found else "none"
        return check_identity(self._request, pinned=self._guid, found=guid, what="GUID") + (
            f" at {self._address}"
        )

    def read(self) -> tuple[Power, str]:
        """The chassis' power."""
        ended = self._ask("chassis", "power", "status")
        found = _POWER.search(ended.output)
        if ended.status or found is None:
            raise Retryable(f"{self._address} did not tell its power: {ended.last_line}", 1.0)
        return {"off": Power.OFF, "on": Power.ON}.get(found[1], Power.UNKNOWN), found[1]

    def order_off(self) -> None:
        """Off, without asking the operating system."""
        try:
            ended = self._run("chassis", "power", "off")
        except TimeoutError as problem:
            raise UnknownOutcome(f"ipmitool: {problem}") from None
        if ended.status == 0:
            return
        told = f"{self._address} did not obey: {ended.last_line}"
        if _NO_SESSION in ended.output or _REFUSED.search(ended.output):
            raise ProviderError(told)
        raise UnknownOutcome(told)

    def _ask(self, *words: str) -> Ended:
        """What changes nothing. Raises Retryable."""
        try:
            ended = self._run(*words)
        except TimeoutError as problem:
            raise Retryable(f"ipmitool: {problem}", 1.0) from None
        if _NO_SESSION in ended.output:
            raise Retryable(
                f"{self._address} opens no session: it is not there, or the user, the password or "
                f"the cipher suite is wrong ({ended.last_line})",
                1.0,
            )
        return ended

    def _run(self, *words: str) -> Ended:
        return programs.run([*self._command, *words], self._request.deadline_ns)


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Refuse what cannot work; that the controller leads to another machine too."""
    with suppress(Retryable):
        Bmc(request).identity()


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Chassis power off, then its status until it is off."""
    return switch_off(Bmc(request), request)


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Chassis power status."""
    return look(Bmc(request), request)
