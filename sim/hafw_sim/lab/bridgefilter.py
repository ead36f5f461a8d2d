"""Frames lost on purpose: one nftables table of the bridge family, rebuilt at every change.

Rule: rules name pairs of bridge ports, so a frame is judged by the cables it takes and not by the
addresses it claims; a change takes effect in one transaction.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.net import nft
from hafw.net.netlink import (
    NETLINK_NETFILTER,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REQUEST,
    NetlinkSocket,
    attribute,
    message,
    nested,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

_TABLE: Final = "lab"
_CHAIN: Final = "forward"
_SHARES: Final = 1_000_000  # a loss is a number of millionths

# linux/netfilter.h, linux/netfilter_bridge.h, linux/if_ether.h, linux/if.h
_NFPROTO_BRIDGE: Final = 7
_NF_BR_FORWARD: Final = 2
_ETHERTYPES: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}
_INTERFACE_NAME_BYTES: Final = 16

# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NFNL_SUBSYS_NFTABLES: Final = 10
_HEADER: Final = struct.Struct(">BBH")  # struct nfgenmsg: family, version, resource id
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = 0, 2, 3, 6
_TABLE_NAME: Final = 1
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_TYPE = 1, 3, 4, 7
_HOOK_NUMBER, _HOOK_PRIORITY = 1, 2
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_LIST_ELEMENT, _EXPRESSION_NAME, _EXPRESSION_DATA, _DATA_VALUE = 1, 1, 2, 1
_META_PROTOCOL, _META_IIFNAME, _META_OIFNAME = 1, 6, 7
_REGISTER: Final = 1  # NFT_REG_1, which the shared expressions use too
_NUMGEN_RANDOM: Final = 1
_BYTEORDER_HTON: Final = 1
_LESS: Final = 2

# Where the source address is in the header of each IP version: RFC 791, RFC 8200.
_SOURCE_OFFSET: Final = {4: 12, 6: 8}


@dataclass(frozen=True, slots=True)
class Drop:
    """Lose this share of the frames that go from bridge port ``source`` to ``target``."""

    source: str
    target: str
    share: float


@dataclass(frozen=True, slots=True)
class SourceGuard:
    """Lose every packet that enters by ``port`` and says that it comes from ``claimed``.

    So do switches with IP source guard: a port may speak only for the address it was given.
    """

    port: str
    claimed: IPv4Address | IPv6Address


class BridgeFilter:
    """The filter of all bridges in the network namespace it is constructed in."""

    def __init__(self) -> None:
        """Open the socket; nothing is filtered before `replace`."""
        self._socket = NetlinkSocket(NETLINK_NETFILTER)

    def replace(self, rules: Iterable[Drop | SourceGuard]) -> None:
        """Filter by exactly these rules from now on. Raises `hafw.net.netlink.NetlinkError`."""
        table = attribute(_TABLE_NAME, text(_TABLE))
        commands = [
            _command(_NEWTABLE, NLM_F_CREATE, table),  # so that there always is one to delete
            _command(_DELTABLE, 0, table),
            _command(_NEWTABLE, NLM_F_CREATE, table),
            _command(_NEWCHAIN, NLM_F_CREATE, _chain()),
            *(_command(_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, _rule(rule)) for rule in rules),
        ]
        self._socket.transact(nft.transaction(commands), "replace the lab's bridge filter")


def _chain() -> bytes:
    hook = nested(
        _CHAIN_HOOK,
        attribute(_HOOK_NUMBER, _u32(_NF_BR_FORWARD)),
        attribute(_HOOK_PRIORITY, _u32(0)),
    )
    name = attribute(_CHAIN_TABLE, text(_TABLE)) + attribute(_CHAIN_NAME, text(_CHAIN))
    return name + hook + attribute(_CHAIN_TYPE, text("filter"))


def _rule(rule: Drop | SourceGuard) -> bytes:
    match rule:
        case Drop(source, target, share):
            conditions = [
                _meta(_META_IIFNAME),
                nft.equals(_port(source)),
                _meta(_META_OIFNAME),
                nft.equals(_port(target)),
                *(() if share >= 1 else _by_chance(share)),
            ]
        case SourceGuard(port, claimed):
            offset = _SOURCE_OFFSET[claimed.version]
            conditions = [
                _meta(_META_IIFNAME),
                nft.equals(_port(port)),
                _meta(_META_PROTOCOL),
                nft.equals(_ETHERTYPES[claimed.version]),
                nft.load_payload(nft.Base.NETWORK, offset, len(claimed.packed)),
                nft.equals(claimed.packed),
            ]
    place = attribute(_RULE_TABLE, text(_TABLE)) + attribute(_RULE_CHAIN, text(_CHAIN))
    return place + nested(_RULE_EXPRESSIONS, *conditions, nft.drop())


def _meta(key: int) -> bytes:
    """Load a property of the frame."""
    return _expression("meta", _u32(_REGISTER), _u32(key))  # NFTA_META_DREG, _KEY


def _by_chance(share: float) -> tuple[bytes, bytes, bytes]:
    """Match this share of the frames."""
    # NFTA_NG_DREG, _MODULUS, _TYPE
    draw = _expression("numgen", _u32(_REGISTER), _u32(_SHARES), _u32(_NUMGEN_RANDOM))
    # The number comes in host order, but bytes compare as numbers only in network order.
    # NFTA_BYTEORDER_SREG, _DREG, _OP, _LEN, _SIZE
    words = (_REGISTER, _REGISTER, _BYTEORDER_HTON, 4, 4)
    swap = _expression("byteorder", *(_u32(word) for word in words))
    # NFTA_CMP_SREG, _OP, _DATA
    limit = attribute(_DATA_VALUE, _u32(round(share * _SHARES)))
    return draw, swap, _expression("cmp", _u32(_REGISTER), _u32(_LESS), limit)


def _expression(name: str, *fields: bytes) -> bytes:
    """Return an expression with these attributes, which the kernel numbers from 1."""
    numbered = (attribute(number, field) for number, field in enumerate(fields, start=1))
    return nested(
        _LIST_ELEMENT,
        attribute(_EXPRESSION_NAME, text(name)),
        nested(_EXPRESSION_DATA, *numbered),
    )


def _command(kind: int, flags: int, what: bytes) -> bytes:
    payload = _HEADER.pack(_NFPROTO_BRIDGE, 0, 0) + what
    return message(_NFNL_SUBSYS_NFTABLES << 8 | kind, NLM_F_REQUEST | flags, payload, 0)


def _port(name: str) -> bytes:
    return name.encode().ljust(_INTERFACE_NAME_BYTES, b"\0")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
