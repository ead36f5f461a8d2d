"""An agent that answers what a test tells it to, and a way to run the program."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw.agent.client import SOCKET_NAME
from hafw.cli.main import main
from tests.cli.samples import status_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from hafw.agent.client import Message


class FakeAgent:
    """Answers on a control socket: to each verb what `answers` says, and remembers the requests."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.requests: list[Message] = []
        self.answers: dict[str, list[bytes]] = {}
        self.says("status", status_result())
        self.says("ping", {})
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(run_dir / SOCKET_NAME))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def says(self, verb: str, result: Message, message: str = "") -> None:
        """Agree to a verb."""
        self.sends(verb, {"ok": True, "result": result, "message": message})

    def refuses(self, verb: str, code: int, message: str) -> None:
        """Refuse a verb."""
        self.sends(verb, {"ok": False, "code": code, "message": message})

    def sends(self, verb: str, *answers: Message) -> None:
        """Send these lines."""
        self.answers[verb] = [json.dumps(answer).encode() + b"\n" for answer in answers]

    def sends_bytes(self, verb: str, raw: bytes) -> None:
        """Send this, whatever it is."""
        self.answers[verb] = [raw]

    def heard(self, verb: str) -> list[Message]:
        """The requests of this verb."""
        return [request for request in self.requests if request["verb"] == verb]

    def stop(self) -> None:
        """Answer nobody any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                line = lines.readline()
                if line:
                    request = json.loads(line)
                    self.requests.append(request)
                    for answer in self.answers.get(request["verb"], []):
                        connection.sendall(answer)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    fake = FakeAgent(tmp_path)
    yield fake
    fake.stop()


@pytest.fixture
def hafw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the program without a terminal, with `tmp_path` as its run directory."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HAFW_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("HAFW_CONFIG", str(tmp_path / "cluster.toml"))
    monkeypatch.setenv("HAFW_STATE_DIR", str(tmp_path / "state"))

    def run(*arguments: str, answers: str = "") -> Result:
        return CliRunner().invoke(main, arguments, input=answers, catch_exceptions=False)

    return run
