"""Stories of fences: who shoots, who waits, what a shot proves, and who never shoots back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.fencing import FENCES_MAX
from hafw.core.model import Verb
from hafw.core.settings import SECOND, Classes
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories import story, wrong

if TYPE_CHECKING:
    from hafw_sim.world import World

FENCED_OR_LEASED = Classes.FENCED | Classes.LEASED


def _pair(classes: Classes = Classes.FENCED, *, lots: bool = True, **more: bool | int) -> World:
    """Alpha is active."""
    world = running_pair(classes, pings=0, lots=lots, **more)
    world.run(30)
    return world


def _shots(world: World, number: int) -> list[str]:
    """What is wrong if so many machines were switched off."""
    shots = world.devices.shots
    return [] if shots == number else [f"{shots} machines were switched off, not {number}"]


def _started_by(world: World, certificate: str) -> list[str]:
    *_, newest = world.workers.started[1]
    return [] if newest[2] == certificate else [f"the newest start was {newest[2]}"]


@story
def fenced_owner_crashes() -> list[str]:
    """The standby takes over when the device says that the owner is off."""
    world = _pair()
    world.crash(ALPHA)
    world.run(10)
    problems = wrong(world, None)
    world.run(10)
    return problems + wrong(world, "beta") + _started_by(world, "fenced")


@story
def fenced_pair_is_split() -> list[str]:
    """Who serves shoots first and goes on serving; the other does not come to shoot."""
    world = _pair()
    world.net.cut_links()
    world.run(60)
    return wrong(world, "alpha") + _shots(world, 1)


@story
def split_owner_cannot_shoot() -> list[str]:
    """Its device is out of reach: it is shot itself, and the other takes over."""
    world = _pair()
    world.nodes[ALPHA].fence_cut = True
    world.net.cut_links()
    world.run(60)
    return wrong(world, "beta") + _shots(world, 1)


@story
def nobody_can_shoot() -> list[str]:
    """Silence alone starts nothing."""
    world = _pair()
    world.nodes[ALPHA].fence_cut = world.nodes[BETA].fence_cut = True
    world.net.cut_links()
    world.run(300)
    return wrong(world, "alpha") + _shots(world, 0)


@story
def fence_that_never_answers() -> list[str]:
    """Asked to be off is not off."""
    world = _pair()
    world.weather.fence_hangs = 1.0
    world.freeze(ALPHA)
    world.run(150)
    asked = any(note.name == "fence.ordered" for _, note in world.nodes[BETA].notes)
    return list(world.violations) + ([] if asked else ["beta never tried"]) + _none_by_fence(world)


def _none_by_fence(world: World) -> list[str]:
    used = [certificate for _, _, certificate in world.workers.started[1]]
    return ["a group was started as fenced"] if "fenced" in used else []


@story
def shot_node_returns_into_the_split() -> list[str]:
    """It was switched off while the links were cut, and they still are: it does not shoot back."""
    world = _pair()
    world.net.cut_links()
    world.run(20)
    world.boot(BETA)
    world.run(300)
    return wrong(world, "alpha") + _shots(world, 1)


@story
def shot_node_whose_agent_is_restarted_does_not_shoot_back() -> list[str]:
    """That its agent ran before in the same boot does not make it a witness of anything."""
    world = _pair()
    world.net.cut_links()
    world.run(20)
    world.boot(BETA)
    world.run(5)
    world.kill_agent(BETA)
    world.boot(BETA)
    world.run(300)
    return wrong(world, "alpha") + _shots(world, 1)


@story
def survivor_whose_agent_is_restarted_takes_over_again() -> list[str]:
    """Its machine ran on, so nobody shot it: it may shoot, though this start met nobody."""
    world = _pair()
    world.crash(ALPHA)
    world.run(30)
    world.kill_agent(BETA)
    world.boot(BETA)
    world.run(60)
    return wrong(world, "beta") + _started_by(world, "fenced")


@story
def shot_node_returns_and_disturbs_nobody() -> list[str]:
    """The group stays where it is."""
    world = _pair()
    world.crash(ALPHA)
    world.run(30)
    world.boot(ALPHA)
    world.run(60)
    return wrong(world, "beta")


@story
def holder_by_a_shot_goes_on_without_a_store() -> list[str]:
    """Peer off and store lost: the proof is enough, and when the peer is back, hearing it is."""
    world = _pair(FENCED_OR_LEASED)
    world.store.up = False
    world.crash(ALPHA)
    world.run(30)
    problems = wrong(world, "beta") + _started_by(world, "fenced")
    world.boot(ALPHA)
    world.run(60)
    *_, last = (note for _, note in world.nodes[BETA].notes if note.name.startswith("group."))
    return problems + wrong(world, "beta") + ([] if last.name == "group.active" else [last.text])


@story
def lease_is_free_and_its_taker_was_never_met() -> list[str]:
    """Beta holds by a shot, without the store; alpha returns, hears nobody, and reaches the store.

    The lease alone says nothing of beta: alpha claims it, and then must see beta off.
    """
    return _return_to_a_holder_by_a_shot(cut_before_s=1.0)


@story
def lease_is_free_and_its_taker_heard_one_beat() -> list[str]:
    """The same, but a beat of beta was under way: it must not say that the lease binds beta."""
    return _return_to_a_holder_by_a_shot(cut_before_s=0.0)


def _held_by_a_shot(*, lots: bool = True) -> tuple[World, list[str]]:
    """Beta holds because alpha was off, without the store; and what is wrong with that."""
    world = _pair(FENCED_OR_LEASED, lots=lots)
    world.nodes[BETA].store_cut = True
    world.run(1)
    world.crash(ALPHA)
    world.run(60)
    return world, wrong(world, "beta") + _started_by(world, "fenced")


def _return_to_a_holder_by_a_shot(cut_before_s: float) -> list[str]:
    world, problems = _held_by_a_shot()
    world.net.cut_links()
    world.run(cut_before_s)
    world.boot(ALPHA)
    world.run(120)
    return problems + wrong(world, "alpha") + _started_by(world, "fenced") + _shots(world, 1)


@story
def claim_ends_with_the_silence_in_which_it_was_made() -> list[str]:
    """Beta claims the lease as a ticket to shoot, and hears alpha while it cannot give it back.

    Alpha takes the group by beta's word. What beta had won is of no use in the next silence.
    """
    world = _pair(FENCED_OR_LEASED, lease_ttl_ns=40 * SECOND)
    beta = world.nodes[BETA]
    world.crash(ALPHA)
    world.crash(BETA)
    beta.fence_cut = True
    world.run(1)
    world.boot(BETA)
    while (record := world.store.holder(1)) is None or record.holder != BETA:
        world.run(0.1)
        assert world.now_ns < 300 * SECOND, "beta never claimed it"
    world.run(1)
    beta.store_cut = True
    while not beta.asking:
        world.run(0.01)
        assert world.now_ns < 300 * SECOND, "beta never renewed it"
    world.boot(ALPHA)
    while not (alpha := world.nodes[ALPHA].engine) or not alpha.peer.met():
        world.run(0.0001)
        assert world.now_ns < 300 * SECOND, "alpha never heard beta"
    world.net.cut_links(both=False, sender=ALPHA)
    world.run(25)
    return wrong(world, "alpha")


@story
def shot_node_hears_its_shooter_before_the_answer_does() -> list[str]:
    """The device's answer takes longer than alpha to boot; alpha hears beta, and beta not alpha.

    What beta says meanwhile is not said to alpha: by then beta may hold because alpha was off.
    """
    world = _pair(FENCED_OR_LEASED)
    world.nodes[BETA].store_cut = True
    world.weather.fence_back_ns = (30 * SECOND, 30 * SECOND)
    world.run(1)
    world.crash(ALPHA)
    while world.nodes[BETA].fencing is None:
        world.run(0.1)
        assert world.now_ns < 120 * SECOND, "beta never shot alpha"
    world.run(5)
    world.net.cut_links(both=False, sender=ALPHA)
    world.boot(ALPHA)
    world.run(5)
    world.weather.fence_back_ns = (1, 1)
    world.net.cut_links()
    world.run(120)
    return wrong(world, "alpha") + _started_by(world, "fenced") + _shots(world, 1)


@story
def shot_node_that_lost_its_disk_believes_itself_addressed() -> list[str]:
    """Alpha returns with the number of the start that was shot: what beta says seems to answer it.

    So beta, which holds because alpha was off, must say that nothing else binds it. (No two starts
    of agents have the same number; this rule does not lean on that.)
    """
    world, problems = _held_by_a_shot(lots=False)
    world.net.cut_links()
    world.run(1)
    world.disks.lose(world.nodes[ALPHA])
    alpha = world.nodes[ALPHA]
    alpha.fence_cut = alpha.store_cut = True
    world.boot(ALPHA)
    world.run(90)
    world.net.mend_links()
    world.net.cut_links(both=False, sender=ALPHA)
    world.run(5)
    world.net.cut_links()
    alpha.fence_cut = alpha.store_cut = False
    world.run(60)
    return problems + wrong(world, "alpha") + _started_by(world, "fenced") + _shots(world, 1)


@story
def shot_node_that_lost_its_disk_is_not_who_was_answered() -> list[str]:
    """Alpha returns so early, and hears beta, while beta still waits to hear that it was off.

    It has said as much as the start that was shot; beta answers that one, and holds nothing yet.
    """
    world = running_pair(Classes.FENCED, pings=0)
    world.run(3)
    world.nodes[ALPHA].fence_cut = True
    world.weather.fence_back_ns = (50 * SECOND, 50 * SECOND)
    world.net.cut_links()
    world.run(18)
    world.disks.lose(world.nodes[ALPHA])
    world.boot(ALPHA)
    world.run(11)
    world.net.mend_links()
    world.net.cut_links(both=False, sender=ALPHA)
    world.run(60)
    return wrong(world, "beta") + _started_by(world, "fenced") + _shots(world, 1)


@story
def store_answers_so_nobody_is_shot() -> list[str]:
    """`fenced|leased`: a lease that is renewed moves nothing, one that runs out needs no shot."""
    world = _pair(FENCED_OR_LEASED)
    world.net.cut_links()
    world.run(120)
    problems = wrong(world, "alpha") + _shots(world, 0)
    world.crash(ALPHA)
    world.run(60)
    return problems + wrong(world, "beta") + _started_by(world, "leased") + _shots(world, 0)


@story
def both_are_needed() -> list[str]:
    """`fenced+leased`: the lease is won first, then the other is switched off, then it starts."""
    world = _pair(FENCED_OR_LEASED, both=True)
    world.nodes[BETA].fence_cut = True
    world.freeze(ALPHA)
    world.run(120)
    problems = _none_by_fence(world) + list(world.violations) + _shots(world, 0)
    world.nodes[BETA].fence_cut = False
    world.run(120)
    return problems + wrong(world, "beta") + _started_by(world, "fenced") + _shots(world, 1)


@story
def ticket_that_was_given_back_is_no_ticket() -> list[str]:
    """`fenced+leased`: beta had the lease, gave it back when it could not serve, and asks again."""
    world = _pair(FENCED_OR_LEASED, both=True)
    world.nodes[BETA].fence_cut = True
    world.freeze(ALPHA)
    while (record := world.store.holder(1)) is None or record.holder != BETA:
        world.run(0.1)
        assert world.now_ns < 120 * SECOND, "beta never claimed it"
    world.set_service(BETA, up=False)
    world.run(0.5)
    world.store.up = False
    world.nodes[BETA].fence_cut = False
    world.set_service(BETA, up=True)
    world.run(60)
    return wrong(world, None) + _shots(world, 0)


@story
def both_are_needed_and_the_store_is_gone() -> list[str]:
    """`fenced+leased`: without the ticket nobody shoots."""
    world = _pair(FENCED_OR_LEASED, both=True)
    world.store.up = False
    world.crash(ALPHA)
    world.run(300)
    return wrong(world, None) + _shots(world, 0) + _none_by_fence(world)


@story
def answer_about_a_machine_that_was_switched_on_again() -> list[str]:
    """It was off when it was looked at; since then it was heard, and serves: the answer is void."""
    world = _pair()
    world.weather.fence_back_ns = (20 * SECOND, 20 * SECOND)
    world.net.cut_links()
    world.nodes[ALPHA].fence_cut = True
    while world.nodes[ALPHA].up:
        world.run(0.1)
        assert world.now_ns < 120 * SECOND, "beta never shot alpha"
    world.run(2)
    world.net.mend_links()
    world.boot(ALPHA)
    world.run(5)
    world.net.cut_links()
    world.run(13)
    world.nodes[BETA].fence_cut = True
    world.run(120)
    return wrong(world, "alpha") + _shots(world, 1)


@story
def link_that_flaps_is_left_to_a_person() -> list[str]:
    """However often beta is switched on again, alpha switches it off a few times, and no more."""
    world = _pair()
    world.nodes[BETA].fence_cut = True
    for _ in range(FENCES_MAX + 2):
        world.net.cut_links()
        world.run(30)
        if world.nodes[BETA].engine is None:
            world.boot(BETA)
        world.net.mend_links()
        world.run(30)
    return wrong(world, "alpha") + _shots(world, FENCES_MAX)


@story
def shooter_that_boots_in_a_loop_is_left_to_a_person() -> list[str]:
    """Its machine dies of each shot, before or after it is confirmed: it shoots a few times."""
    problems: list[str] = []
    for fence_s in (1, 20):
        world = _pair()
        world.weather.fence_ns = (fence_s * SECOND, fence_s * SECOND)
        world.nodes[BETA].fence_cut = True
        for _ in range(FENCES_MAX + 2):
            world.net.cut_links()
            world.run(15)
            world.crash(ALPHA)
            world.run(20)
            if world.nodes[BETA].engine is None:
                world.boot(BETA)
            world.net.mend_links()
            world.boot(ALPHA)
            world.run(15)
        problems += wrong(world, "alpha") + _shots(world, FENCES_MAX)
    return problems


@story
def stopped_agent_is_no_reason_to_shoot() -> list[str]:
    """Beta cannot run it when alpha is stopped, and could later: alpha's host is left alone."""
    world = _pair()
    world.set_service(BETA, up=False)
    world.ask(ALPHA, Verb.STOP)
    world.run(20)
    world.set_service(BETA, up=True)
    world.run(120)
    return list(world.violations) + _shots(world, 0)


@story
def fenced_survivor_has_both_groups() -> list[str]:
    """Active-active: one shot is enough for all that the other one ran."""
    world = _pair(groups=2)
    world.crash(ALPHA)
    world.run(30)
    return wrong(world, "beta", "beta") + _shots(world, 0)


@story
def lease_that_was_given_back_is_no_ticket_to_shoot() -> list[str]:
    """Who released in a split and wants it again claims the lease first: one shoots, not both."""
    world = _pair(FENCED_OR_LEASED, both=True)
    world.net.cut_links()
    world.run(15)
    world.ask(ALPHA, Verb.RELEASE)
    world.run(0.9)
    world.ask(ALPHA, Verb.TAKEOVER)
    world.run(30)
    return wrong(world, "alpha") + _shots(world, 1)
