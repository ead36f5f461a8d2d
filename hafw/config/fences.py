"""The fences of a node: which methods switch it off, in which order, and what each has to know.

One rule: a method that comes with hafw knows its options, and refuses every other; a method of
another package is accepted when that package is installed, and judges its options itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw.config.model import Fence
from hafw.config.problems import ConfigError, Problem
from hafw.config.table import suggest
from hafw.config.timing import LONGEST_NS
from hafw.core.settings import SECOND
from hafw.secretfile import SecretMissing, SecretProblem, read_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.config.model import Cluster, FenceOption
    from hafw.config.table import Table

MAX_LEVELS: Final = 4
"""More ways to switch one machine off than anybody has."""
MINUTE: Final = 60 * SECOND
MAX_PORT: Final = 65535


class Kind(Enum):
    """What an option is; the tables hold texts, numbers and flags, or files with a secret."""

    TEXT = auto()
    NUMBER = auto()
    FLAG = auto()
    PATH = auto()
    SECRET_FILE = auto()
    TABLE = auto()
    SECRET_FILES = auto()


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a method; `low` and `high` bound a number."""

    kind: Kind
    required: bool = False
    low: int = 0
    high: int = 0


@dataclass(frozen=True, slots=True)
class Method:
    """A method: how long it may take unless the file says otherwise, and its options.

    `proves_nothing`: why no takeover may rest on it; empty: one may.
    """

    timeout_ns: int
    options: Mapping[str, Option]
    proves_nothing: str = ""


_TEXT: Final = Option(Kind.TEXT)
_NEEDED: Final = Option(Kind.TEXT, required=True)
_SECRET: Final = Option(Kind.SECRET_FILE, required=True)
_PORT: Final = Option(Kind.NUMBER, low=1, high=MAX_PORT)

METHODS: Final[Mapping[str, Method]] = {
    "ipmi": Method(
        20 * SECOND,
        {
            "address": _NEEDED,
            "port": _PORT,
            "username": _NEEDED,
            "password_file": _SECRET,
            "cipher_suite": Option(Kind.NUMBER, low=0, high=255),
            "guid": _TEXT,
        },
    ),
    "redfish": Method(
        30 * SECOND,
        {
            "address": _NEEDED,
            "port": _PORT,
            "username": _NEEDED,
            "password_file": _SECRET,
            "system": _TEXT,
            "uuid": _TEXT,
            "ca_file": Option(Kind.PATH),
            "insecure": Option(Kind.FLAG),
            "session": Option(Kind.FLAG),
        },
    ),
    "agent": Method(
        60 * SECOND,
        {
            "agent": _NEEDED,
            "parameters": Option(Kind.TABLE),
            "secrets": Option(Kind.SECRET_FILES),
        },
    ),
    "sbd": Method(
        60 * SECOND,
        {"device": Option(Kind.PATH, required=True)},
    ),
    "manual": Method(10 * MINUTE, {"directory": Option(Kind.PATH)}),
    "ssh": Method(
        10 * SECOND,
        {
            "address": _NEEDED,
            "port": _PORT,
            "username": _TEXT,
            "identity_file": _SECRET,
            "known_hosts_file": Option(Kind.PATH),
            "command": _TEXT,
        },
        proves_nothing="it only asks the machine itself",
    ),
    "aws": Method(3 * MINUTE, {"instance_id": _NEEDED, "region": _TEXT, "endpoint_url": _TEXT}),
    "azure": Method(
        3 * MINUTE,
        {
            "subscription": _NEEDED,
            "resource_group": _NEEDED,
            "vm": _NEEDED,
            "vm_id": _NEEDED,
            "endpoint": _TEXT,
        },
    ),
    "gcp": Method(
        3 * MINUTE,
        {
            "project": _NEEDED,
            "zone": _NEEDED,
            "instance": _NEEDED,
            "instance_id": _NEEDED,
            "discard_local_ssd": Option(Kind.FLAG),
            "endpoint": _TEXT,
        },
    ),
}
"""The methods that come with hafw."""


def read_fences(node: Table, name: str) -> tuple[Fence, ...]:
    """The levels of one node: a table, or an array of tables that are tried in order."""
    if "fence" not in node:
        return ()
    if node.holds_table("fence"):
        tables = [node.table_or_empty("fence")]
    else:
        tables = node.tables("fence", MAX_LEVELS)
    levels = [_read_level(table) for table in tables]
    found = tuple(level for level in levels if level is not None)
    if found:
        _warn(node, name, found)
    return found


def confirms(levels: tuple[Fence, ...]) -> bool:
    """Whether a takeover may rest on one of these; a plugin of others is believed to confirm."""
    return any(not _why_not(level) for level in levels)


def _why_not(level: Fence) -> str:
    known = METHODS.get(level.method)
    return known.proves_nothing if known else ""


def secret_files(cluster: Cluster) -> Iterator[tuple[str, Path]]:
    """The files with secrets that the other node needs to switch each node off."""
    for name, levels in zip(cluster.nodes, cluster.fences, strict=True):
        for level in levels:
            known = METHODS.get(level.method)
            for key, value in level.options:
                option = known.options.get(key.partition(".")[0]) if known else None
                if option and option.kind in (Kind.SECRET_FILE, Kind.SECRET_FILES):
                    yield name, Path(str(value))


def check_secrets(cluster: Cluster, here: str) -> list[str]:
    """What is missing on this machine, in sentences. Raises `ConfigError` for what is wrong.

    `here`: the name of this node, which never switches itself off and needs no secret for that.
    """
    missing, wrong = [], []
    for name, path in secret_files(cluster):
        if name.casefold() == here.casefold():
            continue
        try:
            read_secret(path)
        except SecretMissing as problem:
            missing.append(f"this machine cannot switch {name} off: {problem}")
        except SecretProblem as problem:
            wrong.append(Problem(str(path), 1, "", problem.what, problem.remedy))
    if wrong:
        raise ConfigError(wrong)
    return missing


def _read_level(table: Table) -> Fence | None:
    method = table.text("method")
    known = METHODS.get(method or "")
    timeout_ns = table.duration(
        "timeout", SECOND, LONGEST_NS, known.timeout_ns if known else MINUTE
    )
    if method is None:
        return None
    if known is not None:
        options = _read_options(table, known)
    elif method in {point.name for point in entry_points(group="hafw")}:
        options = sorted(_scalars(table, ""))
    else:
        remedy = suggest(method, sorted(METHODS))
        table.at("method").error(f'there is no fence method "{method}"', remedy)
        return None
    return None if timeout_ns is None else Fence(method, tuple(options), timeout_ns)


def _read_options(table: Table, method: Method) -> list[tuple[str, FenceOption]]:
    found: list[tuple[str, FenceOption]] = []
    for key, option in sorted(method.options.items()):
        if key not in table and not option.required:
            continue
        if option.kind in (Kind.TABLE, Kind.SECRET_FILES):
            inner = table.table(key)
            found += _scalars(inner, f"{key}.", option) if inner else []
            continue
        value = _value(table, key, option)
        if value is not None:
            found.append((key, value))
    table.finish(known=method.options)
    return sorted(found)


def _scalars(
    table: Table, prefix: str, option: Option = _TEXT
) -> Iterator[tuple[str, FenceOption]]:
    """Every value of a table whose keys nobody here knows."""
    for key in table.rest():
        value: FenceOption | None
        value = _path(table, key) if option.kind is Kind.SECRET_FILES else table.scalar(key)
        if option.kind is Kind.TABLE and "passw" in key.casefold():
            table.at(key).error(
                "a secret does not belong into this file",
                f'write it into a file of its own: secrets.{key} = "/etc/hafw/…"',
            )
        if value is not None:
            yield f"{prefix}{key}", value


def _value(table: Table, key: str, option: Option) -> FenceOption | None:
    match option.kind:
        case Kind.NUMBER:
            return table.integer(key, option.low, option.high)
        case Kind.FLAG:
            return table.flag(key, default=False)
        case Kind.PATH | Kind.SECRET_FILE:
            return _path(table, key)
        case _:
            return _text(table, key)


def _text(table: Table, key: str) -> str | None:
    text = table.text(key)
    if text is None or (text and text.isprintable() and not text.startswith("-")):
        return text
    table.at(key).error(f'"{text}" cannot be meant', "write it as the device wants it")
    return None


def _path(table: Table, key: str) -> str | None:
    text = table.text(key)
    if text is None or text.startswith("/"):
        return text
    table.at(key).error(f'"{text}" is not an absolute path', 'begin it with "/"')
    return None


def _warn(node: Table, name: str, levels: tuple[Fence, ...]) -> None:
    """What a person may expect of the fences and does not get."""
    for level in levels:
        if ("insecure", True) in level.options:
            node.at("fence").warning(
                f"{level.method} trusts whoever answers: somebody in between can read the password,"
                f" or say that {name} is off",
                "name the authority that signed its certificate, or that certificate: ca_file",
            )
    if not confirms(levels):
        reasons = "; ".join(f"{level.method}: {_why_not(level)}" for level in levels)
        node.at("fence").warning(
            f"no takeover rests on this, as it never proves that {name} is off ({reasons})",
            "add a level that reads a device",
        )
