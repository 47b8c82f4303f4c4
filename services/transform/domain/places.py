"""PL as Locations: one resource for each level that is named, each within the next larger one.

PL[Location] PL.1-11 of the HL7 V2-to-FHIR guide. The key of a place is the path to it from the
facility down: a bed is known only within its room. The same wards and beds come with every message,
so the levels of the last ones are kept.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import NULL, Value
from services.transform.domain import keys
from services.transform.domain.claims import MAPPED, first, nested
from services.transform.domain.kept import Read
from services.transform.domain.wire import delimited

if TYPE_CHECKING:
    from services.transform.domain.draft import Draft

__all__ = ["Level", "levels_of", "refer_to_place"]

_LEVELS = ((4, "site"), (7, "building"), (8, "level"), (1, "ward"), (2, "room"), (3, "bed"))
"""Component and FHIR physical type, from the largest to the smallest."""
_DESCRIPTION = 9
_OF_THE_WHOLE = (5, 6, 10, 11)
"""Status, kind, number and who assigned that: components that are about the smallest level."""
_KEPT = 1024
_LONGEST_KEPT = 256


class Level(NamedTuple):
    """One level: its key, serialized resource, and the claim of what was read for it."""

    key: str
    resource: bytes
    claim: int


def refer_to_place(value: Value, draft: "Draft") -> Read:
    """Make the locations of a PL and refer to the smallest; a claim of 0 where none is named."""
    text = value.text
    if len(text) <= _LONGEST_KEPT and value.is_usual:
        levels, reference = _known_levels(text, value.level, draft.authority)
    else:
        levels, reference = levels_of(value, draft.authority)
    if not levels:
        return 0, b""
    mask = MAPPED
    for key, content, claim in levels:
        if draft.settle(content, key):
            mask |= claim
    smallest = draft.settled(key).location
    description = value.get(_DESCRIPTION)
    if description and description != NULL and not smallest.description:
        smallest.description = description
    if description == smallest.description:
        mask |= first(_DESCRIPTION)
    return mask, reference


@lru_cache(_KEPT)
def _known_levels(text: str, level: int, authority: str) -> tuple[tuple[Level, ...], bytes]:
    return levels_of(Value.usual(text, level), authority)


def levels_of(value: Value, authority: str) -> tuple[tuple[Level, ...], bytes]:
    """The levels that are named, from the largest to the smallest, and a reference to that."""
    levels: list[Level] = []
    labels: list[str] = []
    key = keys.join("Location", authority)
    for component, physical_type in _LEVELS:
        part = value.component(component)
        name = part.get(1)
        if name == NULL:
            continue
        universal_id, kind, claim = _authority(part)
        label = name or universal_id
        if not label:
            continue
        resource = Resource()
        location = resource.location
        identifier = location.identifiers.add()
        identifier.value = label
        if universal_id:
            identifier.authority.universal_id = universal_id
        if kind:
            identifier.authority.universal_id_type = kind
        location.name = label
        location.physical_type = physical_type
        location.mode = "instance"
        if levels:
            location.part_of.type = "Location"
            location.part_of.key = key
        key = resource.key = f"{key}|{keys.join(physical_type, label)}"
        claim = nested(part, claim | first(1), component) or first(component)
        levels.append(Level(key, resource.SerializeToString(), claim))
        labels.append(label)
    if levels:
        levels[-1] = _of_smallest(levels[-1], value)
    to = Reference(type="Location", key=key, display=" ".join(reversed(labels)))
    return tuple(levels), delimited(to)


def _of_smallest(level: Level, value: Value) -> Level:
    """With what is said of the place as a whole: its status and kind, and the number that it goes by."""
    status, kind, number, assigner = (value.component(n) for n in _OF_THE_WHOLE)
    said = ["" if (text := part.get(1)) == NULL else text for part in (status, kind, number)]
    if not any(said):
        return level
    resource = Resource.FromString(level.resource)
    location, claim = resource.location, level.claim
    if said[0]:
        location.facts.add(name="location-status", text=said[0])
        claim |= first(_OF_THE_WHOLE[0])
    if said[1]:
        location.types.add(text=said[1])
        claim |= first(_OF_THE_WHOLE[1])
    if said[2]:
        identifier = location.identifiers.add(value=said[2])
        read = first(1) | _who(number, 2, identifier.authority)
        claim |= nested(number, read, _OF_THE_WHOLE[2])
        if read := _who(assigner, 1, identifier.facility):
            claim |= nested(assigner, read, _OF_THE_WHOLE[3])
    return level._replace(resource=resource.SerializeToString(), claim=claim)


def _who(part: Value, start: int, authority: Authority) -> int:
    """An authority of three parts, the first of which is the `start`th; the claim of what was read."""
    mask = 0
    for n, name in enumerate(("namespace", "universal_id", "universal_id_type"), start):
        text = part.get(n)
        if text and text != NULL:
            setattr(authority, name, text)
            mask |= first(n)
    return mask


def _authority(part: Value) -> tuple[str, str, int]:
    """Universal id of a level that is an HD, its type, and the claim; kept with its identifier."""
    universal_id, kind = (("" if leaf == NULL else leaf) for leaf in (part.get(2), part.get(3)))
    if not universal_id:
        return "", "", 0
    return universal_id, kind, first(2) | first(3) if kind else first(2)
