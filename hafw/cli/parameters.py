"""The forms of `hafw create`'s options: links, VIPs, addresses, durations, and where to listen.

One rule: a wrong value is a usage error that shows the right form.

What reads cluster files is imported when a value is parsed: the help must not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.config.model import IPAddress, IPInterface, Link, LinkEnd

T = TypeVar("T")
MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class VipChoice:
    """One `--vip`: the address with its prefix, and the interface on each node."""

    address: IPInterface
    interfaces: tuple[str, str]


class Form(click.ParamType[T, Any]):
    """An option value that `parse` reads, raising ValueError for what has not the form."""

    def __init__(self, name: str, parse: Callable[[str], T], example: str) -> None:
        """`example` shows the form in the error message."""
        self.name = name
        self._parse = parse
        self._example = example

    def convert(
        self, value: str | T, param: click.Parameter | None, ctx: click.Context | None
    ) -> T:
        """Read the value, unless that has been done already."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f'"{value}": {error}; write it as in {self._example}', param, ctx)


def parse_pair(text: str) -> tuple[str, str]:
    """`alpha,beta`: something for the first node, and for the second."""
    match text.split(","):
        case [first, second] if first and second:
            return first, second
    raise ValueError("this is not one name for each of the two nodes")


def parse_link(text: str) -> Link:
    """`eth1=10.2.2.100,eth1=10.2.2.101`: interface and address on the first and second node."""
    from hafw.config.model import Link

    first, second = parse_pair(text)
    return Link(ends=(_parse_end(first), _parse_end(second)))


def _parse_end(text: str) -> LinkEnd:
    from hafw.config.model import LinkEnd

    interface, equals, address = text.partition("=")
    if not equals:
        raise ValueError(f'"{text}" is not interface=address')
    return LinkEnd(interface=interface, address=ip_address(address))


def parse_vip(text: str) -> VipChoice:
    """`10.1.1.111/24@eth0`, or `@eth0,ens5` where the second node's interface has another name."""
    address, at, interfaces = text.partition("@")
    if not at or "/" not in address:
        raise ValueError("this is not address/prefix@interface")
    pair = parse_pair(interfaces) if "," in interfaces else (interfaces, interfaces)
    return VipChoice(ip_interface(address), pair)


def parse_time(text: str) -> int:
    """`300ms`, in nanoseconds."""
    from hafw.config.durations import DurationError, parse_duration

    try:
        return parse_duration(text)
    except DurationError as error:
        raise ValueError(error.what) from error


def parse_listen(text: str) -> tuple[str, int]:
    """`10.2.0.5:7411` or `[fd00::5]:7411`: the address and port to listen on."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValueError("this is not address:port")
    return str(ip_address(host.removeprefix("[").removesuffix("]"))), int(port)


NODES: Form[tuple[str, str]] = Form("A,B", parse_pair, "alpha,beta")
LINK: Form[Link] = Form("IF=ADDR,IF=ADDR", parse_link, "eth1=10.2.2.100,eth1=10.2.2.101")
VIP: Form[VipChoice] = Form("ADDR/PREFIX@IF", parse_vip, "10.1.1.111/24@eth0")
ADDRESS: Form[IPAddress] = Form("ADDR", ip_address, "10.1.1.1")
DURATION: Form[int] = Form("TIME", parse_time, "300ms")
LISTEN: Form[tuple[str, int]] = Form("ADDR:PORT", parse_listen, "10.2.0.5:7411")
