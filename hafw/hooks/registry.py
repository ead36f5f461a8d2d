"""Loads plugins by name and calls one provider's hook.

One rule: a plugin is loaded only when the cluster file names it, so that one broken package cannot
take the others down. Wrappers (audit, dry run, metrics) stay in force around every call.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pluggy

from hafw.hooks import hookspecs, resources
from hafw.hooks.errors import Misconfigured, Retryable
from hafw.hooks.findings import Finding

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
        self.manager.add_hookspecs(resources)
        for name in names:
            self._load(name)

    def _load(self, name: str) -> None:
        try:
            found = self.manager.load_setuptools_entrypoints(GROUP, name=name)
            self.manager.check_pending()
        except Exception as problem:
            raise Misconfigured(
                f'the plugin "{name}" ({available()[name]}) cannot be loaded: '
                f"{type(problem).__name__}: {problem}; repair or reinstall its package"
            ) from problem
        if not found:
            known = ", ".join(sorted(available())) or "none"
            raise Misconfigured(
                f'no plugin named "{name}" is installed (installed: {known}); '
                f"install the package that provides it, e.g. pip install 'hafw[{name}]'"
            )

    def prepare(self, plugin: str, hook: str, **arguments: object) -> None:
        """Call a hook that makes one plugin ready; one that always is has no such hook."""
        caller = self._caller(plugin, hook)
        if caller is not None:
            caller(**arguments)

    def warm_lease(self, request: hookspecs.LeaseRequest) -> None:
        """Let the store of a lease prepare: by a hook of its own, or by a read."""
        store = store_of(request.url)
        caller = self._caller(store, "hafw_lease_warm")
        if caller is not None:
            caller(request=request)
            return
        with suppress(Retryable):  # that it does not answer now is none of a warm-up's business
            self.call(store, "hafw_lease_read", request=request)

    def findings(self, hook: str, plugin: str, request: hookspecs.PrecheckRequest) -> list[Finding]:
        """What a plugin's precheck or live probe found; one that has no such hook finds nothing."""
        caller = self._caller(plugin, hook)
        found = [] if caller is None else list(caller(request=request) or ())
        if any(not isinstance(one, Finding) for one in found):
            raise Misconfigured(f'{hook} of "{plugin}" answers with what is no finding; update it')
        return found

    def call(self, provider: str, hook: str, **arguments: object) -> object:
        """Call `hook` of one provider, inside every wrapper that is registered.

        Raises Misconfigured when the provider does not have the hook.
        """
        caller = self._caller(provider, hook)
        if caller is None:
            raise Misconfigured(f'no such method: the plugin "{provider}" has no {hook}')
        result: object = caller(**arguments)
        return result

    def call_all(self, hook: str, **arguments: object) -> list[object]:
        """The answers of all plugins that have this hook."""
        answers: list[object] = getattr(self.manager.hook, hook)(**arguments)
        return answers

    def _caller(self, provider: str, hook: str) -> pluggy.HookCaller | None:
        """Calls the hook of this provider alone; wrappers are whoever's, and stay."""
        every = getattr(self.manager.hook, hook, None)
        own, others = False, []
        for one in every.get_hookimpls() if every is not None else ():
            if one.wrapper or one.hookwrapper:
                continue
            own = own or one.plugin_name == provider
            if one.plugin_name != provider:
                others.append(one.plugin)
        return self.manager.subset_hook_caller(hook, remove_plugins=others) if own else None


def store_of(url: str) -> str:
    """The name of the plugin that serves the lease store at `url`: the URL's scheme."""
    scheme, colon, _ = url.partition(":")
    if not colon or not scheme.isidentifier():
        raise Misconfigured(
            f'"{url}" names no lease store; write for example "witness://10.2.0.5:7411"'
        )
    return scheme


def available() -> dict[str, str]:
    """The installed plugins: name and where each comes from."""
    return {
        point.name: f"{point.value} ({point.dist.name} {point.dist.version})"
        if point.dist
        else point.value
        for point in entry_points(group=GROUP)
    }
