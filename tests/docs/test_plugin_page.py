"""docs/plugins.md has a whole provider: it is installed as a package, and keeps its promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hafw.config import parse
from hafw.testing.mover_bench import Trouble
from hafw.testing.movers import LANDS_S, ConditionalMoverConformance
from tests.config.samples import GOOD, changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.hooks.hookspecs import VipOption

PAGE: Final = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
PROVIDER: Final = re.findall(r"```python\n(# hafw_mycloud.py\n.*?)```", PAGE, re.DOTALL)[0]
METADATA: Final = re.findall(r"```toml\n(# pyproject.toml\n.*?)```", PAGE, re.DOTALL)[0]
RESOURCE: Final = re.findall(r"```toml\n(\[\[groups.resources\]\]\n.*?)```", PAGE, re.DOTALL)[0]
SERVERS: Final = {"alpha": "srv-1", "beta": "srv-2", "other": "srv-9"}
BYSTANDER: Final = "10.0.1.99"


class MyCloud:
    """The page's cloud: addresses with versions, and everything that may go wrong."""

    def __init__(self) -> None:
        self.server: dict[str, list[str]] = {BYSTANDER: ["srv-7"]}
        self._trouble: Trouble | None = None
        self._times: int | None = None
        self._calls = 0
        self._lock = threading.RLock()
        self.url = ""

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        self._trouble, self._times = trouble, times

    def calm(self) -> None:
        self._trouble = None

    def leads_to(self) -> set[str]:
        with self._lock:
            newest = self._of(VIP)[-1]
        return {name for name, server in SERVERS.items() if server == newest}

    def give_to(self, who: str) -> None:
        with self._lock:
            self._of(VIP).append(SERVERS[who])

    def calls(self) -> int:
        return self._calls

    def bystanders(self) -> object:
        return list(self._of(BYSTANDER))

    def _of(self, address: str) -> list[str]:
        return self.server.setdefault(address, [""])

    def _suffers(self, *troubles: Trouble) -> bool:
        if self._trouble not in troubles:
            return False
        if self._times is not None:
            self._times -= 1
            if self._times < 0:
                return False
        return True

    def answer(
        self, method: str, address: str, body: str, based_on: str
    ) -> tuple[int, str, str] | None:
        """Status, body and version; None: the reply is lost."""
        with self._lock:
            self._calls += 1
            if self._suffers(Trouble.DOWN, Trouble.THROTTLED):
                return 503, "", ""
            if self._suffers(Trouble.EXPIRED):
                return 401, "", ""
            past = self._of(address)
            if method == "GET":
                stale = len(past) > 1 and self._suffers(Trouble.STALE_READ)
                number = len(past) - (2 if stale else 1)
                return 200, json.dumps({"server": past[number]}), str(number)
            if self._suffers(Trouble.DENIED):
                return 403, "", ""
            if based_on != str(len(past) - 1):
                return 412, "", ""
            if self._suffers(Trouble.LATE_LANDING):
                threading.Timer(LANDS_S, self._land, (past, based_on, body)).start()
                return 200, "{}", ""
            self._land(past, based_on, body)
            return None if self._suffers(Trouble.LOST_REPLY) else (200, "{}", str(len(past) - 1))

    def _land(self, past: list[str], based_on: str, body: str) -> None:
        with self._lock:
            if based_on == str(len(past) - 1):
                past.append(json.loads(body)["server"])


VIP: Final = "10.0.1.50"


@contextmanager
def served(cloud: MyCloud) -> Iterator[MyCloud]:
    """By HTTP, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            address = self.path.rpartition("/")[2]
            answer = cloud.answer(self.command, address, body, self.headers.get("If-Match") or "")
            if answer is None:
                self.close_connection = True
                return
            status, text, version = answer
            self.send_response(status)
            self.send_header("ETag", version)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = _answer  # noqa: N815 - the standard library's name
        do_PUT = _answer  # noqa: N815 - the same

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        cloud.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield cloud
        server.shutdown()
        thread.join()


@pytest.fixture(name="package", scope="module")
def an_installed_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's module, and what `pip install` makes of its pyproject.toml."""
    site = tmp_path_factory.mktemp("site")
    (site / "hafw_mycloud.py").write_text(PROVIDER)
    info = site / "hafw_mycloud-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hafw-mycloud\nVersion: 1.0\n")
    points = METADATA.partition("[project.entry-points.hafw]\n")[2].replace('"', "")
    (info / "entry_points.txt").write_text(f"[hafw]\n{points}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site))  # for programs that tests start
        yield site


@pytest.mark.usefixtures("package")
class TestTheProviderOfThePage(ConditionalMoverConformance):
    plugin = "hafw_mycloud"
    address = VIP

    @pytest.fixture
    def cloud(self) -> Iterator[MyCloud]:
        with served(MyCloud()) as cloud:
            yield cloud

    @pytest.fixture
    def options(self, cloud: MyCloud) -> Mapping[str, VipOption]:
        return {"api": cloud.url, "server": ("srv-1", "srv-2")}


@pytest.mark.usefixtures("package")
def test_the_cluster_file_takes_its_name_and_its_keys() -> None:
    text = changed(GOOD[GOOD.index("resources = [") :], RESOURCE)

    (vip,) = parse(text, "cluster.toml").groups[0].resources

    assert vip.provider == "mycloud"
    assert dict(vip.options) == {
        "api": "https://api.mycloud.example",
        "server": ("srv-1", "srv-2"),
    }


def test_hafw_lists_it(package: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hafw.cli.main", "plugins"],
        env={"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert re.search(r"plugin +mycloud +hafw_mycloud +hafw-mycloud 1.0", done.stdout)
