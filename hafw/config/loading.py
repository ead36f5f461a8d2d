"""From a file to a `Cluster`, or to everything that is wrong with it.

One rule: whatever the file contains, the only error raised is `ConfigError`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from hafw.config.document import document, read_text, refusal
from hafw.config.sections import read_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.config.model import Cluster


def load(path: Path) -> Cluster:
    """Read and check the cluster file; its warnings are kept in the result.

    Raises `ConfigError`, with every problem of the file.
    """
    return parse(read_text(path, "cluster file", "let `hafw create` write one"), str(path))


def parse(text: str, file: str) -> Cluster:
    """Check the text of a cluster file. `file` is its name in problems. Raises `ConfigError`."""
    root = document(text, file)
    cluster = read_cluster(root)
    if cluster is None:
        raise refusal(root)
    return dataclasses.replace(cluster, warnings=tuple(root.place.report.warnings))
