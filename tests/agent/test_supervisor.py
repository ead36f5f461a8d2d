"""The worker, a real process with a real plugin, and what becomes of orders when it misbehaves."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from hafw.agent import supervisor
from hafw.agent.supervisor import COMMAND
from hafw.core.model import Outcome
from hafw.worker.protocol import Hello, Reply, frame
from tests.agent.workers import PATIENCE_S, Bench, install_trial, with_worker
from tests.hooks.plugins import AUDIT, PROVIDER, install

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_trial(tmp_path, monkeypatch)


def ending_of(address: str, **order: object) -> Reply:
    """How one order ends, given to a warm worker."""

    async def scene(bench: Bench) -> Reply:
        await bench.warm()
        bench.orders(address, **order)  # type: ignore[arg-type]
        return await bench.reply()

    return with_worker(scene)


# --- how hooks end ----------------------------------------------------------------------------


def test_a_hook_that_returns_ends_ok() -> None:
    assert ending_of("10.1.1.111") == Reply(1, Outcome.OK)


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("provider-error", "it failed"),
        ("conflict", "somebody else has it"),
        ("stale-epoch", "epoch 9 is newer"),
        ("denied", "ec2:AssignPrivateIpAddresses is missing"),
        ("misconfigured", "there is no eth7"),
        ("retryable", "throttled"),
    ],
)
def test_an_error_of_the_provider_had_no_effect(address: str, detail: str) -> None:
    assert ending_of(address) == Reply(1, Outcome.FAILED_NO_EFFECT, detail)


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("unknown-outcome", "the reply was lost"),
        ("bug", "ZeroDivisionError: division by zero"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt: "),
        ("wrong-answer", "hafw_vip_attach of trial answered a bool"),
    ],
)
def test_whatever_was_not_foreseen_leaves_the_outcome_unknown(address: str, detail: str) -> None:
    assert ending_of(address, deadline_s=PATIENCE_S) == Reply(1, Outcome.UNKNOWN, detail)


def test_an_error_of_any_length_and_in_any_letters_is_told() -> None:
    long = ending_of("huge-text", deadline_s=PATIENCE_S)
    odd = ending_of("odd-text", deadline_s=PATIENCE_S)

    assert long.detail.startswith("xxx")
    assert len(long.detail) < 5_000
    assert odd == Reply(1, Outcome.FAILED_NO_EFFECT, "caf?")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("free", Outcome.OK),
        ("peer", Outcome.FAILED_NO_EFFECT),
        ("unknown", Outcome.FAILED_NO_EFFECT),
        ("wrong-answer", Outcome.UNKNOWN),
    ],
)
def test_a_probe_is_good_only_if_it_was_asked_and_nobody_answered(
    address: str, expected: Outcome
) -> None:
    assert ending_of(address, hook="hafw_vip_probe").outcome is expected


@pytest.mark.parametrize("hook", ["hafw_vip_detach", "hafw_fence_off"])
def test_a_hook_that_the_plugin_does_not_have_had_no_effect(hook: str) -> None:
    reply = ending_of("10.1.1.111", hook=hook)

    assert reply.outcome is Outcome.FAILED_NO_EFFECT
    assert reply.detail == f'no such method: the plugin "trial" has no {hook}'


def test_what_plugins_print_and_how_they_break_is_in_the_agents_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def scene(bench: Bench) -> None:
        await bench.warm()
        for number, address in enumerate(("print", "bug"), start=1):
            bench.orders(address, number=number, deadline_s=PATIENCE_S)
            await bench.reply()

    with_worker(scene)

    output = capfd.readouterr()
    assert output.out == ""
    assert "said by a plugin" in output.err
    assert "Traceback" in output.err
    assert "ZeroDivisionError: division by zero" in output.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("how", ["print", "complain"])
def test_a_line_of_a_plugin_is_in_the_log_at_once_and_in_one_piece(
    how: str, unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    log, written = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log.settimeout(PATIENCE_S)
    monkeypatch.setattr(sys, "__stderr__", written)
    with_one_stream = ("sh", "-c", 'exec "$0" "$@" 2>&1', *COMMAND)

    async def scene(bench: Bench) -> bytes:
        await bench.warm()
        bench.orders(how, deadline_s=PATIENCE_S)
        await bench.reply()
        return log.recv(100)

    with log, written:
        assert with_worker(scene, command=with_one_stream) == b"said by a plugin\n"


def test_a_wrapper_stays_in_force_around_the_provider_that_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    install(other, monkeypatch, "audit", AUDIT)

    async def scene(bench: Bench) -> Reply:
        await bench.warm()
        bench.orders("10.1.1.111")
        return await bench.reply()

    reply = with_worker(scene, plugins=(PROVIDER, "audit"))

    assert reply == Reply(1, Outcome.OK)
    assert "audited 10.1.1.111" in capfd.readouterr().err


# --- deadlines --------------------------------------------------------------------------------


def test_a_hook_that_hangs_ends_unknown_at_its_deadline_and_the_worker_is_replaced() -> None:
    async def scene(bench: Bench) -> tuple[Reply, tuple[bool, str], Reply]:
        await bench.warm()
        before = bench.supervisor.pid
        bench.orders("hang")
        hung, change = await bench.reply(), await bench.change()
        await bench.warm()
        assert bench.supervisor.pid != before
        bench.orders("10.1.1.111", number=2)
        return hung, change, await bench.reply()

    hung, change, following = with_worker(scene)

    assert hung == Reply(1, Outcome.UNKNOWN, "no answer by the deadline")
    assert change == (False, "it hangs")
    assert following == Reply(2, Outcome.OK)


def test_a_hook_that_hangs_is_not_forgiven_because_others_answer() -> None:
    async def scene(bench: Bench) -> tuple[bool, str]:
        await bench.warm()
        bench.orders("hang")
        await bench.reply()
        number = 1
        while bench.changes.empty():
            number += 1
            bench.orders("free", number=number, hook="hafw_vip_probe")
            await bench.reply()
        return await bench.change()

    assert with_worker(scene) == (False, "it hangs")


def test_a_hook_that_comes_back_late_is_answered_once_and_its_worker_stays() -> None:
    async def scene(bench: Bench) -> list[Reply]:
        await bench.warm()
        bench.orders("late", interface="0.2", deadline_s=0.05)
        first = await bench.reply()
        bench.orders("10.1.1.111", number=2)
        replies = [first, await bench.reply()]
        assert bench.supervisor.restarts == 0
        assert bench.replies.empty()
        return replies

    assert with_worker(scene) == [
        Reply(1, Outcome.UNKNOWN, "no answer by the deadline"),
        Reply(2, Outcome.OK),
    ]


def test_an_order_that_waited_too_long_is_not_begun_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE_S", PATIENCE_S)
    trace = tmp_path / "trace"

    async def scene(bench: Bench) -> None:
        await bench.warm()
        pid = bench.supervisor.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        bench.orders("write", interface=str(trace), deadline_s=0.05)
        await bench.reply()
        os.kill(pid, signal.SIGCONT)
        bench.orders("write", number=2, interface=str(trace), deadline_s=PATIENCE_S)
        await bench.reply()

    with_worker(scene)

    assert trace.read_text() == "attached"


def test_hooks_of_other_addresses_do_not_wait_for_one_that_hangs() -> None:
    async def scene(bench: Bench) -> Reply:
        await bench.warm()
        bench.orders("hang", deadline_s=PATIENCE_S)
        bench.orders("10.1.1.111", number=2)
        return await bench.reply()

    assert with_worker(scene) == Reply(2, Outcome.OK)


# --- death and nonsense -----------------------------------------------------------------------


def test_a_worker_that_dies_in_a_hook_is_answered_for_and_replaced() -> None:
    async def scene(bench: Bench) -> tuple[Reply, tuple[bool, str], Reply]:
        await bench.warm()
        bench.orders("die", deadline_s=PATIENCE_S)
        dead, change = await bench.reply(), await bench.change()
        await bench.warm()
        bench.orders("10.1.1.111", number=2)
        return dead, change, await bench.reply()

    dead, change, following = with_worker(scene)

    assert dead == Reply(1, Outcome.UNKNOWN, "the worker: it died")
    assert change == (False, "it died")
    assert following == Reply(2, Outcome.OK)


def test_a_worker_that_is_killed_leaves_no_order_without_an_answer() -> None:
    async def scene(bench: Bench) -> set[int]:
        await bench.warm()
        for number in range(1, 21):
            bench.orders("hang", number=number, deadline_s=PATIENCE_S)
        assert bench.supervisor.pid is not None
        os.kill(bench.supervisor.pid, signal.SIGKILL)
        replies = [await bench.reply() for _ in range(20)]
        assert {reply.outcome for reply in replies} == {Outcome.UNKNOWN}
        return {reply.number for reply in replies}

    assert with_worker(scene) == set(range(1, 21))


def test_without_a_worker_an_order_ends_at_once_and_had_no_effect() -> None:
    async def scene(bench: Bench) -> Reply:
        bench.orders("10.1.1.111")
        return await bench.reply()

    assert with_worker(scene) == Reply(1, Outcome.FAILED_NO_EFFECT, "no worker: starting")


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        (b"\xff" * 100, "frame of 4294967295 bytes"),
        (b"\0\0\0\1\xc1", "what it says is no reply"),
        (b"\0\0\0\3abc", "what it says is no reply"),
        (frame(Hello(("trial",), ())), "what it says is no reply"),
        (b"", "it died"),
    ],
    ids=["no frames", "no msgpack", "no message", "another message", "nothing"],
)
def test_a_worker_that_talks_nonsense_is_replaced(says: bytes, complaint: str) -> None:
    program = textwrap.dedent(f"""
        import socket, sys
        with socket.socket(fileno=int(sys.argv[1])) as channel:
            channel.sendall({says!r})
    """)

    async def scene(bench: Bench) -> str:
        await bench.until(lambda: bench.supervisor.restarts >= 2)
        return bench.supervisor.trouble

    assert complaint in with_worker(scene, command=(sys.executable, "-c", program))


def test_a_worker_that_reads_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "UNSENT_BYTES", 100_000)

    async def scene(bench: Bench) -> tuple[bool, str]:
        await bench.warm()
        assert bench.supervisor.pid is not None
        os.kill(bench.supervisor.pid, signal.SIGSTOP)
        for number in range(1, 5_001):
            bench.orders("x" * 1_000, number=number, deadline_s=PATIENCE_S)
            if not bench.supervisor.warm:
                break
        return await bench.change()

    assert with_worker(scene) == (False, "it does not read its orders")


def test_a_program_that_cannot_be_started_is_tried_again() -> None:
    async def scene(bench: Bench) -> str:
        await bench.until(lambda: bench.supervisor.restarts >= 2)
        return bench.supervisor.trouble

    assert with_worker(scene, command=("/no/such/program",)).startswith(
        "it cannot be started: [Errno 2] No such file or directory"
    )


def test_a_worker_that_does_not_warm_up_in_time_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "WARM_S", 0.05)

    async def scene(bench: Bench) -> str:
        await bench.until(lambda: bench.supervisor.restarts >= 1)
        return bench.supervisor.trouble

    program = "import time; time.sleep(3600)"
    assert with_worker(scene, command=(sys.executable, "-c", program)) == "it was not warm in time"
