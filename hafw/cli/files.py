"""New files, whole or not at all.

One rule: nothing that exists is ever overwritten.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hafw.cli.exits import Exit, Failure

SECRET = 0o600
PUBLIC = 0o644


def place(path: Path, content: str, mode: int) -> None:
    """Write a new file with this mode, durably. Raises `Failure` if there is one, and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(path).hardlink_to(name)  # unlike a rename, this refuses to replace
    except FileExistsError:
        raise already_there(path) from None
    finally:
        Path(name).unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def already_there(path: Path) -> Failure:
    """The refusal to overwrite."""
    return Failure(
        Exit.REFUSED, f"{path} is there already and stays as it is; `hafw delete` removes it"
    )
