"""Plays a scenario, and compares what came of it with what was expected.

One rule: what is expected at a time is looked at just before what is done at that time; so the
order of a file's lines never matters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafw.config.durations import round_duration
from hafw_sim.report.recording import Key, Kind
from hafw_sim.report.run import watched
from hafw_sim.scenarios.model import When
from hafw_sim.scenarios.reading import GONE, NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.report.recording import Recording
    from hafw_sim.report.run import Run
    from hafw_sim.scenarios.model import Expectation, Scenario


def rehearse(scenario: Scenario) -> Run:
    """Play it; `Run.unmet` says what was expected in vain."""
    run = watched(scenario.schedule, scenario.name)
    unmet = [text for each in scenario.expectations for text in unmet_by(run.recording, each)]
    if scenario.never_both and run.outcome.both_ns:
        lasted = round_duration(run.outcome.both_ns)
        unmet.append(f"both nodes served one address for {lasted}, and never_both is true")
    return replace(run, unmet=tuple(unmet))


def unmet_by(recording: Recording, expected: Expectation) -> Iterator[str]:
    """What is wrong with this expectation: nothing, or a sentence for each group."""
    where = f"line {expected.line}: "
    if expected.answer is not None:
        yield from (where + text for text in _unanswered(recording, expected))
        return
    for group in expected.groups:
        text = _unmet(recording, expected, group)
        if text:
            yield where + text


def _unanswered(recording: Recording, expected: Expectation) -> Iterator[str]:
    given = [
        each
        for each in recording.answers
        if each.node == expected.node and expected.at_ns <= each.at_ns <= expected.until_ns
    ]
    if any(each.code == expected.answer for each in given):
        return
    said = "; ".join(f"{each.code} ({each.text})" for each in given) or "nothing"
    yield (
        f"between {_s(expected.at_ns)} and {_s(expected.until_ns)} {expected.node} answered "
        f"{said}, not {expected.answer}"
    )


def _unmet(recording: Recording, expected: Expectation, group: int) -> str:
    """The sentence about one group; '' if all is as expected."""
    first = _seen(recording, expected, group, expected.at_ns, before=True)
    if expected.when is When.THEN:
        return f"at {_s(expected.at_ns)} {first}" if first else ""
    changes = sorted(
        {
            span.begin_ns
            for key in _keys(group)
            for span in recording.during(key, expected.at_ns, expected.until_ns)
            if span.begin_ns >= expected.at_ns
        }
    )
    seen = [(expected.at_ns, first)]
    seen += [(at_ns, _seen(recording, expected, group, at_ns)) for at_ns in changes]
    if expected.when is When.SOMETIME:
        last = seen[-1][1]
        if all(text for _, text in seen):
            return (
                f"from {_s(expected.at_ns)} to {_s(expected.until_ns)} never so; in the end {last}"
            )
        return ""
    return next((f"from {_s(at_ns)} on {text}" for at_ns, text in seen if text), "")


def _keys(group: int) -> list[Key]:
    return [Key(Kind.ADDRESS, "", group), *(Key(Kind.GROUP, node, group) for node in NODES)]


def _seen(
    recording: Recording, expected: Expectation, group: int, at_ns: int, *, before: bool = False
) -> str:
    """What is not as expected at that time; '' if everything is."""
    address, *nodes = _keys(group)
    look = recording.just_before if before else recording.at
    owner = look(address, at_ns).text
    states = {key.who: look(key, at_ns).text or GONE for key in nodes}
    if expected.owner is not None and owner != expected.owner:
        return f"group {group} is owned by {owner}, not by {expected.owner}"
    if expected.state is not None and expected.node is not None:
        state = states[expected.node].partition(" ")[0]
        if state != expected.state:
            return f"group {group} is {state} on {expected.node}, not {expected.state}"
    if expected.certificate is not None and not any(
        f"({expected.certificate})" in state for state in states.values()
    ):
        held = " and ".join(f"{state} on {node}" for node, state in states.items())
        return f"group {group} is {held}, nowhere under {expected.certificate}"
    return ""


def _s(at_ns: int) -> str:
    return f"{at_ns / 1e9:g} s"
