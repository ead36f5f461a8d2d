"""Messages to nftables as bytes: tables, chains, sets, rules, and the transaction around them.

Rule: pure; nothing here knows what the rules are for. All integers in attributes are big-endian.
Sequence numbers are left 0: `NetlinkSocket.transact` sets them.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.net.netlink import (
    NLM_F_ACK,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REQUEST,
    as_text,
    attribute,
    attributes,
    message,
    nested,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hafw.net.netlink import Message

# linux/netfilter/nfnetlink.h
NFNLGRP_NFTABLES: Final = 7
_SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES, the high byte of a message type
_BATCH_BEGIN: Final = 16  # NFNL_MSG_BATCH_BEGIN
_BATCH_END: Final = 17
_HEADER: Final = struct.Struct("!BBH")  # struct nfgenmsg: family, version, resource
_LIST_ELEM: Final = 1  # NFTA_LIST_ELEM

# linux/netfilter/nf_tables.h: enum nf_tables_msg_types
_NEWTABLE: Final = 0
_DELTABLE: Final = 2
_NEWCHAIN: Final = 3
_NEWRULE: Final = 6
_NEWSET: Final = 9
_NEWSETELEM: Final = 12
_DELSETELEM: Final = 14
_NEWGEN: Final = 15  # end of each transaction; names no table

# The same header: attributes
_OBJECT_TABLE: Final = 1  # NFTA_{TABLE_NAME,CHAIN_TABLE,RULE_TABLE,SET_TABLE,SET_ELEM_LIST_TABLE}
_TABLE_FLAGS: Final = 2
_CHAIN_NAME: Final = 3
_CHAIN_HOOK: Final = 4
_CHAIN_TYPE: Final = 7
_HOOK_HOOKNUM: Final = 1
_HOOK_PRIORITY: Final = 2
_RULE_CHAIN: Final = 2
_RULE_EXPRESSIONS: Final = 4
_EXPR_NAME: Final = 1
_EXPR_DATA: Final = 2
_SET_NAME: Final = 2
_SET_FLAGS: Final = 3
_SET_KEY_TYPE: Final = 4
_SET_KEY_LEN: Final = 5
_SET_ID: Final = 10
_SET_GC_INTERVAL: Final = 12
_SET_TIMEOUT: Final = 0x10  # NFT_SET_TIMEOUT: elements may have an end
_ELEM_LIST_SET: Final = 2
_ELEM_LIST_ELEMENTS: Final = 3
_ELEM_KEY: Final = 1
_ELEM_TIMEOUT: Final = 4
_DATA_VALUE: Final = 1
_DATA_VERDICT: Final = 2
_VERDICT_CODE: Final = 1
_VERDICT_REGISTER: Final = 0  # NFT_REG_VERDICT
_REGISTER: Final = 1  # NFT_REG_1: each of our expressions fills or reads this one
_NF_DROP: Final = 0  # linux/netfilter.h

# Elements that ran out stay in the kernel's table until swept, each second by default. More than 16
# of one key at a time, and adding that key may fail with EBUSY (lib/rhashtable.c).
_GC_INTERVAL_MS: Final = 200

# nft's own names for keys by size: inet_service, ipv4_addr, ipv6_addr
_KEY_TYPES: Final = {2: 13, 4: 7, 16: 8}
_FLAGS: Final = struct.Struct("=H")
_FLAGS_OFFSET: Final = 6  # of nlmsg_flags in struct nlmsghdr


class Family(enum.IntEnum):
    """The protocol families used; values from linux/netfilter.h (NFPROTO_*)."""

    INET = 1
    ARP = 3


class Hook(enum.IntEnum):
    """Where a chain hooks in; values from linux/netfilter.h and linux/netfilter_arp.h."""

    PREROUTING = 0  # NF_INET_PRE_ROUTING
    INPUT = 1  # NF_INET_LOCAL_IN
    OUTPUT = 3  # NF_INET_LOCAL_OUT
    ARP_OUTPUT = 1  # NF_ARP_OUT


class TableFlag(enum.IntFlag):
    """Properties of a table; values from linux/netfilter/nf_tables.h (NFT_TABLE_F_*)."""

    NONE = 0
    OWNER = 2  # only the socket that made it can change or flush it (Linux 5.12)
    PERSIST = 4  # and it stays, without owner, when that socket closes (Linux 6.9)


class Meta(enum.IntEnum):
    """Packet properties; values from linux/netfilter/nf_tables.h (enum nft_meta_keys)."""

    NFPROTO = 15
    L4PROTO = 16


class Base(enum.IntEnum):
    """Where a load counts from; values from enum nft_payload_bases."""

    NETWORK = 1
    TRANSPORT = 2


@dataclass(frozen=True, slots=True)
class Table:
    """A table by family and name; two families may use one name."""

    family: Family
    name: str


def transaction(messages: Iterable[bytes]) -> bytes:
    """Return ``messages`` as one datagram; they take effect together or not at all.

    The kernel acknowledges the last of them (acknowledging the end takes Linux 6.10). No messages
    make no datagram.
    """
    parts = list(messages)
    if not parts:
        return b""
    last = bytearray(parts.pop())
    (flags,) = _FLAGS.unpack_from(last, _FLAGS_OFFSET)
    _FLAGS.pack_into(last, _FLAGS_OFFSET, flags | NLM_F_ACK)
    resource = _HEADER.pack(0, 0, _SUBSYSTEM)
    begin = message(_BATCH_BEGIN, NLM_F_REQUEST, resource, 0)
    end = message(_BATCH_END, NLM_F_REQUEST, resource, 0)
    return b"".join((begin, *parts, last, end))


def changed_table(notice: Message) -> str | None:
    """Return the name of the table that a notification is about, None if about none."""
    if notice.type >> 8 != _SUBSYSTEM or notice.type & 0xFF == _NEWGEN:
        return None
    found = dict(attributes(notice.payload[_HEADER.size :]))
    return as_text(found.get(_OBJECT_TABLE, b""))


# -- tables, chains, sets ----------------------------------------------------------------------


def add_table(table: Table, flags: TableFlag = TableFlag.NONE) -> bytes:
    """Create ``table``, or find it there with the same flags."""
    what = attribute(_OBJECT_TABLE, text(table.name)) + attribute(_TABLE_FLAGS, _be32(flags))
    return _command(_NEWTABLE, NLM_F_CREATE, table.family, what)


def delete_table(table: Table) -> bytes:
    """Delete ``table`` with all that is in it."""
    return _command(_DELTABLE, 0, table.family, attribute(_OBJECT_TABLE, text(table.name)))


def add_chain(table: Table, name: str, hook: Hook, priority: int) -> bytes:
    """Create a filter chain hooked in at ``hook``; smaller priorities come first."""
    place = nested(
        _CHAIN_HOOK,
        attribute(_HOOK_HOOKNUM, _be32(hook)),
        attribute(_HOOK_PRIORITY, struct.pack("!i", priority)),
    )
    kind = attribute(_CHAIN_TYPE, text("filter"))
    what = _in(table) + attribute(_CHAIN_NAME, text(name)) + place + kind
    return _command(_NEWCHAIN, NLM_F_CREATE, table.family, what)


def add_set(table: Table, name: str, key_size: int, number: int, *, timeouts: bool) -> bytes:
    """Create a set of ports or addresses, ``key_size`` bytes each, which may have ``timeouts``.

    ``number`` tells apart the sets made in one transaction.
    """
    what = (
        _in(table)
        + attribute(_SET_NAME, text(name))
        + attribute(_SET_FLAGS, _be32(_SET_TIMEOUT if timeouts else 0))
        + attribute(_SET_KEY_TYPE, _be32(_KEY_TYPES[key_size]))
        + attribute(_SET_KEY_LEN, _be32(key_size))
        + attribute(_SET_ID, _be32(number))
    )
    if timeouts:
        what += attribute(_SET_GC_INTERVAL, _be32(_GC_INTERVAL_MS))
    return _command(_NEWSET, NLM_F_CREATE, table.family, what)


def add_elements(
    table: Table, name: str, keys: Sequence[bytes], timeout_ms: int | None = None
) -> bytes:
    """Put ``keys`` into a set for ``timeout_ms`` (at least 1), None = for ever.

    A key that is there already is left as it is.
    """
    end = b"" if timeout_ms is None else attribute(_ELEM_TIMEOUT, timeout_value(timeout_ms))
    what = _elements(table, name, keys, end)
    return _command(_NEWSETELEM, NLM_F_CREATE, table.family, what)


def delete_elements(table: Table, name: str, keys: Sequence[bytes]) -> bytes:
    """Take ``keys`` out of a set. ENOENT if one is not there."""
    return _command(_DELSETELEM, 0, table.family, _elements(table, name, keys, b""))


def empty_set(table: Table, name: str) -> bytes:
    """Take everything out of a set."""
    what = _in(table) + attribute(_ELEM_LIST_SET, text(name))
    return _command(_DELSETELEM, 0, table.family, what)


def timeout_value(timeout_ms: int) -> bytes:
    """Return the value of an element's timeout attribute."""
    return timeout_ms.to_bytes(8, "big")


# -- rules -------------------------------------------------------------------------------------


def add_rule(table: Table, chain: str, *expressions: bytes) -> bytes:
    """Append a rule: ``expressions`` run in order until one does not match."""
    what = (
        _in(table) + attribute(_RULE_CHAIN, text(chain)) + nested(_RULE_EXPRESSIONS, *expressions)
    )
    return _command(_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, table.family, what)


def load_meta(key: Meta) -> bytes:
    """Load a property of the packet."""
    # NFTA_META_DREG, NFTA_META_KEY
    return _expression("meta", attribute(1, _be32(_REGISTER)), attribute(2, _be32(key)))


def load_payload(base: Base, offset: int, size: int) -> bytes:
    """Load ``size`` bytes of the packet, ``offset`` bytes after ``base``."""
    # NFTA_PAYLOAD_DREG, _BASE, _OFFSET, _LEN
    values = (_REGISTER, base, offset, size)
    fields = (attribute(kind, _be32(value)) for kind, value in enumerate(values, start=1))
    return _expression("payload", *fields)


def equals(value: bytes) -> bytes:
    """Match if ``value`` was loaded."""
    # NFTA_CMP_SREG, NFTA_CMP_OP with NFT_CMP_EQ, NFTA_CMP_DATA
    return _expression(
        "cmp",
        attribute(1, _be32(_REGISTER)),
        attribute(2, _be32(0)),
        nested(3, attribute(_DATA_VALUE, value)),
    )


def in_set(name: str) -> bytes:
    """Match if what was loaded is in the set."""
    # NFTA_LOOKUP_SET, NFTA_LOOKUP_SREG
    return _expression("lookup", attribute(1, text(name)), attribute(2, _be32(_REGISTER)))


def not_in_set(name: str) -> bytes:
    """Match if what was loaded is not in the set."""
    # NFTA_LOOKUP_SET, NFTA_LOOKUP_SREG, NFTA_LOOKUP_FLAGS with NFT_LOOKUP_F_INV
    return _expression(
        "lookup", attribute(1, text(name)), attribute(2, _be32(_REGISTER)), attribute(5, _be32(1))
    )


def drop() -> bytes:
    """Drop the packet."""
    verdict = nested(_DATA_VERDICT, attribute(_VERDICT_CODE, _be32(_NF_DROP)))
    # NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA
    return _expression("immediate", attribute(1, _be32(_VERDICT_REGISTER)), nested(2, verdict))


# -- building blocks ---------------------------------------------------------------------------


def _be32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _command(kind: int, flags: int, family: Family, what: bytes) -> bytes:
    payload = _HEADER.pack(family, 0, 0) + what
    return message(_SUBSYSTEM << 8 | kind, NLM_F_REQUEST | flags, payload, 0)


def _in(table: Table) -> bytes:
    return attribute(_OBJECT_TABLE, text(table.name))


def _elements(table: Table, name: str, keys: Sequence[bytes], end: bytes) -> bytes:
    """Return table, set and elements, each with the attribute ``end``."""
    elements = (
        nested(_LIST_ELEM, nested(_ELEM_KEY, attribute(_DATA_VALUE, key)), end) for key in keys
    )
    return (
        _in(table) + attribute(_ELEM_LIST_SET, text(name)) + nested(_ELEM_LIST_ELEMENTS, *elements)
    )


def _expression(name: str, *fields: bytes) -> bytes:
    return nested(_LIST_ELEM, attribute(_EXPR_NAME, text(name)), nested(_EXPR_DATA, *fields))
