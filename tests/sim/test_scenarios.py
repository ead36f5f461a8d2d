"""A scenario file says what is done and what must come of it; what is wrong in it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from hafw.config import ConfigError
from hafw_sim.mutants import MUTANTS, applied
from hafw_sim.scenarios import load, named, names, parse, rehearse
from hafw_sim.sim_commands import sim

if TYPE_CHECKING:
    from pathlib import Path

CRASH = """\
about = "A crash."

[[step]]
at = "10s"
do = "crash"
node = "alpha"
"""

CUT = '[[step]]\nat = "1s"\ndo = "cut"\nnode = "beta"\n'
UNPROTECTED = '[pair]\nprotection = "none"\npings = 0'


def problems(text: str) -> tuple[str, ...]:
    """What comes of a scenario."""
    return rehearse(parse(text, "f.toml", "f")).problems


def expecting(lines: str) -> tuple[str, ...]:
    """What comes of the crash if this is expected of it, and nothing is healed."""
    return problems(f"{CRASH}\n[end]\nheals = false\n\n[[expect]]\n{lines}\n")


def refused(text: str) -> list[str]:
    """Every problem of a file."""
    with pytest.raises(ConfigError) as error:
        parse(text, "f.toml", "f")
    return str(error.value).splitlines()


# --- the shipped ones ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_a_shipped_scenario_holds_and_says_what_it_is_about(name: str) -> None:
    scenario = named(name)

    assert rehearse(scenario).problems == ()
    assert scenario.about.endswith(".")
    assert len(scenario.about) < 100


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("isolated-owner", "reflected_holder_never_lets_go"),
        ("frozen-owner", "gate_without_timeout"),
        ("blocked-until-vouched", "operator_without_name"),
    ],
)
def test_a_shipped_scenario_notices_the_bug_that_it_is_there_for(name: str, mutant: str) -> None:
    with applied(MUTANTS[mutant]):
        assert rehearse(named(name)).problems != ()


# --- what can be expected -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        'at = "10s"\nowner = "alpha"',  # looked at just before the crash
        'at = "15s"\nowner = "nobody"',
        'at = "10s"\nwithin = "11s"\nowner = "beta"',
        'at = "10s"\nwithin = "11s"\nowner = "beta"\ncertificate = "reflected"',
        'at = "21s"\nuntil = "40s"\ngroup = 1\nowner = "beta"',
        'at = "15s"\nnode = "alpha"\nstate = "gone"',
        'at = "30s"\nnode = "beta"\nstate = "active"',
    ],
)
def test_what_is_so_is_no_problem(lines: str) -> None:
    assert expecting(lines) == ()


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('at = "15s"\nowner = "beta"', "at 15 s group 1 is owned by nobody, not by beta"),
        (
            'at = "10s"\nwithin = "5s"\nowner = "beta"',
            "from 10 s to 15 s never so; in the end group 1 is owned by nobody, not by beta",
        ),
        ('at = "5s"\nuntil = "40s"\nowner = "alpha"', "from 10 s on group 1 is owned by nobody"),
        ('at = "30s"\nnode = "beta"\nstate = "standby"', "group 1 is active on beta, not standby"),
        (
            'at = "30s"\ncertificate = "operator"',
            "group 1 is gone on alpha and active (reflected) on beta, nowhere under operator",
        ),
        (
            'at = "30s"\nwithin = "5s"\nnode = "beta"\nanswer = 0',
            "between 30 s and 35 s beta answered nothing, not 0",
        ),
    ],
)
def test_what_is_not_so_is_told_with_the_line_that_expects_it(lines: str, complaint: str) -> None:
    (found,) = expecting(lines)

    assert found.startswith("line 11: ")
    assert complaint in found


def test_a_wrong_answer_is_told_in_full() -> None:
    found = problems(
        'about = "A."\n[[step]]\nat = "5s"\ndo = "operator"\nnode = "beta"\nverb = "takeover"\n'
        '[[expect]]\nat = "5s"\nwithin = "10s"\nnode = "beta"\nanswer = 5\n'
    )

    assert found == ("line 7: between 5 s and 15 s beta answered 0 (group 1 now on beta), not 5",)


def test_an_overlap_is_a_problem_unless_the_file_allows_it() -> None:
    both = (
        'about = "A split that best-effort cannot see."\n[pair]\nprotection = "best-effort"\n'
        '[[step]]\nat = "10s"\ndo = "cut_links"\n'
        '[[step]]\nat = "10s"\ndo = "service_lan"\nwhole = false\n'
    )

    (found,) = problems(both)

    assert found.startswith("both nodes served one address for ")
    assert problems(f"{both}[end]\nnever_both = false\n") == ()


def test_times_have_units_wherever_they_stand() -> None:
    scenario = parse(
        'about = "A."\n[timing]\nkeepalive = "100ms"\nwarntime = "300ms"\ndeadtime = "1s"\n'
        'initdead = "3s"\n[[step]]\nat = "1m"\ndo = "pause"\nnode = "beta"\nseconds = "1500ms"\n'
        '[[step]]\nat = "500ms"\ndo = "disk"\nfsync_s = "20ms"\n',
        "f.toml",
        "f",
    )

    assert scenario.schedule.pair.deadtime_ns == 1_000_000_000
    assert [(each.at_ns, each.args) for each in scenario.schedule.decisions] == [
        (500_000_000, {"fsync_s": 0.02}),
        (60_000_000_000, {"node": "beta", "seconds": 1.5}),
    ]


# --- a file that is wrong -----------------------------------------------------------------------

EVERYTHING_WRONG = """\
abuot = "A typing error."

[pair]
protection = "reflectd"
groups = 0
pings = "one"

[timing]
deadtime = 10

[[step]]
at = "10 parsecs"
do = "crahs"

[[step]]
do = "cut"
node = "gamma"
wya = "link0"

[[step]]
at = "5s"
do = "lose"
node = "alpha"
way = "link0"
share = "half"

[[step]]
at = "5s"
do = "pause"
node = "alpha"
seconds = 3

[[expect]]
at = "6s"

[[expect]]
at = "6s"
until = "5s"
owner = "gama"

[[expect]]
at = "6s"
within = "1s"
until = "7s"
state = "activ"

[[expect]]
at = "6s"
answer = 0

[end]
at = "4s"
heal = true
"""


EVERYTHING_TOLD = """\
f.toml:1: about: this is missing; add it: a text in quotes, as in "eth0"
f.toml:1: abuot: there is no such key here; did you mean "about"?
f.toml:4: pair.protection: "reflectd" is not known here; did you mean "reflected"?
f.toml:5: pair.groups: 0 is out of range; use a number from 1 to 20
f.toml:6: pair.pings: this is a text ("one"); make it a whole number, without quotes
f.toml:9: timing.deadtime: 10 has no unit; write "10s" or "10ms"
f.toml:12: step[0].at: "parsecs" is no unit of time; the units are us, ms, s, m, h
f.toml:13: step[0].do: "crahs" is not known here; did you mean "crash"?
f.toml:15: step[1].at: this is missing; add it: a time with its unit, as in "10s"
f.toml:15: step[1].way: this is missing; add it: a text in quotes, as in "eth0"
f.toml:17: step[1].node: "gamma" is not known here; choose from "alpha", "beta"
f.toml:18: step[1].wya: there is no such key here; did you mean "way"?
f.toml:25: step[2].share: this is a text ("half"); make it a number, without quotes
f.toml:31: step[3].seconds: 3 has no unit; write "3s" or "3ms"
f.toml:33: expect[0]: nothing is expected; add owner = "beta", or state, certificate, answer
f.toml:38: expect[1].until: this is not after at; use a later time
f.toml:39: expect[1].owner: "gama" is not known here; choose from "alpha", "beta", "nobody", "both"
f.toml:43: expect[2].within: both until and within; until: all the time; within: at some \
time; keep one
f.toml:45: expect[2].state: "activ" is not known here; did you mean "active"?
f.toml:45: expect[2].state: on which node?; add node = "alpha" or node = "beta"
f.toml:49: expect[3].answer: on which node?; add node = "alpha" or node = "beta"
f.toml:49: expect[3].answer: an answer takes its time; add within = "10s"
f.toml:52: end.at: something is done or expected after this; use a later time, or leave it out
f.toml:53: end.heal: there is no such key here; did you mean "heals"?
"""


def test_a_file_in_which_everything_is_wrong_is_told_all_of_it_at_once() -> None:
    assert refused(EVERYTHING_WRONG) == EVERYTHING_TOLD.splitlines()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("about = 'x'\n[step]\n", "f.toml:2: step: this is a table; make it a list"),
        ("about = 'x'\n", "f.toml:1: step: nothing is done; add [[step]]"),
        ("about = \n", "f.toml:1: not TOML: "),
        (
            f'{CRASH}{CUT}way = "link1"\n[pair]\nlinks = 1',
            'f.toml:11: step[1].way: the pair has no "link1"; write links = 2 under [pair]',
        ),
        (
            f'{CRASH}{CUT}way = "to_ping"\n{UNPROTECTED}',
            "f.toml:11: step[1].way: the pair has no ping node; write pings = 1 under [pair]",
        ),
        (
            'about = "x"\n[[step]]\nat = "1s"\ndo = "steal_address"\nnode = "beta"\ngroup = 2\n',
            "f.toml:6: step[0].group: the pair has no group 2; write groups = 2 under [pair]",
        ),
        (
            'about = "x"\n[[step]]\nat = "1s"\ndo = "ping_node"\n',
            "f.toml:2: step[0].up: this is missing; add it: true or false",
        ),
        (
            'about = "x"\n[[step]]\nat = "1s"\ndo = "weather"\nloss = 2\n',
            "f.toml:5: step[0].loss: 2 is out of range; use a number from 0 to 1",
        ),
        (
            f'{CRASH}[[expect]]\nat = "6s"\nnode = "alpha"\nowner = "alpha"\n',
            "f.toml:9: expect[0].node: nothing is asked of a node here",
        ),
        (
            f'{CRASH}[[expect]]\nat = "6s"\ngroup = 2\nowner = "alpha"\n',
            "f.toml:9: expect[0].group: the pair has no group 2",
        ),
        (
            'about = "x"\n[pair]\npings = 0\n',
            "f.toml:3: pair.pings: reflected needs a ping node; use 1, or another protection",
        ),
    ],
)  # fmt: skip
def test_a_wrong_word_is_told_with_its_line_and_remedy(text: str, complaint: str) -> None:
    assert any(line.startswith(complaint) for line in refused(text)), refused(text)


# --- the commands -------------------------------------------------------------------------------


def test_the_command_plays_files_names_and_stories(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(CRASH)

    done = CliRunner().invoke(sim, ["scenario", str(file), "clean-failover", "crash_reflected"])

    assert done.exit_code == 0, done.output
    assert done.stdout.count("held") == 3
    assert done.stderr == "3 played, 0 failed\n"


def test_the_command_tells_a_scenario_that_does_not_hold(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'{CRASH}[[expect]]\nat = "12s"\nowner = "beta"\n')

    played = CliRunner().invoke(sim, ["scenario", str(file)])
    told = CliRunner().invoke(sim, ["replay", str(file), "--html", str(tmp_path / "a.html")])

    for done in (played, told):
        assert done.exit_code == 1
        assert "line 7: at 12 s group 1 is owned by nobody, not by beta" in done.stdout
        assert "▶ crash alpha" in done.stdout
    assert "line 7: at 12 s" in (tmp_path / "a.html").read_text()


def test_a_wrong_file_ends_the_command_with_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("abuot = 'x'\n")

    done = CliRunner().invoke(main, ["sim", "scenario", str(file)])

    assert done.exit_code == 9
    assert f'{file}:1: abuot: there is no such key here; did you mean "about"?' in done.stderr


@pytest.mark.parametrize("option", [["--shrink"], ["--pytest", "x.py"]])
def test_what_is_for_schedules_is_refused_for_scenarios(option: list[str]) -> None:
    done = CliRunner().invoke(sim, ["replay", "clean-failover", *option])

    assert done.exit_code == 2
    assert "a scenario is a test already" in done.stderr


def test_a_missing_file_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; `hafw sim list` names"):
        load(tmp_path / "none.toml")
