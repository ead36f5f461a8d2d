"""The lease of one group on a shared disk: a compare-and-swap register of two nodes, by ballots.

One rule: a value counts only if the other node had promised no higher ballot after it was written.

Each node has one sector, and there is nothing but reads and writes of single sectors, which the
disk makes whole. A sector says what its node has *promised* (it will heed no lower ballot), and the
last *value* that it wrote with the *ballot* it wrote it in. A round of node p with ballot b, higher
than every promise that p can see and never used by the other (odd and even):

1. p writes its promise b, then reads the other sector. A higher promise there: the round is over.
2. Of both sectors p takes the value of the higher ballot, and chooses: the new value where the
   expected one stands, else the same value again. It writes that with ballot b.
3. p reads the other sector again. No promise higher than b: the value is *decided*. A higher one:
   open; the other may have seen it or not.

Why two decided values can never contradict each other: let v be decided in ballot b of p, and let
q run a round with a higher ballot c. If q had written its promise c before p's read in step 3, p
would have seen it. So q wrote it later, and its read in step 1 came later still: it saw p's sector
with ballot b or more, and q's own sector has no ballot above b from before. So the highest ballot
that q sees is b or more, and what q chooses is v or comes from v; by induction so does all that is
later.
A round whose ballot is lower than a promise ends in step 1 or stays open in step 3. A node that
crashes anywhere leaves a sector as after one of these writes, which is all that the argument uses.

A read may decide for the writer: if one sector has the higher ballot b, and the other, read after
it or unable to change meanwhile, promises no more than b, then step 3 would have succeeded.
Otherwise the reader settles the matter by a round that chooses what stands there.

This is Disk Paxos (Gafni and Lamport, 2003) for two processors and one disk, with a register in
place of a single decision. A round can be disturbed for ever by another; both pause at random.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Value(NamedTuple):
    """What a lease says; no two values have the same nonce."""

    epoch: int
    incarnation: int
    nonce: bytes
    holder: str
    ttl_ms: int


class Block(NamedTuple):
    """What a sector says; a sector of zeros says nothing, in ballot 0."""

    promised: int = 0
    ballot: int = 0
    value: Value | None = None


class Step(Enum):
    """What a round wants done, besides writing the own block."""

    READ_MINE = "read mine"
    READ_THEIRS = "read theirs"
    PAUSE = "pause"


class Changed(Exception):
    """Another value than the expected one is decided."""


class Lost(Exception):
    """Another value is decided, and ours may have been before it."""


def read(node: int) -> Generator[Step | Block, Block, Value | None]:
    """The decided value. `node`: ours, 0 or 1."""
    mine = yield Step.READ_MINE
    theirs = yield Step.READ_THEIRS
    newer, other = (mine, theirs) if mine.ballot > theirs.ballot else (theirs, mine)
    if other.promised <= newer.ballot:
        return newer.value
    while True:
        decided, value = yield from _round(node, lambda standing: standing)
        if decided:
            return value
        yield Step.PAUSE


def swap(node: int, expected: bytes, new: Value) -> Generator[Step | Block, Block, Value | None]:
    """Put `new` where the value with the nonce `expected` stands (empty: none). Raises Changed."""
    open_ = False

    def choose(standing: Value | None) -> Value | None:
        return new if nonce_of(standing) == expected else standing

    while True:
        decided, value = yield from _round(node, choose)
        if decided and value == new:
            return value
        if decided:
            raise Lost if open_ else Changed
        open_ = open_ or value == new
        yield Step.PAUSE


def nonce_of(value: Value | None) -> bytes:
    """The nonce of a value; empty for none."""
    return b"" if value is None else value.nonce


def _round(
    node: int, choose: Callable[[Value | None], Value | None]
) -> Generator[Step | Block, Block, tuple[bool, Value | None]]:
    """One round: whether it decided, and the value that was written (None: nothing was)."""
    mine = yield Step.READ_MINE
    theirs = yield Step.READ_THEIRS
    ballot = _next_ballot(node, max(mine.promised, theirs.promised))
    yield mine._replace(promised=ballot)
    theirs = yield Step.READ_THEIRS
    if theirs.promised > ballot:
        return False, None
    standing = mine if mine.ballot > theirs.ballot else theirs
    value = choose(standing.value)
    yield Block(ballot, ballot, value)
    theirs = yield Step.READ_THEIRS
    return theirs.promised < ballot, value


def _next_ballot(node: int, above: int) -> int:
    """The lowest ballot of this node above another: node 0 has the even ones."""
    ballot = above + 1
    return ballot if ballot % 2 == node else ballot + 1
