"""Writes a cluster file, with the comments that a person needs to change it later.

One rule: what is written is read back to the same `Cluster`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hafw.config import disk_options, vip_options
from hafw.config.durations import format_duration
from hafw.config.model import Vip
from hafw.config.options import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw.config.model import Cluster, FenceOption, Group, Resource

_HEADER: Final = """\
# The cluster file of hafw. It must be the same on both nodes. After a change: copy it to the
# other node, run `hafw config check` on both, then `hafw reload` on both."""


def render(cluster: Cluster) -> str:
    """The text of the cluster file."""
    blocks = [
        _HEADER,
        _head(cluster),
        _nodes(cluster),
        *_links(cluster),
        _ping(cluster),
        _timing(cluster),
        _authority(cluster),
        _agent(cluster),
        *(_group(cluster, group) for group in cluster.groups),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(cluster: Cluster) -> str:
    lines = [
        "[cluster]",
        f"name = {_quoted(cluster.name)}",
        f"id = {_quoted(cluster.id)}   # of this cluster only: never copy it to another",
        f"port = {cluster.port}   # UDP, on every heartbeat link",
        f"mode = {_quoted(cluster.mode)}",
        f"key_file = {_quoted(cluster.key_file)}   # mode 0600, the same on both nodes",
    ]
    if cluster.protection is None:
        lines.append('# protection = "best-effort"   # accept takeovers on circumstantial evidence')
    else:
        lines.append(f"protection = {_quoted(cluster.protection)}   # remove this to end it")
    return "\n".join(lines)


def _nodes(cluster: Cluster) -> str:
    lines = ["# Names equal `uname -n` on each node; the first is the primary."]
    for name, levels, dog in zip(cluster.nodes, cluster.fences, cluster.watchdogs, strict=True):
        lines.append(f"[nodes.{_key(name)}]")
        if dog is not None:
            lines += [f"[nodes.{_key(name)}.watchdog]", f"device = {_quoted(dog.device)}"]
            lines.append(f"timeout = {_time(dog.timeout_ns)}")
        for level in levels:
            lines += [f"[[nodes.{_key(name)}.fence]]", f"method = {_quoted(level.method)}"]
            lines += [f"{key} = {_scalar(value)}" for key, value in level.options]
            lines.append(f"timeout = {_time(level.timeout_ns)}")
    return "\n".join(lines)


def _links(cluster: Cluster) -> Iterable[str]:
    for link in cluster.links:
        lines = ["[[links]]"]
        for name, end in zip(cluster.nodes, link.ends, strict=True):
            table = f"{{ interface = {_quoted(end.interface)}, address = {_quoted(end.address)} }}"
            lines.append(f"{_key(name)} = {table}")
        yield "\n".join(lines)


def _ping(cluster: Cluster) -> str:
    ping = cluster.ping
    listed = ", ".join(_quoted(address) for address in ping.addresses)
    lines = ["[ping]", f"addresses = [{listed}]"]
    if ping.reflect is None:
        lines.append(
            '# reflect = "..."   # a ping node that is one box for certain: see the manual'
        )
    else:
        lines.append(f"reflect = {_quoted(ping.reflect)}   # one box: the operator vouches for it")
    if not ping.switchover:
        lines.append("switchover = false")
    return "\n".join(lines)


def _timing(cluster: Cluster) -> str:
    timing = cluster.timing
    return "\n".join(
        [
            "[timing]",
            f"keepalive = {_time(timing.keepalive_ns)}   # a heartbeat on every link",
            f"warntime = {_time(timing.warntime_ns)}   # silence that is noted",
            f"deadtime = {_time(timing.deadtime_ns)}   # silence after which a takeover may begin",
            f"initdead = {_time(timing.initdead_ns)}   # the same, just after a start",
        ]
    )


def _authority(cluster: Cluster) -> str:
    lines = ["[authority]"]
    if cluster.authority is None:
        lines.append('# lease = "witness://10.2.0.5:7411"   # a lease store: see the manual')
    else:
        ttl = _time(cluster.authority.lease_ttl_ns)
        lines.append(f"lease = {_quoted(cluster.authority.lease)}")
        lines.append(f"lease_ttl = {ttl}   # nobody renewed it for so long: it is free")
    if any(cluster.fences):
        delay = _time(cluster.fence_delay_ns)
        lines.append(f"fence_delay = {delay}   # who did not serve waits before it shoots")
    return "\n".join(lines)


def _agent(cluster: Cluster) -> str:
    lines = ["[agent]"]
    if cluster.control_group is None:
        lines.append('# control_group = "..."   # its members may give orders, as root may')
    else:
        name = _quoted(cluster.control_group)
        lines.append(f"control_group = {name}   # its members may give orders, as root may")
    return "\n".join(lines)


def _group(cluster: Cluster, group: Group) -> str:
    forced = [f"force = {_quoted(group.force)}   # a rule less: see hafw config check"]
    return "\n".join(
        [
            "[[groups]]",
            f"id = {group.id}",
            f"preferred = {_quoted(cluster.nodes[group.preferred])}",
            f"auto_failback = {str(group.auto_failback).lower()}",
            *(forced if group.force else ()),
            "resources = [   # started in this order, stopped in reverse",
            *(f"  {_resource(cluster, resource)}," for resource in group.resources),
            "]",
        ]
    )


def _resource(cluster: Cluster, resource: Resource) -> str:
    values = {"type": _quoted(resource.type), "provider": _quoted(resource.provider)}
    shape_of = disk_options.shape_of
    if isinstance(resource, Vip):
        first, second = resource.interfaces
        one = _quoted(first) if first == second else _each(cluster, resource.interfaces)
        values |= {"address": _quoted(resource.address), "interface": one}
        shape_of = vip_options.shape_of
    for name, value in resource.options:
        match shape_of(resource.options, name, resource.provider), value:
            case Shape.TEXT, str():
                values[name] = _quoted(value)
            case Shape.EACH, tuple():
                values[name] = _each(cluster, value)
            case _, texts:
                values[name] = "[" + ", ".join(_quoted(text) for text in texts) + "]"
    return "{ " + ", ".join(f"{name} = {text}" for name, text in values.items()) + " }"


def _each(cluster: Cluster, texts: tuple[str, ...]) -> str:
    named = zip(cluster.nodes, texts, strict=True)
    return "{ " + ", ".join(f"{_key(node)} = {_quoted(text)}" for node, text in named) + " }"


def _scalar(value: FenceOption) -> str:
    """JSON spells numbers, truth values and texts as TOML does."""
    return json.dumps(value, ensure_ascii=False)


def _time(duration_ns: int) -> str:
    return _quoted(format_duration(duration_ns))


def _key(name: str) -> str:
    return _quoted(name) if "." in name else name


def _quoted(value: object) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(str(value), ensure_ascii=False)
