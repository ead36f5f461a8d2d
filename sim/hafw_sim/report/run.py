"""Plays a schedule under a recorder: what every report begins with.

One rule: the run is the one that any player plays; being watched changes nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafw.config.durations import round_duration
from hafw.core.settings import SECOND
from hafw_sim.play import Player
from hafw_sim.report.recorder import Recorder
from hafw_sim.report.recording import Moment, Tone
from hafw_sim.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.play import Outcome
    from hafw_sim.report.recording import Recording
    from hafw_sim.schedule import Decision, Schedule


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over: what was decided, what came of it, and how it looked.

    `name` is what `hafw sim replay` calls it. `unmet`: what was expected (of a scenario) in vain.
    """

    name: str
    schedule: Schedule
    outcome: Outcome
    recording: Recording
    unmet: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, in sentences."""
        return (*self.outcome.violations, *self.unmet)

    @property
    def verdict(self) -> str:
        """One short sentence."""
        if not self.problems:
            return "nothing wrong"
        return f"{len(self.problems)} thing{'s' if len(self.problems) > 1 else ''} wrong"

    def must_hold(self) -> None:
        """Raise an AssertionError that tells the whole run, if anything is wrong with it."""
        if self.problems:
            raise AssertionError(f"{self.verdict}\n\n{plain(self)}")


def watched(schedule: Schedule, name: str) -> Run:
    """Play a schedule, and record it."""
    player = Player(schedule)
    recorder = Recorder(player.world)
    outcome = player.play()
    done = _done_moments(schedule.decisions, schedule.end_ns)
    if schedule.heals:
        done.append(Moment(schedule.end_ns, "", _ENDINGS[schedule.ending], Tone.QUIET))
    return Run(name, schedule, outcome, recorder.recording([*done, *_wrong_moments(player)]))


_ENDINGS = {
    "whole": "everything is made whole",
    "core": "both nodes and link0 are made whole, and nothing else",
    "survivor": "everything is made whole; in the end one node dies",
}


def _done_moments(decisions: Iterable[Decision], end_ns: int) -> list[Moment]:
    """What was done to the world, as far as the run went."""
    return [
        Moment(each.at_ns, "", _said(each), Tone.FAIR) for each in decisions if each.at_ns <= end_ns
    ]


def _said(decision: Decision) -> str:
    """`crash alpha`, `worker beta up=no`: a word stands alone where it speaks for itself."""
    words = [decision.kind]
    for name, value in decision.args.items():
        if value is True or value is False:
            words.append(f"{name}={'yes' if value else 'no'}")
        elif isinstance(value, str):
            words.append(value)
        else:
            words.append(f"{name}={value:g}")
    return " ".join(words)


def _wrong_moments(player: Player) -> list[Moment]:
    """What must not be, when it was: violations, and both nodes answering for one address."""
    dated = (text.partition(" s: ") for text in player.world.violations)
    found = [Moment(int(float(at_s) * SECOND), "", text, Tone.WRONG) for at_s, _, text in dated]
    for group, begin_ns, end_ns in player.world.kernels.overlaps:
        lasted = round_duration(end_ns - begin_ns)
        text = f"BOTH nodes serve address {group}, for {lasted}"
        found.append(Moment(begin_ns, "", text, Tone.WRONG))
    return found
