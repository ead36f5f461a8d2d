"""Scenarios: a pair, what is done to it, and what must come of it, in a file that people write.

One rule: a scenario says what anybody can see from outside: owners, states, answers. What must hold
in every run is checked in each of them too.
"""

from hafw_sim.scenarios.library import load, named, names
from hafw_sim.scenarios.model import Expectation, Scenario
from hafw_sim.scenarios.reading import parse
from hafw_sim.scenarios.running import rehearse

__all__ = ["Expectation", "Scenario", "load", "named", "names", "parse", "rehearse"]
