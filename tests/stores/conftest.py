"""Servers that several files of this directory test against, and the credentials for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.stores.servers import answers, free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "testtest",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@pytest.fixture(autouse=True, scope="session")
def nobody_has_an_account() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an AWS that is moto."""
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("moto_locked.py")), str(port)]
    with server(command, tmp_path_factory.mktemp("moto") / "log", lambda: answers(port)):
        yield f"http://127.0.0.1:{port}"
