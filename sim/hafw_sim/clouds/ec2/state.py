"""The state of the model: what exists, what it was before, and what is still to come.

One rule: a change is whole or not at all, and every earlier state stays readable for a while.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from hafw_sim.clouds.ec2.faults import Kind
from hafw_sim.clouds.ec2.values import Elastic, Instance, Interface, Things, Volume
from hafw_sim.clouds.ec2.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hafw_sim.clouds.ec2.wire import Params

PAST: Final = 256
"""How many earlier states are kept for stale reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call that got through to the service."""

    call: str
    params: Params
    met: Mapping[Kind, float]
    now_s: float

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as the API has it
        """A parameter that must be there."""
        return self.params[name]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """A parameter that may be absent."""
        return self.params.get(name, default)


class State:
    """Everything in one region of one account."""

    def __init__(self, things: Things) -> None:
        """Start with `things`."""
        self.things = things
        self._past: deque[tuple[float, Things]] = deque(maxlen=PAST)
        self._due: list[tuple[float, Callable[[float], None]]] = []
        self._numbers = 0

    def number(self) -> int:
        """One that nothing else has."""
        self._numbers += 1
        return self._numbers

    def at(self, at_s: float, do: Callable[[float], None]) -> None:
        """Let something happen later."""
        self._due.append((at_s, do))

    def advance(self, now_s: float) -> None:
        """Let everything happen that has to by now."""
        due = sorted((one for one in self._due if one[0] <= now_s), key=lambda one: one[0])
        self._due = [one for one in self._due if one[0] > now_s]
        for at_s, do in due:
            do(at_s)

    @property
    def history(self) -> list[Things]:
        """Every state that is still known, oldest first."""
        return [*(things for _, things in self._past), self.things]

    def seen(self, ask: Ask) -> Things:
        """What a read shows: what is, or what was."""
        return self.ago(ask.now_s, ask.met.get(Kind.STALE_READ, 0.0))

    def ago(self, now_s: float, seconds: float) -> Things:
        """What was, `seconds` before now."""
        since_s = now_s - seconds
        return next((old for until_s, old in self._past if until_s > since_s), self.things)

    def put(self, now_s: float, *changed: Interface | Instance | Elastic | Volume) -> None:
        """Replace things, all at once."""
        interfaces, instances = dict(self.things.interfaces), dict(self.things.instances)
        elastic, volumes = dict(self.things.elastic), dict(self.things.volumes)
        for one in changed:
            match one:
                case Elastic():
                    elastic[one.allocation] = one
                case Interface():
                    interfaces[one.id] = one
                case Instance():
                    instances[one.id] = one
                case Volume():
                    volumes[one.id] = one
        changed_now = replace(
            self.things,
            interfaces=interfaces,
            instances=instances,
            elastic=elastic,
            volumes=volumes,
        )
        self._become(changed_now, now_s)

    def put_route(self, table: str, destination: str, hop: str, now_s: float) -> None:
        """Point one route elsewhere."""
        routes = {**self.things.routes[table], destination: hop}
        self._become(replace(self.things, routes={**self.things.routes, table: routes}), now_s)

    def _become(self, things: Things, now_s: float) -> None:
        self._past.append((now_s, self.things))
        self.things = things


def interface(things: Things, name: str) -> Interface:
    """An interface. Raises ApiError."""
    if name not in things.interfaces:
        message = f"The networkInterface ID '{name}' does not exist"
        raise ApiError("InvalidNetworkInterfaceID.NotFound", message)
    return things.interfaces[name]


def dry(ask: Ask) -> None:
    """End a call here that only asks whether it would be allowed. Raises ApiError."""
    if ask.get("DryRun"):
        message = "Request would have succeeded, but DryRun flag is set."
        raise ApiError("DryRunOperation", message, 412)
