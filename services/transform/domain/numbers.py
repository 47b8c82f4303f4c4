"""The several keys of an order and of its report: one for each number that it goes by.

The placer numbers an order, the filler numbers it again, imaging gives an accession number; and a message
names any of them. Each number makes a key as if it were the only one, so that whoever keeps the
record can tell that they name the same (see `Resource.names`). What was asked for is part of each
key, for one number often covers several tests.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from plexus.api.canonical.v1.resources_pb2 import Resource
from services.transform.domain.keys import code_part, identifier_parts, join

__all__ = ["NUMBERS", "name_by_numbers"]

_ORDER: Final = ("PLAC", "FILL", "ACSN")
NUMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "DiagnosticReport": ("FILL", "PLAC", "ACSN"),
        "MedicationRequest": _ORDER,
        "ServiceRequest": _ORDER,
    }
)
"""Types of identifiers (table 0203) that name a resource, the best first, by canonical type."""


def name_by_numbers(resource: Resource, kind: str, content: Any) -> None:
    """Give a resource the names that its identifiers make, unless its key says all that they say."""
    what = code_part(content.medication if kind == "MedicationRequest" else content.code)
    names: list[tuple[str, int]] = []
    for precedence, type_code in enumerate(NUMBERS[kind]):
        for identifier in content.identifiers:
            if identifier.type_code == type_code and identifier.value:
                names.append((join(kind, *identifier_parts(identifier), what), precedence))
                break
    # A key of its own: there is no number, or several of the message have the same.
    if not names or names[0][0] != resource.key or names == [(resource.key, 0)]:
        return
    for key, precedence in names:
        resource.names.add(key=key, precedence=precedence)
