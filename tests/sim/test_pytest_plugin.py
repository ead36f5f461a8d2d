"""The pytest plugin serves third parties: fixtures and markers work in a directory of theirs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hafw.config import ConfigError
from hafw_sim.mutants import MUTANTS, applied
from hafw_sim.play import Player, play
from hafw_sim.schedule_file import decode, encode
from hafw_sim.trial import Broken, Refused

if TYPE_CHECKING:
    from hafw.core.model import Event
    from hafw_sim.pytest_plugin import NewTrial
    from hafw_sim.report import Run

pytest_plugins = ["pytester"]

# --- the fixture hafw_world ---------------------------------------------------------------------


def test_a_pair_runs_and_fails_over(hafw_world: NewTrial) -> None:
    pair = hafw_world()

    pair.do("crash", node="alpha")
    took_s = pair.await_owner("beta", within="11s")

    assert 9.0 < took_s < 10.5
    assert (pair.state("alpha"), pair.state("beta")) == ("gone", "active")
    assert pair.both_s == 0.0


def test_options_are_those_of_a_scenario_file(hafw_world: NewTrial) -> None:
    pair = hafw_world(groups=2, keepalive="100ms", warntime="300ms", deadtime="1s", initdead="3s")

    pair.do("crash", node="alpha")
    pair.run(1.5)

    assert [pair.owner(group) for group in (1, 2)] == ["beta", "beta"]


def test_two_pairs_know_nothing_of_each_other(hafw_world: NewTrial) -> None:
    broken, well = hafw_world(), hafw_world()

    broken.do("crash", node="alpha")

    assert (broken.owner(), well.owner()) == ("nobody", "alpha")


def test_a_healed_pair_has_one_owner(hafw_world: NewTrial) -> None:
    pair = hafw_world()
    pair.do("cut_links")
    pair.do("cut_ping", node="alpha")
    pair.run("20s")

    pair.heal()

    assert pair.owner() == "beta"


def test_a_wrong_option_is_named(hafw_world: NewTrial) -> None:
    with pytest.raises(ConfigError, match=r'pair.link: there is no such key.*did you mean "links"'):
        hafw_world(link=2)


def test_a_wrong_fault_is_named_and_not_done(hafw_world: NewTrial) -> None:
    pair = hafw_world()

    with pytest.raises(Refused, match='did you mean "crash"'):
        pair.do("crahs", node="alpha")

    assert pair.schedule().decisions == ()


def test_what_is_awaited_in_vain_fails_with_the_run(hafw_world: NewTrial) -> None:
    pair = hafw_world(protection="none", pings=0)
    pair.do("crash", node="alpha")

    with pytest.raises(Broken) as failed:
        pair.await_owner("beta", within="20s")

    assert "group 1 is owned by nobody, not by beta after 20 s" in str(failed.value).splitlines()[0]
    assert "▶ crash alpha" in str(failed.value)


def test_an_invariant_that_breaks_fails_at_that_step(hafw_world: NewTrial) -> None:
    with applied(MUTANTS["reflected_holder_never_lets_go"]):
        pair = hafw_world()
        pair.do("cut_links")
        pair.do("cut_ping", node="alpha")
        with pytest.raises(Broken, match="S2 both nodes served group 1"):
            pair.run("20s")


def test_an_overlap_fails_unless_it_is_allowed(hafw_world: NewTrial) -> None:
    strict, lenient = (
        hafw_world(protection="best-effort", never_both=never_both) for never_both in (True, False)
    )
    for pair in (strict, lenient):
        pair.do("service_lan", whole=False)
        pair.do("cut_links")

    with pytest.raises(Broken, match="both nodes served one address for"):
        strict.run("20s")
    lenient.run("20s")

    assert lenient.owner() == "both"
    assert 0.0 < lenient.both_s < 15.0


def test_a_trial_is_a_schedule_that_plays_the_same(hafw_world: NewTrial) -> None:
    pair = hafw_world(seed=7, groups=2)
    steps: list[Event] = []
    pair.world.taps.append(lambda _node, event, _now, _effects: steps.append(event))
    pair.do("weather", loss=0.2)
    pair.run("10s")
    pair.do("operator", node="beta", verb="takeover")
    pair.run("0.5s")
    pair.do("crash", node="alpha")
    pair.run("30s")
    pair.heal()

    again = Player(decode(encode(pair.schedule()), "file"))
    seen: list[Event] = []
    again.world.taps.append(lambda _node, event, _now, _effects: seen.append(event))
    again.play()

    assert len(steps) > 300
    assert seen[-len(steps) :] == steps


# --- markers ------------------------------------------------------------------------------------


@pytest.mark.hafw_scenario("clean-failover", "rolling-crash")
@pytest.mark.hafw_seeds(2, start=500)
@pytest.mark.hafw_seeds(1, start=501, liveness=True)
def test_scenarios_and_seeds_are_played(hafw_run: Run) -> None:
    hafw_run.must_hold()


# --- in a directory of somebody else ------------------------------------------------------------


def test_the_plugin_is_there_without_a_word_and_costs_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            loaded = {name for name in sys.modules if name.startswith(("hafw.", "hafw_sim"))}
            assert loaded <= {"hafw_sim", "hafw_sim.pytest_plugin"}
        """
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_a_scenario_beside_the_test_is_found_and_a_wrong_one_is_told(
    pytester: pytest.Pytester,
) -> None:
    pytester.makefile(
        ".toml",
        ours='about = "A crash."\n[[step]]\nat = "10s"\ndo = "crash"\nnode = "alpha"\n'
        '[[expect]]\nat = "12s"\nowner = "beta"\n',
        wrong='about = "A crash."\n[[step]]\nat = "10s"\ndo = "crush"\n',
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.hafw_scenario("clean-failover", "ours.toml", "wrong.toml")
        def test_scenario(hafw_run):
            hafw_run.must_hold()

        def test_unmarked(hafw_run):
            pass
        """
    )

    result = pytester.runpytest("--strict-markers")

    result.assert_outcomes(passed=1, failed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            '*wrong.toml:4: step*.do: "crush" is not known here; did you mean "crash"?',
            "*mark the test: @pytest.mark.hafw_scenario*",
            "*line 6: at 12 s group 1 is owned by nobody, not by beta",
        ]
    )


def test_a_failing_test_of_somebody_else_shows_its_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_own_assertion(hafw_world):
            pair = hafw_world()
            pair.do("crash", node="alpha")
            assert pair.owner() == "beta"

        def test_awaited(hafw_world):
            hafw_world().await_owner("beta", within="1s")
        """
    )

    result = pytester.runpytest()

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*- hafw_world 1 -*", "*▶ crash alpha*", '*"do":"crash"*'])
    assert result.stdout.str().count("- hafw_world 1 -") == 1


def test_the_told_schedule_can_be_played(hafw_world: NewTrial) -> None:
    pair = hafw_world()
    pair.do("crash", node="alpha")
    pair.run("15s")

    told = pair.told().partition("hafw sim replay run.hasim.jsonl\n")[2]

    assert play(decode(told, "file")).violations == []
