"""Loads plugins by name and calls one provider's hook.

One rule: a plugin is loaded only when the cluster file names it, so that one broken package cannot
take the others down. Wrappers (audit, dry run, metrics) stay in force around every call.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pluggy

from hafw.hooks import hookspecs
from hafw.hooks.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "hafw"
"""The entry point group in which packages offer plugins."""


class Registry:
    """The plugins of one process."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Load the plugins called `names`. Raises Misconfigured for one that is not installed."""
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        for name in names:
            if not self.manager.load_setuptools_entrypoints(GROUP, name=name):
                known = ", ".join(sorted(available())) or "none"
                raise Misconfigured(
                    f'no plugin named "{name}" is installed (installed: {known}); '
                    f"install the package that provides it, e.g. pip install 'hafw[{name}]'"
                )
        self.manager.check_pending()

    def call(self, provider: str, hook: str, **arguments: object) -> object:
        """Call `hook` of one provider, inside every wrapper that is registered.

        Raises Misconfigured when the provider does not have the hook.
        """
        others = [
            plugin
            for name, plugin in self.manager.list_name_plugin()
            if plugin is not None and name != provider and name in available()
        ]
        caller = self.manager.subset_hook_caller(hook, remove_plugins=others)
        result = caller(**arguments)
        if result is None or result == []:
            raise Misconfigured(f'no such method: the plugin "{provider}" has no {hook}')
        return result


def available() -> dict[str, str]:
    """The installed plugins: name and where each comes from."""
    return {
        point.name: f"{point.value} ({point.dist.name} {point.dist.version})"
        if point.dist
        else point.value
        for point in entry_points(group=GROUP)
    }
