"""A small durable record: one line of JSON with its checksum, in a file that is replaced whole.

One rule: what cannot be read whole is not guessed at; what was written counts only once it, and
then its name, are on the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def encode(body: dict[str, object]) -> bytes:
    """The file's content."""
    text = json.dumps(body, separators=(",", ":"))
    return f"{_checksum(text)} {text}\n".encode()


def decode(data: bytes, *, form: int, max_bytes: int) -> dict[str, Any]:
    """What `encode` was given. Raises ValueError, which says what is wrong.

    `form`: what the record's "format" must be.
    """
    if len(data) > max_bytes:
        raise ValueError(f"longer than {max_bytes} bytes")
    try:
        checksum, _, text = data.decode().rstrip("\n").partition(" ")
    except UnicodeDecodeError as problem:
        raise ValueError("not text") from problem
    if not text or checksum != _checksum(text):
        raise ValueError("the checksum does not match (torn write, or edited)")
    body = json.loads(text)
    found = body.get("format") if isinstance(body, dict) else None
    if found != form:
        raise ValueError(f"format {found!r}, this version reads {form}")
    return dict(body)


def replace(path: Path, data: bytes) -> None:
    """Write, fsync, rename, fsync the directory. Nobody else may read it.

    Raises OSError: after a failure that came before the rename, the old file still stands.
    """
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _checksum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
