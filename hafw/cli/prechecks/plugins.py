"""What plugins are asked: those of the resources, and those that switch the other node off.

One rule: what every plugin has is asked here, in the same words for all; the plugin's own precheck
adds what it alone knows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.cli.prechecks import resources
from hafw.cli.prechecks.bounded import Check
from hafw.cli.requests import Asker
from hafw.fences import levels
from hafw.hooks.errors import ProviderError
from hafw.hooks.findings import Finding, Findings
from hafw.hooks.hookspecs import (
    FenceRequest,
    Holder,
    Power,
    PrecheckRequest,
    ProbeRequest,
    VipObservation,
)
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from hafw.cli.prechecks.subject import Subject
    from hafw.config.model import Fence
    from hafw.hooks.hookspecs import VipRequest

PERSON: Final = "manual"
"""The fence that no device reads."""
PROBE_S: Final = 0.6
"""How long it is listened for whether anybody answers for a VIP."""


def prechecks(subject: Subject, within_s: float) -> list[Check]:
    """Each resource, each fence, and each plugin's own precheck."""
    deadline_ns = boot_ns() + int(within_s * 1e9)
    asker = _asker(subject, deadline_ns)
    fences = subject.cluster.fences[1 - subject.number]
    checks = [Check(_name(vip), partial(_vip, subject, name, vip)) for name, vip in asker.vips()]
    checks += [
        Check(name, partial(resources.check, provider, name, each))
        for provider, name, each in asker.others()
    ]
    checks += [
        Check(f"fence {level.method} of {subject.peer}", partial(_fence, subject, level))
        for level in fences
    ]
    for plugin, request in _requests(subject, deadline_ns).items():
        checks.append(Check(plugin, partial(_own, "hafw_precheck", plugin, request)))
    return checks


def _asker(subject: Subject, deadline_ns: int) -> Asker:
    return Asker(cluster=subject.cluster, number=subject.number, deadline_ns=deadline_ns)


def probes(subject: Subject, within_s: float, address: str) -> list[Check]:
    """Each plugin's own live probe."""
    found = []
    for plugin, request in _requests(subject, boot_ns() + int(within_s * 1e9)).items():
        probe = ProbeRequest(
            deadline_ns=request.deadline_ns,
            vips=request.vips,
            resources=request.resources,
            fence=request.fence,
            address=address,
        )
        found.append(Check(plugin, partial(_own, "hafw_live_probe", plugin, probe)))
    return found


def _requests(subject: Subject, deadline_ns: int) -> dict[str, PrecheckRequest]:
    """What each plugin is asked, by its name."""
    found: dict[str, PrecheckRequest] = {}
    asker, empty = _asker(subject, deadline_ns), PrecheckRequest(deadline_ns=deadline_ns)
    for name, vip in asker.vips():
        known = found.setdefault(name, empty)
        found[name] = replace(known, vips=(*known.vips, vip))
    for name, _, each in asker.others():
        known = found.setdefault(name, empty)
        found[name] = replace(known, resources=(*known.resources, each))
    for level in subject.cluster.fences[1 - subject.number]:
        known = found.setdefault(level.method, empty)
        fence = FenceRequest(
            cluster_id=subject.cluster.id.hex,
            op=_op(subject),
            sender=subject.node,
            target=subject.peer,
            options=dict(level.options),
            deadline_ns=deadline_ns,
        )
        found[level.method] = replace(known, fence=known.fence or fence)
    return found


def _own(hook: str, plugin: str, request: PrecheckRequest) -> list[Finding]:
    try:
        return Registry([plugin]).findings(hook, plugin, request)
    except ProviderError as problem:
        notes = Findings(plugin)
        notes.refused("plugin.answers", problem)
        return notes.found


def _vip(subject: Subject, provider: str, vip: VipRequest) -> list[Finding]:
    notes = Findings(_name(vip))
    try:
        registry = Registry([provider])
        with notes.check("vip.ready", f"{provider} is ready to bring it here"):
            registry.prepare(provider, "hafw_warm", requests=(vip,))
        seen = registry.call(provider, "hafw_vip_observe", request=vip)
        assert isinstance(seen, VipObservation), "as the hook has it"
        if seen.holder is Holder.UNKNOWN:
            remedy = "until it can be seen, hafw takes it for unknown, and does not move it lightly"
            notes.error("vip.holder", f"who has it cannot be seen: {seen.who}", remedy)
        elif seen.holder is not Holder.FREE:
            notes.ok("vip.holder", f"{seen.who or 'this node'} has it")
        else:
            soon = replace(vip, deadline_ns=boot_ns() + int(PROBE_S * 1e9))
            answer = registry.call(provider, "hafw_vip_probe", request=soon)
            assert isinstance(answer, VipObservation), "as the hook has it"
            _answered(subject, vip, answer, notes)
    except ProviderError as problem:
        notes.refused("vip.holder", problem)
    return notes.found


def _answered(subject: Subject, vip: VipRequest, answer: VipObservation, notes: Findings) -> None:
    """Whether it is right that somebody, or nobody, answers for a VIP that is not here."""
    group = subject.group(vip.group)
    if answer.holder is not Holder.PEER:
        who = "nobody answers for it" if answer.holder is Holder.FREE else answer.who
        notes.ok("vip.holder", f"it is not here; {who}")
    elif group is not None and group.owner == subject.peer:
        notes.ok("vip.holder", f"{answer.who} answers for it, and {subject.peer} owns its group")
    elif group is None or group.owner is None:
        what = f"{answer.who} answers for it, and whether that is {subject.peer} is not known"
        notes.warn("vip.holder", what, "run this again when both agents run and a node owns it")
    else:
        remedy = "find that machine: the address is used twice"
        notes.error("vip.holder", f"{answer.who} answers for it, and owns nothing", remedy)


def _fence(subject: Subject, level: Fence) -> list[Finding]:
    """Whether it is ready, aims at another machine, and can be read."""
    notes = Findings(f"fence {level.method} of {subject.peer}")
    aim = levels.Aim(
        cluster_id=subject.cluster.id.hex,
        sender=subject.node,
        target=subject.peer,
        op=_op(subject),
    )
    try:
        registry = Registry([level.method])
        with notes.check("fence.ready", "it is ready, and aims at another machine than this"):
            levels.warm(registry, level, aim)
        attempt = levels.look(registry, (level,), aim).attempts[0]
    except ProviderError as problem:
        notes.refused("fence.reads", problem)
        return notes.found
    receipt = attempt.receipt
    if level.method == PERSON:
        notes.ok("fence.reads", f"it is a person's word, asked for when {subject.peer} is silent")
    elif receipt is not None and receipt.power is not Power.UNKNOWN:
        told = f"it reads {subject.peer} as {receipt.power}: {receipt.identity}"
        notes.ok("fence.reads", told)
    else:
        seen = ", ".join(one.state for one in receipt.seen) if receipt is not None else ""
        what = f"whether {subject.peer} is on cannot be read: {attempt.detail or seen}"
        notes.error("fence.reads", what, "repair it: what cannot be read cannot be confirmed")
    return notes.found


def _op(subject: Subject) -> str:
    return f"{subject.node}/precheck/{boot_ns()}"


def _name(vip: VipRequest) -> str:
    return f"VIP {vip.address}"
