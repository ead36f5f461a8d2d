"""The key file: the secrets that authenticate every datagram between the two nodes.

One rule: a file that anybody but its owner can read is refused, because its keys are not secret.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hafw.config.problems import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 32
"""Length of a key: that of the HMAC-SHA256 it is for (RFC 2104 section 3)."""
MAX_KEYS: Final = 8
"""A rotation needs two."""
MAX_BYTES: Final = 4096

_KEY_LINE: Final = re.compile(r"(?P<id>\d{1,3})\s+(?P<secret>[0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Key:
    """One shared secret. `id` (1 to 255) goes with every datagram that it signs."""

    id: int
    secret: bytes = field(repr=False)


def load_keys(path: Path) -> tuple[Key, ...]:
    """The keys of the file: the first signs, all verify. Raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            text = stream.read(MAX_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        remedy = "copy it from the other node, or run `hafw create` or `hafw join`"
        raise ConfigError([Problem(str(path), 1, "", "there is no key file", remedy)]) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        remedy = "run this as the user who owns it"
        raise ConfigError([Problem(str(path), 1, "", f"cannot be read: {why}", remedy)]) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = f"has mode {mode:04o}, so others than its owner can use it"
        raise ConfigError([Problem(str(path), 1, "", what, f"run: chmod 600 {path}")])
    return parse_keys(text, str(path))


def parse_keys(text: str, file: str) -> tuple[Key, ...]:
    """The keys of a key file's text. Raises `ConfigError` with every wrong line."""
    problems: list[Problem] = []
    keys: dict[int, Key] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        match = _KEY_LINE.fullmatch(line)
        if match is None or not 1 <= int(match["id"]) <= 255:  # noqa: PLR2004 - one byte
            remedy = 'write "<id> <64 hex digits>" with an id from 1 to 255'
            problems.append(Problem(file, number, "", "this is no key", remedy))
            continue
        key = Key(int(match["id"]), bytes.fromhex(match["secret"]))
        if key.id in keys:
            what = f"there is a key {key.id} already"
            problems.append(Problem(file, number, "", what, "number each key differently"))
        keys[key.id] = key
    if not problems and not 1 <= len(keys) <= MAX_KEYS:
        what = f"there are {len(keys)} keys"
        problems.append(Problem(file, 1, "", what, f"keep from 1 to {MAX_KEYS}"))
    if problems:
        raise ConfigError(problems)
    return tuple(keys.values())


def render_keys(keys: tuple[Key, ...]) -> str:
    """The text of a key file."""
    return "".join(f"{key.id} {key.secret.hex()}\n" for key in keys)


def new_key(key_id: int = 1) -> Key:
    """A fresh random key."""
    return Key(key_id, os.urandom(KEY_BYTES))
