"""What the agent of alpha asks of a provider about the disk of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.hooks.resources import ResourceRequest
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.placed import Option


def asked(options: Mapping[str, Option], lasts_s: float) -> ResourceRequest:
    """With a proof that beta is off."""
    return ResourceRequest(
        type="cloud-disk",
        cluster_id="c1",
        group=3,
        epoch=7,
        deadline_ns=boot_ns() + int(lasts_s * 1e9),
        certificate="fenced",
        nodes=("alpha", "beta"),
        options=options,
    )
