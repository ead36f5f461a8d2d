"""One machine of the lab: its namespaces, its process 1, its network cards.

Rule: everything the machine is ends when its process 1 is killed.

Runs inside the lab server, which must be single-threaded.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Never

from hafw.net import nft
from hafw.net.netlink import (
    NETLINK_NETFILTER,
    NETLINK_ROUTE,
    NLM_F_REQUEST,
    NetlinkSocket,
    attribute,
    message,
)
from hafw.net.rtnetlink import Rtnl
from hafw_sim.lab import namespaces, responder
from hafw_sim.lab.topology import GATEWAY, IDS_PER_MACHINE, Plan

_OWN: Final = (
    namespaces.CLONE_NEWNET
    | namespaces.CLONE_NEWUTS
    | namespaces.CLONE_NEWNS
    | namespaces.CLONE_NEWIPC
)
_READY: Final = b"ready"

# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NFGENMSG: Final = struct.Struct(">BBH")  # family, version, resource id
_DELTABLE: Final = 10 << 8 | 2  # NFNL_SUBSYS_NFTABLES, NFT_MSG_DELTABLE

# linux/rtnetlink.h, linux/net_namespace.h
_RTM_NEWNSID: Final = 88
_NETNSA_NSID: Final = 1
_NETNSA_PID: Final = 2


class BootFailed(Exception):
    """A machine of the lab did not come up; the text is what its process 1 said."""


@dataclass(frozen=True, slots=True)
class Host:
    """A running machine: process 1 (its number and its pidfd) and commands to its network."""

    plan: Plan
    init: int
    init_fd: int
    network: Rtnl

    @classmethod
    def boot(cls, plan: Plan, boots: int) -> Host:
        """Make the namespaces and process 1 of ``plan``, for the ``boots``-th time.

        It has no network cards yet. Raises `BootFailed`.
        """
        reader, writer = os.pipe()
        with namespaces.children_elsewhere():
            namespaces.unshare(namespaces.CLONE_NEWPID)
            init = os.fork()
            if init == 0:
                _be_init(plan, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as report:
            said = report.read(4096)
        if said != _READY:
            os.waitpid(init, 0)
            raise BootFailed(f"{plan.name} did not boot: {said.decode(errors='replace')}")
        init_fd = os.pidfd_open(init)
        with namespaces.in_network_of(init_fd):
            network = Rtnl()
        _name_network(init, plan.number * IDS_PER_MACHINE + boots)
        return cls(plan, init, init_fd, network)

    def configure(self) -> None:
        """Set up the network cards, which have been moved here under their port names."""
        self.network.set_link("lo", up=True)
        for number, outlet in enumerate(self.plan.sockets):
            card = f"eth{number}"
            self.network.set_link(
                arriving_name(self.plan, number), mac=self.plan.mac(number), new_name=card
            )
            self.network.set_link(card, up=True)
            for address in outlet.addresses:
                self.network.add_address(card, address.ip, address.network.prefixlen)

        if self.plan is not GATEWAY:
            for outlet in GATEWAY.sockets:
                for address in outlet.addresses:
                    self.network.add_default_route(address.ip)

    def flush_ruleset(self) -> None:
        """Delete all nftables tables of the machine that no living process owns."""
        everything = _NFGENMSG.pack(socket.AF_UNSPEC, 0, 0)
        delete = message(_DELTABLE, NLM_F_REQUEST, everything, 0)
        with (
            namespaces.in_network_of(self.init_fd),
            NetlinkSocket(NETLINK_NETFILTER) as tables,
        ):
            tables.transact(nft.transaction([delete]), f"flush the ruleset of {self.plan.name}")

    def kill(self) -> None:
        """Kill process 1 and with it every process of the machine; it needs reaping."""
        os.kill(self.init, signal.SIGKILL)

    def bury(self) -> None:
        """Reap process 1 and let go of the namespaces; the machine's children are reaped before."""
        os.waitpid(self.init, 0)
        self.network.close()
        os.close(self.init_fd)


def arriving_name(plan: Plan, card: int) -> str:
    """Return the name under which a card is moved into the machine, unique in the lab."""
    return f"card{plan.number}.{card}"


def _be_init(plan: Plan, report: int) -> Never:
    """Be process 1 of a new machine: enter its namespaces, say so, answer echo until killed."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps orphans for us
        namespaces.set_process_name(f"init:{plan.name}")
        namespaces.close_all_but({0, 1, 2, report})
        namespaces.unshare(_OWN)
        namespaces.mount_private_proc()
        namespaces.mount_private_sys()
        namespaces.set_hostname(plan.name)
        for scope in ("all", "default"):  # addresses given by hand answer at once
            Path(f"/proc/sys/net/ipv6/conf/{scope}/accept_dad").write_text("0")
        sockets = responder.open_sockets()
        os.write(report, _READY)
        os.close(report)
        responder.serve(sockets, plan.number)
    except BaseException as problem:  # noqa: BLE001 - a fork never returns to its parent's code
        os.write(report, str(problem).encode())
    finally:
        os._exit(1)


def _name_network(process: int, number: int) -> None:
    with NetlinkSocket(NETLINK_ROUTE) as here:
        payload = struct.pack("=B3x", 0)  # struct rtgenmsg: family
        payload += attribute(_NETNSA_NSID, struct.pack("=i", number))
        payload += attribute(_NETNSA_PID, struct.pack("=I", process))
        here.request(_RTM_NEWNSID, 0, payload, f"name network namespace {number}")
