"""Netlink framing, and what the socket makes of refusals, notifications and overruns."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.net import netlink
from hafw.net.netlink import (
    NETLINK_ROUTE,
    NLM_F_DUMP,
    Message,
    NetlinkError,
    NetlinkSocket,
    attribute,
    attributes,
    message,
    messages,
    nested,
)
from hafw.net.rtmessages import (
    RTM_GETLINK,
    RTM_NEWLINK,
    RTNLGRP_LINK,
    LinkChanged,
    parse_event,
)
from hafw.net.rtnetlink import Rtnl
from tests.net.hosts import isolated


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40))))
def test_attributes_read_back_as_written(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in pairs)

    assert list(attributes(data)) == pairs


@given(st.lists(st.binary(max_size=40)))
def test_messages_read_back_as_written(payloads: list[bytes]) -> None:
    data = b"".join(message(20, 5, payload, 7) for payload in payloads)

    assert list(messages(data)) == [Message(20, 5, 7, 0, payload) for payload in payloads]


@given(st.binary(max_size=120))
def test_no_bytes_confuse_the_readers(data: bytes) -> None:
    list(attributes(data))
    list(messages(data))


def test_a_nested_attribute_shows_its_plain_type() -> None:
    ((kind, value),) = attributes(nested(18, attribute(1, b"veth\0")))

    assert kind == 18
    assert list(attributes(value)) == [(1, b"veth\0")]


def test_a_truncated_tail_is_left_out() -> None:
    torn = attribute(1, b"whole") + attribute(2, b"torn")[:-1]

    assert list(attributes(torn)) == [(1, b"whole")]


@isolated
def test_a_refusal_names_request_reason_and_the_kernels_words() -> None:
    with Rtnl() as rtnl, pytest.raises(NetlinkError) as refusal:
        rtnl.set_link("lo", new_name="a" * 40)

    problem = refusal.value
    assert problem.errno == errno.ERANGE
    assert problem.what == "change link lo"
    assert problem.message
    assert str(problem).startswith("[Errno 34] change link lo: ")
    assert problem.message in str(problem)


@isolated
def test_a_request_after_a_refused_one_gets_its_own_answer() -> None:
    with Rtnl() as rtnl:
        with pytest.raises(NetlinkError):
            rtnl.link("nowhere")

        assert rtnl.link("lo").name == "lo"


@isolated
def test_a_refused_dump_is_an_error() -> None:
    with NetlinkSocket(NETLINK_ROUTE) as routes, pytest.raises(NetlinkError) as refusal:
        routes.request(RTM_GETLINK, NLM_F_DUMP, struct.pack("=BxHiII", 0, 0, 1, 0, 1), "odd dump")

    assert refusal.value.errno == errno.EINVAL


@isolated
def test_a_kernel_that_does_not_answer_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "REQUEST_TIMEOUT_NS", 20_000_000)
    with (
        NetlinkSocket(NETLINK_ROUTE) as routes,
        pytest.raises(TimeoutError, match="no answer from the kernel"),
    ):
        routes._collect(12345, "a question never asked")


@isolated
def test_notifications_are_drained_without_blocking() -> None:
    with NetlinkSocket(NETLINK_ROUTE, (RTNLGRP_LINK,)) as events, Rtnl() as rtnl:
        assert events.drain().messages == ()

        rtnl.add_bridge("first")
        rtnl.add_bridge("second")

        seen = [parse_event(notice) for notice in events.drain().messages]
        names = {event.link.name for event in seen if isinstance(event, LinkChanged)}
        assert {"first", "second"} <= names
        assert events.drain().messages == ()


@isolated
def test_one_drain_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "_DRAIN_LIMIT", 2)
    with NetlinkSocket(NETLINK_ROUTE, (RTNLGRP_LINK,)) as events, Rtnl() as rtnl:
        for number in range(3):
            rtnl.add_bridge(f"bridge{number}")

        assert len(events.drain().messages) == 2
        assert events.drain().messages != ()


@isolated
def test_lost_notifications_are_reported_and_the_socket_goes_on() -> None:
    with NetlinkSocket(NETLINK_ROUTE, (RTNLGRP_LINK,)) as events, Rtnl() as rtnl:
        events._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for number in range(30):
            rtnl.add_bridge(f"bridge{number}")

        assert events.drain().overrun

        rtnl.add_bridge("after")
        notices = events.drain()
        assert not notices.overrun
        assert RTM_NEWLINK in {notice.type for notice in notices.messages}
