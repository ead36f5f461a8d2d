"""A pair that a test does things to, step by step, in virtual time.

One rule: whatever is done goes into a schedule, so that what failed can be played again, shrunk and
kept; and after every step all that must hold in every run is checked.

The run that is shown when something fails is the schedule's: it is the same to the nanosecond,
because here, as there, what is done at a time comes before all else that happens then.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.config.document import refusal
from hafw.config.durations import parse_duration, round_duration
from hafw.config.lines import Lines
from hafw.config.problems import Place, Report
from hafw.config.table import Table
from hafw.core.settings import SECOND
from hafw_sim.faults.vocabulary import Refused, check
from hafw_sim.play import Player
from hafw_sim.report.recording import NOBODY
from hafw_sim.report.run import watched
from hafw_sim.report.text import plain
from hafw_sim.scenarios.reading import NODES, read_pair
from hafw_sim.schedule import Decision, Schedule
from hafw_sim.schedule_file import encode

if TYPE_CHECKING:
    from hafw_sim.report.run import Run
    from hafw_sim.schedule import Pair, Value
    from hafw_sim.world import World

SETTLED_NS: Final = 2 * SECOND
"""Two nodes that boot together have shared out their groups by then."""
STEP_NS: Final = SECOND // 100
"""How often is looked for what is awaited."""
_TIMING: Final = ("keepalive", "warntime", "deadtime", "initdead")

Time = str | float
"""A time with its unit ("1.5s"), or a number of seconds."""


class Broken(AssertionError):
    """Something that must hold does not, or what was awaited has not come. Tells the whole run."""


def pair_of(**options: object) -> Pair:
    """A pair as `[pair]` and `[timing]` of a scenario file describe it. Raises `ConfigError`."""
    timing = {name: options.pop(name) for name in _TIMING if name in options}
    root = Table(Place(Report("pair", Lines({})), ()), {"pair": options, "timing": timing})
    pair = read_pair(root)
    if pair is None:
        raise refusal(root)
    return pair


class Trial:
    """A pair that runs: both nodes are up, and each group is where it prefers to be."""

    def __init__(self, pair: Pair, *, within: bool = True, never_both: bool = True) -> None:
        """`within`: nothing beyond what `reflected` assumes will be done to it.

        `never_both`: two nodes serving one address is a failure, whatever the protection.
        """
        self._never_both = never_both
        self._decisions: list[Decision] = []
        self._player = Player(Schedule(pair, (), 0, within=within, heals=False))
        self._healed_ns: int | None = None
        self._player.attempt(self._player.begin)
        self._attempt_until(SETTLED_NS)

    @property
    def world(self) -> World:
        """The world itself, to look at; what is done to it directly is not in the schedule."""
        return self._player.world

    @property
    def now_s(self) -> float:
        """The world's time, in seconds since both nodes booted."""
        return self.world.now_ns / SECOND

    @property
    def both_s(self) -> float:
        """For how long two nodes have served one address, in seconds."""
        return self.world.both_ms() / 1_000

    def do(self, kind: str, **args: Value) -> None:
        """Inflict a fault by its name (see `hafw sim list`), or type an operator's command.

        Raises `Refused` if there is none of that name or with such arguments, and `Broken`.
        """
        assert self._healed_ns is None, "the trial is over: it was healed"
        check(kind, args)
        decision = Decision(self.world.now_ns, kind, args)
        self._decisions.append(decision)
        self._player.attempt(partial(self._player.do, decision))
        self.must_hold()

    def run(self, time: Time) -> None:
        """Let so much time go by. Raises `Broken`."""
        self._attempt_until(self.world.now_ns + _ns(time))

    def owner(self, group: int = 1) -> str:
        """Who serves the group's address: "alpha", "beta", "nobody" or "both"."""
        return self.world.owner(group) or NOBODY

    def state(self, node: str, group: int = 1) -> str:
        """The state of a group on a node ("active", "standby", …); "gone" without an agent."""
        engine = self.world.nodes[NODES.index(node)].engine
        return str(engine.groups[group].state) if engine is not None else "gone"

    def await_owner(self, owner: str, *, within: Time, group: int = 1) -> float:
        """Let time go by until `owner` serves the group; returns how many seconds it took.

        Raises `Broken` if it takes longer than `within`.
        """
        begin_ns = self.world.now_ns
        end_ns = begin_ns + _ns(within)
        while self.owner(group) != owner:
            if self.world.now_ns >= end_ns:
                lasted = round_duration(end_ns - begin_ns)
                raise Broken(
                    f"group {group} is owned by {self.owner(group)}, not by {owner} after {lasted}"
                    f"\n\n{self.told()}"
                )
            self._attempt_until(min(self.world.now_ns + STEP_NS, end_ns))
        return (self.world.now_ns - begin_ns) / SECOND

    def heal(self) -> None:
        """The end: everything is made whole, and each group must get one owner. Raises `Broken`."""
        self._healed_ns = self.world.now_ns
        self._player.attempt(self._player.rest)
        self.must_hold()

    def must_hold(self) -> None:
        """Raise `Broken`, with the whole run, if anything that must hold does not."""
        problems = self._problems()
        if problems:
            raise Broken("\n".join([*problems, "", self.told()]))

    def schedule(self) -> Schedule:
        """What was done, to be played again."""
        healed_ns = self._healed_ns
        return replace(
            self._player.schedule,
            decisions=tuple(self._decisions),
            end_ns=self.world.now_ns if healed_ns is None else healed_ns,
            heals=healed_ns is not None,
        )

    def result(self, name: str = "run.hasim.jsonl") -> Run:
        """The run up to now, for a report. `name` is what it would be saved as."""
        run = watched(self.schedule(), name)
        unmet = tuple(text for text in self._problems() if text not in run.outcome.violations)
        return replace(run, unmet=unmet)

    def told(self) -> str:
        """The run up to now: as a table, and as a schedule that plays it again."""
        return (
            f"{plain(self.result())}\n"
            f"Save as run.hasim.jsonl, and look closer with: hafw sim replay run.hasim.jsonl\n"
            f"{encode(self.schedule())}"
        )

    def _problems(self) -> list[str]:
        outcome = self._player.verdict()
        problems = list(outcome.violations)
        if self._never_both and outcome.both_ns:
            problems.append(f"both nodes served one address for {round_duration(outcome.both_ns)}")
        return problems

    def _attempt_until(self, end_ns: int) -> None:
        self._player.attempt(partial(self._run_up_to, end_ns))
        self.must_hold()

    def _run_up_to(self, end_ns: int) -> None:
        """Up to `end_ns`, but without what happens at that very time: it may be something done."""
        self.world.run_until(end_ns - 1)
        self.world.clockwork.now_ns = end_ns


def _ns(time: Time) -> int:
    return parse_duration(time) if isinstance(time, str) else int(time * SECOND)


__all__ = ["Broken", "Refused", "Time", "Trial", "pair_of"]
