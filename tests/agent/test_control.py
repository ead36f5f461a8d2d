"""The control socket: who is answered, who is refused, and who cannot hold the others up."""

from __future__ import annotations

import asyncio
import grp
import os
import socket
import stat
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent import control
from hafw.agent.client import ControlClient
from hafw.agent.control import MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, ControlServer, Stream
from tests.agent.serving import ask, public_directory, serving
from tests.agent.users import IS_ROOT, NOBODY, as_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hafw.agent.control import Reply, Request
    from tests.agent.serving import Server

STRANGERS_GID: Final = NOBODY if IS_ROOT else os.getgid()
STRANGERS_GROUP: Final = grp.getgrgid(STRANGERS_GID).gr_name
ANOTHER_GID: Final = 54_321


async def agree(request: Request) -> Reply:
    return {"ok": True, "result": {"verb": request["verb"]}}


def agreed(verb: str) -> Reply:
    return {"ok": True, "result": {"verb": verb}}


# --- requests ---------------------------------------------------------------------------------


def test_a_request_is_answered_and_the_connection_closed() -> None:
    with serving(agree) as server:
        client = server.connect()

        client.asks("status")

        assert client.hears() == agreed("status")
        assert client.hears() is None


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"status\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b'["verb"]\n',
        b'"verb"\n',
        b"null\n",
        b"{}\n",
        b'{"verb": null}\n',
        b'{"verb": 7}\n',
        b'{"verb": ["status"]}\n',
        b'{"verb": {"status": 1}}\n',
        b'{"verb": "status"} {"verb": "status"}\n',
        b'{"verb": "status"\n',
        b"[" * 60_000 + b"\n",
        b'{"verb":' * 7_000 + b"\n",
        b'{"verb": ' + b"9" * 60_000 + b"}\n",
    ],
    ids=lambda line: line[:20].decode("latin-1").strip() or "empty",
)
def test_garbage_is_refused_and_never_handled(line: bytes) -> None:
    with serving(agree) as server:
        client = server.connect()

        client.say(line)

        answer = client.hears()
        assert answer is not None
        assert (answer["ok"], answer["code"]) == (False, control.USAGE)
        assert server.ask("status") == agreed("status")


def test_half_a_request_is_no_request() -> None:
    with serving(agree) as server:
        client = server.connect()

        client.say(b'{"verb": "status"}')
        client.socket.shutdown(1)

        assert client.hears() is None


def test_a_line_without_end_is_cut_off() -> None:
    with serving(agree) as server:
        client = server.connect()

        client.say(b"x" * (MAX_REQUEST_BYTES + 1))

        assert client.hears() is None
        assert server.ask("status") == agreed("status")


def test_a_bug_in_the_agent_is_told_to_the_client_and_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def break_down(_request: Request) -> Reply:
        raise LookupError("no such thing")

    with serving(break_down) as server:
        first = server.ask("status")
        second = server.ask("status")

    assert first == second
    assert first is not None
    assert (first["ok"], first["code"]) == (False, control.UNEXPECTED)
    assert "LookupError: no such thing" in capfd.readouterr().err


def test_an_answer_that_no_client_would_take_is_replaced_by_a_refusal() -> None:
    async def ramble(_request: Request) -> Reply:
        return {"ok": True, "result": {"text": "x" * MAX_ANSWER_BYTES}}

    with serving(ramble) as server:
        answer = server.ask("status")

    assert answer is not None
    assert (answer["ok"], answer["code"]) == (False, control.UNEXPECTED)
    assert "longer than" in str(answer["message"])


# --- slow and many clients --------------------------------------------------------------------


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "IDLE_S", 0.05)
    with serving(agree) as server:
        client = server.connect()

        assert client.hears() is None


def test_who_does_not_read_holds_nobody_up_and_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "WRITE_S", 1.0)

    async def answer_at_length(request: Request) -> Reply:
        return {"ok": True, "result": {"text": "x" * int(str(request["length"]))}}

    with serving(answer_at_length) as server:
        slow = server.connect()
        slow.asks("status", length=MAX_ANSWER_BYTES - 1_000)  # more than the kernel takes

        quick = [server.ask("status", length=1) for _ in range(10)]

        assert slow.is_hung_up()
        assert quick == [{"ok": True, "result": {"text": "x"}}] * 10


def test_the_client_that_is_too_many_is_told_at_once_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "MAX_CLIENTS", 3)
    with serving(agree) as server:
        waiting = [server.connect() for _ in range(3)]

        surplus = server.connect()
        refusal = surplus.hears()

        assert refusal is not None
        assert (refusal["ok"], refusal["message"]) == (False, "too many clients; try again")
        for client in waiting:
            assert client.asks("status").hears() == agreed("status")
        assert server.ask("status") == agreed("status")


def test_our_own_client_hears_why_it_is_refused_before_it_spoke(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "MAX_CLIENTS", 0)
    with serving(agree) as server:
        answers = [ControlClient(server.path).request({"verb": "status"}, 10) for _ in range(50)]

    assert {str(answer["message"]) for answer in answers} == {"too many clients; try again"}


# --- streams ----------------------------------------------------------------------------------


def following(request: Request, ended: Callable[[], None] = lambda: None) -> Stream:
    """A stream of three answers, and then nothing more."""
    stream = Stream(agreed(str(request["verb"])), ended)
    for number in range(2):
        stream.offer({"ok": True, "result": {"number": number}})
    return stream


def test_a_stream_sends_its_first_answer_and_what_follows() -> None:
    async def follow(request: Request) -> Stream:
        return following(request)

    with serving(follow) as server:
        client = server.connect()

        client.asks("events")

        assert [client.hears() for _ in range(3)] == [
            agreed("events"),
            {"ok": True, "result": {"number": 0}},
            {"ok": True, "result": {"number": 1}},
        ]


def test_a_follower_that_leaves_frees_its_place_though_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "MAX_CLIENTS", 1)
    ended = 0

    def end() -> None:
        nonlocal ended
        ended += 1

    async def handle(request: Request) -> Reply | Stream:
        if request["verb"] == "events":
            return following(request, end)
        return {"ok": True, "result": {"ended": ended}}

    with serving(handle) as server:
        for _ in range(5):
            follower = server.connect()
            assert follower.asks("events").hears() == agreed("events")
            follower.close()
            await_free_place(server)

        assert server.ask("status") == {"ok": True, "result": {"ended": 5}}


def await_free_place(server: Server) -> None:
    """Ask until there is no longer one client too many."""
    for _ in range(10_000):
        answer = server.ask("status")
        if answer is not None and answer["ok"]:
            return
    pytest.fail("the place is not free")


def test_a_follower_that_lags_misses_lines_and_nobody_waits_for_it() -> None:
    async def fill() -> Stream:
        stream = Stream({}, lambda: None)
        for _ in range(2_000):
            stream.offer({})
        return stream

    stream = asyncio.run(fill())

    assert stream.queue.full()
    assert stream.queue.qsize() < 2_000


# --- who is at the other end ------------------------------------------------------------------


def test_without_a_group_nobody_else_can_even_connect() -> None:
    with serving(agree) as server:
        mode = server.path.stat()

        assert stat.S_IMODE(mode.st_mode) == 0o660
        assert mode.st_gid == os.getegid()


def as_stranger(path: Path, verb: str, gid: int, groups: tuple[int, ...] = ()) -> Reply | None:
    """What a user gets who is neither root nor the agent's own."""
    return as_user(NOBODY, lambda: ask(path, verb), gid=gid, groups=groups)


@pytest.mark.parametrize("verb", ["standby", "takeover", "release", "stop", "reload", "nonsense"])
def test_an_order_of_the_wrong_user_is_refused_by_the_kernels_word(verb: str) -> None:
    with serving(agree) as server:
        server.path.chmod(0o666)  # as if the file's mode protected nothing

        answer = as_stranger(server.path, verb, ANOTHER_GID)

        assert answer is not None
        assert (answer["ok"], answer["code"]) == (False, control.PERMISSION)
        assert str(answer["message"]).startswith(f"{verb} needs root; control_group under [agent]")


@pytest.mark.parametrize("verb", sorted(control.READ_VERBS))
def test_whoever_can_connect_may_read(verb: str) -> None:
    with serving(agree) as server:
        server.path.chmod(0o666)

        assert as_stranger(server.path, verb, ANOTHER_GID) == agreed(verb)


@pytest.mark.parametrize(
    ("gid", "groups"),
    [(STRANGERS_GID, ()), (ANOTHER_GID, (ANOTHER_GID + 1, STRANGERS_GID))],
    ids=["as first group", "as one of many"],
)
def test_a_member_of_the_group_may_connect_and_give_orders(
    gid: int, groups: tuple[int, ...]
) -> None:
    with serving(agree, group=STRANGERS_GROUP) as server:
        assert as_stranger(server.path, "standby", gid, groups) == agreed("standby")


def test_who_is_not_in_the_group_may_not_give_orders() -> None:
    other = next(group for group in grp.getgrall() if group.gr_gid not in os.getgroups())
    with serving(agree, group=other.gr_name if IS_ROOT else None) as server:
        server.path.chmod(0o666)

        answer = as_stranger(server.path, "standby", ANOTHER_GID)

        assert answer is not None
        assert answer["code"] == control.PERMISSION


def test_a_group_that_the_machine_does_not_have_admits_nobody() -> None:
    async def scene(directory: Path) -> ControlServer:
        server = ControlServer(directory / "control.sock", agree)
        await server.start()
        server.admit("no-such-group")
        await server.stop()
        return server

    with public_directory() as directory:
        server = asyncio.run(scene(directory))

    assert server.trouble == (
        'this machine has no group "no-such-group", so only root may give orders'
    )


# --- the socket itself ------------------------------------------------------------------------


def test_the_socket_that_a_killed_agent_left_is_replaced() -> None:
    with public_directory() as directory:
        path = directory / "control.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abandoned:
            abandoned.bind(str(path))

        asyncio.run(start_and_stop(path))

        assert not path.exists()


async def start_and_stop(path: Path) -> None:
    server = ControlServer(path, agree)
    await server.start()
    await server.stop()


def test_something_else_in_the_sockets_place_is_left_alone() -> None:
    with public_directory() as directory:
        path = directory / "control.sock"
        path.write_text("precious")

        with pytest.raises(OSError, match="already in use"):
            asyncio.run(start_and_stop(path))

        assert path.read_text() == "precious"


def test_a_server_that_never_started_takes_nobodys_socket_away() -> None:
    with serving(agree) as server:
        asyncio.run(ControlServer(server.path, agree).stop())

        assert server.ask("status") == agreed("status")


def test_an_answer_under_way_is_written_before_the_end() -> None:
    async def scene(path: Path) -> bytes:
        asked, release = asyncio.Event(), asyncio.Event()

        async def answer_late(_request: Request) -> Reply:
            asked.set()
            await release.wait()
            return agreed("stop")

        server = ControlServer(path, answer_late)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"verb": "status"}\n')
        await asked.wait()
        asyncio.get_running_loop().call_soon(release.set)
        await server.stop()
        answer = await reader.read()
        writer.close()
        return answer

    with public_directory() as directory:
        answer = asyncio.run(scene(directory / "control.sock"))

    assert answer == b'{"ok": true, "result": {"verb": "stop"}}\n'


def test_a_stopping_agent_hangs_up_on_clients_that_say_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "CLOSE_S", 0.01)
    with serving(agree) as server:
        silent = server.connect()
        server.ask("status")

        server.stop()

        assert silent.hears() is None
