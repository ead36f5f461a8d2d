"""Reports of runs: what a person needs to see to understand one.

One rule: a report is made from a recording, and shows nothing that the world did not record.
"""

from hafw_sim.report.run import Run, watched

__all__ = ["Run", "watched"]
