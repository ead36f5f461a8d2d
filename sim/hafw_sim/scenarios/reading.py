"""Reads a scenario file; every problem in it is reported, with its line and its remedy.

One rule: what can be done, and with what, is asked of the vocabulary; this knows only its types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from hafw.config.document import document, refusal
from hafw.config.links import MAX_LINKS, MAX_PINGS
from hafw.config.table import given, suggest
from hafw.config.timing import read_timing
from hafw.core.duties import Certificate
from hafw.core.settings import MAX_GROUPS, SECOND
from hafw.core.states import State
from hafw_sim.faults import FAULTS
from hafw_sim.report.recording import BOTH, NOBODY
from hafw_sim.scenarios.model import Expectation, Scenario, When
from hafw_sim.schedule import CLASSES, Decision, Pair, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hafw.config.table import Table
    from hafw_sim.faults.vocabulary import Fault
    from hafw_sim.schedule import Value

LONGEST_NS: Final = 24 * 3_600 * SECOND
"""A simulated day: more is a campaign, not a scenario."""
STEPS_MAX: Final = 1_000
REST_NS: Final = 60 * SECOND
"""Without an end of its own a scenario goes on for so long after the last thing it mentions."""
NODES: Final = ("alpha", "beta")
GONE: Final = "gone"
"""The state of a group where there is no agent."""
_CLOCK_PPM: Final = 10_000
_COUNT_MAX: Final = 10_000


def parse(text: str, file: str, name: str) -> Scenario:
    """The scenario in a text. `file` names it in problems. Raises `ConfigError`."""
    root = document(text, file)
    about = root.text("about")
    pair = read_pair(root)
    groups = pair.groups if pair is not None else MAX_GROUPS
    steps = [_read_step(table, pair) for table in root.tables("step", STEPS_MAX)]
    expected = [_read_expectation(table, groups) for table in root.tables("expect", STEPS_MAX)]
    if not steps and "step" not in root:
        root.at("step").error("nothing is done", 'add [[step]] with at = "10s" and do = "crash"')
    decisions = [step for step in steps if step is not None]
    expectations = [each for each in expected if each is not None]
    last_ns = max(
        [step.at_ns for step in decisions] + [each.until_ns for each in expectations] or [0]
    )
    end_ns, heals, never_both = _read_end(root.table_or_empty("end"), last_ns)
    root.finish()
    if root.place.report.errors:
        raise refusal(root)
    schedule = Schedule(
        given(pair),
        tuple(sorted(decisions, key=lambda decision: decision.at_ns)),
        given(end_ns),
        within=given(never_both),
        heals=given(heals),
        note=given(about),
    )
    return Scenario(
        name=name,
        about=given(about),
        schedule=schedule,
        expectations=tuple(expectations),
        never_both=given(never_both),
        warnings=tuple(map(str, root.place.report.warnings)),
    )


def read_pair(root: Table) -> Pair | None:
    """The cluster: `[pair]`, and `[timing]` as in a cluster file; None if anything is wrong."""
    table = root.table_or_empty("pair")
    usual = Pair()
    protection = _word(table, "protection", list(CLASSES), usual.protection)
    groups = table.integer("groups", 1, MAX_GROUPS, usual.groups)
    links = table.integer("links", 1, MAX_LINKS, usual.links)
    pings = table.integer("pings", 0, MAX_PINGS, usual.pings)
    auto_failback = table.flag("auto_failback", default=usual.auto_failback)
    clocks = [
        table.integer(f"{node}_clock_ppm", -_CLOCK_PPM, _CLOCK_PPM, default=0) for node in NODES
    ]
    seed = table.integer("seed", 0, 2**63 - 1, usual.seed)
    table.finish()
    timing = read_timing(root.table_or_empty("timing"))
    if protection is not None and "reflected" in protection and pings == 0:
        table.at("pings").error("reflected needs a ping node", "use 1, or another protection")
    if root.place.report.errors:
        return None
    timing = given(timing)
    return Pair(
        protection=given(protection),
        groups=given(groups),
        links=given(links),
        pings=given(pings),
        auto_failback=given(auto_failback),
        keepalive_ns=timing.keepalive_ns,
        warntime_ns=timing.warntime_ns,
        deadtime_ns=timing.deadtime_ns,
        initdead_ns=timing.initdead_ns,
        rates_ppm=(given(clocks[0]), given(clocks[1])),
        seed=given(seed),
    )


# --- steps --------------------------------------------------------------------------------------


def _read_step(table: Table, pair: Pair | None) -> Decision | None:
    at_ns = _time(table, "at")
    kind = _word(table, "do", list(FAULTS))
    if kind is None:
        return None  # what else is written in it cannot be judged
    fault = FAULTS[kind]
    args = _read_args(table, fault)
    table.finish(known=fault.parameters)
    if args is not None and pair is not None:
        _check_place(table, args, pair)
    if at_ns is None or args is None:
        return None
    return Decision(at_ns, kind, args)


def _read_args(table: Table, fault: Fault) -> dict[str, Value] | None:
    args: dict[str, Value] = {}
    wrong = False
    for name, wanted in fault.parameters.items():
        if name not in table and name not in fault.required:
            continue
        value = _argument(table, name, wanted)
        if value is None:
            wrong = True
        else:
            args[name] = value
    return None if wrong else args


def _argument(table: Table, name: str, wanted: Any) -> Value | None:  # noqa: ANN401 - an annotation
    """One argument: a word of a list, yes or no, a count, a time with its unit, or a share."""
    if get_origin(wanted) is Literal:
        return _word(table, name, get_args(wanted))
    if wanted is bool:
        if name not in table:
            table.at(name).error("this is missing", "add it: true or false, without quotes")
        return table.flag(name, default=False) if name in table else None
    if wanted is int:
        return table.integer(name, -1, _COUNT_MAX)
    if name == "seconds" or name.endswith("_s"):
        time_ns = _time(table, name)
        return None if time_ns is None else time_ns / SECOND
    return table.number(name, 0, 1)


def _check_place(table: Table, args: dict[str, Value], pair: Pair) -> None:
    """A fault that is about something that this pair has not got would do nothing."""
    group, way = args.get("group"), args.get("way", args.get("packet"))
    if isinstance(group, int) and not 1 <= group <= pair.groups:
        _no_group(table, group, pair.groups)
    if isinstance(way, str) and way.startswith("link") and int(way[4:]) >= pair.links:
        key = "way" if "way" in args else "packet"
        wanted = int(way[4:]) + 1
        table.at(key).error(f'the pair has no "{way}"', f"write links = {wanted} under [pair]")
    if isinstance(way, str) and not way.startswith("link") and not pair.pings:
        key = "way" if "way" in args else "packet"
        table.at(key).error("the pair has no ping node", "write pings = 1 under [pair]")


def _no_group(table: Table, group: int, groups: int) -> None:
    table.at("group").error(
        f"the pair has no group {group}",
        f"write groups = {max(group, 1)} under [pair]" if group > groups else "groups count from 1",
    )


# --- expectations -------------------------------------------------------------------------------


def _read_expectation(table: Table, groups: int) -> Expectation | None:
    at_ns = _time(table, "at")
    when, until_ns = _read_when(table, at_ns)
    group = table.integer("group", 1, MAX_GROUPS) if "group" in table else None
    owner = _word(table, "owner", [*NODES, NOBODY, BOTH]) if "owner" in table else None
    certificate = _word(table, "certificate", list(Certificate)) if "certificate" in table else None
    node = _word(table, "node", NODES) if "node" in table else None
    state = _word(table, "state", [*State, GONE]) if "state" in table else None
    answer = table.integer("answer", 0, 255) if "answer" in table else None
    table.finish()
    if group is not None and group > groups:
        _no_group(table, group, groups)
    _check_expectation(table, when)
    if at_ns is None or until_ns is None or when is None:
        return None
    return Expectation(
        line=table.place.report.lines.line(table.place.path),
        when=when,
        at_ns=at_ns,
        until_ns=until_ns,
        groups=(group,) if group is not None else tuple(range(1, groups + 1)),
        owner=owner,
        certificate=certificate,
        node=node,
        state=state,
        answer=answer,
    )


def _read_when(table: Table, at_ns: int | None) -> tuple[When | None, int | None]:
    """Then, throughout a time, or at some time within a span."""
    until_ns = _time(table, "until") if "until" in table else None
    within_ns = _time(table, "within") if "within" in table else None
    if "until" in table and "within" in table:
        table.at("within").error(
            "both until and within", "until: all the time; within: at some time; keep one"
        )
    if at_ns is None or ("until" in table and until_ns is None):
        return None, None
    if until_ns is not None:
        if until_ns <= at_ns:
            table.at("until").error("this is not after at", "use a later time")
        return When.THROUGHOUT, until_ns
    if "within" in table:
        return When.SOMETIME, None if within_ns is None else at_ns + within_ns
    return When.THEN, at_ns


def _check_expectation(table: Table, when: When | None) -> None:
    asked = [key for key in ("owner", "certificate", "state", "answer") if key in table]
    if not asked:
        table.place.error(
            "nothing is expected", 'add owner = "beta", or state, certificate, answer'
        )
    for key in ("state", "answer"):
        if key in table and "node" not in table:
            table.at(key).error("on which node?", 'add node = "alpha" or node = "beta"')
    if "node" in table and not {"state", "answer"} & set(asked):
        table.at("node").error("nothing is asked of a node here", "add state, or use owner instead")
    if "answer" in table and when is not When.SOMETIME:
        table.at("answer").error("an answer takes its time", 'add within = "10s"')


# --- the rest -----------------------------------------------------------------------------------


def _read_end(table: Table, last_ns: int) -> tuple[int | None, bool | None, bool | None]:
    """When it is over, whether all is healed then, and whether nobody may ever overlap."""
    end_ns = table.duration("at", 1, LONGEST_NS, last_ns + REST_NS)
    if end_ns is not None and end_ns < last_ns:
        table.at("at").error(
            "something is done or expected after this", "use a later time, or leave it out"
        )
    heals = table.flag("heals", default=True)
    never_both = table.flag("never_both", default=True)
    table.finish()
    return end_ns, heals, never_both


def _time(table: Table, key: str) -> int | None:
    """A time with its unit; it must be there."""
    if key not in table:
        table.at(key).error("this is missing", 'add it: a time with its unit, as in "10s"')
    return table.duration(key, 0, LONGEST_NS, 0) if key in table else None


def _word(table: Table, key: str, words: Sequence[str], default: str | None = None) -> str | None:
    """One of these words. Without a default it must be there."""
    word = table.text(key, default)
    if word is None or word in words:
        return word
    table.at(key).error(f'"{word}" is not known here', suggest(word, [str(each) for each in words]))
    return None
