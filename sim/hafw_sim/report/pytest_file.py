"""A run as a test: a file for pytest that plays the schedule again, and fails as long as it fails.

One rule: the file stands alone; the schedule is in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hafw_sim.schedule_file import encode

if TYPE_CHECKING:
    from hafw_sim.report.run import Run

_TEMPLATE = '''\
"""{what}

Look at it with: hafw sim replay {name}
"""

from hafw_sim.report import watched
from hafw_sim.schedule_file import decode

SCHEDULE = (
{lines}
)


def test_{word}() -> None:
    watched(decode(SCHEDULE, __file__), {name!r}).must_hold()
'''


def as_test(run: Run) -> str:
    """The file's content."""
    first = run.problems[0] if run.problems else f"Nothing is wrong with {run.name}"
    return _TEMPLATE.format(
        what=first.replace("\\", "/").replace('"""', "'''"),
        name=run.name,
        word=re.sub(r"\W+", "_", run.name.partition(".hasim")[0].rpartition("/")[2]).lower(),
        lines="\n".join(f"    {line!r}" for line in encode(run.schedule).splitlines(keepends=True)),
    )
