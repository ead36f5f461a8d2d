"""Frames on their way out of a bridge port led to another interface, by the sender's address.

Rule: they are led away after the bridge has judged them, so losses hold for them too; what is sent
out of the port past its queue (PACKET_QDISC_BYPASS) is not led away again.

This is the kernel's traffic control, in every kernel as sch_ingress, cls_bpf and act_mirred.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

from hafw.net.netlink import (
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NetlinkSocket,
    attribute,
    nested,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/rtnetlink.h, linux/pkt_sched.h, linux/if_ether.h
_RTM_NEWQDISC, _RTM_DELQDISC, _RTM_NEWTFILTER = 36, 37, 44
_TCMSG: Final = struct.Struct("=BxHiIII")  # family, interface, handle, parent, info
_TCA_KIND, _TCA_OPTIONS = 1, 2
_CLSACT: Final = 0xFFFFFFF1  # TC_H_CLSACT as parent
_CLSACT_HANDLE: Final = 0xFFFF0000
_CLSACT_EGRESS: Final = 0xFFFFFFF3  # TC_H_CLSACT with TC_H_MIN_EGRESS
_ETH_P_ALL: Final = 3
_FILTER: Final = 1  # our one filter's number and priority

# linux/pkt_cls.h, linux/tc_act/tc_mirred.h
_BPF_ACTIONS, _BPF_OPERATIONS_NUMBER, _BPF_OPERATIONS = 1, 4, 5
_ACTION_KIND, _ACTION_OPTIONS = 1, 2
_MIRRED_PARAMETERS: Final = 2
_MIRRED: Final = struct.Struct("=IIiiiiI")  # index, capab, action, refcnt, bindcnt, how, interface
_STOLEN: Final = 4  # TC_ACT_STOLEN
_EGRESS_REDIRECT: Final = 1

# linux/filter.h, linux/bpf_common.h
_INSTRUCTION: Final = struct.Struct("=HBBI")  # code, jump if true, jump if false, operand
_LOAD_WORD, _LOAD_HALF, _IF_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_SENDER: Final = 6  # where the source address is in an Ethernet frame
_MATCH, _NO_MATCH = 0xFFFFFFFF, 0


def prepare(port: str) -> None:
    """Allow a detour at a bridge port; nothing is led away yet.

    Raises `hafw.net.netlink.NetlinkError`, as all functions here do.
    """
    what = _qdisc(port) + attribute(_TCA_KIND, text("clsact"))
    _request(_RTM_NEWQDISC, NLM_F_CREATE, what, port)


def lead(port: str, senders: Iterable[bytes], interface: str) -> None:
    """From now on lead what exactly these hardware addresses send out of ``interface``."""
    index, priority = socket.if_nametoindex(port), _FILTER << 16 | socket.htons(_ETH_P_ALL)
    program = _sent_by(senders)
    operations = struct.pack("=H", len(program) // _INSTRUCTION.size)
    what = _TCMSG.pack(0, 0, index, _FILTER, _CLSACT_EGRESS, priority)
    what += attribute(_TCA_KIND, text("bpf"))
    what += nested(
        _TCA_OPTIONS,
        nested(_BPF_ACTIONS, _redirection(interface)),
        attribute(_BPF_OPERATIONS_NUMBER, operations),
        attribute(_BPF_OPERATIONS, program),
    )
    _request(_RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, what, port)


def end(port: str) -> None:
    """Lead nothing away any more."""
    _request(_RTM_DELQDISC, 0, _qdisc(port), port)


def _request(kind: int, flags: int, what: bytes, port: str) -> None:
    aim = f"lead frames away at {port} (with the kernel's sch_ingress, cls_bpf and act_mirred)"
    with NetlinkSocket(NETLINK_ROUTE) as here:
        here.request(kind, flags, what, aim)


def _qdisc(port: str) -> bytes:
    return _TCMSG.pack(0, 0, socket.if_nametoindex(port), _CLSACT_HANDLE, _CLSACT, 0)


def _sent_by(senders: Iterable[bytes]) -> bytes:
    """Return a classic BPF program that matches the frames of these hardware addresses."""
    program = b""
    for mac in senders:
        program += b"".join(
            (
                _INSTRUCTION.pack(_LOAD_WORD, 0, 0, _SENDER),
                _INSTRUCTION.pack(_IF_EQUAL, 0, 3, int.from_bytes(mac[:4], "big")),
                _INSTRUCTION.pack(_LOAD_HALF, 0, 0, _SENDER + 4),
                _INSTRUCTION.pack(_IF_EQUAL, 0, 1, int.from_bytes(mac[4:], "big")),
                _INSTRUCTION.pack(_RETURN, 0, 0, _MATCH),
            )
        )
    return program + _INSTRUCTION.pack(_RETURN, 0, 0, _NO_MATCH)


def _redirection(interface: str) -> bytes:
    """Return the action that sends a frame out of ``interface`` instead."""
    index = socket.if_nametoindex(interface)
    parameters = _MIRRED.pack(0, 0, _STOLEN, 0, 0, _EGRESS_REDIRECT, index)
    first = 1  # the only action of the filter
    return nested(
        first,
        attribute(_ACTION_KIND, text("mirred")),
        nested(_ACTION_OPTIONS, attribute(_MIRRED_PARAMETERS, parameters)),
    )
