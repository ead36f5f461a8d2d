"""What `hafw precheck --live-probe` tries on Azure: the assumptions of docs/azure.md.

One rule: without a scratch address the only write that is sent carries a wrong ETag, so that it
must be refused, and writes what is there already.
"""

from __future__ import annotations

import select
import time
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from hafw import answering
from hafw.hooks.errors import Denied, ProviderError
from hafw.hooks.findings import Findings
from hafw.net.packet import PacketSocket
from hafw.probe_rounds import there_and_back
from hafw.providers.azure import fence, load_balancer
from hafw.providers.azure.errors import Changed, decided
from hafw.providers.azure.orders import check_identity, move_of, mover_of
from hafw.providers.azure.values import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.hooks.hookspecs import FenceRequest, VipObservation, VipRequest
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.values import Move

WRONG: Final = 'W/"00000000-0000-0000-0000-000000000000"'
"""No ETag of anything, in the form of one."""
PROBES: Final = 3
"""So many of a load balancer's probes are waited for."""


def probe(vip: VipRequest, arm: Arm, address: str) -> Findings:
    """The mover of `vip`, by a wrong ETag and with the scratch `address`, if there is one."""
    notes, move = Findings(f"mover {vip.options['mover']}"), move_of(vip)
    try:
        check_identity(vip)
        if vip.options["mover"] == "nic":
            _etag(arm.nic(move.me), arm.write_nic, notes)
        else:
            _etag(arm.table(move.tables[0]), arm.write_table, notes)
    except ProviderError as problem:
        notes.refused("probe.etag", problem)
        return notes
    if address:
        notes.where = f"{notes.where}, {address}"
        there_and_back(_Scratch(replace(vip, address=address, group=0), arm), notes)
    return notes


def arrival(vip: VipRequest, arm: Arm) -> Findings:
    """Whether the load balancer's probes reach this node: seen before any gate and filter here."""
    notes = Findings(f"mover {load_balancer.NAME}, {vip.address}")
    port = answering.port_of(vip)
    try:
        within_s = min(load_balancer.check(vip, arm).follows_s * PROBES, arm.left_s())
    except ProviderError as problem:
        notes.refused("probe.arrival", problem)
        return notes
    began_s = time.monotonic()
    try:
        with PacketSocket.for_tcp(vip.interface, ip_address(vip.address).version, port) as packets:
            came = bool(select.select([packets], [], [], within_s)[0])
    except OSError as problem:
        what = f"whether probes come to {vip.interface} cannot be seen: {problem.strerror}"
        notes.error("probe.arrival", what, "run this as root, on a node")
        return notes
    if came:
        took_s = time.monotonic() - began_s
        notes.ok("probe.arrival", f"a probe came to port {port} after {took_s:.1f} s")
    else:
        what = f"no probe came to port {port} of {vip.interface} in {within_s:.0f} s"
        notes.error("probe.arrival", what, "let 168.63.129.16 in, in the network security group")
    return notes


def power(request: FenceRequest, arm: Arm) -> Findings:
    """Whether this node's roles are enough to read the power state of the peer's machine."""
    notes = Findings(f"fence azure of {request.target}")
    try:
        server = arm.server(fence.target_of(request).name)
    except ProviderError as problem:
        notes.refused("probe.power", problem)
        return notes
    if server.power == "unknown":
        what = "the instance view shows no power state, with this node's roles"
        notes.error(
            "probe.power", what, "grant Microsoft.Compute/virtualMachines/instanceView/read"
        )
    else:
        notes.ok("probe.power", f"the instance view shows it: {server.power}")
    return notes


class _Scratch:
    """The scratch address on Azure, which nobody else moves. Epochs rise with the clock."""

    def __init__(self, vip: VipRequest, arm: Arm) -> None:
        """`vip`: the address as this node would have it."""
        self._mover, self._arm = mover_of(vip), arm
        self._move = replace(move_of(vip), epoch=int(time.time()), alone=True)

    def seen(self) -> VipObservation:
        found: VipObservation = self._mover.observe(self._arm, self._move)
        return found

    def bring(self, *, to_peer: bool) -> None:
        move = self._peers() if to_peer else self._move
        decided(self._arm, lambda: bool(self._mover.attach(self._arm, move)))

    def give_up(self) -> None:
        for move in (self._move, self._peers()):
            decided(
                self._arm,
                lambda move=move: bool(self._mover.detach(self._arm, move)),  # type: ignore[misc]
            )

    def _peers(self) -> Move:
        move = self._move
        return replace(move, me=move.peer, peer=move.me, epoch=move.epoch + 1)


def _etag(found: Document, write: Callable[[Document], Document], notes: Findings) -> None:
    """Whether a write over what has changed is refused, and whether it may be asked for."""
    try:
        write(Document({**found.body, "etag": WRONG}))
    except Changed:
        notes.ok("probe.etag", f"a write of {found.name} with a wrong ETag is refused, and allowed")
    except Denied as problem:
        notes.refused("probe.etag", problem)
    except ProviderError as problem:
        what = f"a write of {found.name} with a wrong ETag is refused in other words: {problem}"
        notes.warn("probe.etag", what, "report them")
    else:
        what = f"a write of {found.name} with a wrong ETag was made: two nodes could both win"
        notes.error("probe.etag", what, "do not use this mover, and report this")
