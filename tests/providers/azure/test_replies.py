"""What becomes of a request whose connection breaks: known not to be sent, or not known."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import HttpRequest, RequestsTransport

from hafw.hooks.errors import ProviderError, Retryable
from hafw.providers.azure import replies
from hafw.providers.azure.calls import NIC_PUT
from hafw.providers.azure.errors import Unanswered
from tests.fences.devices import needs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of nobody in particular, and its key."""
    needs("openssl", "openssl")
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    files = ["-subj", "/CN=arm", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True, timeout=30)
    return cert, key


def breaking(certificate: tuple[Path, Path], last: bytes) -> int:
    """The port of a server that reads a request, sends `last` outside of TLS, and hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(4096)
            os.write(connection.fileno(), last)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def put(port: int) -> ProviderError:
    """What is made of a PUT to this port."""
    request = HttpRequest("PUT", f"https://127.0.0.1:{port}/")
    transport = RequestsTransport(connection_verify=False)
    with transport, pytest.raises(AzureError) as caught:
        transport.send(request, connection_timeout=5.0, read_timeout=5.0)
    return replies.of_call(NIC_PUT, caught.value)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 500\r\n\r\n"], ids=["ends", "breaks TLS"])
def test_a_request_whose_answer_is_cut_may_have_arrived(
    certificate: tuple[Path, Path], last: bytes
) -> None:
    assert isinstance(put(breaking(certificate, last)), Unanswered)


def test_a_request_to_nobody_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = int(nobody.getsockname()[1])

    problem = put(port)

    assert isinstance(problem, Retryable)
    assert "was not sent" in str(problem)
