"""From a file to a `Table` whose problems know their lines; what every TOML file of hafw begins as.

One rule: whatever the file contains, the only error raised is `ConfigError`.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final

from hafw.config.lines import locate
from hafw.config.problems import ConfigError, Place, Problem, Report
from hafw.config.table import Table

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 256 * 1024
"""Far more than the largest file needs; a bigger one is some other file."""

_LINE_IN_MESSAGE: Final = re.compile(r" \(at line (\d+), column \d+\)$")


def read_text(path: Path, kind: str, if_missing: str) -> str:
    """The text of a file. `kind` names it in problems; `if_missing` says what to do without it.

    Raises `ConfigError`.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(path, "there is no such file", if_missing) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise _refused(path, f"cannot be read: {why}", "check the path and its owner") from None
    if len(content) > MAX_BYTES:
        raise _refused(path, f"is larger than {MAX_BYTES} bytes", f"is this the {kind}?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(path, "is not UTF-8 text", "save it as UTF-8", line) from None


def document(text: str, file: str) -> Table:
    """The root table of a TOML text. `file` is its name in problems. Raises `ConfigError`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(error, text, file)]) from None
    return Table(Place(Report(file, locate(text)), ()), values)


def refusal(root: Table) -> ConfigError:
    """Everything that was reported while the document was read, by line."""
    return ConfigError(sorted(root.place.report.errors, key=lambda problem: problem.line))


def _refused(path: Path, what: str, remedy: str, line: int = 1) -> ConfigError:
    return ConfigError([Problem(str(path), line, "", what, remedy)])


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    message = str(error)
    found = _LINE_IN_MESSAGE.search(message)
    line = int(found[1]) if found else text.count("\n") + 1
    what = _LINE_IN_MESSAGE.sub("", message).removesuffix(" (at end of document)")
    return Problem(file, line, "", f"not TOML: {what}", "correct the syntax of this line")
