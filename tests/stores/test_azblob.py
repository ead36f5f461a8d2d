"""The store `azblob://`, against Azurite where it is installed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from hafw.hooks.errors import Denied, Misconfigured
from hafw.stores import azblob
from hafw.testing.contender import Contender
from hafw.testing.leases import HttpLeaseConformance
from tests.stores.servers import free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT: Final = "devstoreaccount1"
KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""Azurite's own account, the same everywhere."""


def make_container(endpoint: str) -> bool:
    credential = {"account_name": ACCOUNT, "account_key": KEY}
    with BlobServiceClient(endpoint, credential=credential, retry_total=0) as service:
        try:
            service.create_container("leases", connection_timeout=2, read_timeout=5)
        except AzureError as problem:
            return getattr(problem, "error_code", "") == "ContainerAlreadyExists"
    return True


@pytest.fixture(autouse=True, scope="module")
def account() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(azblob.KEY_VARIABLE, KEY)
        yield


@pytest.mark.skipif(
    not shutil.which("azurite-blob"), reason="no Azurite: npm install -g azurite (Node 20)"
)
class TestAzblob(HttpLeaseConformance):
    """The whole conformance suite."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        port = free_port()
        command = ["azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command += ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]
        endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        log = tmp_path_factory.mktemp("azurite") / "log"
        with server([*command, "--silent"], log, lambda: make_container(endpoint)):
            yield f"azblob://{ACCOUNT}/leases/hafw?endpoint_url={endpoint}"

    def test_a_wrong_key_is_denied(self, alpha: Contender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(azblob.KEY_VARIABLE, "d3Jvbmc=")
        azblob._service.cache_clear()

        with pytest.raises(Denied):
            alpha.read()

        azblob._service.cache_clear()


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("azblob://account", "names no container"),
        ("azblob:///container", "names no container"),
        ("azblob://a/c?tier=hot", 'unknown option "tier"; there are: endpoint_url'),
    ],
)
def test_a_wrong_url_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        Contender(url=url, cluster_id="c1").warm()
