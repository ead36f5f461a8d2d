"""A provider, installed as any other would be: a package with an entry point, on the path.

Rule: what it does is told by the address that it is asked about, so that orders need nothing else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROVIDER: Final = "trial"
SOURCE: Final = '''
"""What a plugin may do, by the address that it is asked about."""

import os
import sys
import time

from hafw.hooks.errors import (
    Conflict, Denied, Misconfigured, ProviderError, Retryable, StaleEpoch, UnknownOutcome,
)
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, hookimpl

RAISED = {
    "provider-error": ProviderError("it failed"),
    "conflict": Conflict("somebody else has it"),
    "stale-epoch": StaleEpoch("epoch 9 is newer"),
    "denied": Denied("ec2:AssignPrivateIpAddresses is missing"),
    "misconfigured": Misconfigured("there is no eth7"),
    "retryable": Retryable("throttled", 2.0),
    "unknown-outcome": UnknownOutcome("the reply was lost"),
    "bug": ZeroDivisionError("division by zero"),
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
    "huge-text": ProviderError("x" * 5_000_000),
    "odd-text": ProviderError("caf\\udce9"),
}


@hookimpl
def hafw_warm(requests):
    for request in requests:
        if request.address.startswith("cold"):
            raise Misconfigured("there is no eth7")
        if request.address == "needs" and not os.path.exists(request.interface):
            raise Misconfigured(f"there is no {request.interface}")
        if request.address in RAISED:
            raise RAISED[request.address]


@hookimpl
def hafw_vip_attach(request):
    kind = request.address
    if kind in RAISED:
        raise RAISED[kind]
    if kind == "die":
        os._exit(3)
    if kind == "hang":
        time.sleep(3_600)
    if kind == "late":
        time.sleep(float(request.interface))
    if kind == "print":
        print("said by a plugin")
    if kind == "complain":
        print("said by a plugin", file=sys.stderr)
    if kind == "wrong-answer":
        return True
    if kind == "write":
        with open(request.interface, "a") as file:
            file.write("attached")
    return VipReceipt(changed=True)


@hookimpl
def hafw_vip_probe(request):
    found = {"free": Holder.FREE, "peer": Holder.PEER, "unknown": Holder.UNKNOWN}
    if request.address == "wrong-answer":
        return VipReceipt(changed=False)
    return VipObservation(holder=found[request.address], who="02:00:00:00:00:01")
'''

AUDIT: Final = '''
"""A wrapper: it stays in force around whichever provider is called."""

from hafw.hooks.hookspecs import VipReceipt, hookimpl


@hookimpl(wrapper=True)
def hafw_vip_attach(request):
    receipt = yield
    print("audited", request.address)
    return receipt
'''


def install(
    directory: Path, monkeypatch: pytest.MonkeyPatch, name: str = PROVIDER, source: str = SOURCE
) -> None:
    """Install a plugin for every process that is started from now on, and for this one."""
    module = f"hafw_plugin_{name}"
    (directory / f"{module}.py").write_text(source)
    metadata = directory / f"hafw_{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hafw-{name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[hafw]\n{name} = {module}\n")
    inherited = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(directory), inherited])))
    monkeypatch.syspath_prepend(directory)
