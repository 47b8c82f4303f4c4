"""Whom a source's directive names: its own `Organization/7` is not everybody's.

What somebody files has been looked at; what comes in a stream names actors as its sender knows them.
So a reference that is no address and no identifier means somebody of that source, under the name
`urn:plexus:source:SOURCE:Type/id`, which `recipients` of the mesh document can list. A deny that names
somebody whom no recipient lists may mean any of them; such a permit means nobody that we know.
"""

import dataclasses
from collections.abc import Set as AbstractSet
from typing import Final

from services.consent.domain.codes import local_reference
from services.consent.domain.reading import Directive
from services.consent.domain.rules import Node

__all__ = ["SOURCE_ACTOR", "as_told_by"]

SOURCE_ACTOR: Final = "urn:plexus:source:"
"""Begins the reference of somebody whom a source names as it alone knows them."""


def as_told_by(directive: Directive, source: str, known: AbstractSet[str]) -> Directive:
    """The directive, as a source means it.

    Args:
        directive: as it was read.
        source: that told it.
        known: references of all that any recipient is.
    """
    if directive.root is None:
        return directive
    return dataclasses.replace(directive, root=_meant(directive.root, source, known))


def _meant(node: Node, source: str, known: AbstractSet[str]) -> Node:
    actors = node.actors
    if actors is not None:
        # A deny to an address also means its `Type/id`: that is no name of the source's own.
        of_addresses = {local_reference(each) for each in actors if "://" in each}
        actors = frozenset(
            each if each in of_addresses else _global(each, source) for each in actors
        )
        if node.is_deny and any(each.startswith(SOURCE_ACTOR) for each in actors - known):
            actors = None
    children = tuple(_meant(each, source, known) for each in node.children)
    return dataclasses.replace(node, actors=actors, children=children)


def _global(name: str, source: str) -> str:
    is_global = "|" in name or "://" in name or name.startswith("urn:")
    return name if is_global else f"{SOURCE_ACTOR}{source}:{name}"
