"""Whether this node may take a group that it does not hold, and what it does meanwhile.

One rule: silence is not proof. A group is started only under a certificate whose taker's half in
`duties` is complete, and whose intent is already durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import blocking, fencing, fitness, lease, maintenance
from hafw.core.duties import (
    DUTIES,
    FENCE_RUNS,
    FOREVER,
    LEASE_NOT_OURS,
    LEASE_RUNS,
    NOT_FOUND_FREE,
    NOT_OFF,
    Certificate,
    TakerView,
    wait_ns,
)
from hafw.core.effects import StartOp
from hafw.core.liveness import PeerState
from hafw.core.model import Ask, OpKind, Phase
from hafw.core.settings import MS, Classes

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat
    from hafw.core.settings import Settings

ISOLATED: Final = (
    "this node would have to let go again at once, since neither the other node nor a ping node "
    "shows that it is not isolated"
)
NO_STORE: Final = (
    "Without it this node would have to let go again at once; if the store is lost for good, take "
    "`lease` out of [authority] in the cluster file and restart the agents that are left"
)
_BY_SILENCE: Final = (
    Certificate.LEASED,
    Certificate.REFLECTED,
    Certificate.FENCED,
    Certificate.BEST_EFFORT,
)
"""Certificates for a silent peer: what switches nobody off is tried before what does."""
_OFF: Final = (Certificate.FENCED,)
_FACTS: Final = {
    Certificate.RELEASED: "the other node let it go",
    Certificate.FENCED: "and confirmed off",
    Certificate.LEASED: "and the lease is ours",
    Certificate.REFLECTED: "this node armed, its echoes answered throughout",
    Certificate.BEST_EFFORT: "this node not isolated, nobody answers for the address",
    Certificate.OPERATOR: "a person vouched that the other node is off",
}


def view(group: Group, engine: Engine) -> TakerView:
    """What this node sees of the holder's half."""
    peer, settings, now_ns = engine.peer, engine.settings, engine.now_ns
    word = peer.groups.get(group.id)
    shut_ns = _shut_ns(word, settings)
    silence_ns = peer.silence_ns(now_ns)
    wait = wait_ns(shut_ns, settings)
    unbroken = engine.reflector is not None and engine.reflector.unbroken(
        now_ns, now_ns - wait, settings
    )
    return TakerView(
        silence_ns=silence_ns,
        met=peer.met(),
        bound=_bound(group, word, engine),
        shut_ns=shut_ns,
        echoes_unbroken=unbroken,
        known=peer.known(settings),
        armed=group.armed,
        ping_answers=engine.ping_answers(),
        has_vip=any(group.settings.vips),
        probe_silent=group.probe_silent_ns >= now_ns - wait // 2,
        released=False,
        fence_confirmed=engine.fencing.off,
        lease_ripe=_ripe(group, engine),
        lease_won=group.lease is not None and lease.in_hand(group, engine),
    )


def _bound(group: Group, word: GroupBeat | None, engine: Engine) -> Classes:
    """What binds a silent holder, as it told this start of the agent.

    Until it has answered this start, it may hold because it saw this machine off: then nothing else
    binds it, whatever it said before it knew.
    """
    by_the_file = Classes.FENCED if group.settings.fenced else group.settings.classes
    if not engine.peer.met():
        return by_the_file
    bound = Classes(word.binds) if word is not None else Classes.NONE
    return bound if engine.addressed() else bound & by_the_file


def _ripe(group: Group, engine: Engine) -> bool:
    if group.lease is None:
        return False
    settings = engine.settings
    return engine.now_ns >= group.lease.ripe_ns(settings.node, settings.lease_ttl_ns)


def by_silence(group: Group, engine: Engine) -> tuple[Certificate | None, list[str]]:
    """The certificate that the peer's silence gives now, or why there is none, by class."""
    if not engine.trusted:
        return None, [f"state: {engine.distrust}; the peer must be heard first"]
    refusals: list[str] = []
    seen = view(group, engine)
    for certificate in _OFF if engine.fencing.off else _BY_SILENCE:
        duty = DUTIES[certificate]
        if not duty.mask & group.settings.binds:
            continue
        why = duty.refusal(seen, engine.settings)
        if certificate is Certificate.FENCED:
            why = _fenced(group, seen, why, engine)
        elif group.settings.both:
            continue  # the lease alone is not enough
        elif why in (None, LEASE_NOT_OURS):
            why = _claimed(group, certificate, seen, engine)
        if why is None:
            return certificate, []
        refusals.append(f"{certificate}: {why}{_more(certificate, why, group)}")
        if why in (LEASE_NOT_OURS, LEASE_RUNS) and not _store_is_lost(group):
            break  # it is being claimed for this certificate, or will be: nobody need be shot
    return None, refusals


def _store_is_lost(group: Group) -> bool:
    return group.settings.fenced and group.lease is not None and group.lease.trouble != ""


def _fenced(group: Group, seen: TakerView, why: str | None, engine: Engine) -> str | None:
    """Why the other node's being off is of no use yet; it is switched off where that is needed.

    Where both are needed, and where this node may have been shot itself, the lease comes first: it
    is the ticket to shoot.
    """
    if group.settings.both or (group.lease is not None and not fencing.has_met(engine)):
        leased = DUTIES[Certificate.LEASED]
        refused = leased.refusal(seen._replace(bound=seen.bound | leased.binds), engine.settings)
        if refused in (None, LEASE_NOT_OURS):
            refused = _claimed(group, Certificate.FENCED, seen, engine)
        if refused is not None:
            return refused
    if why is not NOT_OFF:
        return why
    refused = fencing.refusal(group, engine)
    if refused and engine.fencing.op is None:
        return refused
    fencing.want(engine)
    return FENCE_RUNS


def _claimed(group: Group, certificate: Certificate, seen: TakerView, engine: Engine) -> str | None:
    """Why a certificate that may be used is of no use yet: what starts must be able to go on.

    Where the lease binds, every start in silence needs it, whatever the certificate: it is claimed.
    """
    if group.lease is None or seen.lease_won:
        if group.lease is not None:
            group.lease.wanted = lease.of_start(group)  # keep it until there is a start
        return None if group.could_hold(certificate, engine) else ISOLATED
    if not group.could_hold(certificate, engine, won=True):
        return ISOLATED
    prepare(group, certificate, engine)
    if prepared(group, certificate, engine):
        group.lease.wanted = lease.of_start(group)
    return LEASE_NOT_OURS


def _more(certificate: Certificate, why: str, group: Group) -> str:
    """What was answered when it was asked for."""
    answer = group.probe_answer if why is NOT_FOUND_FREE else ""
    if group.lease is not None and (certificate is Certificate.LEASED or why is LEASE_NOT_OURS):
        answer = group.lease.trouble
    return f": {answer}" if answer else ""


def consider(group: Group, engine: Engine) -> None:
    """Decide about a group that is not held here: take it, wait, or be blocked."""
    peer = engine.peer
    word = engine.peer_word(group)
    if group.lease is not None:
        group.lease.wanted = 0
    if word is not None:
        group.vouched = False
        if _is_left_alone(group, word, engine):
            blocking.block(group, [maintenance.why(engine)], engine)
        else:
            blocking.unblock(group, engine)
        if word.phase is not Phase.CLEAR and group.ask is Ask.NOTHING:
            _prepare_in_silence(group, engine)
        _with_peer(group, word, engine)
        return
    if group.vouched and _taken_by_operator(group, engine):
        return
    _prepare_in_silence(group, engine)
    if peer.state not in (PeerState.DEAD, PeerState.GONE) or engine.now_ns < due_ns(group, engine):
        return
    obstacle = _obstacle(group, engine)
    if obstacle:
        blocking.block(group, [obstacle], engine)
        return
    certificate, refusals = by_silence(group, engine)
    if certificate is not None:
        take(group, certificate, engine)
    elif blocking.only_waits(group, refusals):
        blocking.wait(group, refusals[-1], engine)
    else:
        blocking.block(group, refusals or ["silence alone proves nothing"], engine)


def _obstacle(group: Group, engine: Engine) -> str:
    """Why this node would not take a group in silence, whatever it could cite; '' if it would."""
    if maintenance.forbids_start(group, engine):
        return maintenance.why(engine)
    if not group.willing(engine):
        return "this node cannot run it: " + fitness.why_unwilling(group, engine)
    return ""


def _taken_by_operator(group: Group, engine: Engine) -> bool:
    """Take it on a person's word; False if that is of no use now.

    Where there is a lease, it is asked whether the word can be true: who renews it is not off.
    """
    if not group.willing(engine):
        return False
    if group.lease is not None and lease.checked_ns(group, engine) > engine.now_ns:
        return True
    why = _claimed(group, Certificate.OPERATOR, view(group, engine), engine)
    if why is None:
        take(group, Certificate.OPERATOR, engine)
    return why in (None, LEASE_NOT_OURS)


def _is_left_alone(group: Group, word: GroupBeat, engine: Engine) -> bool:
    """Neither node holds it, and this one would take or pass it on, but for maintenance."""
    nobody = word.phase is Phase.CLEAR and not word.offer and not group.offer_no
    return nobody and maintenance.forbids_start(group, engine)


def _with_peer(group: Group, word: GroupBeat, engine: Engine) -> None:
    """The peer lives and does or does not hold the group: only its word counts."""
    group.heard_of(word.epoch, engine)
    if word.phase is not Phase.CLEAR:
        if group.offer_no and word.phase in (Phase.STARTING, Phase.ACTIVE):
            group.end_offer(engine)
        return
    able = group.willing(engine) and group.could_hold(Certificate.RELEASED, engine)
    if not able or not engine.fresh():
        return
    if released_to_us(group, word, engine):
        take(group, Certificate.RELEASED, engine)


def released_to_us(group: Group, word: GroupBeat, engine: Engine) -> bool:
    """The peer's word, fresh and addressed to this incarnation, says that we may take.

    Either it offered the group to us (an offer counts once), or neither holds it, nobody has an
    offer open, and we are the preferred node, which may take unless it made an offer of late, or
    the cluster is in maintenance. An offer is made in maintenance only by order. A
    word that knows less of epochs than we do is older than it seems: this machine may have been
    paused.
    """
    if word.epoch < group.epoch:
        return False
    if word.offer:
        return (engine.peer.incarnation, word.offer) != group.consumed_offer
    return (
        group.settings.preferred == engine.settings.node
        and not _leaves_it(word, engine)
        and not maintenance.forbids_start(group, engine)
        and not engine.drift()  # the files may name different preferred nodes
        and not group.offer_no
        and engine.now_ns >= group.quarantine_ns
        and not engine.should_return(group)
    )


def _leaves_it(word: GroupBeat, engine: Engine) -> bool:
    """This machine is to be disturbed and the other could run it; in maintenance nothing moves."""
    return bool(engine.notice) and word.ready and not maintenance.in_force(engine)


def take(group: Group, certificate: Certificate, engine: Engine) -> None:
    """Start under `certificate` once the intent to do so is durable; until then ask for that."""
    if not prepared(group, certificate, engine):
        prepare(group, certificate, engine)
        return
    word = engine.peer.groups.get(group.id)
    group.from_peer = word is not None and (word.phase is not Phase.CLEAR or word.offer != 0)
    if certificate is Certificate.RELEASED:
        assert word is not None
        if word.offer:
            group.consumed_offer = (engine.peer.incarnation, word.offer)
        group.unarmed = group.unarmed or not word.want
    left = engine.peer.beat is not None and engine.peer.beat.leaving
    group.failback_due = certificate is not Certificate.RELEASED or left
    engine.note("certificate.used", group.id, f"{certificate}: {_rests_on(certificate, engine)}")
    group.start(certificate, engine)


def _rests_on(certificate: Certificate, engine: Engine) -> str:
    facts = _FACTS[certificate]
    if certificate in (Certificate.RELEASED, Certificate.OPERATOR):
        return facts
    return f"silent for {engine.peer.silence_ns(engine.now_ns) // MS} ms, {facts}"


def prepared(group: Group, certificate: Certificate, engine: Engine) -> bool:
    """Whether the intent to start under this certificate, with a newer epoch, is durable."""
    return (
        group.intent is not None
        and group.intent[1] is certificate
        and group.intent[0] > group.epoch
        and engine.durable(group.intent_token)
    )


def prepare(group: Group, certificate: Certificate, engine: Engine) -> None:
    """Make the next epoch and the certificate it needs durable, ahead of the need."""
    intent = (engine.next_epoch(group), certificate)
    if group.intent == intent or not engine.may_persist():
        return  # under way or done, or the disk has just refused
    group.intent = intent
    group.intent_token = engine.persist()


def _prepare_in_silence(group: Group, engine: Engine) -> None:
    """From the first missed beat on: next epoch durable, address probed."""
    if engine.now_ns < engine.peer.first_missed_ns(engine.settings):
        return
    own = group.settings
    silent_ns = due_ns(group, engine)
    if engine.now_ns < silent_ns:  # afterwards `take` knows which it needs
        if own.reflected and group.armed:
            prepare(group, Certificate.REFLECTED, engine)
        elif own.best_effort:
            prepare(group, Certificate.BEST_EFFORT, engine)
        elif own.leased and not own.both:
            prepare(group, Certificate.LEASED, engine)
        elif own.fenced:
            prepare(group, Certificate.FENCED, engine)
    if not own.best_effort or not any(own.vips):
        return
    wanted = engine.now_ns >= max(_probe_ns(silent_ns, engine), group.probe_next_ns)
    if wanted and group.probe is None and engine.worker_up:
        group.probe_next_ns = engine.now_ns + _waits(engine) // 8
        group.probe = engine.new_op(OpKind.PROBE, group.id, 0, group.epoch, engine.probe_budget_ns)
        engine.emit(StartOp(group.probe))


def due_ns(group: Group, engine: Engine) -> int:
    """When the silence, if it lasts, will have been long enough."""
    peer, settings = engine.peer, engine.settings
    if not peer.met():
        timing = settings.timing
        due = max(peer.started_ns + timing.initdead_ns, peer.gap_end_ns + timing.deadtime_ns)
        # Both may have booted apart from each other: the preferred node goes first, so that the
        # other's probe finds it.
        mine = group.settings.preferred == settings.node
        return due if mine else due + timing.deadtime_ns
    shut_ns = _shut_ns(peer.groups.get(group.id), settings)
    return max(peer.last_ns, peer.gap_end_ns) + wait_ns(shut_ns, settings)


def longest_wait_ns(engine: Engine) -> int:
    """How long a silence must last for any group: the peer's file may have longer times."""
    shut_ns = (_shut_ns(word, engine.settings) for word in engine.peer.groups.values())
    return wait_ns(max(shut_ns, default=engine.settings.shut_ns), engine.settings)


def _shut_ns(word: GroupBeat | None, settings: Settings) -> int:
    """The bound that the peer announced for a group, or our own if that is longer."""
    return max(word.shut_ms * MS if word is not None else 0, settings.shut_ns)


def _waits(engine: Engine) -> int:
    return wait_ns(engine.settings.shut_ns, engine.settings)


def _probe_ns(silent_ns: int, engine: Engine) -> int:
    """When the probing begins: early enough for a whole round, late enough to be recent.

    `silent_ns`: when the silence will have been long enough.
    """
    return silent_ns - _waits(engine) // 3


def next_ns(group: Group, engine: Engine) -> int:
    """When waiting alone makes something possible for a group that is not held."""
    if group.held:
        return FOREVER
    silent_ns = due_ns(group, engine)
    instants = (
        engine.peer.first_missed_ns(engine.settings),
        _probe_ns(silent_ns, engine),
        silent_ns,
        group.unwilling_ns,
    )
    return min([at_ns for at_ns in instants if at_ns > engine.now_ns], default=FOREVER)
