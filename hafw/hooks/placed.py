"""What requests about a resource that changes nodes have in common.

One rule: something is taken from the other node only with a proof that this cannot act any more;
what is only inferred is no proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROOFS = frozenset({"fenced", "leased", "released"})
"""Certificates that say that the old holder cannot act, not merely that it has let go."""

Option = str | tuple[str, ...]
"""What the cluster file says behind a key; a value for each node is a tuple in their order."""


class Placed:
    """A request about something that this node or the other may have."""

    __slots__ = ()

    certificate: str
    node: int
    options: Mapping[str, Option]

    @property
    def old_holder_is_off(self) -> bool:
        """Whether it is proved, not only inferred, that nobody else moves it meanwhile."""
        return self.certificate in PROOFS

    def own(self, option: str) -> str:
        """This node's value of an option that has one for each node."""
        return self.options[option][self.node]

    def peers(self, option: str) -> str:
        """The other node's value of an option that has one for each node."""
        return self.options[option][1 - self.node]
