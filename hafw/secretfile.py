"""A file with a secret in it: a password that a device wants.

One rule: a file that anybody but its owner can read is refused, because what is in it is no secret.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 4096
"""Far more than any password."""


class SecretProblem(Exception):
    """A secret cannot be used: what is wrong with its file, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class SecretMissing(SecretProblem):
    """There is no such file on this machine."""


def read_secret(path: Path) -> str:
    """The first line of the file. Raises `SecretProblem`."""
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        remedy = f"write it there: install -m 0600 /dev/stdin {path}"
        raise SecretMissing(f"there is no file {path}", remedy) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SecretProblem(f"{path} cannot be read: {why}", "run this as its owner") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = f"{path} has mode {mode:04o}, so others than its owner can use it"
        raise SecretProblem(what, f"run: chmod 600 {path}")
    if len(content) > MAX_BYTES:
        raise SecretProblem(f"{path} is longer than {MAX_BYTES} bytes", "is it the right file?")
    try:
        secret = content.decode().partition("\n")[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretProblem(f"{path} is no text", "is it the right file?") from None
    if not secret:
        raise SecretProblem(f"the first line of {path} is empty", "write the secret there")
    return secret
