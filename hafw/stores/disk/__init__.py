"""The lease store `disk:/dev/…`: a block device that both nodes see, one sector per node and group.

One rule: a node writes only its own sectors; what they mean together is decided by `ballots`.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.hooks.errors import Conflict, Misconfigured, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, LeaseValue, hookimpl
from hafw.net.clock import boot_ns
from hafw.sectors import Damaged
from hafw.stores.address import remaining_s
from hafw.stores.disk import ballots
from hafw.stores.disk.ballots import Block, Step, Value
from hafw.stores.disk.sectors import ID_LEN, MAX_HOLDER, Disk

if TYPE_CHECKING:
    from collections.abc import Generator

EXAMPLE: Final = "disk:/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"
_PAUSES_S: Final = (0.001, 0.03)
"""Shorter and longer than a round takes; drawn anew each time, so that two nodes get apart."""


@hookimpl
def hafw_lease_warm(request: LeaseRequest) -> None:
    """Refuse a disk that is not this cluster's."""
    try:
        hafw_lease_read(request)
    except Retryable:
        return


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Read both sectors, and settle what the other node left open."""
    return _reading(_run(request, ballots.read(request.node)))


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Run rounds until one is decided."""
    new = request.new
    try:
        expected = bytes.fromhex(request.expected.version)
        value = Value(new.epoch, new.incarnation, bytes.fromhex(new.nonce), new.holder, new.ttl_ms)
    except ValueError:
        raise Misconfigured(f"{request.url}: a nonce or version is not hexadecimal") from None
    if len(value.nonce) != ID_LEN or len(value.holder.encode()) > MAX_HOLDER:
        raise Misconfigured(f"{request.url}: the name {new.holder} is longer than {MAX_HOLDER}")
    try:
        return _reading(_run(request, ballots.swap(request.node, expected, value), value))
    except ballots.Changed:
        raise Conflict(
            f"{request.url}: the lease of group {request.group} had changed; nothing is written"
        ) from None
    except ballots.Lost:
        raise UnknownOutcome(
            f"{request.url}: the lease of group {request.group} is another's, and may have been "
            "this node's in between"
        ) from None


def _run(
    request: LeaseRequest,
    steps: Generator[Step | Block, Block, Value | None],
    new: Value | None = None,
) -> Value | None:
    """Carry out the steps on the disk. `new`: a value whose writing leaves the outcome open."""
    remaining_s(request)
    path, cluster = _parsed(request)
    written = False

    def expired() -> bool:
        return boot_ns() >= request.deadline_ns

    try:
        with Disk(path, cluster, expired) as disk:
            disk.lock(request.group, request.node)
            step = next(steps)
            while True:
                answer = Block()
                if isinstance(step, Block):
                    written = written or (new is not None and step.value == new)
                    disk.write(request.group, request.node, step)
                elif step is Step.PAUSE:
                    time.sleep(random.uniform(*_PAUSES_S))  # noqa: S311 - no secret
                else:
                    node = request.node if step is Step.READ_MINE else 1 - request.node
                    answer = disk.read(request.group, node)
                step = steps.send(answer)
    except StopIteration as end:
        value: Value | None = end.value
        return value
    except (Damaged, OSError) as problem:
        raise _failed(request, problem, written=written) from None


def _failed(request: LeaseRequest, problem: Exception, *, written: bool) -> ProviderError:
    told = f"{request.url}: {problem}"
    if written:
        return UnknownOutcome(f"{told}; the swap may or may not have been made")
    if isinstance(problem, Damaged):
        return Misconfigured(
            f"{told}; stop hafw on both nodes, then blank it: dd if=/dev/zero of=DISK bs=1M count=3"
        )
    return Retryable(f"{told}; nothing is changed", 0.0)


def _parsed(request: LeaseRequest) -> tuple[str, bytes]:
    """The path, and the cluster's id."""
    path = request.url.removeprefix("disk:").removeprefix("//")
    if not path.startswith("/"):
        raise Misconfigured(f'"{request.url}" names no disk; write it as in {EXAMPLE}')
    try:
        return path, UUID(request.cluster_id).bytes
    except ValueError as problem:
        raise Misconfigured(f"{request.url}: cluster id: {problem}") from None


def _reading(value: Value | None) -> LeaseReading:
    if value is None:
        return LeaseReading(value=None, version="")
    nonce = value.nonce.hex()
    return LeaseReading(
        value=LeaseValue(
            epoch=value.epoch,
            holder=value.holder,
            incarnation=value.incarnation,
            nonce=nonce,
            ttl_ms=value.ttl_ms,
        ),
        version=nonce,
    )
