"""What the plugin of a resource that is no VIP is asked: is it ready, and who has the resource?

One rule: who has it is shown, and judged by nobody but the plugin: both nodes may ask at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.hooks.errors import ProviderError
from hafw.hooks.findings import Finding, Findings
from hafw.hooks.hookspecs import Holder
from hafw.hooks.registry import Registry
from hafw.hooks.resources import ResourceObservation

if TYPE_CHECKING:
    from hafw.hooks.resources import ResourceRequest


def check(provider: str, name: str, request: ResourceRequest) -> list[Finding]:
    """One resource: `name` is what people call it."""
    notes = Findings(f"{request.type} {name}")
    try:
        registry = Registry([provider])
        with notes.check("resource.ready", f"{provider} is ready to bring it here"):
            registry.prepare(provider, "hafw_resource_warm", requests=(request,))
        seen = registry.call(provider, "hafw_resource_probe", request=request)
    except ProviderError as problem:
        notes.refused("resource.holder", problem)
        return notes.found
    assert isinstance(seen, ResourceObservation), "as the hook has it"
    if seen.holder is Holder.UNKNOWN:
        remedy = "until it can be seen, hafw leaves it where it is"
        notes.error("resource.holder", f"who has it cannot be seen: {seen.who}", remedy)
    else:
        has = "nobody has it" if seen.holder is Holder.FREE else f"{seen.who or 'this node'} has it"
        notes.ok("resource.holder", has)
    return notes.found
