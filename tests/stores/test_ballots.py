"""The algorithm of the shared disk, in every order in which two nodes' reads and writes can fall.

A node that takes no further step has crashed, so every crash is among these orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.stores.disk import ballots
from hafw.stores.disk.ballots import Block, Changed, Lost, Step, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    Steps = Generator[Step | Block, Block, Value | None]
    Programs = tuple[Callable[[], Steps], Callable[[], Steps]]

LONGEST = 24
"""Steps after which an order is cut: two rounds of each node, and then some."""
ALONE = 30
"""Steps within which a node that nobody disturbs has finished."""


def value(name: str) -> Value:
    return Value(1, 1, name.encode().ljust(16, b"."), name, 20_000)


A, B, A2, BA = value("a"), value("b"), value("a2"), value("b after a")


class Node:
    """One node and its program."""

    def __init__(self, number: int, steps: Steps) -> None:
        self.number, self.steps = number, steps
        self.heard: list[Block] = []
        self.outcome = "open"
        self.result: Value | None = None
        self.wants = next(steps)

    def step(self, disk: list[Block]) -> None:
        answer = Block()
        if isinstance(self.wants, Block):
            disk[self.number] = self.wants
        elif self.wants is not Step.PAUSE:
            answer = disk[self.number if self.wants is Step.READ_MINE else 1 - self.number]
        self.heard.append(answer)
        try:
            self.wants = self.steps.send(answer)
        except StopIteration as end:
            self.outcome, self.result = "done", end.value
        except Changed:
            self.outcome = "refused"
        except Lost:
            self.outcome = "unknown"


class Moment:
    """Where an order of steps leads."""

    def __init__(self, order: str, programs: Programs) -> None:
        self.order = order
        self.disk = [Block(), Block()]
        self.nodes = [Node(number, program()) for number, program in enumerate(programs)]
        for number in map(int, order):
            self.nodes[number].step(self.disk)

    def key(self) -> object:
        return tuple(self.disk), *(tuple(node.heard) for node in self.nodes)

    def standing(self) -> Value | None:
        """What a node finds that reads now, when nobody else does anything: the same for both."""
        found = [self._read_alone(number) for number in (0, 1)]
        assert found[0] == found[1], self.order
        return found[0]

    def _read_alone(self, number: int) -> Value | None:
        disk, node = list(self.disk), Node(number, ballots.read(number))
        for _ in range(ALONE):
            if node.outcome == "done":
                return node.result
            node.step(disk)
        raise AssertionError(f"a read does not end after {self.order}")


def moments(programs: Programs, longest: int = LONGEST) -> Iterator[Moment]:
    """Every state that two programs can reach, by a shortest order of steps."""
    seen: set[object] = set()
    frontier = [""]
    for _ in range(longest):
        reached = []
        for order in frontier:
            moment = Moment(order, programs)
            if moment.key() in seen:
                continue
            seen.add(moment.key())
            yield moment
            reached += [order + str(n.number) for n in moment.nodes if n.outcome == "open"]
        frontier = reached
    assert len(seen) > 30


def test_of_two_creates_at_most_one_succeeds_and_what_succeeded_stands() -> None:
    programs = (lambda: ballots.swap(0, b"", A), lambda: ballots.swap(1, b"", B))
    endings = set()

    for moment in moments(programs):
        won = [node for node in moment.nodes if node.outcome == "done"]
        endings.add(tuple(node.outcome for node in moment.nodes))

        assert len(won) <= 1, moment.order
        assert all(moment.standing() == node.result for node in won), moment.order

    assert {("done", "refused"), ("refused", "done")} <= endings


def test_a_swap_that_is_refused_has_no_effect() -> None:
    programs = (lambda: ballots.swap(0, b"", A), lambda: ballots.swap(1, b"", B))

    for moment in moments(programs):
        for node, own in zip(moment.nodes, (A, B), strict=True):
            assert node.outcome != "refused" or moment.standing() != own, moment.order


def test_what_was_read_stands_from_then_on() -> None:
    def read_twice() -> Steps:
        first = yield from ballots.read(1)
        second = yield from ballots.read(1)
        assert second == (first or second)
        return second

    programs = (lambda: ballots.swap(0, b"", A), read_twice)

    for moment in moments(programs):
        reader = moment.nodes[1]
        if reader.outcome == "done" and reader.result is not None:
            assert moment.standing() == A, moment.order


def test_a_holder_that_renews_is_never_replaced_by_one_that_expected_nobody() -> None:
    def create_and_renew() -> Steps:
        yield from ballots.swap(0, b"", A)
        return (yield from ballots.swap(0, A.nonce, A2))

    programs = (create_and_renew, lambda: ballots.swap(1, b"", B))

    for moment in moments(programs):
        holder, other = moment.nodes
        if holder.outcome == "done":
            assert moment.standing() == A2, moment.order
            assert other.outcome != "done", moment.order
        if other.outcome == "done":
            assert moment.standing() == B, moment.order


def test_a_swap_that_was_seen_by_the_other_node_is_never_called_refused() -> None:
    def take_over() -> Steps:
        found = yield from ballots.read(1)
        after_a = found == A
        return (yield from ballots.swap(1, ballots.nonce_of(found), BA if after_a else B))

    programs = (lambda: ballots.swap(0, b"", A), take_over)
    endings = set()

    for moment in moments(programs, longest=30):
        first, second = moment.nodes
        endings.add(first.outcome)
        if second.outcome == "done":
            assert moment.standing() == second.result, moment.order
            assert second.result != BA or first.outcome != "refused", moment.order

    assert endings == {"open", "done", "refused", "unknown"}


@pytest.mark.parametrize("crash_after", range(1, 7))
def test_what_a_node_reads_after_a_crash_in_a_swap_stands_from_then_on(crash_after: int) -> None:
    def crash_and_read() -> Steps:
        swap = ballots.swap(0, b"", A)
        step = next(swap)
        for _ in range(crash_after):
            try:
                step = swap.send((yield step))
            except StopIteration:
                break
        return (yield from ballots.read(0))

    programs = (crash_and_read, lambda: ballots.swap(1, b"", B))

    for moment in moments(programs):
        found = moment.nodes[0].result
        if found is not None:
            assert moment.standing() == found, moment.order
