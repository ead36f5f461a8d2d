"""Can this machine do its part: interfaces, addresses, the kernel's gate, its clock?

One rule: the gate that is tried guards no address, has a name of its own, and is taken away again.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

from hafw.cli.prechecks import daemons
from hafw.hooks.findings import Finding, Findings
from hafw.net.gate import Gate
from hafw.net.netlink import NetlinkError
from hafw.net.rtmessages import OperState
from hafw.net.rtnetlink import Rtnl

if TYPE_CHECKING:
    from hafw.cli.prechecks.subject import Subject
    from hafw.config.model import IPAddress

_ADJTIME_BYTES: Final = 256
"""More than `struct timex` has on any machine (208 bytes where long has 64 bits)."""
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


def interfaces(subject: Subject) -> list[Finding]:
    """This node's end of each link, and where its VIPs go."""
    found: list[Finding] = []
    with Rtnl() as rtnl:
        for number, link in enumerate(subject.cluster.links, 1):
            end = link.ends[subject.number]
            notes = Findings(f"link{number} ({end.interface})")
            if _carries(rtnl, end.interface, notes):
                _has_address(rtnl, end.interface, end.address, notes)
            found += notes.found
        names = {
            vip.interfaces[subject.number] for group in subject.cluster.groups for vip in group.vips
        }
        for name in sorted(names):
            notes = Findings(name)
            if _carries(rtnl, name, notes):
                daemons.of_interface(name, rtnl.link_index(name), notes)
            found += notes.found
    return found


def _carries(rtnl: Rtnl, name: str, notes: Findings) -> bool:
    """Whether the interface is there; finds whether it is up."""
    try:
        link = rtnl.link(name)
    except (NetlinkError, TimeoutError) as problem:
        there = ", ".join(sorted(one.name for one in rtnl.links() if one.name != "lo"))
        remedy = f"name one that is there ({there}), in the cluster file"
        notes.error("interface.there", f"it cannot be found: {problem}", remedy)
        return False
    if link.up and link.carrier and link.operstate is not OperState.DOWN:
        notes.ok("interface.up", "it is up, and has a carrier")
    else:
        what = "it has no carrier" if link.up else "it is down"
        remedy = "see cable and switch" if link.up else f"ip link set {name} up"
        notes.error("interface.up", what, remedy)
    return True


def _has_address(rtnl: Rtnl, name: str, wanted: IPAddress, notes: Findings) -> None:
    there = [address.ip for address in rtnl.addresses(name)]
    if wanted in there:
        notes.ok("link.address", f"it has {wanted}")
        return
    listed = ", ".join(map(str, there)) or "none"
    remedy = "correct the address of this node's end in the cluster file, or that of the interface"
    notes.error("link.address", f"it does not have {wanted} (it has {listed})", remedy)


def gate(subject: Subject) -> list[Finding]:
    """Whether the kernel takes a gate from us."""
    notes = Findings(subject.node)
    try:
        with Gate(f"hafw_precheck_{os.getpid()}") as trial:
            guarding = trial.install(())
            trial.remove()
    except (NetlinkError, OSError) as problem:
        remedy = (
            "run it as root on Linux 5.10 or later with nf_tables and its families inet and arp"
        )
        notes.error("machine.gate", f"the kernel takes no gate (nftables): {problem}", remedy)
    else:
        notes.ok("machine.gate", f"the kernel takes a gate; it can be removed by {guarding.value}")
    return notes.found


def clock(subject: Subject) -> list[Finding]:
    """Whether something keeps this machine's clock right."""
    notes = Findings(subject.node)
    buffer = ctypes.create_string_buffer(_ADJTIME_BYTES)  # modes = 0: only read
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state == _TIME_ERROR or state < 0:
        notes.warn(
            "machine.clock",
            "nothing keeps the clock right",
            "run chrony or systemd-timesyncd: clouds refuse requests of a clock that is minutes "
            "off, and the journals of two nodes are hard to compare",
        )
    else:
        notes.ok("machine.clock", "it is kept in step")
    return notes.found
