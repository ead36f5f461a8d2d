"""What the cluster file says of one fence, as its method reads it, and the time that is left.

One rule: what a method does not know is refused, never ignored: a misspelt option could point the
fence at another machine.
"""

from __future__ import annotations

import difflib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hafw.hooks.errors import Denied, Misconfigured, ProviderError
from hafw.net.clock import boot_ns
from hafw.secretfile import SecretProblem, read_secret

if TYPE_CHECKING:
    from collections.abc import Collection

    from hafw.hooks.hookspecs import FenceRequest


class Options:
    """The options of one request."""

    def __init__(
        self, request: FenceRequest, known: Collection[str], prefixes: tuple[str, ...] = ()
    ) -> None:
        """Raises Misconfigured for an option that is not among `known`.

        `prefixes`: whatever begins with one of them is known as well.
        """
        self._options = request.options
        self._where = f"the fence of {request.target}"
        if request.sender.casefold() == request.target.casefold():
            raise Misconfigured(f"{self._where}: a node never switches itself off")
        for key in self._options:
            if key not in known and not key.startswith(prefixes):
                close = difflib.get_close_matches(key, known, n=1)
                listed = f'did you mean "{close[0]}"?' if close else f"there are {sorted(known)}"
                raise Misconfigured(f'{self._where} has no option "{key}"; {listed}')

    def text(self, key: str, default: str | None = None) -> str:
        """A text. Without a default it must be there."""
        value = self._options.get(key, default)
        if isinstance(value, str) and value:
            return value
        raise Misconfigured(f'{self._where} needs "{key}", a text')

    def text_or_none(self, key: str) -> str | None:
        """A text that need not be there."""
        return self.text(key) if key in self._options else None

    def number(self, key: str, default: int) -> int:
        """A whole number."""
        value = self._options.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise Misconfigured(f'{self._where}: "{key}" is no whole number')

    def flag(self, key: str) -> bool:
        """True or false; false when it is not there."""
        value = self._options.get(key, False)
        if isinstance(value, bool):
            return value
        raise Misconfigured(f'{self._where}: "{key}" is neither true nor false')

    def secret_file(self, key: str) -> Path:
        """A file with a secret that nobody else can read. Raises Denied for one that others can."""
        path = Path(self.text(key))
        self._read(path)
        return path

    def secret(self, key: str) -> str:
        """The secret in such a file."""
        return self._read(Path(self.text(key)))

    def _read(self, path: Path) -> str:
        try:
            return read_secret(path)
        except SecretProblem as problem:
            raise Denied(f"{self._where}: {problem}") from None


def remaining_s(request: FenceRequest) -> float:
    """How long the operation may still take. Raises ProviderError when it must not go on."""
    left_ns = request.deadline_ns - boot_ns()
    if left_ns <= 0:
        raise ProviderError(f"the fence of {request.target} was not asked: the deadline had passed")
    return left_ns / 1e9


def pause(request: FenceRequest, for_s: float) -> None:
    """Wait, but not beyond the deadline."""
    time.sleep(max(min(for_s, (request.deadline_ns - boot_ns()) / 1e9), 0.0))
