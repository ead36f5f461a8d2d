"""What operators do to cluster files, by name: a part of the vocabulary.

One rule: an agent knows what it read; a file that was changed since is nothing to it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from hafw.core.model import Reconfigured, Verb
from hafw.core.settings import MAX_GROUPS, SECOND, Timing
from hafw_sim.faults.vocabulary import NUMBERS, Node, fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time
from hafw_sim.world.files import with_best_effort, with_one_more

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw_sim.world import Machine

Choice = Literal["as is", "yes", "no"]
_CHOICES: Final = {"yes": True, "no": False}


@fault
def edit(  # noqa: PLR0913, PLR0917 - what can be changed in a file
    world: World,
    node: Node,
    keepalive_s: float = 0.0,
    warntime_s: float = 0.0,
    deadtime_s: float = 0.0,
    initdead_s: float = 0.0,
    best_effort: Choice = "as is",
    auto_failback: Choice = "as is",
    add_group: bool = False,  # noqa: FBT001, FBT002 - a fault's argument
) -> None:
    """Change a node's cluster file (times of 0: as they are); its agent has not read it yet."""
    number = NUMBERS[node]
    file = world.files.read(number)
    wanted = {
        "keepalive_ns": int(keepalive_s * SECOND) or file.timing.keepalive_ns,
        "warntime_ns": int(warntime_s * SECOND) or file.timing.warntime_ns,
        "deadtime_ns": int(deadtime_s * SECOND) or file.timing.deadtime_ns,
        "initdead_ns": int(initdead_s * SECOND) or file.timing.initdead_ns,
    }
    file = replace(file, timing=Timing(**wanted))
    if best_effort != "as is":
        accepted = _CHOICES[best_effort]
        file = replace(file, groups=with_best_effort(file, accepted=accepted))
    if auto_failback != "as is":
        back = _CHOICES[auto_failback]
        groups = tuple(replace(group, auto_failback=back) for group in file.groups)
        file = replace(file, groups=groups)
    if add_group and len(file.groups) < MAX_GROUPS:
        file = replace(file, groups=with_one_more(file))
    changed: dict[str, Any] = {"timing": file.timing, "groups": file.groups}
    world.files.edit(number, world.now_ns, **changed)


@fault
def reload(world: World, node: Node) -> None:
    """Let a node's agent read its cluster file again; it refuses one with other groups."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not _needs_restart(world, machine):
        machine.settings = world.files.read(machine.number)
        world.feed(machine, Reconfigured(machine.settings))


def _needs_restart(world: World, machine: Machine) -> bool:
    file = world.files.read(machine.number)
    return [group.id for group in file.groups] != [group.id for group in machine.settings.groups]


def agree(world: World) -> None:
    """The newest file comes to both nodes, and into force: an operator ends what was begun."""
    world.files.agree()
    for machine in world.nodes:
        if machine.engine is None or machine.paused or machine.frozen:
            continue  # it reads the file when it starts
        if _needs_restart(world, machine):
            world.ask(machine.number, Verb.STOP)
            _start_once_stopped(world, machine, machine.engine)
        elif machine.settings != world.files.read(machine.number):
            reload(world, machine.name)


def _start_once_stopped(world: World, machine: Machine, stopping: Engine) -> None:
    """`hafw stop` and then `hafw start`, as an agent says that refuses a file."""
    if machine.engine is None:
        world.boot(machine.number)
    elif machine.engine is stopping:
        world.clockwork.after(SECOND, partial(_start_once_stopped, world, machine, stopping))
