"""Stories of maintenance: nothing moves by itself, people still may, and it is never forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.model import OpKind, Outcome, Verb
from hafw.core.settings import Classes
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories import story, wrong

if TYPE_CHECKING:
    from hafw_sim.world import World

TEN_MINUTES_MS: Final = 600_000


def paused_pair(for_ms: int = 0, **options: object) -> World:
    """A running pair in maintenance, ordered at alpha: alpha holds the first group."""
    world = running_pair(**options)  # type: ignore[arg-type]
    world.ask(ALPHA, Verb.MAINTENANCE_ON, for_ms=for_ms)
    world.run(1)
    return world


def _expect(world: World, number: int, request: int, code: int, text: str = "") -> list[str]:
    answer = world.nodes[number].answers.get(request)
    if answer is not None and answer.code == code and text in answer.text:
        return []
    return [f"answered {answer}, not {code} with {text!r}"]


def _on(world: World, number: int, *, on: bool) -> list[str]:
    found = world.engine(number).maintenance.word.on
    return [] if found is on else [f"{world.nodes[number].name}: maintenance is {found}"]


def _noted(world: World, number: int, name: str) -> int:
    return sum(note.name == name for _, note in world.nodes[number].notes)


# --- what does not happen -------------------------------------------------------------------------


@story
def nothing_is_taken_in_maintenance() -> list[str]:
    """The holder dies: the other node waits, says why, and takes over when it is switched off."""
    problems: list[str] = []
    for classes in (
        Classes.REFLECTED,
        Classes.BEST_EFFORT,
        Classes.FENCED,
        Classes.LEASED,
        Classes.FENCED | Classes.LEASED,
    ):
        world = paused_pair(classes=classes)
        world.crash(ALPHA)
        world.run(120)
        said = world.engine(BETA).groups[1].blocked_why
        found = wrong(world, None)
        if "maintenance" not in said:
            found.append(f"blocked for another reason: {said}")
        request = world.ask(BETA, Verb.MAINTENANCE_OFF)
        world.run(60)
        found += wrong(world, "beta") + _expect(world, BETA, request, 3, "alpha is silent")
        problems += [f"{classes}: {problem}" for problem in found]
    return problems


@story
def nobody_is_shot_in_maintenance() -> list[str]:
    """Both live, all links are cut: neither node switches the other off, until it is ended."""
    world = paused_pair(classes=Classes.FENCED)
    world.net.cut_links()
    world.run(120)
    problems = wrong(world, "alpha")
    for number in (ALPHA, BETA):
        if _noted(world, number, "fence.ordered"):
            problems.append(f"{world.nodes[number].name} shot in maintenance")
    world.ask(ALPHA, Verb.MAINTENANCE_OFF)
    world.run(120)
    if not _noted(world, ALPHA, "fence.confirmed"):
        problems.append("alpha never defended itself after maintenance")
    return problems + wrong(world, "alpha")


@story
def no_reason_to_give_counts_in_maintenance() -> list[str]:
    """Service LAN or worker lost, fewer ping nodes, a notice: it stays until it is ended."""
    problems: list[str] = []
    for what in ("service", "worker", "ping", "notice"):
        world = paused_pair()
        if what == "service":
            world.set_service(ALPHA, up=False)
        elif what == "worker":
            world.workers.lose(world.nodes[ALPHA])
        elif what == "notice":
            world.announce(ALPHA, "it will be stopped")
        else:
            world.net.cut_ping(ALPHA)
        world.run(30)
        found = wrong(world, "alpha")
        world.ask(ALPHA, Verb.MAINTENANCE_OFF)
        world.run(30)
        problems += [f"{what}: {problem}" for problem in found + wrong(world, "beta")]
    return problems


@story
def no_failback_in_maintenance() -> list[str]:
    """The preferred node is back and well, but its group comes home only after maintenance."""
    world = running_pair(auto_failback=True)
    world.crash(ALPHA)
    world.run(30)
    world.ask(BETA, Verb.MAINTENANCE_ON)
    world.boot(ALPHA)
    world.run(120)
    problems = wrong(world, "beta") + _on(world, ALPHA, on=True)
    world.ask(ALPHA, Verb.MAINTENANCE_OFF)
    world.run(120)
    return problems + wrong(world, "alpha")


@story
def a_failed_start_moves_nothing_in_maintenance() -> list[str]:
    """A restarted holder cannot start: it tries again itself, and the other node waits."""
    world = paused_pair()
    world.nodes[ALPHA].fates[OpKind.START] = Outcome.FAILED_NO_EFFECT, False
    world.kill_agent(ALPHA)
    world.boot(ALPHA)
    world.run(60)
    problems = wrong(world, None)
    del world.nodes[ALPHA].fates[OpKind.START]
    world.run(120)
    return problems + wrong(world, "alpha")


# --- restarts -------------------------------------------------------------------------------------


@story
def an_upgrade_restarts_the_holder_in_place() -> list[str]:
    """A graceful stop hands nothing over; whoever it prefers, the last holder takes it again."""
    problems: list[str] = []
    for number, away_s in ((ALPHA, 2), (ALPHA, 60), (BETA, 2), (BETA, 60)):
        world = running_pair()
        if number == BETA:
            world.ask(BETA, Verb.TAKEOVER)
            world.run(12)
        world.ask(BETA, Verb.MAINTENANCE_ON)
        world.run(1)
        request = world.ask(number, Verb.STOP)
        world.run(away_s)
        name = world.nodes[number].name
        found = wrong(world, None) + _expect(world, number, request, 0, "waits for this node")
        world.boot(number)
        world.run(3)
        found += wrong(world, name)
        problems += [f"{name} away for {away_s} s: {problem}" for problem in found]
    return problems


@story
def who_prepared_to_take_over_did_not_hold() -> list[str]:
    """The next epoch that a standby made durable is no hold: it stays a standby."""
    world = paused_pair()
    world.net.cut_links()
    world.net.cut_ping(BETA)
    world.run(6)  # beta prepares
    world.net.heal()
    world.kill_agent(BETA)
    world.boot(BETA)
    world.run(3)
    world.ask(ALPHA, Verb.STOP)
    world.run(30)
    return wrong(world, None)


@story
def the_last_holder_returns_to_a_silent_pair() -> list[str]:
    """Its machine boots alone: it takes what was its own with a certificate as ever."""
    world = paused_pair(classes=Classes.LEASED)
    world.crash(BETA)
    world.run(30)
    world.crash(ALPHA)
    world.run(10)
    world.boot(ALPHA)
    world.run(120)
    return wrong(world, "alpha") + _on(world, ALPHA, on=True)


@story
def maintenance_survives_every_restart() -> list[str]:
    """Both machines boot: it is still on, and only the last holder starts."""
    world = paused_pair()
    world.crash(ALPHA)
    world.crash(BETA)
    world.run(10)
    world.boot(BETA)
    world.run(5)
    world.boot(ALPHA)
    world.run(60)
    return wrong(world, "alpha") + _on(world, ALPHA, on=True) + _on(world, BETA, on=True)


# --- people ---------------------------------------------------------------------------------------


@story
def people_move_groups_in_maintenance() -> list[str]:
    """Standby, takeover, failback and release work as ever."""
    world = paused_pair(groups=2)
    steps = (
        (ALPHA, Verb.STANDBY, ("beta", "beta")),
        (ALPHA, Verb.TAKEOVER, ("alpha", "alpha")),
        (ALPHA, Verb.FAILBACK, ("alpha", "beta")),
        (BETA, Verb.RELEASE, ("alpha", None)),
        (BETA, Verb.TAKEOVER, ("beta", "beta")),
        (ALPHA, Verb.FAILBACK, ("alpha", "beta")),
        (ALPHA, Verb.RELEASE, (None, "beta")),
        (ALPHA, Verb.TAKEOVER, ("alpha", "alpha")),
    )
    problems: list[str] = []
    for number, verb, owners in steps:
        request = world.ask(number, verb)
        world.run(25)
        found = wrong(world, *owners) + _expect(world, number, request, 0)
        problems += [f"{world.nodes[number].name} {verb}: {problem}" for problem in found]
    return problems


@story
def people_vouch_in_maintenance() -> list[str]:
    """A person who says that the holder is off may take over, with every argument."""
    world = paused_pair()
    world.crash(ALPHA)
    world.run(30)
    request = world.ask(
        BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha", reason="its plug is out"
    )
    world.run(5)
    return wrong(world, "beta") + _expect(world, BETA, request, 0)


@story
def a_move_by_order_that_fails_goes_back() -> list[str]:
    """The other node cannot start what it was ordered to take: who gave it has it again."""
    world = paused_pair()
    world.nodes[BETA].fates[OpKind.START] = Outcome.FAILED_NO_EFFECT, False
    world.ask(BETA, Verb.TAKEOVER)
    world.run(15)
    return wrong(world, "alpha")


@story
def what_nobody_ever_held_waits_for_a_person() -> list[str]:
    """Maintenance since before the first start: a person's takeover starts it."""
    world = running_pair()
    world.crash(ALPHA)
    world.crash(BETA)
    world.disks.lose(world.nodes[ALPHA])
    world.disks.lose(world.nodes[BETA])
    world.boot(BETA, worker=False)
    world.run(1)
    world.ask(BETA, Verb.MAINTENANCE_ON)
    world.run(1)
    world.boot(ALPHA)
    world.run(60)
    problems = wrong(world, None)
    world.ask(ALPHA, Verb.TAKEOVER)
    world.run(5)
    return problems + wrong(world, "alpha")


# --- words ----------------------------------------------------------------------------------------


@story
def it_is_answered_when_both_nodes_know() -> list[str]:
    """On and off, on either node; each says where it counts."""
    world = running_pair()
    problems: list[str] = []
    for number, verb, on in (
        (ALPHA, Verb.MAINTENANCE_ON, True),
        (BETA, Verb.MAINTENANCE_OFF, False),
        (BETA, Verb.MAINTENANCE_ON, True),
        (ALPHA, Verb.MAINTENANCE_OFF, False),
    ):
        request = world.ask(number, verb)
        world.run(0.5)
        problems += _expect(world, number, request, 0, "on both nodes")
        problems += _on(world, ALPHA, on=on) + _on(world, BETA, on=on)
    return problems


@story
def nobody_is_told_that_both_know_before_they_do() -> list[str]:
    """The other node is heard, but does not hear: the answer waits until it does."""
    world = running_pair()
    world.net.cut_links(both=False, sender=ALPHA)
    world.net.ping_reflects = False
    request = world.ask(ALPHA, Verb.MAINTENANCE_ON)
    world.run(3)
    problems = [] if request not in world.nodes[ALPHA].answers else ["answered too early"]
    world.net.mend_links()
    world.run(2)
    return problems + _expect(world, ALPHA, request, 0, "on both nodes")


@story
def a_word_counts_only_once_it_is_durable() -> list[str]:
    """The other node's disk is full: not answered, and said when there is room."""
    world = running_pair()
    world.weather.disk_full = True
    request = world.ask(ALPHA, Verb.MAINTENANCE_ON)
    world.run(5)
    problems = [] if request not in world.nodes[ALPHA].answers else ["answered, but not durable"]
    world.weather.disk_full = False
    world.run(4)
    return problems + _expect(world, ALPHA, request, 0)


@story
def who_was_away_hears_the_newest_word() -> list[str]:
    """Ordered while the other node is down: here only, and there when it is back."""
    world = running_pair()
    world.crash(BETA)
    world.run(30)
    request = world.ask(ALPHA, Verb.MAINTENANCE_ON)
    world.run(1)
    problems = _expect(world, ALPHA, request, 3, "beta is silent")
    world.boot(BETA)
    world.run(3)
    problems += _on(world, BETA, on=True)
    world.crash(BETA)
    world.run(30)
    world.ask(ALPHA, Verb.MAINTENANCE_OFF)
    world.run(1)
    world.boot(BETA)
    world.run(3)
    return problems + _on(world, BETA, on=False) + _on(world, ALPHA, on=False)


@story
def the_newest_word_wins_after_a_cut() -> list[str]:
    """Ordered for different times while they were apart: both end with the same word."""
    problems: list[str] = []
    for first, second in ((ALPHA, BETA), (BETA, ALPHA)):
        world = paused_pair()
        world.net.cut_links()
        world.net.cut_ping(BETA)
        world.run(12)
        world.ask(first, Verb.MAINTENANCE_ON, for_ms=TEN_MINUTES_MS)
        world.run(1)
        world.ask(second, Verb.MAINTENANCE_ON)
        world.run(1)
        world.net.heal()
        world.run(30)
        words = [world.engine(number).maintenance.word for number in (ALPHA, BETA)]
        if words[0] != words[1]:
            problems.append(f"they do not agree: {words}")
    return problems


# --- time -----------------------------------------------------------------------------------------


@story
def maintenance_ends_at_its_time() -> list[str]:
    """After that, and not before, what it kept from moving moves."""
    world = paused_pair(for_ms=TEN_MINUTES_MS)
    world.crash(ALPHA)
    world.run(590)
    problems = wrong(world, None)
    world.run(20)
    if not _noted(world, BETA, "maintenance.expired"):
        problems.append("its end was not told")
    return problems + wrong(world, "beta")


@story
def the_first_at_the_end_ends_it_for_both() -> list[str]:
    """Beta heard of it late, and its clock starts late: alpha's end counts for it too."""
    world = running_pair()
    world.crash(BETA)
    world.run(12)
    world.ask(ALPHA, Verb.MAINTENANCE_ON, for_ms=60_000)
    world.run(50)
    world.boot(BETA)
    world.run(5)
    problems = _on(world, BETA, on=True)
    world.run(10)
    return problems + _on(world, ALPHA, on=False) + _on(world, BETA, on=False)


@story
def a_restart_does_not_make_it_longer_nor_a_boot_shorter() -> list[str]:
    """Agents restarted: the same end. Machines booted: what was left when it was written."""
    problems: list[str] = []
    for boots, longest_s in ((False, 61), (True, 100)):
        world = paused_pair(for_ms=60_000)
        world.run(30)
        for number in (ALPHA, BETA):
            if boots:
                world.crash(number)
            else:
                world.kill_agent(number)
        world.run(1)
        world.boot(ALPHA)
        world.boot(BETA)
        world.run(25)
        problems += _on(world, ALPHA, on=True)
        world.run(longest_s - 57)
        problems += _on(world, ALPHA, on=False) + _on(world, BETA, on=False)
    return problems


@story
def an_agent_too_old_for_maintenance_is_told_of() -> list[str]:
    """The other node's beats say nothing of it: the order is refused with the reason."""
    world = running_pair()
    said = world.engine(ALPHA)
    assert said.peer.beat is not None
    said.peer.beat = said.peer.beat._replace(maintenance=None)
    request = world.ask(ALPHA, Verb.MAINTENANCE_ON)
    world.run(0.01)
    return _expect(world, ALPHA, request, 5, "upgrade") + _on(world, ALPHA, on=False)
