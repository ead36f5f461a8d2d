"""Status answers for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hafw.agent.client import Message


def status_result() -> Message:
    """A cluster in which all is well: alpha owns group 3, beta owns group 4."""
    return {
        "schema": "hafw.status/1",
        "cluster": {
            "name": "store",
            "mode": "active-active",
            "protection": "reflected",
            "config_hash": "b2ff1565c0163bd2",
        },
        "node": "alpha",
        "nodes": [node("alpha", "primary"), node("beta", "secondary")],
        "groups": [group(3, "alpha"), group(4, "beta")],
        "links": [link("link1", "eth0", "10.1.1.101"), link("link2", "eth1", "10.2.2.101")],
        "ping": [{"address": "10.1.1.1", "state": "up", "reflects": True}],
        "last_takeover": None,
        "warnings": [],
    }


def trouble_result() -> Message:
    """Alpha alone: it took group 3 from beta, which is dead; group 4 is blocked."""
    blocked = group(4, "beta") | {
        "owner": None,
        "state": "blocked",
        "certificate": None,
        "protection": "none",
        "vips": [{"address": "10.1.1.114", "owner": None}],
    }
    dead = node("beta", "secondary") | {
        "service": "unknown",
        "state": "dead",
        "active": False,
        "owns": "none",
    }
    return status_result() | {
        "nodes": [node("alpha", "primary"), dead],
        "groups": [group(3, "alpha") | {"preferred": "beta", "certificate": "reflected"}, blocked],
        "links": [
            link("link1", "eth0", "10.1.1.101") | {"state": "down", "last_heard_ms": 12_300},
            link("link2", "eth1", "10.2.2.101")
            | {"state": "down", "last_heard_ms": None, "late": 3},
        ],
        "last_takeover": {
            "group": 3,
            "from": "beta",
            "to": "alpha",
            "at": "2026-11-22T12:00:01.250+00:00",
            "certificate": "reflected",
            "phases_ms": {"detect": 1000.2, "decide": 0.3, "attach": 2.1, "announce": 0.4},
        },
        "warnings": [
            {
                "text": "group 4 is blocked: nothing proves that the other node let go",
                "next": "hafw takeover --force --peer-is-off beta --reason TEXT",
            }
        ],
        "agent": {
            "worker": "up",
            "gate": "owned",
            "scheduling": "real-time, memory locked",
            "dropped": {"wrong mac": 1, "replayed": 2},
        },
    }


def node(name: str, role: str) -> Message:
    return {
        "name": name,
        "role": role,
        "service": "running",
        "state": "up",
        "active": True,
        "owns": "local",
    }


def group(group_id: int, owner: str) -> Message:
    return {
        "id": group_id,
        "preferred": owner,
        "owner": owner,
        "state": "active",
        "epoch": 7,
        "certificate": "released",
        "protection": "reflected",
        "vips": [{"address": f"10.1.1.11{group_id}", "owner": owner}],
        "resources": [],
    }


def link(name: str, interface: str, peer: str) -> Message:
    return {
        "name": name,
        "interface": interface,
        "peer": peer,
        "state": "up",
        "last_heard_ms": 83,
        "late": 0,
    }
