"""FHIR R4 general-purpose datatypes from canonical ones, each a function that gives a JSON object.

An empty source gives {}. A code that its value set does not know is left out or widened; the words
of a sender are kept.
Neighbours: `elements` for the style, `codes`, `systems` and `times` for primitives, `quantities` for
numbers.
"""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.code_check import is_code_of
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.elements import Json, every, extension, filled, remembered, text, token, uri
from plexus.codecs.fhir.shapes import sealed
from plexus.codecs.fhir.systems import (
    AUTHORITY_PREFIX,
    IDENTIFIER_TYPE_SYSTEM,
    IDENTIFIER_TYPES,
    authority_uri,
    claimed,
    system_uri,
)
from plexus.codecs.terminology import display, table

__all__ = [
    "ALTERNATE_CODES_URL",
    "ASSEMBLY_ORDER_URL",
    "CENSUS_TRACT_URL",
    "CHECK_DIGIT_SCHEME_URL",
    "CHECK_DIGIT_URL",
    "FAMILY_PARTS",
    "UNIVERSAL_ID_TYPE_SYSTEM",
    "address",
    "addresses",
    "alternate_codes",
    "annotation",
    "annotations",
    "attachment",
    "coding",
    "concept",
    "concept_label",
    "concepts",
    "human_name",
    "human_names",
    "identifier",
    "identifiers",
    "labels",
    "period",
    "span",
    "universal_id_type",
]

_HL7 = "http://hl7.org/fhir/StructureDefinition"
ALTERNATE_CODES_URL = f"{_HL7}/alternate-codes"
ASSEMBLY_ORDER_URL = f"{_HL7}/humanname-assembly-order"
CENSUS_TRACT_URL = f"{_HL7}/iso21090-ADXP-censusTract"
CHECK_DIGIT_SCHEME_URL = f"{_HL7}/namingsystem-checkDigit"
CHECK_DIGIT_URL = f"{_HL7}/identifier-checkDigit"
FAMILY_PARTS = {
    f"{_HL7}/humanname-own-prefix": "own_prefix",
    f"{_HL7}/humanname-own-name": "own_family",
    f"{_HL7}/humanname-partner-prefix": "partner_prefix",
    f"{_HL7}/humanname-partner-name": "partner_family",
}
"""Extensions of HumanName.family, with the canonical field of each."""
UNIVERSAL_ID_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0301"
_universal_id_types = table(301)
_UNIVERSAL_ID_TYPES = frozenset(_universal_id_types.codes if _universal_id_types else ())

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[\x21-\x7e]+)*")


def coding(source: canonical.Coding) -> Json:
    """A Coding that has a code or a display, else {}."""
    code, display = token(source.code), text(source.display)
    if not (code or display):
        return {}
    made: Json = {}
    if system := system_uri(source.system, source.system_name):
        # A code that is not of the system it names is a code of the sender's own.
        made["system"] = system if not code or is_code_of(system, code) else claimed(system)
    if version := text(source.version):
        made["version"] = version
    if code:
        made["code"] = code
    if display:
        made["display"] = display
    return made


def _concept(source: canonical.Concept) -> Json:
    codings = every(coding, source.codings)
    made: Json = {"coding": codings} if codings else {}
    if words := text(source.text):
        made["text"] = words
    return sealed("CodeableConcept", made)


concept = remembered(canonical.Concept, _concept)
"""A CodeableConcept."""


def concepts(sources: Sequence[canonical.Concept]) -> list[Json]:
    """All that are not empty."""
    return every(concept, sources)


def labels(sources: Sequence[canonical.Concept]) -> Json:
    """Resource.meta with security labels, or {}."""
    if not sources:
        return {}
    codings = [made for each in sources for of in each.codings if (made := coding(of))]
    return {"security": codings} if codings else {}


def concept_label(source: canonical.Concept) -> str:
    """What a person would read: the text, else a display, else a code, else ""."""
    if words := text(source.text):
        return words
    for name in ("display", "code"):
        for each in source.codings:
            if words := text(getattr(each, name)):
                return words
    return ""


def span(start: str, end: str) -> Json:
    """A Period; an end before its start is left out (invariant per-1)."""
    if not (start or end):
        return {}
    start, end = times.date_time(start), times.date_time(end)
    if start and end and times.ends_before_start(start, end):
        end = ""
    return filled({"start": start, "end": end})


def period(source: canonical.Period) -> Json:
    """A Period."""
    return span(source.start, source.end)


def identifier(source: canonical.Identifier) -> Json:
    """An Identifier, or {} without a value. Its type is coded where HL7 table 0203 knows it."""
    value = text(source.value)
    if not value:
        return {}
    made: Json = {}
    if source.check_digit or source.check_digit_scheme:
        digits = (
            extension(CHECK_DIGIT_URL, valueString=text(source.check_digit)),
            extension(CHECK_DIGIT_SCHEME_URL, valueString=text(source.check_digit_scheme)),
        )
        if known := [each for each in digits if each]:
            made["extension"] = known
    if use := coded(source.use, codes.IDENTIFIER_USE):
        made["use"] = use
    if kind := token(source.type_code):
        made["type"] = _identifier_type(kind) if kind in IDENTIFIER_TYPES else {"text": kind}
    authority = source.authority
    namespace = authority.namespace
    if system := authority_uri(namespace, authority.universal_id, authority.universal_id_type):
        made["system"] = system
    made["value"] = value
    if valid := span(source.start, source.end):
        made["period"] = valid
    says_more = authority.universal_id or source.HasField("facility")
    if says_more and (assigner := _assigner(authority, system, source.facility)):
        made["assigner"] = assigner
    return made


def _assigner(authority: canonical.Authority, system: str, facility: canonical.Authority) -> Json:
    """What the system does not say of who assigns (HD[Organization] HD.1 to HD.3), by a logical reference.

    The facility where it was assigned is its name, else the namespace beside an id.
    """
    namespace, universal_id = text(authority.namespace), text(authority.universal_id)
    where = text(facility.namespace)
    known: Json = {}
    is_named = system.startswith(AUTHORITY_PREFIX)
    if is_named and universal_id and namespace and universal_id != namespace:
        known = {"type": universal_id_type(authority.universal_id_type), "value": universal_id}
    elif not is_named and universal_id and where and namespace:
        known = {"value": namespace}
    elif facility.universal_id and (
        uri := authority_uri("", facility.universal_id, facility.universal_id_type)
    ):
        known = {"system": "urn:ietf:rfc:3986", "value": uri}
    shown = where or (namespace if universal_id else "")
    made = filled({"identifier": filled(known), "display": shown})
    return {"type": "Organization", **made} if "identifier" in made else made


def universal_id_type(kind: str) -> Json:
    """A type of universal ids as a concept: coded where HL7 table 0301 knows it."""
    kind = token(kind)
    if kind in _UNIVERSAL_ID_TYPES:
        return {"coding": [{"system": UNIVERSAL_ID_TYPE_SYSTEM, "code": kind}]}
    return {"text": kind} if kind else {}


@lru_cache(maxsize=256)
def _identifier_type(kind: str) -> Json:
    """The concept of a code of HL7 table 0203; shared, so nobody may change it."""
    shown = display(IDENTIFIER_TYPE_SYSTEM, kind)
    return sealed(
        "CodeableConcept",
        {"coding": [filled({"system": IDENTIFIER_TYPE_SYSTEM, "code": kind, "display": shown})]},
    )


def identifiers(sources: Sequence[canonical.Identifier]) -> list[Json]:
    """All that are not empty."""
    return every(identifier, sources)


def _texts(sources: Sequence[str]) -> list[str]:
    return [made for each in sources[:] if (made := text(each))] if sources else []


def human_name(source: canonical.HumanName) -> Json:
    """A HumanName that names somebody, else {}."""
    made = filled(
        {
            "family": text(source.family),
            "_family": _parts_of_family(source),
            "given": _texts(source.given),
            "prefix": _texts(source.prefix),
            "suffix": _texts(source.suffix),
        }
    )
    if not made:
        return {}
    if source.assembly_order and (order := coded(source.assembly_order, codes.ASSEMBLY_ORDER)):
        made["extension"] = [{"url": ASSEMBLY_ORDER_URL, "valueCode": order}]
    return made | filled(
        {"use": coded(source.use, codes.NAME_USE), "period": period(source.period)}
    )


def _parts_of_family(source: canonical.HumanName) -> Json:
    """The extensions of the family name (FN[HumanName] FN.2 to FN.5)."""
    found = [
        {"url": url, "valueString": made}
        for url, field in FAMILY_PARTS.items()
        if (part := getattr(source, field)) and (made := text(part))
    ]
    return {"extension": found} if found else {}


def human_names(sources: Sequence[canonical.HumanName]) -> list[Json]:
    """All that are not empty; what somebody is called is a name of its own (XPN[HumanName] XPN.15)."""
    made = every(human_name, sources)
    made += (
        {"given": [called], "use": "nickname"}
        for each in sources[:]
        if each.called and (called := text(each.called))
    )
    return made


def address(source: canonical.Address) -> Json:
    """An Address that says where, else {}."""
    made = filled(
        {
            "line": _texts(source.line),
            "city": text(source.city),
            "district": text(source.district),
            "state": text(source.state),
            "postalCode": text(source.postal_code),
            "country": text(source.country),
        }
    )
    if source.census_tract and (tract := text(source.census_tract)):
        made["extension"] = [{"url": CENSUS_TRACT_URL, "valueString": tract}]
    if not made:
        return {}
    return made | filled(
        {
            "use": coded(source.use, codes.ADDRESS_USE),
            "type": coded(source.type, codes.ADDRESS_TYPE),
            "period": period(source.period),
        }
    )


def addresses(sources: Sequence[canonical.Address]) -> list[Json]:
    """All that are not empty."""
    return every(address, sources)


def alternate_codes(held: Json) -> Json:
    """The extension of a code that says how the source codes it."""
    return {"url": ALTERNATE_CODES_URL, "valueCodeableConcept": held}


def attachment(source: canonical.Attachment) -> Json:
    """An Attachment; data without a sound media type is `application/octet-stream` (att-1)."""
    kind = source.content_type.strip()
    if not _MEDIA_TYPE.fullmatch(kind):
        kind = "application/octet-stream" if source.data else ""
    return filled(
        {
            "contentType": kind,
            "data": b2a_base64(source.data, newline=False).decode("ascii"),
            "url": uri(source.url),
            "title": text(source.title),
            "creation": times.date_time(source.creation),
        }
    )


def annotation(source: canonical.Annotation) -> Json:
    """An Annotation that has text, else {}."""
    words = text(source.text)
    if not words:
        return {}
    return filled(
        {
            "authorString": text(source.author),
            "time": times.date_time(source.time),
            "text": words,
        }
    )


def annotations(sources: Sequence[canonical.Annotation]) -> list[Json]:
    """All that are not empty."""
    return every(annotation, sources)
