"""The cluster file: what an operator decided, identical on both nodes.

One rule: a file is accepted whole or refused whole, with every problem, its line and its remedy.
"""

from hafw.config.engine import to_settings
from hafw.config.identity import canonical, config_hash
from hafw.config.keys import Key, load_keys
from hafw.config.loading import load, parse
from hafw.config.model import (
    Authority,
    Cluster,
    Group,
    Link,
    LinkEnd,
    Mode,
    Ping,
    Protection,
    UnknownNode,
    Vip,
)
from hafw.config.problems import ConfigError, Problem

__all__ = [
    "Authority",
    "Cluster",
    "ConfigError",
    "Group",
    "Key",
    "Link",
    "LinkEnd",
    "Mode",
    "Ping",
    "Problem",
    "Protection",
    "UnknownNode",
    "Vip",
    "canonical",
    "config_hash",
    "load",
    "load_keys",
    "parse",
    "to_settings",
]
