"""The pytest plugin: pairs in virtual time, scenarios and seeds, in anybody's tests.

One rule: nothing of the simulator is imported before a test asks for it, so that the plugin costs
those nothing who only have hafw installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from hafw_sim.report import Run
    from hafw_sim.trial import Trial

_SCENARIO_MARKER: Final = (
    "hafw_scenario(*whats): play these scenarios (names of shipped ones, or files, looked for "
    "beside the test) for the fixture hafw_run"
)
_SEEDS_MARKER: Final = (
    "hafw_seeds(count, start=0, liveness=False): play so many random runs for the fixture hafw_run"
)
_TRIALS: Final = pytest.StashKey["list[Trial]"]()


class _Scenario(NamedTuple):
    what: str
    beside: Path


class _Seed(NamedTuple):
    seed: int
    liveness: bool


class NewTrial(Protocol):
    """What the fixture `hafw_world` is."""

    def __call__(self, *, never_both: bool = True, **pair: object) -> Trial:
        """Start a pair; the options are those of `[pair]` and `[timing]` of a scenario file."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in (_SCENARIO_MARKER, _SEEDS_MARKER):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def hafw_world(request: pytest.FixtureRequest) -> NewTrial:
    """Start pairs in virtual time, each with the settings that the test gives.

    Whatever must hold in every run is checked after each step; a failing test shows its runs.
    """
    from hafw_sim.trial import Trial, pair_of  # noqa: PLC0415 - see above

    trials = request.node.stash.setdefault(_TRIALS, [])

    def new(*, never_both: bool = True, **pair: object) -> Trial:
        trial = Trial(pair_of(**pair), within=never_both, never_both=never_both)
        trials.append(trial)
        return trial

    return new


@pytest.fixture
def hafw_run(request: pytest.FixtureRequest) -> Run:
    """The run of one scenario or seed; the test is marked with `hafw_scenario` or `hafw_seeds`.

    `hafw_run.must_hold()` fails, and shows the run, if anything is wrong with it.
    """
    if not hasattr(request, "param"):
        pytest.fail(
            "mark the test: @pytest.mark.hafw_scenario(...) or @pytest.mark.hafw_seeds(...)",
            pytrace=False,
        )
    return _played(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each scenario and seed that its markers name."""
    if "hafw_run" not in metafunc.fixturenames:
        return
    found: dict[str, _Scenario | _Seed] = {}
    for marker in metafunc.definition.iter_markers("hafw_scenario"):
        found |= {what: _Scenario(what, metafunc.definition.path.parent) for what in marker.args}
    for marker in metafunc.definition.iter_markers("hafw_seeds"):
        found |= {f"seed{each.seed}": each for each in _seeds(*marker.args, **marker.kwargs)}
    if found:
        metafunc.parametrize("hafw_run", list(found.values()), ids=list(found), indirect=True)


def _seeds(count: int, start: int = 0, *, liveness: bool = False) -> Iterator[_Seed]:
    for seed in range(start, start + count):
        yield _Seed(seed, liveness)


def _played(wanted: _Scenario | _Seed) -> Run:
    from hafw.config import ConfigError  # noqa: PLC0415 - see above
    from hafw_sim.report import watched  # noqa: PLC0415
    from hafw_sim.scenarios import load, named, names, rehearse  # noqa: PLC0415
    from hafw_sim.swarm import draw_schedule  # noqa: PLC0415

    if isinstance(wanted, _Seed):
        schedule = draw_schedule(wanted.seed, liveness=wanted.liveness)
        return watched(schedule, str(wanted.seed))
    what = wanted.what
    try:
        return rehearse(named(what) if what in names() else load(wanted.beside / what))
    except ConfigError as problem:
        pytest.fail(str(problem), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the runs of a failing test, unless its failure tells them already."""
    report = yield
    if report.failed and call.excinfo is not None and call.excinfo.typename != "Broken":
        trials: list[Trial] = item.stash.get(_TRIALS, [])
        for number, trial in enumerate(trials, 1):
            report.sections.append((f"hafw_world {number}", trial.told()))
    return report
