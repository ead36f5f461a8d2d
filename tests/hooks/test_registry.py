"""Plugins are loaded by name, and one provider is called inside everybody's wrappers."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.core.wire import Key
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import (
    Holder,
    LeaseRequest,
    PrecheckRequest,
    VipObservation,
    VipReceipt,
    VipRequest,
)
from hafw.hooks.registry import Registry, available, store_of
from tests.hooks.plugins import AUDIT, PROVIDER, install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RIVAL: Final = '''
"""Another provider, which must not be asked."""

from hafw.hooks.hookspecs import VipReceipt, hookimpl

warmed = []


@hookimpl
def hafw_warm(requests):
    warmed.extend(request.address for request in requests)


@hookimpl
def hafw_vip_attach(request):
    raise AssertionError("nobody asked for this provider")
'''
CHECKED: Final = '''
"""A plugin with a precheck, whose live probe answers nonsense."""

from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import hookimpl


@hookimpl
def hafw_precheck(request):
    return (Finding(id="trial.well", verdict=Verdict.OK, where="trial", what="it is well"),)


@hookimpl
def hafw_live_probe(request):
    return ("well",)
'''
TYPO: Final = '''
"""A plugin whose author mistyped a hook."""

from hafw.hooks.hookspecs import hookimpl


@hookimpl
def hafw_vip_atach(request):
    return None
'''


@pytest.fixture(autouse=True)
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The trial provider is installed, and forgotten after the test."""
    add(tmp_path, monkeypatch, PROVIDER)
    yield
    for name in [name for name in sys.modules if name.startswith("hafw_plugin_")]:
        del sys.modules[name]


def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str = "") -> None:
    """Install one more plugin."""
    directory = tmp_path / name
    directory.mkdir()
    if source:
        install(directory, monkeypatch, name, source)
    else:
        install(directory, monkeypatch, name)


def request(address: str = "10.1.1.111") -> VipRequest:
    return VipRequest(
        cluster_id="c1", group=3, epoch=7, address=address, interface="eth0", deadline_ns=0
    )


# --- loading ----------------------------------------------------------------------------------


def test_only_what_is_named_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, monkeypatch, "broken", "raise RuntimeError('must not be imported')")

    registry = Registry([PROVIDER])

    assert [name for name, _ in registry.manager.list_name_plugin()] == [PROVIDER]
    assert set(available()) >= {PROVIDER, "broken", "onprem"}


def test_a_name_that_nobody_offers_is_refused_with_those_that_are() -> None:
    with pytest.raises(Misconfigured) as refused:
        Registry(["nonesuch"])

    assert str(refused.value).startswith('no plugin named "nonesuch" is installed (installed: ')
    assert "onprem" in str(refused.value)


def test_a_plugin_that_breaks_while_it_is_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, monkeypatch, "broken", "raise RuntimeError('out of luck')")

    with pytest.raises(Misconfigured) as refused:
        Registry([PROVIDER, "broken"])

    assert str(refused.value) == (
        'the plugin "broken" (hafw_plugin_broken (hafw-broken 1.0)) cannot be loaded: '
        "RuntimeError: out of luck; repair or reinstall its package"
    )


def test_a_mistyped_hook_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, monkeypatch, "typo", TYPO)

    with pytest.raises(Misconfigured, match=r'plugin "typo".*hafw_vip_atach'):
        Registry(["typo"])


# --- calling ----------------------------------------------------------------------------------


def test_a_provider_is_called_and_its_answer_returned() -> None:
    registry = Registry([PROVIDER])

    attached = registry.call(PROVIDER, "hafw_vip_attach", request=request())
    probed = registry.call(PROVIDER, "hafw_vip_probe", request=request("free"))

    assert attached == VipReceipt(changed=True)
    assert isinstance(probed, VipObservation)
    assert probed.holder is Holder.FREE


def test_no_other_provider_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, monkeypatch, "rival", RIVAL)
    registry = Registry(["rival", PROVIDER])

    assert registry.call(PROVIDER, "hafw_vip_attach", request=request()) == VipReceipt(changed=True)


def test_a_wrapper_stays_in_force_whichever_provider_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, monkeypatch, "audit", AUDIT)
    add(tmp_path, monkeypatch, "rival", RIVAL)
    registry = Registry([PROVIDER, "audit", "rival"])

    registry.call(PROVIDER, "hafw_vip_attach", request=request())
    with pytest.raises(AssertionError):
        registry.call("rival", "hafw_vip_attach", request=request("10.1.1.112"))

    assert "audited 10.1.1.111" in capsys.readouterr().out


def test_a_wrapper_alone_is_no_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, monkeypatch, "audit", AUDIT)

    with pytest.raises(Misconfigured, match='the plugin "audit" has no hafw_vip_attach'):
        Registry(["audit"]).call("audit", "hafw_vip_attach", request=request())


@pytest.mark.parametrize("hook", ["hafw_vip_detach", "hafw_fence_off", "not a hook"])
def test_a_hook_that_the_provider_does_not_have_is_no_such_method(hook: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Registry([PROVIDER]).call(PROVIDER, hook, request=request())

    assert str(refused.value) == f'no such method: the plugin "trial" has no {hook}'


def test_each_provider_warms_only_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, monkeypatch, "rival", RIVAL)
    registry = Registry([PROVIDER, "rival"])

    registry.prepare(PROVIDER, "hafw_warm", requests=(request("10.1.1.111"),))
    registry.prepare("rival", "hafw_warm", requests=(request("10.1.1.112"),))

    assert sys.modules["hafw_plugin_rival"].warmed == ["10.1.1.112"]


def test_a_provider_without_anything_to_warm_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, monkeypatch, "audit", AUDIT)

    Registry(["audit"]).prepare("audit", "hafw_warm", requests=(request(),))


# --- stores of leases -------------------------------------------------------------------------

STORE: Final = '''
"""A lease store."""

from hafw.hooks.hookspecs import hookimpl

warmed = []


@hookimpl
def hafw_lease_warm(request):
    warmed.append(request.url)
'''


STORE_THAT_IS_AWAY: Final = '''
"""A lease store that does not answer now."""

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import hookimpl

read = []


@hookimpl
def hafw_lease_read(request):
    read.append(request.url)
    raise Retryable("it is away", 0.0)
'''


def lease(url: str) -> LeaseRequest:
    return LeaseRequest(url=url, cluster_id="c1", group=3, node=0, ttl_s=20.0, deadline_ns=0)


def test_the_scheme_of_a_url_names_the_store() -> None:
    urls = ["witness://10.2.0.5:7411", "disk:/dev/disk/by-id/shared", "s3://bucket/prefix"]

    assert [store_of(url) for url in urls] == ["witness", "disk", "s3"]


@pytest.mark.parametrize("url", ["", "10.2.0.5:7411", "/dev/sdb", "://nothing"])
def test_what_is_no_url_names_no_store(url: str) -> None:
    with pytest.raises(Misconfigured, match="names no lease store"):
        store_of(url)


def test_the_store_of_a_lease_is_warmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, monkeypatch, "vault", STORE)
    registry = Registry([PROVIDER, "vault"])

    registry.warm_lease(lease("vault://one"))

    assert sys.modules["hafw_plugin_vault"].warmed == ["vault://one"]


def test_a_store_that_has_no_warm_up_of_its_own_is_warmed_by_a_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, monkeypatch, "chest", STORE_THAT_IS_AWAY)

    Registry(["chest"]).warm_lease(lease("chest://one"))

    assert sys.modules["hafw_plugin_chest"].read == ["chest://one"]


def test_what_has_no_lease_to_read_is_no_store() -> None:
    with pytest.raises(Misconfigured, match="has no hafw_lease_read"):
        Registry([PROVIDER]).warm_lease(lease("trial://one"))


def test_the_keys_of_the_cluster_are_shown_nowhere() -> None:
    request = replace(lease("vault://one"), keys=(Key(1, b"secret"),))

    assert "secret" not in repr(request)


def test_a_precheck_is_left_out_by_whoever_has_none() -> None:
    nothing = PrecheckRequest(deadline_ns=0)

    assert Registry([PROVIDER]).findings("hafw_precheck", PROVIDER, nothing) == []


def test_only_findings_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, monkeypatch, "checked", CHECKED)
    registry, nothing = Registry(["checked"]), PrecheckRequest(deadline_ns=0)

    found = registry.findings("hafw_precheck", "checked", nothing)

    assert [one.id for one in found] == ["trial.well"]
    with pytest.raises(Misconfigured, match="answers with what is no finding"):
        registry.findings("hafw_live_probe", "checked", nothing)
