"""What several tests of the lab need."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.lab.node import Node

PATIENCE_S = 10.0  # the kernel asks again for a silent neighbour after a second


def until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    """Whether the condition comes true in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def python(node: Node, program: str, *words: str) -> str:
    """What a Python program prints on a machine."""
    done = node.run([sys.executable, "-c", program, *words])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def silent(node: Node, address: str) -> bool:
    return node.who_answers(address, timeout_s=0.1) is None
