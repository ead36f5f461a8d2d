"""Turns what the operator gave (or, on a terminal, is asked for) into a `Cluster`.

One rule: the wizard only fills in; whether the result is right is judged by the same reader that
reads the file later.
"""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING, TypeVar

import click

from hafw.cli.detect import address_towards, default_gateway
from hafw.config.model import Cluster, Group, Link, LinkEnd, Mode, Ping, Protection, Vip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hafw.config.model import IPAddress, IPInterface
    from hafw.core.settings import Timing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VipChoice:
    """One `--vip`: the address, and the interface on each node."""

    address: IPInterface
    interfaces: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the command line gave; None where the operator is still to be asked."""

    name: str | None
    node: str
    nodes: tuple[str, str] | None
    links: tuple[Link, ...]
    pings: tuple[IPAddress, ...] | None
    reflect: IPAddress | None
    vips: tuple[VipChoice, ...]
    group_ids: tuple[int, ...]
    mode: Mode
    auto_failback: bool
    best_effort: bool
    port: int
    key_file: Path
    timing: Timing
    interactive: bool
