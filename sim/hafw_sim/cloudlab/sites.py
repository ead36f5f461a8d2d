"""The clouds that a lab can be in, by the name of hafw's provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.cloudlab.aws import Aws
from hafw_sim.cloudlab.azure import Azure
from hafw_sim.cloudlab.gcp import Gcp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hafw_sim.cloudlab.site import Site

SITES: Final[Mapping[str, Callable[[], Site]]] = {"aws": Aws, "gcp": Gcp, "azure": Azure}
