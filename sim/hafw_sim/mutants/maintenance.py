"""Seeded bugs of maintenance: what it forbids, what it still permits, and who knows of it.

One rule: as in `hafw_sim.mutants`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hafw.core import engine, fencing, group, handover, maintenance, operator, takeover
from hafw.core.duties import FOREVER
from hafw.core.settings import MS
from hafw_sim.mutants import Patch, seeded

if TYPE_CHECKING:
    from hafw.core.model import GroupBeat


def _blind(module: Any, *names: str) -> list[Patch]:
    """This part of the engine does not know of maintenance."""
    blind = _Blind()
    for name in names:
        setattr(blind, name, lambda *_: False)
    return [patch.object(module, "maintenance", blind)]


class _Blind:
    """Maintenance, but for what is overridden."""

    def __getattr__(self, name: str) -> Any:
        return getattr(maintenance, name)


@seeded("maintenance: nothing is taken on silence", "nothing_is_taken_in_maintenance")
def taken_on_silence() -> list[Patch]:
    return _blind(takeover, "forbids_start")


@seeded("maintenance: nobody is switched off", "nobody_is_shot_in_maintenance")
def shot_in_maintenance() -> list[Patch]:
    return _blind(fencing, "forbids_moves")


@seeded("maintenance: nothing is given away unasked", "no_reason_to_give_counts_in_maintenance")
def given_in_maintenance() -> list[Patch]:
    original = handover._reason_to_give

    def reason(group_: group.Group, word: GroupBeat, engine_: engine.Engine) -> str | None:
        with patch.object(maintenance, "forbids_moves", lambda _: False):
            return original(group_, word, engine_)

    return [patch.object(handover, "_reason_to_give", reason)]


@seeded("maintenance: a failed start moves nothing", "a_failed_start_moves_nothing_in_maintenance")
def failed_start_gives() -> list[Patch]:
    return _blind(group, "forbids_moves")


@seeded(
    "maintenance: a graceful stop hands nothing over", "an_upgrade_restarts_the_holder_in_place"
)
def stop_hands_over() -> list[Patch]:
    return _blind(operator, "forbids_moves")


@seeded("maintenance: the last holder may start again", "an_upgrade_restarts_the_holder_in_place")
def last_holder_waits() -> list[Patch]:
    return [patch.object(maintenance, "forbids_start", lambda _, it: maintenance.in_force(it))]


@seeded(
    "maintenance: what nobody holds is passed on to its last holder",
    "an_upgrade_restarts_the_holder_in_place",
)
def nothing_is_passed_on() -> list[Patch]:
    return [patch.object(handover, "_has_token", lambda *_: False)]


@seeded(
    "maintenance: the last holder is who held, not who prepared to",
    "who_prepared_to_take_over_did_not_hold",
)
def prepared_is_held() -> list[Patch]:
    def last_holder(group_: group.Group, _: engine.Engine) -> int:
        return group_.epoch % 2

    return [patch.object(maintenance, "last_holder", last_holder)]


@seeded(
    "maintenance: who took a group that is still being stopped here is its last holder",
    "took-over-while-it-was-frozen.hasim.jsonl",
)
def only_the_idle_hear_of_holders() -> list[Patch]:
    def heard_held(group_: group.Group, epoch: int, engine_: engine.Engine) -> None:
        if not group_.held:
            maintenance.held(group_, epoch, engine_)

    return [patch.object(maintenance, "heard_held", heard_held)]


@seeded(
    "maintenance: a person's takeover starts what nobody holds",
    "what_nobody_ever_held_waits_for_a_person",
)
def takeover_starts_nothing() -> list[Patch]:
    return [patch.object(maintenance, "entrust", lambda *_: None)]


@seeded("maintenance: a move by order that fails goes back", "a_move_by_order_that_fails_goes_back")
def failed_move_stays() -> list[Patch]:
    original = group.Group._start_ended

    def start_ended(self: group.Group, event: Any, engine_: engine.Engine) -> None:
        self.from_peer = False
        original(self, event, engine_)

    return [patch.object(group.Group, "_start_ended", start_ended)]


@seeded("maintenance: it is durable", "maintenance_survives_every_restart")
def forgotten_by_a_restart() -> list[Patch]:
    return [patch.object(maintenance, "kept", lambda _: None)]


@seeded("maintenance: the newest word wins", "the_newest_word_wins_after_a_cut")
def no_word_wins() -> list[Patch]:
    def order(engine_: engine.Engine, *, on: bool, for_ms: int) -> None:
        known = engine_.maintenance.word.revision
        maintenance._follow(maintenance.Word(known + 1, on, for_ms), engine_)

    return [patch.object(maintenance, "order", order)]


@seeded("maintenance: it is heard from the other node", "it_is_answered_when_both_nodes_know")
def words_fall_on_deaf_ears() -> list[Patch]:
    return [patch.object(maintenance, "heard", lambda *_: None)]


@seeded("maintenance: a word is said once it is durable", "a_word_counts_only_once_it_is_durable")
def said_before_it_is_durable() -> list[Patch]:
    return [
        patch.object(maintenance, "is_durable", lambda _: True),
        patch.object(engine.Engine, "durable", lambda *_: True),
    ]


@seeded(
    "maintenance: it is answered when both nodes know",
    "nobody_is_told_that_both_know_before_they_do",
)
def answered_when_one_knows() -> list[Patch]:
    return [patch.object(maintenance, "both_know", maintenance.is_durable)]


@seeded("maintenance: it ends at its time", "maintenance_ends_at_its_time")
def it_never_ends() -> list[Patch]:
    return _lasting(lambda _: FOREVER)


@seeded("maintenance: it does not end before its time", "maintenance_ends_at_its_time")
def it_ends_early() -> list[Patch]:
    return _lasting(lambda for_ms: for_ms * MS // 2)


def _lasting(how_long: Any) -> list[Patch]:
    original = maintenance._follow

    def follow(word: maintenance.Word, engine_: engine.Engine) -> None:
        original(word, engine_)
        if word.on and word.for_ms:
            engine_.maintenance.until_ns = engine_.now_ns + how_long(word.for_ms)

    return [patch.object(maintenance, "_follow", follow)]


@seeded(
    "maintenance: the first at its end ends it for both", "the_first_at_the_end_ends_it_for_both"
)
def each_ends_it_alone() -> list[Patch]:
    def heard(word: maintenance.Word | None, engine_: engine.Engine) -> None:
        if word is not None and word.revision > engine_.maintenance.word.revision:
            maintenance._follow(word, engine_)

    return [patch.object(maintenance, "heard", heard)]


@seeded(
    "maintenance: its time goes on over a restart",
    "a_restart_does_not_make_it_longer_nor_a_boot_shorter",
)
def restart_begins_anew() -> list[Patch]:
    original = maintenance.kept

    def kept(engine_: engine.Engine) -> maintenance.Kept | None:
        found = original(engine_)
        return None if found is None else found._replace(until_ns=FOREVER)

    return [patch.object(maintenance, "kept", kept)]
