"""Stories of operators: every verb with its arguments, at good and at bad moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.model import Verb, What
from hafw.core.settings import Classes
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories import story, wrong

if TYPE_CHECKING:
    from hafw_sim.world import World


def _code(world: World, number: int, request: int) -> int | None:
    answer = world.nodes[number].answers.get(request)
    return answer.code if answer is not None else None


def _expect(world: World, number: int, request: int, code: int) -> list[str]:
    found = _code(world, number, request)
    return [] if found == code else [f"answered {world.nodes[number].answers.get(request)}"]


@story
def standby_gives_everything() -> list[str]:
    """Standby on the holder: the other has it, and answers at once."""
    world = running_pair()
    request = world.ask(ALPHA, Verb.STANDBY)
    world.run(0.5)
    return wrong(world, "beta") + _expect(world, ALPHA, request, 0)


@story
def takeover_fetches_everything() -> list[str]:
    """Takeover on the standby."""
    world = running_pair()
    request = world.ask(BETA, Verb.TAKEOVER)
    world.run(0.5)
    return wrong(world, "beta") + _expect(world, BETA, request, 0)


@story
def arguments_in_active_active() -> list[str]:
    """Each argument of standby and takeover moves exactly the groups it names."""
    problems: list[str] = []
    cases = (
        (ALPHA, Verb.STANDBY, What.ALL, ("beta", "beta")),
        (ALPHA, Verb.STANDBY, What.LOCAL, ("beta", "beta")),
        (ALPHA, Verb.STANDBY, What.FOREIGN, ("alpha", "beta")),
        (ALPHA, Verb.STANDBY, What.FAILBACK, ("alpha", "beta")),
        (ALPHA, Verb.TAKEOVER, What.ALL, ("alpha", "alpha")),
        (ALPHA, Verb.TAKEOVER, What.LOCAL, ("alpha", "beta")),
        (ALPHA, Verb.TAKEOVER, What.FOREIGN, ("alpha", "alpha")),
        (ALPHA, Verb.TAKEOVER, What.FAILBACK, ("alpha", "beta")),
        (BETA, Verb.TAKEOVER, What.FOREIGN, ("beta", "beta")),
    )
    for number, verb, what, owners in cases:
        world = running_pair(groups=2)
        request = world.ask(number, verb, what)
        world.run(1)
        said = f"{world.nodes[number].name} {verb} {what}: "
        found = wrong(world, *owners) + _expect(world, number, request, 0)
        problems += [said + problem for problem in found]
    return problems


@story
def a_restarted_node_is_answered_again() -> list[str]:
    """Its requests are numbered from 1 again: an answer to its earlier life is none."""
    world = running_pair()
    world.ask(ALPHA, Verb.STANDBY)
    world.run(1)
    world.kill_agent(ALPHA)
    world.run(0.5)
    world.boot(ALPHA)
    world.run(2)
    request = world.ask(ALPHA, Verb.TAKEOVER)
    world.run(1)
    return wrong(world, "alpha") + _expect(world, ALPHA, request, 0)


@story
def takeover_failback_fetches_only_what_prefers_this_node() -> list[str]:
    """After a failover: alpha's own group comes home, beta's stays."""
    world = running_pair(groups=2)
    world.ask(BETA, Verb.TAKEOVER)
    world.run(1)
    world.ask(ALPHA, Verb.TAKEOVER, What.FAILBACK)
    world.run(1)
    return wrong(world, "alpha", "beta")


@story
def failback_brings_every_group_home() -> list[str]:
    """Whoever types it: what prefers this node is fetched, what prefers the other is given."""
    problems: list[str] = []
    for astray, number in ((BETA, ALPHA), (BETA, BETA), (ALPHA, ALPHA), (ALPHA, BETA)):
        world = running_pair(groups=2)
        world.ask(astray, Verb.TAKEOVER)
        world.run(1)
        request = world.ask(number, Verb.FAILBACK)
        world.run(1)
        problems += wrong(world, "alpha", "beta") + _expect(world, number, request, 0)
    return problems


@story
def a_standby_that_one_group_cannot_follow_moves_nothing() -> list[str]:
    """Beta refuses the second group only: the first stays too, and the answer says so."""
    world = running_pair(groups=2)
    world.ask(ALPHA, Verb.TAKEOVER)
    world.run(1)
    world.workers.prepare(world.nodes[BETA], 2, works=False)
    world.run(1)
    request = world.ask(ALPHA, Verb.STANDBY)
    world.run(1)
    return wrong(world, "alpha", "alpha") + _expect(world, ALPHA, request, 5)


@story
def standby_with_a_dead_peer_is_refused() -> list[str]:
    """Nobody could take over; with force it is released anyway."""
    world = running_pair()
    world.crash(BETA)
    world.run(12)
    refused = world.ask(ALPHA, Verb.STANDBY)
    world.run(1)
    problems = wrong(world, "alpha") + _expect(world, ALPHA, refused, 5)
    forced = world.ask(ALPHA, Verb.STANDBY, force=True)
    world.run(1)
    told = world.nodes[ALPHA].answers[forced].text
    if told != "group 1 released; nobody is known to hold it":
        problems.append(f"answered: {told}")
    return problems + wrong(world, None)


@story
def standby_that_is_not_agreed_releases_nothing() -> list[str]:
    """The peer dies in the moment of the request: cancelled, nothing moved."""
    world = running_pair()
    world.freeze(BETA)
    request = world.ask(ALPHA, Verb.STANDBY)
    world.run(11)
    return wrong(world, "alpha") + _expect(world, ALPHA, request, 5)


@story
def operator_vouches() -> list[str]:
    """Blocked; a person names the peer and a reason."""
    world = running_pair(Classes.NONE)
    world.crash(ALPHA)
    world.run(15)
    plain = world.ask(BETA, Verb.TAKEOVER)
    unnamed = world.ask(BETA, Verb.TAKEOVER, force=True, reason="it burns")
    mistyped = world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alfa", reason="it burns")
    silent = world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha")
    world.run(1)
    problems = wrong(world, None)
    for request in (plain, unnamed, mistyped, silent):
        problems += _expect(world, BETA, request, 5)
    good = world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha", reason="it burns")
    world.run(1)
    return problems + wrong(world, "beta") + _expect(world, BETA, good, 0)


@story
def operator_cannot_vouch_for_a_peer_that_is_heard() -> list[str]:
    """The claim is wrong, so it is refused."""
    world = running_pair(Classes.NONE)
    request = world.ask(BETA, Verb.TAKEOVER, force=True, peer_is_off="alpha", reason="I think")
    world.run(1)
    return wrong(world, "alpha") + _expect(world, BETA, request, 5)


@story
def graceful_stop_hands_over_at_once() -> list[str]:
    """No deadtime wait."""
    world = running_pair(groups=2)
    request = world.ask(ALPHA, Verb.STOP)
    world.run(1.5)
    gone = [] if world.nodes[ALPHA].exited else ["the agent did not exit"]
    return wrong(world, "beta", "beta") + _expect(world, ALPHA, request, 0) + gone


@story
def graceful_stop_alone_releases() -> list[str]:
    """With nobody to take over it still stops."""
    world = running_pair()
    world.crash(BETA)
    world.run(12)
    world.ask(ALPHA, Verb.STOP)
    world.run(2)
    gone = [] if world.nodes[ALPHA].exited else ["the agent did not exit"]
    return wrong(world, None) + gone


@story
def emergency_release() -> list[str]:
    """Address off, gate shut, and the other node gets it."""
    world = running_pair()
    request = world.ask(ALPHA, Verb.RELEASE)
    world.run(2)
    return wrong(world, "beta") + _expect(world, ALPHA, request, 0)


@story
def auto_failback_after_a_death() -> list[str]:
    """The preferred node comes back, is well for the hold-down, and gets its group."""
    world = running_pair(auto_failback=True)
    world.crash(ALPHA)
    world.run(12)
    world.boot(ALPHA)
    world.run(5)
    problems = wrong(world, "beta")  # not before the hold-down
    world.run(10)
    return problems + wrong(world, "alpha")


@story
def an_agreed_request_holds_up_no_other() -> list[str]:
    """It moves by a command and back, and then its owner's service interface goes down."""
    world = running_pair()
    world.ask(ALPHA, Verb.STANDBY)
    world.run(1)
    world.ask(BETA, Verb.STANDBY)
    world.run(1)
    problems = wrong(world, "alpha")
    world.set_service(ALPHA, up=False)
    world.run(2)
    return problems + wrong(world, "beta")


@story
def auto_failback_never_undoes_a_manual_move() -> list[str]:
    """A person moved it: it stays."""
    world = running_pair(auto_failback=True)
    world.ask(BETA, Verb.TAKEOVER)
    world.run(120)
    return wrong(world, "beta")


@story
def failbacks_are_capped() -> list[str]:
    """A flapping preferred node gets it back three times an hour, then a person decides."""
    world = running_pair(auto_failback=True)
    moves = 0
    for _ in range(6):
        world.crash(ALPHA)
        world.run(15)
        world.boot(ALPHA)
        world.run(120)
        moves += world.owner(1) == "alpha"
    return [] if moves == 3 else [f"{moves} failbacks within the hour"]  # noqa: PLR2004 - the cap
