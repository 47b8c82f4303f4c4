"""Accounts and visits that move from one person to another (ADT^A44 and A45; HL7 v2.5.1 3.3.44, 3.3.45).

MRG-3 or MRG-5 is read as an account or a stay of its own, for its number is all that is needed: that is what
moves. It is no resource of the event, which is about the one that it becomes. Neighbour: `naming`, which
makes keys.
"""

from plexus.codecs.hl7v2 import Message
from plexus.errors import InvalidMessage, Reason
from services.transform.domain.draft import Draft
from services.transform.domain.keys import identifier_parts, join
from services.transform.domain.naming import drop
from services.transform.domain.scopes import Made, Scope

__all__ = ["Moved", "name_moved", "take_moved"]

_FIELDS = {"A44": 3}
"""Field of MRG that names what moves, by trigger; the others move visits."""

Moved = list[tuple[str, str, Scope]]
"""Type and key of what moves, each with where in the message that is said."""


def take_moved(draft: Draft, scopes: list[Scope], message: Message) -> Moved:
    """Take what moves out of the event, which gets its key as `moved`.

    Raises:
        InvalidMessage: REASON_MAPPING_FAILED if the message names nothing that moves, or says that those
            of several patients do.
    """
    priors = {merge.raw(1) for merge in message.all("MRG")}
    moved: Moved = []
    taken: list[Made] = []
    for scope in scopes:
        for made in [each for each in scope.made if each.segment.name == "MRG"]:
            scope.made.remove(made)
            taken.append(made)
            for identifier in made.content.identifiers:
                if identifier.value:
                    key = join(made.kind, *identifier_parts(identifier))
                    draft.event.moved.add(type=made.kind, key=key)
                    moved.append((made.kind, key, scope))
    if not moved or len(priors) > 1:
        raise InvalidMessage(
            "The message moves what several patients had."
            if moved
            else "The message names no account or visit that moves.",
            reason=Reason.REASON_MAPPING_FAILED,
            location="MRG[2]-1" if moved else f"MRG[1]-{_FIELDS.get(message.trigger, 5)}",
        )
    drop(draft, taken)
    return moved


def name_moved(moved: Moved) -> None:
    """Say that each account or stay was known by the number that moves, too."""
    for kind, key, scope in moved:
        found = scope.made_of(kind)
        if len(found) == 1 and found[0].key != key and not found[0].resource.names:
            became = found[0]
            became.resource.names.add(key=became.key)
            became.resource.names.add(key=key, precedence=1)
