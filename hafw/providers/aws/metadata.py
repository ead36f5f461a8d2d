"""What an instance knows of itself: its id, its interfaces, and the addresses that they have.

One rule: it is asked directly, by version 2 of its protocol, and never through a proxy; one that
does not answer is no evidence of anything.
"""

from __future__ import annotations

import os
import threading
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

ENDPOINT: Final = "http://169.254.169.254"
TIMEOUT_S: Final = 1.0
TOKEN_S: Final = 21_600
"""The longest that a token may be valid."""
ANNOUNCED: Final = (
    "spot/instance-action",
    "events/recommendations/rebalance",
    "events/maintenance/scheduled",
)
"""Where notices stand (EC2 user guide, "instance metadata categories")."""
_ROOT: Final = "/latest/meta-data"
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404


class Unavailable(Exception):
    """The metadata service does not answer, or is switched off."""


class Metadata:
    """The metadata of the instance that this process runs on."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._lock = threading.Lock()
        self._token = ""
        self._macs: dict[str, str] = {}

    def instance(self) -> str:
        """The id of this instance. Raises Unavailable."""
        return self._get("instance-id")

    def interfaces(self) -> dict[str, str]:
        """The MAC of each interface by its id. Raises Unavailable."""
        macs = [line.rstrip("/") for line in self._get("network/interfaces/macs/").split()]
        return {self._get(f"network/interfaces/macs/{mac}/interface-id"): mac for mac in macs}

    def shows(self, interface: str, address: str) -> bool:
        """Whether the interface has the address, as this instance sees it. Raises Unavailable."""
        if interface not in self._macs:
            self._macs = self.interfaces()
        mac = self._macs.get(interface)
        if mac is None:
            raise Unavailable(f"{interface} is no interface of this instance")
        kind = "ipv6s" if ":" in address else "local-ipv4s"
        return address in self._get(f"network/interfaces/macs/{mac}/{kind}").split()

    def maintenance(self) -> dict[str, str]:
        """What AWS has announced: by path, the text that stands there. Raises Unavailable."""
        return {path: said for path in ANNOUNCED if (said := self._get(path))}

    def _get(self, path: str) -> str:
        with self._lock:
            for _ in range(2):  # the second time with a new token
                if not self._token:
                    headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)}
                    status, self._token = _ask("PUT", "/latest/api/token", headers)
                    if status != _OK:
                        self._token = ""
                        raise Unavailable(f"no metadata token: HTTP {status}")
                headers = {"X-aws-ec2-metadata-token": self._token}
                status, body = _ask("GET", f"{_ROOT}/{path}", headers)
                if status == _OK:
                    return body
                if status == _NOT_FOUND:
                    return ""
                if status == _UNAUTHORIZED:
                    self._token = ""
            raise Unavailable(f"metadata {path}: HTTP {status}")


def _ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise Unavailable("AWS_EC2_METADATA_DISABLED is true")
    where = urlsplit(os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or ENDPOINT)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException, ValueError) as problem:
        raise Unavailable(f"metadata of this instance: {problem}") from None
    finally:
        connection.close()
