"""Fields that name what a resource refers to: people, bodies and places."""

from collections.abc import Mapping
from typing import Any, Final

from plexus.api.canonical.v1 import resources_pb2 as canonical
from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.codecs.hl7v2.rendering.fields import Fields

__all__ = ["Cited"]

_PLACES: Final = {"ward": 0, "room": 1, "bed": 2, "site": 3, "building": 6, "level": 7}


class Cited(Fields):
    """Writes references, by the resources of the event."""

    def __init__(self, by_key: Mapping[str, canonical.Resource]) -> None:
        """Know the resources of the event."""
        super().__init__()
        self._by_key = by_key

    def target(self, reference: Reference, kind: str) -> Any:
        found = self._by_key.get(reference.key)
        if found is None or found.WhichOneof("content") != kind:
            return None
        return getattr(found, kind)

    def cited_person(self, reference: Reference) -> str:
        """XCN of whom a reference leads to, or of their bare name."""
        found = self.target(reference, "practitioner")
        if found is not None:
            return self.xcn(found)
        return "" if reference.type == "Organization" else self.parts("", reference.display)

    def cited_body(self, reference: Reference) -> str:
        """XON of what a reference leads to, or of its bare name."""
        found = self.target(reference, "organization")
        if found is not None:
            return self.xon(found)
        return self.text(reference.display) if reference.type == "Organization" else ""

    def cited_device(self, reference: Reference) -> str:
        """EI of what a reference leads to, or of the identifier that it has."""
        found = self.target(reference, "device")
        known = found.identifiers[0] if found and found.identifiers else reference.identifier
        return self.ei(known) if known.value else ""

    def cited_place(self, reference: Reference) -> str:
        """PL (2.A.53) of a place and those that it is in."""
        parts = [""] * 8
        seen: set[str] = set()
        while reference.key not in seen:
            seen.add(reference.key)
            found = self.target(reference, "location")
            if found is None:
                break
            at = _PLACES.get(found.physical_type)
            if at is not None and not parts[at]:
                parts[at] = found.name
            reference = found.part_of
        return self.parts(*parts)
