"""The lease store `etcd://host[:port]`: a transaction that compares the revision of a key.

One rule: leases of etcd itself are not used: after a crash or a change of leader they live longer
than they promised, and ours are timed by the nodes' own clocks.

It speaks to the JSON gateway, as the standard library can do that, and opens a connection for each
call: whether a kept one was still open when a swap was sent is a question without an answer.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, hookimpl
from hafw.stores import body, replies
from hafw.stores.address import Address, parse, remaining_s

EXAMPLE: Final = "etcd://10.2.0.5:2379?ca_file=/etc/hafw/etcd-ca.pem"
OPTIONS: Final = ("ca_file", "cert_file", "key_file")
DEFAULT_PORT: Final = 2379
PREFIX: Final = "hafw"


@hookimpl
def hafw_lease_warm(request: LeaseRequest) -> None:
    """Refuse what cannot work."""
    _connection(_address(request), timeout_s=1.0)


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Read the key, linearizably: that is what a range request does unless told otherwise."""
    answer = _post(request, "range", {"key": _key(request)})
    found = answer.get("kvs")
    if not found:
        return LeaseReading(value=None, version="0")
    value = body.decode(base64.b64decode(found[0]["value"]), request)
    return LeaseReading(value=value, version=str(found[0]["mod_revision"]))


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Put the key if its revision is still the expected one; 0 stands for a key that is not."""
    key = _key(request)
    compare = {
        "key": key,
        "target": "MOD",
        "result": "EQUAL",
        "mod_revision": request.expected.version,
    }
    put = {"key": key, "value": base64.b64encode(body.encode(request)).decode()}
    answer = _post(request, "txn", {"compare": [compare], "success": [{"request_put": put}]})
    if not answer.get("succeeded"):
        raise replies.changed(request)
    return LeaseReading(value=request.new, version=str(answer["header"]["revision"]))


def _key(request: LeaseRequest) -> str:
    return base64.b64encode(body.name(request, PREFIX).encode()).decode()


def _address(request: LeaseRequest) -> Address:
    address = parse(request.url, EXAMPLE, OPTIONS)
    if not address.host or address.path:
        raise Misconfigured(f'"{request.url}" names no server; write it as in {EXAMPLE}')
    return address


def _connection(address: Address, timeout_s: float) -> http.client.HTTPConnection:
    port = address.port or DEFAULT_PORT
    if not address.options:
        return http.client.HTTPConnection(address.host, port, timeout=timeout_s)
    for option, file in address.options.items():
        if not Path(file).is_file():
            raise Misconfigured(f"{option} of the etcd store: there is no file {file}")
    context = ssl.create_default_context(cafile=address.options.get("ca_file"))
    if "cert_file" in address.options:
        context.load_cert_chain(address.options["cert_file"], address.options.get("key_file"))
    return http.client.HTTPSConnection(address.host, port, timeout=timeout_s, context=context)


def _post(request: LeaseRequest, method: str, message: dict[str, object]) -> dict[str, Any]:
    """The answer to one call; an error that says what is known of its effect."""
    connection = _connection(_address(request), remaining_s(request))
    try:
        try:
            connection.connect()
        except OSError as problem:
            raise replies.not_sent(request, problem) from None
        try:
            connection.sock.settimeout(remaining_s(request))
            connection.request("POST", f"/v3/kv/{method}", json.dumps(message).encode())
            connection.sock.settimeout(remaining_s(request))
            reply = connection.getresponse()
            said = reply.read()
        except (OSError, http.client.HTTPException) as problem:
            told = f"{request.url}: {str(problem) or type(problem).__name__}"
            raise replies.no_answer(request, told) from None
        if reply.status != HTTPStatus.OK:
            text = said[:200].decode(errors="replace")
            retry_after = reply.headers.get("Retry-After")
            raise replies.refused(request, reply.status, text, retry_after=retry_after)
        answer: dict[str, Any] = json.loads(said)
        return answer
    finally:
        connection.close()
