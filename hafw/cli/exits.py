"""The exit statuses of the command line, and how errors become one of them.

One rule: a status means the same for every command, so that scripts can rely on it.
"""

from __future__ import annotations

from enum import IntEnum

from hafw.agent.client import AgentForbidden, AgentSilent, AgentUnreachable, ControlError
from hafw.config.model import UnknownNode
from hafw.config.problems import ConfigError
from hafw.hooks.errors import Misconfigured


class Exit(IntEnum):
    """What a command ends with."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    DEGRADED = 3
    NO_OWNER = 4
    REFUSED = 5
    PERMISSION = 6
    UNREACHABLE = 7
    UNKNOWN = 8
    CONFIG = 9
    INTERRUPTED = 130


class Failure(Exception):
    """A command ends here, with `status`; the message says what, why and what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def as_failure(error: Exception) -> Failure | None:
    """The failure that an expected error means; None for one that nobody expected."""
    match error:
        case Failure():
            return error
        case AgentUnreachable():
            return Failure(Exit.UNREACHABLE, str(error))
        case AgentForbidden():
            return Failure(Exit.PERMISSION, str(error))
        case AgentSilent():
            return Failure(Exit.UNKNOWN, str(error))
        case ControlError():
            return Failure(Exit.UNEXPECTED, str(error))
        case ConfigError() | UnknownNode() | Misconfigured():
            return Failure(Exit.CONFIG, str(error))
        case PermissionError():
            where = f" {error.filename}" if error.filename else ""
            why = f"this user may not use{where}; run it as root, or choose other directories"
            return Failure(Exit.PERMISSION, why)
        case _:
            return None
