"""Where each member of the FHIR resources goes that the canonical model has a message for.

What R4 says of the members (types, lists) is not repeated in the tables. A member that no row names
becomes residue, and a type that has no table travels as Opaque. For a new type: a table in the module
of its subject, beside its renderer's row in `plexus.codecs.fhir.resources`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from plexus.codecs.fhir.reading import (
    billing,
    clinical,
    medications,
    orders,
    origins,
    people,
    plans,
    results,
    visits,
)
from plexus.codecs.fhir.reading.facts import with_facts
from plexus.codecs.fhir.reading.filling import Table

__all__ = ["TABLES"]

_MODULES: Final = (
    billing,
    clinical,
    medications,
    orders,
    origins,
    people,
    plans,
    results,
    visits,
)

TABLES: Final[Mapping[str, Table]] = MappingProxyType(
    {name: with_facts(table) for module in _MODULES for name, table in module.TABLES.items()}
)
"""By FHIR type, and by element where that is a resource of its own in the canonical model."""
