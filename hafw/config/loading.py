"""From a file to a `Cluster`, or to everything that is wrong with it.

One rule: whatever the file contains, the only error raised is `ConfigError`.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from typing import TYPE_CHECKING, Final

from hafw.config.lines import locate
from hafw.config.problems import ConfigError, Place, Problem, Report
from hafw.config.sections import read_cluster
from hafw.config.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.config.model import Cluster

MAX_BYTES: Final = 256 * 1024
"""Far more than the largest cluster needs; a bigger file is some other file."""

_LINE_IN_MESSAGE: Final = re.compile(r" \(at line (\d+), column \d+\)$")


def load(path: Path) -> Cluster:
    """Read and check the cluster file; its warnings are kept in the result.

    Raises `ConfigError`, with every problem of the file.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(path, "there is no such file", "let `hafw create` write one") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise _refused(path, f"cannot be read: {why}", "check the path and its owner") from None
    if len(content) > MAX_BYTES:
        raise _refused(path, f"is larger than {MAX_BYTES} bytes", "is this the cluster file?")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(path, "is not UTF-8 text", "save it as UTF-8", line) from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Cluster:
    """Check the text of a cluster file. `file` is its name in problems. Raises `ConfigError`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(error, text, file)]) from None
    report = Report(file, locate(text))
    cluster = read_cluster(Table(Place(report, ()), values))
    if cluster is None:
        raise ConfigError(sorted(report.errors, key=lambda problem: problem.line))
    return dataclasses.replace(cluster, warnings=tuple(report.warnings))


def _refused(path: Path, what: str, remedy: str, line: int = 1) -> ConfigError:
    return ConfigError([Problem(str(path), line, "", what, remedy)])


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    message = str(error)
    found = _LINE_IN_MESSAGE.search(message)
    line = int(found[1]) if found else text.count("\n") + 1
    what = _LINE_IN_MESSAGE.sub("", message).removesuffix(" (at end of document)")
    return Problem(file, line, "", f"not TOML: {what}", "correct the syntax of this line")
