"""The agent as a process: one to a machine, files anew, foreign datagrams, systemd."""

from __future__ import annotations

import re
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.agent.statefile import load, save
from hafw.core.maintenance import LONGEST_MS
from hafw.core.reboot import LOTS
from hafw.core.wire import Codec
from tests.agent.lone import NEW, OLD, STRANGER, Lone, lone
from tests.net.hosts import isolated

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.core.wire import Key

USAGE, DEGRADED, REFUSED = 2, 3, 5
PERMISSION = 6
CONFIG = 9


# --- one agent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "run"), [("state", "other"), ("other", "run")], ids=["state", "run"]
)
@isolated
def test_a_second_agent_in_the_same_directory_is_refused(
    tmp_path: Path, state: str, run: str
) -> None:
    with lone(tmp_path) as scene:
        scene.start()

        status = scene.ends(scene.spawn(state=state, run=run))

        assert status == REFUSED
        shared = tmp_path / ("state" if state == "state" else "run")
        assert f"another agent (process {scene.pid}) uses {shared}" in scene.log(run)
        assert scene.answers()


@isolated
def test_a_second_agent_of_the_same_node_finds_the_port_in_use(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()

        status = scene.ends(scene.spawn(state="other", run="another"))

        assert status == REFUSED
        assert "UDP port 7410 of 10.1.1.100 is used by another program" in scene.log("another")
        assert scene.answers()


@isolated
def test_a_second_agent_of_the_same_cluster_does_not_get_the_gate(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()
        scene.write(replace(scene.cluster, port=7999))

        status = scene.ends(scene.spawn(state="other", run="another"))

        assert status == PERMISSION
        assert "another living process owns this gate" in scene.log("another")
        assert scene.answers()


@isolated
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.cluster.key_file.chmod(0o644)

        status = scene.ends(scene.spawn())

        assert status == CONFIG
        assert "has mode 0644, so others than its owner can use it" in scene.log()


# --- datagrams --------------------------------------------------------------------------------


@isolated
def test_foreign_datagrams_are_counted_by_kind_and_change_nothing_else(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()
        good = scene.signed(scene.beat(7))
        scene.send(good)
        scene.until(lambda: peer(scene)["state"] == "up")
        other_cluster = Codec(bytes(16), 1, (OLD,)).encode(scene.beat(8), 0)
        scene.send(
            good,
            scene.signed(scene.beat(6)),
            scene.signed(scene.beat(1_000_000, incarnation=4, leaving=True)),
            good[:-1] + bytes([good[-1] ^ 1]),
            b"",
            bytes(1_000),
            bytes(9_000),
            good[:4] + b"\x63" + good[5:],
            other_cluster,
            scene.signed(scene.beat(9), NEW),
            Codec(scene.cluster.id.bytes, 1, (OLD,)).encode(scene.beat(9), 1),
            Codec(scene.cluster.id.bytes, 0, (OLD,)).encode(scene.beat(9, node=0), 0),
        )
        scene.send(good, good, host=scene.stranger, number=STRANGER)

        expected = {
            "replayed": 2,
            "old incarnation": 1,
            "wrong mac": 1,
            "truncated": 1,
            "not hafw": 1,
            "too long": 1,
            "other version": 1,
            "other cluster": 1,
            "unknown key": 1,
            "wrong path": 1,
            "wrong node": 1,
            "foreign sender": 2,
        }
        scene.until(lambda: dropped(scene) == expected)
        assert peer(scene)["incarnation"] == 5


def dropped(scene: Lone) -> dict[str, int]:
    counts: dict[str, int] = scene.status()["agent"]["dropped"]
    return counts


def peer(scene: Lone) -> dict[str, object]:
    node: dict[str, object] = scene.status()["nodes"][1]
    return node


@isolated
def test_a_peer_that_remembers_a_later_start_raises_the_incarnation(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()

        later = 40 * LOTS

        scene.send(scene.signed(scene.beat(1, acked_incarnation=later, acked_n=1)))

        scene.until(lambda: scene.answers() and scene.status()["nodes"][0]["incarnation"] > later)
        assert load(tmp_path / "state").state.incarnation > later


@isolated
def test_starts_that_know_of_no_earlier_one_are_told_apart(tmp_path: Path) -> None:
    numbers = set()
    with lone(tmp_path) as scene:
        for name in ("one", "two", "three"):  # all equal once in 2**32
            agent = scene.spawn(state=name, run=name)
            scene.until(lambda name=name: load(tmp_path / name).state.incarnation > 0)  # type: ignore[misc]
            agent.kill()
            agent.wait(10)
            numbers.add(load(tmp_path / name).state.incarnation)

    assert len(numbers) > 1


# --- files anew -------------------------------------------------------------------------------


@isolated
def test_a_rotation_of_keys_needs_no_restart(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()
        numbers = iter(range(1, 10))

        def understands(key: Key) -> bool:
            """Whether alpha takes a beat of beta that is signed with this key."""
            before = dropped(scene)
            # When the second is counted, the first has been looked at.
            scene.send(scene.signed(scene.beat(next(numbers)), key), b"")
            scene.until(lambda: dropped(scene).get("truncated", 0) > before.get("truncated", 0))
            return dropped(scene).get("unknown key", 0) == before.get("unknown key", 0)

        steps = []
        for keys in ((OLD,), (OLD, NEW), (NEW, OLD), (NEW,)):
            scene.write(keys=keys)
            assert scene.ask("reload")["ok"]
            steps.append((understands(OLD), understands(NEW)))

        assert steps == [(True, False), (True, True), (True, True), (False, True)]
        assert "key 2 signs; 1 verify" in scene.log()


@pytest.mark.parametrize("way", ["reload", "hang-up"])
@isolated
def test_a_bad_key_file_leaves_the_old_keys_in_force(tmp_path: Path, way: str) -> None:
    with lone(tmp_path) as scene:
        scene.start()
        scene.write(keys=(NEW,))
        scene.cluster.key_file.chmod(0o640)

        if way == "reload":
            answer = scene.ask("reload")
            assert (answer["ok"], answer["code"]) == (False, CONFIG)
            assert "has mode 0640" in answer["message"]
        else:
            scene.signal(signal.SIGHUP)
            scene.until(lambda: "config.refused" in scene.log())

        scene.send(scene.signed(scene.beat(1), OLD))
        scene.until(lambda: peer(scene)["state"] == "up")
        assert "the old file stays in force" in scene.log()


@isolated
def test_a_file_that_changes_what_is_fixed_is_refused_by_name(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()
        scene.write(replace(scene.cluster, port=7999))

        answer = scene.ask("reload")

        assert (answer["ok"], answer["code"]) == (False, CONFIG)
        assert answer["message"] == (
            "a running agent cannot change: port; use hafw stop on both nodes, then hafw start"
        )


@isolated
def test_a_group_that_this_machine_does_not_have_is_warned_of(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()
        scene.write(replace(scene.cluster, control_group="no-such-group"))

        answer = scene.ask("reload")

        assert answer["ok"]
        assert 'this machine has no group "no-such-group"' in scene.warnings()


# --- systemd ----------------------------------------------------------------------------------


@isolated
def test_systemd_is_told_how_it_stands(tmp_path: Path) -> None:
    with lone(tmp_path) as scene, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        scene.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        heard: list[str] = []

        def hears(text: str) -> bool:
            while not any(text in line for line in heard):
                heard.extend(manager.recv(4_096).decode().splitlines())
            return True

        assert hears("READY=1")
        assert hears("WATCHDOG=1")
        assert hears("STATUS=active: group 3 (epoch ")
        scene.signal(signal.SIGTERM)
        assert hears("STOPPING=1")
        assert hears("EXTEND_TIMEOUT_USEC=")
        assert scene.ends() == 0


@isolated
def test_no_two_starts_mark_a_lease_alike(tmp_path: Path) -> None:
    """What a start writes into a lease begins with a number by chance: its journal has it."""
    with lone(tmp_path) as scene:
        for _ in range(2):
            scene.start()
            scene.ask("stop")
            scene.ends()

        written = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*.hafwj")))

    salts = re.findall(rb'"salt",(\d+)', written)
    assert len(salts) >= 2
    assert len(set(salts)) >= 2
    assert all(int(salt) >> 32 for salt in salts)


@isolated
@pytest.mark.parametrize("met", [False, True])
def test_whom_this_machine_met_is_remembered_over_a_start(tmp_path: Path, met: bool) -> None:  # noqa: FBT001
    """Who has met nobody since its boot may have been switched off, and must not shoot back."""
    with lone(tmp_path) as scene:
        state = tmp_path / "state"
        save(state, replace(load(state).state, met=met))

        scene.start()

        assert load(state).state.met is met
        scene.until(lambda: load(state).state.intents != ())  # it takes the group
        assert load(state).state.met is met


# --- maintenance --------------------------------------------------------------------------------


@isolated
def test_maintenance_is_shown_and_survives_a_restart(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()

        answer = scene.ask("maintenance on", for_ms=3_600_000)

        assert answer["code"] == DEGRADED
        assert "beta is silent" in answer["message"]
        scene.signal(signal.SIGKILL)
        scene.ends()
        scene.start()
        said = scene.status()["cluster"]["maintenance"]
        assert said["on"]
        assert said["by"] == "alpha"
        assert 3_500 < said["remaining_s"] <= 3_600
        assert "nothing moves by itself: maintenance, ordered at alpha" in scene.warnings()
        assert scene.ask("maintenance off")["code"] == DEGRADED
        assert scene.status()["cluster"]["maintenance"] == {
            "on": False,
            "remaining_s": None,
            "by": None,
        }


@isolated
def test_maintenance_for_a_time_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with lone(tmp_path) as scene:
        scene.start()

        for for_ms in (-1, LONGEST_MS + 1, "soon"):
            assert scene.ask("maintenance on", for_ms=for_ms)["code"] == USAGE

        assert not scene.status()["cluster"]["maintenance"]["on"]
