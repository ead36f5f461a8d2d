"""Runs hooks in threads, one order at a time per resource and kind of order; says how each ended.

One rule: every order is answered once, whatever the plugin does; an error that the plugin did not
foresee, or an answer of the wrong kind, leaves the outcome unknown. Nothing is begun too late.
"""

from __future__ import annotations

import ctypes
import gc
import io
import signal
import socket
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.core.model import Outcome
from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns
from hafw.worker import fencing, leases, notices, resources, warming
from hafw.worker.protocol import (
    READY,
    AnyOrder,
    FenceOrder,
    Frames,
    Hello,
    LeaseOrder,
    NoticeOrder,
    Order,
    Reply,
    ResourceOrder,
    Rouse,
    frame,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS: Final = 8
DETAIL_CHARS: Final = 2_000
"""Longest text of a reply; a plugin's may be of any length."""
_ANSWERS: Final = {
    "hafw_vip_attach": VipReceipt,
    "hafw_vip_detach": VipReceipt,
    "hafw_vip_announce": VipReceipt,
    "hafw_vip_observe": VipObservation,
    "hafw_vip_probe": VipObservation,
}
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


class Worker:
    """One worker process on its end of the socketpair."""

    def __init__(self, channel: socket.socket) -> None:
        """Serve `channel` until its other end closes."""
        self._channel = channel
        self._send_lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._rousing = threading.Lock()
        self._registry = Registry()
        self._vips: dict[str, tuple[VipRequest, ...]] = {}

    def serve(self) -> None:
        """Read orders until the agent is gone."""
        messages = self._messages()
        hello = msgspec.msgpack.decode(next(messages), type=Hello)
        self._reply(self._warm(hello))
        # A store or a device that is away must not keep a VIP waiting for a thread, and a disk,
        # which takes minutes, neither of them.
        with (
            ThreadPoolExecutor(THREADS) as changes,
            ThreadPoolExecutor(THREADS) as disks,
            ThreadPoolExecutor(THREADS) as requests,
        ):
            for message in messages:
                order = msgspec.msgpack.decode(message, type=AnyOrder | Rouse | Hello)
                match order:
                    case Rouse():
                        changes.submit(self._rouse)
                        continue
                    case Hello():
                        requests.submit(self._warm_again, order)
                        continue
                    case Order():
                        pool = changes
                    case ResourceOrder():
                        pool = disks
                    case _:
                        pool = requests
                pool.submit(self._carry_out, order)

    def _messages(self) -> Iterator[bytes]:
        frames = Frames()
        while data := self._channel.recv(65_536):
            yield from frames.feed(data)

    def _warm(self, hello: Hello) -> Reply:
        try:
            self._registry = Registry(hello.plugins)
            cold = warming.prepare(hello, self._registry)
            if cold and cold.keys() >= hello.groups():
                return Reply(READY, Outcome.FAILED_NO_EFFECT, next(iter(cold.values())))
            warming.authorities(hello, self._registry)
        except ProviderError as problem:
            return Reply(READY, Outcome.FAILED_NO_EFFECT, str(problem))
        except BaseException as problem:  # noqa: BLE001 - a plugin may raise anything
            traceback.print_exc()
            return Reply(READY, Outcome.FAILED_NO_EFFECT, _unforeseen(problem))
        for name in hello.plugins:
            self._vips[name] = warming.vips_of(hello, name)
        gc.collect()
        gc.freeze()
        return Reply(READY, Outcome.OK, cold=cold)

    def _warm_again(self, hello: Hello) -> None:
        self._reply(Reply(READY, Outcome.OK, cold=warming.prepare(hello, self._registry)))

    def _rouse(self) -> None:
        """Wake up; what is in trouble now says so when it is given an order."""
        if not self._rousing.acquire(blocking=False):
            return  # it is being done
        try:
            with suppress(ProviderError):
                for name, vips in self._vips.items():
                    self._registry.prepare(name, "hafw_vip_rouse", requests=vips)
        except BaseException:  # noqa: BLE001 - a plugin may raise anything
            traceback.print_exc()
        finally:
            self._rousing.release()

    def _carry_out(self, order: AnyOrder) -> None:
        self._reply(self._run(order))

    def _run(self, order: AnyOrder) -> Reply:
        try:
            with self._locks.setdefault(_lane(order), threading.Lock()):
                if isinstance(order, ResourceOrder):
                    _check_time(order.hook, order.resource.deadline_ns)
                    return resources.run(order, self._registry)
                if isinstance(order, LeaseOrder):
                    return leases.run(order, self._registry)
                if isinstance(order, FenceOrder):
                    return fencing.run(order, self._registry)
                if isinstance(order, NoticeOrder):
                    return notices.run(order, self._registry)
                return self._change(order)
        except UnknownOutcome as problem:
            return Reply(order.number, Outcome.UNKNOWN, str(problem))
        except ProviderError as problem:
            return Reply(order.number, Outcome.FAILED_NO_EFFECT, str(problem))
        except BaseException as problem:  # noqa: BLE001 - a plugin may raise anything
            traceback.print_exc()
            return Reply(order.number, Outcome.UNKNOWN, _unforeseen(problem))

    def _change(self, order: Order) -> Reply:
        _check_time(order.hook, order.vip.deadline_ns)
        value = self._registry.call(order.provider, order.hook, request=warming.request(order))
        if not isinstance(value, _ANSWERS.get(order.hook, ())):
            wrong = f"{order.hook} of {order.provider} answered a {type(value).__name__}"
            return Reply(order.number, Outcome.UNKNOWN, wrong)
        if isinstance(value, VipObservation):
            return _observed(order, value)
        assert isinstance(value, VipReceipt), "the only other kind of answer"
        return Reply(order.number, Outcome.OK, value.detail)

    def _reply(self, reply: Reply) -> None:
        cold = {group: _sendable(why) for group, why in reply.cold.items()}
        reply = msgspec.structs.replace(reply, detail=_sendable(reply.detail), cold=cold)
        with self._send_lock:
            self._channel.sendall(frame(reply))


def _lane(order: AnyOrder) -> tuple[str, str]:
    """What waits for what: one at a time for each lease, each VIP, and each other resource.

    Probes and announcements must not wait behind an attach or detach of the same VIP.
    """
    if isinstance(order, ResourceOrder):
        return f"group {order.resource.group}", f"resource {order.index}"
    if isinstance(order, LeaseOrder):
        return f"group {order.group}", "lease"
    if isinstance(order, FenceOrder):
        return order.target, "fence"
    if isinstance(order, NoticeOrder):
        return "this machine", "notices"
    beside = order.hook in ("hafw_vip_probe", "hafw_vip_announce")
    return order.vip.address, order.hook if beside else "change"


def _check_time(hook: str, deadline_ns: int) -> None:
    """What comes too late must not act: the agent has given it up, and may have decided anew."""
    if boot_ns() >= deadline_ns:
        raise ProviderError(f"{hook} was not begun: its deadline had passed")


def _sendable(detail: str) -> str:
    """A text of a plugin, as far and as well as it can be sent."""
    return str(detail)[:DETAIL_CHARS].encode(errors="replace").decode()


def _unforeseen(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"


def _observed(order: Order, seen: VipObservation) -> Reply:
    """A probe succeeds only if it was asked and nobody answered."""
    if order.hook == "hafw_vip_probe" and seen.holder is not Holder.FREE:
        answers = f"{seen.who} answers for {order.vip.address}"
        why = answers if seen.holder is Holder.PEER else seen.who or str(seen.holder)
        return Reply(order.number, Outcome.FAILED_NO_EFFECT, why)
    return Reply(order.number, Outcome.OK, seen.who)


def _write_whole_lines() -> None:
    """What a plugin prints is in the agent's log at once, and never in the middle of its lines."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)


def main() -> None:
    """Serve the socket whose descriptor is the first argument; die with the agent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the agent decides when it is over
    _write_whole_lines()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        Worker(channel).serve()


if __name__ == "__main__":
    main()
