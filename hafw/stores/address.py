"""Reads the URL of a lease store, as the cluster file has it, and the time that a call has left.

One rule: what a store does not know is refused, never ignored, so that a typo cannot point two
nodes at different leases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from hafw.hooks.errors import Misconfigured, Retryable
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Collection

    from hafw.hooks.hookspecs import LeaseRequest


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL; `path` without the slash that it begins with."""

    host: str
    port: int | None
    path: str
    options: dict[str, str]

    @property
    def host_port(self) -> str:
        """Host and port as a header or a message wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse(url: str, example: str, options: Collection[str] = ()) -> Address:
    """The parts of `url`, of which `example` is a good one. Raises Misconfigured."""
    parts = urlsplit(url)
    try:
        port = parts.port
        given = dict(parse_qsl(parts.query, strict_parsing=True) if parts.query else ())
    except ValueError as problem:
        raise Misconfigured(f'"{url}": {problem}; write it as in {example}') from None
    unknown = sorted(set(given) - set(options))
    if unknown:
        known = ", ".join(sorted(options)) or "none"
        raise Misconfigured(f'"{url}": unknown option "{unknown[0]}"; there are: {known}')
    if parts.fragment or "@" in parts.netloc:
        raise Misconfigured(f'"{url}" has more than a lease store needs; write it as in {example}')
    # The bucket's or container's name keeps its case, which `hostname` does not.
    host = parts.netloc if port is None else (parts.hostname or "")
    return Address(host, port, parts.path.removeprefix("/").removesuffix("/"), given)


def remaining_s(request: LeaseRequest) -> float:
    """How long a call may still take. Raises Retryable when it must not begin any more."""
    left_ns = request.deadline_ns - boot_ns()
    if left_ns <= 0:
        raise Retryable(f"{request.url} was not asked: the deadline had passed", 0.0)
    return left_ns / 1e9
