"""What a group with storage asks of the file: two nodes that write to one disk destroy it.

One rule: nothing but a fence proves that a machine no longer writes; an operator who does without
one says so by name, in the group itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.model import Force
from hafw.config.resources import storage_of

if TYPE_CHECKING:
    from hafw.config.model import Group
    from hafw.config.problems import Place

FENCE_IT: Final = "add [nodes.NAME.fence] for both nodes, and remove force"


def check_storage(root: Place, groups: tuple[Group, ...], *, confirmed: bool, leased: bool) -> None:
    """Refuse storage without a fence that confirms (`confirmed`), unless it is forced."""
    for number, group in enumerate(groups):
        place = root.at("groups").at(number)
        storage = _names(group)
        if group.force is not None and (confirmed or not storage):
            why = "there is a fence" if storage else "the group has no storage"
            place.at("force").warning(f"{why}, so nothing is forced", "remove this")
        elif group.force is not None:
            place.at("force").warning(risk_of(group, leased=leased), FENCE_IT)
        elif storage and not confirmed:
            place.at("resources").error(
                f"group {group.id} has storage ({storage}), and no fence proves that the other "
                "node no longer writes to it",
                "add [nodes.NAME.fence] for both nodes, or, if you bear the risk of a destroyed "
                f'file system, force = "{Force.STORAGE_WITHOUT_FENCING}" to the group',
            )


def risk_of(group: Group, *, leased: bool) -> str:
    """What an operator accepts who forces storage without fencing."""
    storage = _names(group)
    if not leased:
        return f"{storage} has neither fence nor lease: after silence only a person moves it"
    return (
        f"{storage} moves by lease alone, without a fence: whatever of the old owner is still at "
        "work, or paused, may write to it beside the new one"
    )


def _names(group: Group) -> str:
    return ", ".join(each.name for each in storage_of(group.resources))
