"""The fence `ssh`: asks the target itself to switch off. A courtesy, never a proof.

One rule: whatever is seen afterwards is silence, and silence is no proof: a receipt of this method
is never confirmed.
"""

from __future__ import annotations

import re
import socket
from typing import Final

from hafw.fence_options import Options, remaining_s
from hafw.fences import programs
from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, Sighting, hookimpl
from hafw.net.clock import boot_ns

METHOD: Final = "ssh"
OPTIONS: Final = (
    "address",
    "port",
    "username",
    "identity_file",
    "known_hosts_file",
    "command",
)
PORT: Final = 22
COMMAND: Final = "systemctl poweroff --force --force || poweroff --force"
"""Off without stopping anything first: what would be stopped may be what hangs."""
KNOWN_HOSTS: Final = "/etc/ssh/ssh_known_hosts"
_SSH_FAILED: Final = 255
_NOT_SENT: Final = re.compile(
    r"Permission denied|Host key verification failed|Connection refused|Connection timed out"
    r"|No route to host|Network is unreachable|Could not resolve hostname|Bad owner|too open"
)
"""What ssh says when the command never reached the target."""
_BANNER_S: Final = 2.0


class Courtesy:
    """One target that can be asked, for one request."""

    def __init__(self, request: FenceRequest) -> None:
        """Raises Misconfigured or Denied for options that cannot work."""
        options = Options(request, OPTIONS)
        self._request = request
        self._host = options.text("address")
        self._port = options.number("port", PORT)
        self._command = [
            programs.find("ssh", "openssh-client"),
            *("-F", "none", "-n", "-T", "-a", "-x"),
            *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "IdentitiesOnly=yes", "-o", "ControlPath=none"),
            *("-o", "GlobalKnownHostsFile=none", "-o", "LogLevel=ERROR"),
            *("-o", f"UserKnownHostsFile={options.text('known_hosts_file', KNOWN_HOSTS)}"),
            *("-i", str(options.secret_file("identity_file"))),
            *("-p", str(self._port), "-l", options.text("username", "root")),
            *("--", self._host, options.text("command", COMMAND)),
        ]

    def ask(self) -> str:
        """Ask it to switch off; what came of that. Raises ProviderError."""
        remaining_s(self._request)
        try:
            ended = programs.run(self._command, self._request.deadline_ns)
        except TimeoutError as problem:
            raise UnknownOutcome(f"ssh to {self._host}: {problem}") from None
        if ended.status == 0:
            return "asked, and it agreed"
        told = f"ssh to {self._host}: exit status {ended.status}: {ended.last_line}"
        if ended.status != _SSH_FAILED or _NOT_SENT.search(ended.output):
            raise ProviderError(told)
        return "asked, and the connection ended"

    def look(self) -> tuple[Power, str]:
        """Does an SSH server answer there? No command is run: a key may allow only the one."""
        try:
            timeout_s = min(_BANNER_S, remaining_s(self._request))
            with socket.create_connection((self._host, self._port), timeout_s) as connection:
                connection.settimeout(timeout_s)
                if connection.recv(4) == b"SSH-":
                    return Power.ON, "it answers"
        except (OSError, ProviderError):
            pass  # silence, or no time left to listen
        return Power.UNKNOWN, "it does not answer"

    def receipt(self, power: Power, *states: str) -> FenceReceipt:
        """What was seen."""
        return FenceReceipt(
            power=power,
            confirmed=False,
            method=METHOD,
            identity=f"{self._host} port {self._port}",
            seen=tuple(Sighting(state, boot_ns()) for state in states),
        )


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Refuse what cannot work."""
    Courtesy(request)


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Ask, and tell what came of it, at once: the next level is the one that counts."""
    courtesy = Courtesy(request)
    asked = courtesy.ask()
    return courtesy.receipt(Power.UNKNOWN, asked)


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Whether it answers."""
    courtesy = Courtesy(request)
    power, state = courtesy.look()
    return courtesy.receipt(power, state)
