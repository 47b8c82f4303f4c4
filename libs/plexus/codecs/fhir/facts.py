"""What a source says of a thing and R4 has no element for: extensions of our own.

Each has the URL `urn:plexus:fact:` with the name of the fact, which docs/facts.md lists, and the value as
the datatype that it has. An extension that HL7 publishes goes first: facts are for what has none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import times
from plexus.codecs.fhir.contact_points import telecom
from plexus.codecs.fhir.datatypes import address, concept, human_name, identifier, period
from plexus.codecs.fhir.elements import Json, text
from plexus.codecs.fhir.quantities import money, quantity
from plexus.codecs.fhir.references import ANYTHING, Links

__all__ = ["FACT_PREFIX", "FACT_VALUES", "extensions_of"]

FACT_PREFIX: Final = "urn:plexus:fact:"
FACT_VALUES: Final[Mapping[str, str]] = {
    "concept": "valueCodeableConcept",
    "text": "valueString",
    "time": "valueDateTime",
    "amount": "valueMoney",
    "quantity": "valueQuantity",
    "identifier": "valueIdentifier",
    "human_name": "valueHumanName",
    "address": "valueAddress",
    "telecom": "valueContactPoint",
    "reference": "valueReference",
    "period": "valuePeriod",
}
"""Member of an extension by the kind of a fact."""
_RENDERED: Final[Mapping[str, Callable[[Any], object]]] = {
    "concept": concept,
    "text": text,
    "time": times.date_time,
    "amount": money,
    "quantity": lambda source: quantity(source, simple=False),
    "identifier": identifier,
    "human_name": human_name,
    "address": address,
    "telecom": telecom,
    "period": period,
}


def extensions_of(facts: Sequence[resources_pb2.Fact], links: Links) -> list[Json]:
    """An extension for each fact that has a name and says something."""
    found: list[Json] = []
    for fact in facts:
        kind = fact.WhichOneof("value")
        if kind is None or not fact.name:
            continue
        said = getattr(fact, kind)
        made = links.one(said, ANYTHING) if kind == "reference" else _RENDERED[kind](said)
        if made:
            url = f"{FACT_PREFIX}{quote(fact.name, safe='')}"
            found.append({"url": url, FACT_VALUES[kind]: made})
    return found
