"""PL as Locations: one resource for each level that is named, each within the next larger one.

PL[Location] PL.1-4, 7-9 of the HL7 V2-to-FHIR guide. The key of a place is the path to it from the
facility down: a bed is known only within its room.
"""

from typing import TYPE_CHECKING

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Reference
from plexus.codecs.hl7v2 import NULL, Value
from services.transform.domain import keys
from services.transform.domain.claims import MAPPED, first, nested

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
    for component, physical_type in _LEVELS:
        part = value.component(component)
        name = part.get(1)
        if name == NULL:
            continue
        authority = Authority()
        level_mask = 0
        if part.component_count() > 1:
            level_mask = _authority(part, authority)
        label = name or authority.universal_id
        if not label:
            continue
        path += (physical_type, label)
        key = keys.join("Location", draft.authority, *path)
        resource = draft.event.resources.add()
        location = resource.location
        identifier = location.identifiers.add(value=label)
        if authority.ByteSize():
            identifier.authority.CopyFrom(authority)
        location.name = label
        location.physical_type = physical_type
        location.mode = "instance"
        if parent:
            location.part_of.type = "Location"
            location.part_of.key = parent
        if draft.settle(resource, key):
            mask |= nested(part, level_mask | first(1), component) or first(component)
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


def _authority(part: Value, authority: Authority) -> int:
    """Universal id of a level that is an HD: kept with its identifier."""
    universal_id, kind = part.get(2), part.get(3)
    if universal_id in {"", NULL}:
        return 0
    authority.universal_id = universal_id
    mask = first(2)
    if kind not in {"", NULL}:
        authority.universal_id_type = kind
        mask |= first(3)
    return mask
