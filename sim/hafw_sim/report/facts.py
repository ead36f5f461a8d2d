"""Says in a word or two how machines and network are.

One rule: what is as it should be is said in no words; so a quiet lane stays empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.durations import round_duration
from hafw_sim.report.recording import Fact, Tone
from hafw_sim.world import Weather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.world import Machine, Way, World

_FAIR_WEATHER: Final = Weather()
_WELL: Final = Fact("")


def machine_fact(node: Machine) -> Fact:
    """How a machine and its agent's process are."""
    if not node.up:
        return Fact("off", Tone.BAD)
    if node.paused:
        return Fact("stands still", Tone.BAD)
    if node.engine is None:
        return Fact("no agent", Tone.BAD)
    words = []
    if node.frozen:
        words.append("frozen")
    if not node.worker_up:
        words.append("no worker")
    if not node.service_up:
        words.append("service interface down")
    words += [f"group {group} not prepared" for group in sorted(node.cold)]
    if node.slow_ns:
        words.append(f"slow by {round_duration(node.slow_ns)}")
    if node.fates:
        words.append("operations " + ", ".join(sorted(node.fates)) + " decided")
    return Fact(", ".join(words), Tone.FAIR) if words else _WELL


def network_facts(world: World) -> Iterator[tuple[str, Fact]]:
    """How each link, each node's way to the ping node, the ping node and the rest are."""
    net, names = world.net, [node.name for node in world.nodes]
    for link in range(world.nodes[0].settings.links):
        ways = (net.links[link, 0], net.links[link, 1])
        yield f"link{link}", _ways_fact(ways, (f"from {names[0]}", f"from {names[1]}"))
    if world.nodes[0].settings.pings:
        for number, name in enumerate(names):
            ways = (net.to_ping[number], net.from_ping[number])
            yield f"ping {name}", _ways_fact(ways, ("to it", "from it"))
        yield "ping node", _ping_fact(world)
    yield "weather", _weather_fact(world)


def _ways_fact(ways: tuple[Way, Way], names: tuple[str, str]) -> Fact:
    words = [_way_words(way) for way in ways]
    if words[0] == words[1]:
        text = words[0]
    else:
        text = ", ".join(f"{word} {name}" for word, name in zip(words, names, strict=True) if word)
    if not text:
        return _WELL
    return Fact(text, Tone.BAD if ways[0].cut and ways[1].cut else Tone.FAIR)


def _way_words(way: Way) -> str:
    if way.cut:
        return "cut"
    if way.held is not None:
        return "held"
    if way.burst is not None:
        return "loses in bursts"
    return f"loses {way.loss:.2g}" if way.loss else ""


def _ping_fact(world: World) -> Fact:
    if not world.net.ping_up:
        return Fact("off", Tone.BAD)
    if world.nodes[0].settings.reflect and not world.net.ping_reflects:
        return Fact("does not reflect", Tone.BAD)
    return _WELL


def _weather_fact(world: World) -> Fact:
    """What holds for all packets, operations and disks."""
    now, words = world.weather, []
    if now.loss:
        words.append(f"loss {now.loss:.2g}")
    if now.duplicate:
        words.append(f"duplicates {now.duplicate:.2g}")
    if now.corrupt:
        words.append(f"damage {now.corrupt:.2g}")
    if now.delay_ns != _FAIR_WEATHER.delay_ns:
        words.append(f"delay to {round_duration(now.delay_ns[1])}")
    if now.op_failed or now.op_unknown or now.op_lost:
        words.append("operations fail")
    if now.op_ns[1] > _FAIR_WEATHER.op_ns[1]:
        words.append(f"operations take to {round_duration(now.op_ns[1])}")
    if now.disk_full:
        words.append("disks full")
    elif now.fsync_ns[1] > _FAIR_WEATHER.fsync_ns[1]:
        words.append(f"disks take to {round_duration(now.fsync_ns[1])}")
    if not world.net.service_lan:
        words.append("probes find nobody")
    return Fact(", ".join(words), Tone.FAIR) if words else _WELL
