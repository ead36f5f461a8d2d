"""What a worker loads and prepares, and what becomes of a group for which it cannot."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent import supervisor
from hafw.config import Cluster, Group
from hafw.config import Vip as VipOfFile
from hafw.config.options import MAX_CHARS, MAX_LISTED
from hafw.core.model import Outcome
from hafw.worker.protocol import MAX_FRAME, Hello, Order, Reply, Vip, frame
from tests.agent.lone import Lone, lone
from tests.agent.workers import Bench, install_trial, with_hello, with_worker
from tests.hooks.plugins import PROVIDER, install
from tests.net.hosts import INTERFACE, isolated

if TYPE_CHECKING:
    from pathlib import Path


PICKY: Final = '''
"""On-prem, for whoever has a certain file."""

import os

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import hookimpl
from hafw.providers.onprem import (
    hafw_vip_announce, hafw_vip_attach, hafw_vip_detach, hafw_vip_observe, hafw_vip_probe,
)


@hookimpl
def hafw_warm(requests):
    if requests and not os.path.exists(os.environ["NEEDED"]):
        raise Misconfigured(f"there is no {os.environ['NEEDED']}")
'''


@pytest.fixture(autouse=True)
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_trial(tmp_path, monkeypatch)


def trouble_of(plugins: tuple[str, ...], warms: str = "10.1.1.111") -> str:
    """Why the worker does not become warm."""

    async def scene(bench: Bench) -> str:
        await bench.until(lambda: bench.supervisor.trouble != "starting")
        return bench.supervisor.trouble

    return with_worker(scene, plugins=plugins, warms=warms)


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are() -> None:
    trouble = trouble_of(("nonesuch",))

    assert trouble.startswith('no plugin named "nonesuch" is installed (installed: ')
    assert "trial" in trouble


def test_a_plugin_that_cannot_be_imported_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    install(other, monkeypatch, "broken", "import a_package_that_is_missing")

    trouble = trouble_of(("broken",))

    assert trouble.startswith(
        'the plugin "broken" (hafw_plugin_broken (hafw-broken 1.0)) cannot be loaded: '
        "ModuleNotFoundError: No module named 'a_package_that_is_missing'"
    )


def test_a_provider_that_is_not_ready_says_why() -> None:
    assert trouble_of((PROVIDER,), warms="cold") == "there is no eth7"


def test_the_largest_clusters_greeting_fits_into_a_frame() -> None:
    vips = tuple(
        Order(
            0,
            "onprem",
            "hafw_warm",
            Vip(
                "0" * 32,
                255,
                2**63,
                "2001:db8:1111:2222:3333:4444:5555:6666",
                "x" * 15,
                2**63,
                9,
                op=f"1/{2**63}/{2**63}/{2**63}",
                certificate="best-effort",
                nodes=("n" * 64, "m" * 64),
                options={
                    **{f"each{number}": ("v" * MAX_CHARS, "w" * MAX_CHARS) for number in range(4)},
                    "listed": ("l" * MAX_CHARS,) * MAX_LISTED,
                },
            ),
        )
        for _ in range(20 * 64)
    )

    assert len(frame(Hello(("onprem",), vips))) < MAX_FRAME


def needing(*files: Path) -> Hello:
    """Groups from 1 on with a VIP each, not to be prepared for while there is no such file."""
    vips = [Vip("c1", group, 0, "needs", str(file), 0) for group, file in enumerate(files, start=1)]
    return Hello((PROVIDER,), tuple(Order(0, PROVIDER, "hafw_warm", vip) for vip in vips))


def test_what_one_group_lacks_keeps_no_other_from_being_taken(tmp_path: Path) -> None:
    (tmp_path / "here").touch()

    async def scene(bench: Bench) -> Reply:
        await bench.warm()
        assert bench.supervisor.cold == {2: f"there is no {tmp_path / 'missing'}"}
        bench.orders("10.1.1.111")
        return await bench.reply()

    hello = needing(tmp_path / "here", tmp_path / "missing")
    assert with_hello(scene, hello) == Reply(1, Outcome.OK)


def test_why_a_group_cannot_be_taken_may_be_of_any_length_and_in_any_letters() -> None:
    async def scene(bench: Bench) -> dict[int, str]:
        await bench.warm()
        return bench.supervisor.cold

    kinds = ("10.1.1.111", "odd-text", "huge-text")
    vips = [Vip("c1", group, 0, kind, "eth0", 0) for group, kind in enumerate(kinds, start=1)]
    orders = tuple(Order(0, PROVIDER, "hafw_warm", vip) for vip in vips)
    cold = with_hello(scene, Hello((PROVIDER,), orders))

    assert cold[2] == "caf?"
    assert cold[3].startswith("xxx")
    assert len(cold[3]) < 5_000


def test_what_every_group_lacks_is_the_workers_trouble(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> str:
        await bench.until(lambda: bench.supervisor.restarts >= 1)
        return bench.supervisor.trouble

    hello = needing(tmp_path / "missing", tmp_path / "gone")
    assert with_hello(scene, hello) == f"there is no {tmp_path / 'missing'}"


def test_what_a_group_lacked_is_looked_for_again_until_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "AGAIN_S", 0.01)
    (tmp_path / "here").touch()

    async def scene(bench: Bench) -> tuple[dict[int, str], int]:
        await bench.warm()
        (tmp_path / "here").unlink()  # what was prepared stays so
        (tmp_path / "late").touch()
        await bench.warm()
        return bench.supervisor.cold, bench.supervisor.restarts

    hello = needing(tmp_path / "here", tmp_path / "late")
    assert with_hello(scene, hello) == ({}, 0)


def test_a_new_worker_is_greeted_with_all_groups_whatever_the_old_one_lacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "AGAIN_S", 0.1)
    monkeypatch.setattr(supervisor, "RESPAWN_S", (0.3,))  # the old one's next try would be before
    (tmp_path / "here").touch()

    async def scene(bench: Bench) -> int:
        await bench.warm()
        assert bench.supervisor.pid is not None
        os.kill(bench.supervisor.pid, signal.SIGKILL)
        assert await bench.change() == (False, "it died")
        await bench.warm()
        return bench.supervisor.restarts

    assert with_hello(scene, needing(tmp_path / "here", tmp_path / "missing")) == 1


@isolated
def test_an_agent_takes_the_group_that_it_could_prepare_for_and_the_other_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "picky", PICKY)
    missing = tmp_path / "missing"
    with lone(tmp_path) as scene:
        scene.write(with_picky_group(scene.cluster))
        scene.start(NEEDED=str(missing))

        scene.until(lambda: states(scene)[3] == "active")
        assert states(scene)[4] == "blocked"
        assert (
            f"group 4 is blocked: this node cannot run it: there is no {missing}"
            in scene.warnings()
        )

        missing.touch()
        scene.until(lambda: states(scene)[4] == "active")
        assert "group 4" not in scene.warnings()


@isolated
def test_an_owner_that_lacks_something_when_its_worker_is_replaced_says_so_and_serves_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "picky", PICKY)
    needed = tmp_path / "needed"
    needed.touch()
    with lone(tmp_path) as scene:
        scene.write(with_picky_group(scene.cluster))
        scene.start(NEEDED=str(needed))
        scene.until(lambda: states(scene) == {3: "active", 4: "active"})

        needed.unlink()
        scene.kill_worker()

        scene.until(lambda: "group 4 could not be taken here again: there is" in scene.warnings())
        assert states(scene) == {3: "active", 4: "active"}


def with_picky_group(cluster: Cluster) -> Cluster:
    """And a group, 4, that cannot be prepared for without a certain file."""
    address = IPv4Interface("10.1.1.112/24")
    vip = VipOfFile(provider="picky", address=address, interfaces=(INTERFACE, INTERFACE))
    return replace(cluster, groups=(*cluster.groups, Group(id=4, preferred=0, resources=(vip,))))


def states(scene: Lone) -> dict[int, str]:
    """The state of each group."""
    return {group["id"]: group["state"] for group in scene.status()["groups"]}
