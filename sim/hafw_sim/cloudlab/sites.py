"""The clouds that a lab can be in, by the name of hafw's provider.

Rule: only the cloud that is asked for is imported, for only its SDK may be installed.
"""

# ruff: noqa: PLC0415 - as the rule says

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafw_sim.cloudlab.site import Site

SDKS: Final = {"aws": "boto3", "gcp": "google.cloud.compute_v1", "azure": "azure.mgmt.network"}
"""The module by which each cloud's SDK is known, by the name of the provider."""


def has_sdk(name: str) -> bool:
    """Whether the SDK of a cloud is installed."""
    try:
        return find_spec(SDKS[name]) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


MOVERS: Final = {"azure": ("route", "load-balancer")}
"""The ways in which the VIP may move in a lab, the usual one first, of clouds that have several."""


def site_of(name: str, mover: str = "") -> Site:
    """A cloud as new, with one of its `MOVERS`, or the usual one.

    Raises ModuleNotFoundError without its SDK where the model needs it too.
    """
    match name:
        case "aws":
            from hafw_sim.cloudlab.aws import Aws

            return Aws()
        case "gcp":
            from hafw_sim.cloudlab.gcp import Gcp

            return Gcp()
        case "azure":
            from hafw_sim.cloudlab.azure import Azure, AzureBalanced

            return AzureBalanced() if mover == AzureBalanced.mover else Azure()
    raise ValueError(f"no cloud {name}; there are {', '.join(SDKS)}")
