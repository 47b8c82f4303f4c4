"""PL as Locations: one resource for each level that is named, each within the next larger one.

PL[Location] PL.1-4, 7-9 of the HL7 V2-to-FHIR guide. The key of a place is the path to it from the
facility down: a bed is known only within its room.
"""

from typing import TYPE_CHECKING

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.codecs.hl7v2 import NULL, Value
from services.transform.domain import keys
from services.transform.domain.claims import MAPPED, first, nested, whole

if TYPE_CHECKING:
    from services.transform.domain.draft import Draft

__all__ = ["refer_to_place"]

_LEVELS = ((4, "site"), (7, "building"), (8, "level"), (1, "ward"), (2, "room"), (3, "bed"))
"""Component and FHIR physical type, from the largest to the smallest."""
_DESCRIPTION = 9


def refer_to_place(value: Value, to: Reference, draft: "Draft") -> int:
    """Make the locations of a PL and refer to the smallest; 0 where none is named."""
    mask = MAPPED
    path: list[str] = []
    parent = ""
    names: list[str] = []
    smallest = None
    parts, leaves = value.parts(), value.leaves()
    count = len(parts)
    for component, physical_type in _LEVELS:
        if component > count or not parts[component - 1]:
            continue
        label = leaves[component - 1]
        if label == NULL:
            continue
        universal_id = kind = ""
        level_mask = first(1)
        part = None
        if parts[component - 1] != label:
            part = value.component(component)
            universal_id, kind, authority_mask = _authority(part)
            level_mask |= authority_mask
            label = label or universal_id
        if not label:
            continue
        path += (physical_type, label)
        key = keys.join("Location", draft.authority, *path)
        resource = draft.event.resources.add()
        location = resource.location
        identifier = location.identifiers.add()
        identifier.value = label
        if universal_id:
            authority = identifier.authority
            authority.universal_id = universal_id
            if kind:
                authority.universal_id_type = kind
        location.name = label
        location.physical_type = physical_type
        location.mode = "instance"
        if parent:
            larger = location.part_of
            larger.type = "Location"
            larger.key = parent
        if draft.settle(resource, key):
            whole_level = whole(component) if part is None else nested(part, level_mask, component)
            mask |= whole_level or first(component)
        smallest = draft.settled(key)
        parent = key
        names.append(label)
    if smallest is None:
        return 0
    description = value.get(_DESCRIPTION)
    if description and description != NULL and not smallest.location.description:
        smallest.location.description = description
    if description == smallest.location.description:
        mask |= first(_DESCRIPTION)
    to.type = "Location"
    to.key = parent
    to.display = " ".join(reversed(names))
    return mask


def _authority(part: Value) -> tuple[str, str, int]:
    """Universal id of a level that is an HD, and its type; kept with the level's identifier."""
    universal_id, kind = (("" if leaf == NULL else leaf) for leaf in (part.get(2), part.get(3)))
    if not universal_id:
        return "", "", 0
    return universal_id, kind, first(2) | first(3) if kind else first(2)
