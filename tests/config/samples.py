"""Cluster files for the tests: one that is right, and a way to change one line of it."""

from __future__ import annotations

from typing import Final

from hafw.config import Cluster, ConfigError, parse

GOOD: Final = """\
[cluster]
name = "store"
id = "6f1c9a5e-0d57-4e6e-9a34-6f2f0a0c7e11"
port = 7410
mode = "active-passive"
key_file = "/etc/hafw/cluster.key"

[nodes.alpha]
[nodes.beta]

[[links]]
alpha = { interface = "eth0", address = "10.1.1.100" }
beta  = { interface = "eth0", address = "10.1.1.101" }

[[links]]
alpha = { interface = "eth1", address = "10.2.2.100" }
beta  = { interface = "eth1", address = "10.2.2.101" }

[ping]
addresses = ["10.1.1.1"]
reflect = "10.1.1.1"

[timing]
keepalive = "1s"
warntime = "5s"
deadtime = "10s"
initdead = "30s"

[[groups]]
id = 3
preferred = "alpha"
auto_failback = false
resources = [
  { type = "vip", provider = "onprem", address = "10.1.1.111/24", interface = "eth0" },
]
"""


def changed(old: str, new: str, text: str = GOOD) -> str:
    """The good file with one part replaced."""
    assert old in text, f"the sample does not contain {old!r}"
    return text.replace(old, new, 1)


def read(text: str = GOOD) -> Cluster:
    """The cluster that the text means."""
    return parse(text, "cluster.toml")


def errors(text: str) -> list[str]:
    """Every error of the text, without the file's name: `line: key: what; what to do`."""
    try:
        read(text)
    except ConfigError as refused:
        return [str(problem).removeprefix("cluster.toml:") for problem in refused.problems]
    return []


def warnings(text: str) -> list[str]:
    """Every warning of the text, in the same form."""
    return [str(problem).removeprefix("cluster.toml:") for problem in read(text).warnings]
