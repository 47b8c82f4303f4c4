"""ContactPoint: how somebody is reached.

What HL7 v2 codes more finely than FHIR (tables 0201 and 0202) stands beside the code that FHIR has for it.
"""

from collections.abc import Sequence

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.codecs.fhir import codes
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import alternate_codes, period, span
from plexus.codecs.fhir.elements import Json, every, filled, text, token
from plexus.codecs.terminology import table
from plexus.codecs.terminology.hl7_tables import CodeSystem

__all__ = ["NUMBER_PARTS", "telecom", "telecoms"]

_USES, _EQUIPMENT = table(201), table(202)
_HL7 = "http://hl7.org/fhir/StructureDefinition"
NUMBER_PARTS = {
    f"{_HL7}/contactpoint-country": "country_code",
    f"{_HL7}/contactpoint-area": "area",
    f"{_HL7}/contactpoint-local": "local",
    f"{_HL7}/contactpoint-extension": "extension",
    f"{_HL7}/contactpoint-comment": "comment",
}
"""Extensions of ContactPoint, with the canonical field of each."""


def telecom(source: canonical.Telecom) -> Json:
    """A ContactPoint that has a value, else {}; its system is always given (invariant cpt-2)."""
    value = text(source.value)
    if not value:
        return {}
    made: Json = {"system": coded(source.system, codes.TELECOM_SYSTEM, "other"), "value": value}
    if use := coded(source.use, codes.TELECOM_USE):
        made["use"] = use
    if 0 < source.rank < 2**31:
        made["rank"] = source.rank
    if source.HasField("period") and (valid := span(source.period.start, source.period.end)):
        made["period"] = valid
    if source.use_code or source.equipment_code:
        made |= _codes_of_telecom(source)
    if (source.local or source.comment) and (parts := _parts_of_number(source)):
        made["extension"] = parts
    return made


def _codes_of_telecom(source: canonical.Telecom) -> Json:
    """What HL7 v2 codes more finely than FHIR, beside the elements that FHIR has for it."""
    return {
        f"_{name}": {"extension": [alternate_codes(_coded(code, of))]}
        for name, code, of in (
            ("use", token(source.use_code), _USES),
            ("system", token(source.equipment_code), _EQUIPMENT),
        )
        if code
    }


def _coded(code: str, of: CodeSystem | None) -> Json:
    if of is not None and code in of.codes:
        return {"coding": [{"system": of.uri, "code": code}]}
    return {"text": code}


def _parts_of_number(source: canonical.Telecom) -> list[Json]:
    """The extensions of a number in parts (XTN[ContactPoint] XTN.5 to XTN.8)."""
    return [
        {"url": url, "valueString": made}
        for url, field in NUMBER_PARTS.items()
        if (part := getattr(source, field)) and (made := text(part))
    ]


def telecoms(sources: Sequence[canonical.Telecom]) -> list[Json]:
    """All that are not empty; a further value of one is a contact point of its own."""
    made = every(telecom, sources)
    for each in sources[:] if sources else ():
        if each.other_value and (value := text(each.other_value)):
            made.append(_further(each, _system_beside(each, value), value))
        if each.written and (value := text(each.written)):
            made.append(_further(each, coded(each.system, codes.TELECOM_SYSTEM, "other"), value))
    return made


def _further(source: canonical.Telecom, system: str, value: str) -> Json:
    return {"system": system, "value": value} | filled(
        {"use": coded(source.use, codes.TELECOM_USE), "period": period(source.period)}
    )


def _system_beside(source: canonical.Telecom, value: str) -> str:
    """An address says what it is, and beside an address stands a number."""
    if "@" in value:
        return "email"
    return "phone" if source.system == "email" else "other"
