"""The fence `manual`: a person looks, and says `hafw fence ack NODE --reason TEXT`.

One rule: without that word nothing is known, and nothing is done to the machine either way.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw.fence_options import Options, pause, remaining_s
from hafw.fences import acks
from hafw.hooks.errors import Misconfigured, Retryable
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, Sighting, hookimpl
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from hafw.fences.acks import Ack

METHOD: Final = "manual"
OPTIONS: Final = ("directory",)
LOOK_S: Final = 0.5
"""A person does not notice."""


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Refuse a directory that is none."""
    _directory(request)


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Wait for the word of a person; it is spent with this."""
    directory = _directory(request)
    remaining_s(request)
    while boot_ns() < request.deadline_ns:
        ack = acks.read(directory, request.cluster_id, request.target)
        if ack is not None:
            acks.spend(directory, request.target)
            return _receipt(request, ack)
        pause(request, LOOK_S)
    raise Retryable(
        f"nobody vouched for it in time; look whether {request.target} is off, and then: "
        f"hafw fence ack {request.target} --reason TEXT",
        1.0,
    )


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Whether the word of a person waits to be used."""
    ack = acks.read(_directory(request), request.cluster_id, request.target)
    return _receipt(request, ack)


def _directory(request: FenceRequest) -> Path:
    path = Path(Options(request, OPTIONS).text("directory", acks.DIRECTORY))
    if not path.is_absolute():
        raise Misconfigured(f'"{path}" is not an absolute path; begin it with "/"')
    return path


def _receipt(request: FenceRequest, ack: Ack | None) -> FenceReceipt:
    state = f"vouched for by {ack.by}: {ack.reason}" if ack else "nobody vouched for it"
    return FenceReceipt(
        power=Power.OFF if ack else Power.UNKNOWN,
        confirmed=ack is not None,
        method=METHOD,
        identity=f"{request.target}, in a person's words",
        seen=(Sighting(state, ack.at_ns if ack else boot_ns()),),
    )
