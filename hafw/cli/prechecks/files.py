"""Is the cluster file right, the same everywhere and in force; is the key there?

One rule: what the other node has is known only from what it says to a running agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.config.engine import classes_of, forced_of
from hafw.config.fences import check_secrets
from hafw.config.identity import config_hash
from hafw.config.keys import load_keys
from hafw.config.problems import ConfigError
from hafw.config.storage import FENCE_IT, risk_of
from hafw.core.settings import Classes
from hafw.hooks.findings import Finding, Findings

if TYPE_CHECKING:
    from hafw.cli.prechecks.subject import Subject
    from hafw.config.keys import Key
    from hafw.config.model import Cluster


def read_keys(cluster: Cluster) -> tuple[tuple[Key, ...], list[Finding]]:
    """The keys of the cluster, and what is wrong with their file."""
    notes = Findings(str(cluster.key_file))
    try:
        keys = load_keys(cluster.key_file)
    except ConfigError as problem:
        for one in problem.problems:
            notes.error("file.key", one.what, one.remedy)
        return (), notes.found
    notes.ok("file.key", f"{len(keys)} key{'s' * (len(keys) > 1)}, which nobody else can read")
    return keys, notes.found


def check(subject: Subject) -> list[Finding]:
    """The file on this node, what its agent runs, and what the other node runs."""
    notes = Findings(str(subject.config))
    notes.ok("file.valid", f"it is right; hash {config_hash(subject.cluster).hex()}")
    for one in subject.cluster.warnings:
        notes.warn("file.advice", f"line {one.line}: {one.key}: {one.what}", one.remedy)
    _secrets(subject, notes)
    _agent(subject, notes)
    return notes.found


def protection(subject: Subject) -> list[Finding]:
    """Whether a group may ever move after silence."""
    found: list[Finding] = []
    for group in subject.cluster.groups:
        notes = Findings(f"group {group.id}")
        if force := forced_of(subject.cluster, group):
            risk = risk_of(group, leased=subject.cluster.authority is not None)
            notes.warn("group.forced", f"{force}: {risk}", FENCE_IT)
        elif classes_of(subject.cluster, group) == Classes.NONE:
            notes.warn(
                "group.protection",
                "nothing proves the death of a node, so a silent one is never taken over from",
                "add ping.reflect, authority.lease or a fence (docs/cluster-file.md)",
            )
        found += notes.found
    return found


def _secrets(subject: Subject, notes: Findings) -> None:
    try:
        for missing in check_secrets(subject.cluster, subject.node):
            what, _, remedy = missing.rpartition("; ")
            notes.error("file.secrets", what, remedy)
    except ConfigError as problem:
        for one in problem.problems:
            notes.error("file.secrets", f"{one.file}: {one.what}", one.remedy)


def _agent(subject: Subject, notes: Findings) -> None:
    if subject.status is None:
        what = f"whether {subject.peer} has the same file is not known: {subject.silence}"
        notes.warn("file.same", what, "run this again when both agents run")
        return
    if subject.status.cluster.config_hash != config_hash(subject.cluster).hex():
        what = "the agent runs another file, or an older version of this one"
        notes.error("file.in_force", what, "hafw reload, or restart the agent")
    else:
        notes.ok("file.in_force", "the agent runs it")
    if subject.status.cluster.maintenance.on:
        what = f"maintenance, ordered at {subject.status.cluster.maintenance.by}: nothing moves"
        notes.warn("maintenance", what, "hafw maintenance off, when the work is done")
    else:
        notes.ok("maintenance", "the pair is not in maintenance")
    if not subject.hears_peer:
        what = f"whether {subject.peer} has the same file is not known: it is not heard"
        notes.warn("file.same", what, "run this again when it is")
    elif subject.status.cluster.drift:
        what = f"{subject.peer} runs another file"
        notes.error("file.same", what, "make the two equal, then hafw reload on both")
    else:
        notes.ok("file.same", f"{subject.peer} runs the same")
