"""FHIR R4 general-purpose datatypes from canonical ones, each a function that gives a JSON object.

The style of the whole package: a renderer is one dict display that names every element it may
produce, and `filled` takes out what turned out empty, so no output ever holds "", [] or {}. What is
empty all through comes back as {} and disappears in its parent. A value that its element cannot
hold is never dropped silently: its words are kept as text or in an extension.
Neighbours: `codes`, `systems` and `times` for the primitives, `quantities` for numbers.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Mapping

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.systems import (
    IDENTIFIER_TYPE_SYSTEM,
    IDENTIFIER_TYPES,
    authority_uri,
    system_uri,
)

__all__ = [
    "ABSENT",
    "ABSENT_CONCEPT",
    "Json",
    "address",
    "addresses",
    "annotation",
    "annotations",
    "attachment",
    "coding",
    "concept",
    "concept_label",
    "concepts",
    "extension",
    "filled",
    "human_name",
    "human_names",
    "identifier",
    "identifiers",
    "period",
    "required",
    "span",
    "telecom",
    "telecoms",
    "text",
    "token",
    "uri",
]

Json = dict[str, object]

_ABSENT_URL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ABSENT: Mapping[str, object] = {"extension": [{"url": _ABSENT_URL, "valueCode": "unknown"}]}
"""Stands for a required element that the source did not give."""
ABSENT_CONCEPT: Mapping[str, object] = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "unknown",
            "display": "Unknown",
        }
    ]
}
"""Stands for a required concept that the source did not give."""

# R4 2.24.0.1 string: no control characters but tab, line feed and carriage return.
_CONTROLS = dict.fromkeys(c for c in (*range(32), 127) if c not in {9, 10, 13})
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[\x21-\x7e]+)*")
_URI = re.compile(r"[\x21-\x7e]+")


def filled(element: Json) -> Json:
    """`element` without its empty members; False and 0 are values and stay."""
    return {name: value for name, value in element.items() if value or value == 0}


def required(name: str, value: object) -> Json:
    """A primitive element that R4 demands, or its data-absent-reason."""
    return {name: value} if value else {f"_{name}": ABSENT}


def extension(url: str, **value: object) -> Json:
    """An extension holding `value`, or {} where that is empty."""
    return {"url": url, **value} if all(value.values()) else {}


def text(value: str) -> str:
    """A FHIR string: `value` as it stands, without control characters; "" where it is blank."""
    if not value.isprintable():
        value = value.translate(_CONTROLS)
    return "" if value.isspace() else value


def token(value: str) -> str:
    """A FHIR code: no blanks at the ends, single ones within."""
    return value if value.isalnum() else " ".join(text(value).split())


def uri(value: str) -> str:
    """A URI, or "" where `value` cannot be one."""
    return value if _URI.fullmatch(value) else ""


def coding(source: canonical.Coding) -> Json:
    """A Coding that has a code or a display, else {}."""
    code, display = token(source.code), text(source.display)
    if not (code or display):
        return {}
    return filled(
        {
            "system": system_uri(source.system, source.system_name),
            "version": text(source.version),
            "code": code,
            "display": display,
        }
    )


def concept(source: canonical.Concept) -> Json:
    """A CodeableConcept."""
    codings = [made for each in source.codings if (made := coding(each))]
    words = text(source.text)
    if codings:
        return {"coding": codings, "text": words} if words else {"coding": codings}
    return {"text": words} if words else {}


def concepts(sources: Iterable[canonical.Concept]) -> list[Json]:
    """All that are not empty."""
    return [made for each in sources if (made := concept(each))]


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
    if use := coded(source.use, codes.IDENTIFIER_USE):
        made["use"] = use
    if kind := token(source.type_code):
        made["type"] = (
            {"coding": [{"system": IDENTIFIER_TYPE_SYSTEM, "code": kind}]}
            if kind in IDENTIFIER_TYPES
            else {"text": kind}
        )
    authority = source.authority
    namespace = authority.namespace
    if system := authority_uri(namespace, authority.universal_id, authority.universal_id_type):
        made["system"] = system
    made["value"] = value
    if valid := span(source.start, source.end):
        made["period"] = valid
    if authority.universal_id and (assigner := text(namespace)):
        made["assigner"] = {"display": assigner}
    return made


def identifiers(sources: Iterable[canonical.Identifier]) -> list[Json]:
    """All that are not empty."""
    return [made for each in sources if (made := identifier(each))]


def _texts(sources: Iterable[str]) -> list[str]:
    return [made for each in sources if (made := text(each))]


def human_name(source: canonical.HumanName) -> Json:
    """A HumanName that names somebody, else {}."""
    made = filled(
        {
            "family": text(source.family),
            "given": _texts(source.given),
            "prefix": _texts(source.prefix),
            "suffix": _texts(source.suffix),
        }
    )
    if not made:
        return {}
    return made | filled(
        {"use": coded(source.use, codes.NAME_USE), "period": period(source.period)}
    )


def human_names(sources: Iterable[canonical.HumanName]) -> list[Json]:
    """All that are not empty."""
    return [made for each in sources if (made := human_name(each))]


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
    if not made:
        return {}
    return made | filled(
        {
            "use": coded(source.use, codes.ADDRESS_USE),
            "type": coded(source.type, codes.ADDRESS_TYPE),
            "period": period(source.period),
        }
    )


def addresses(sources: Iterable[canonical.Address]) -> list[Json]:
    """All that are not empty."""
    return [made for each in sources if (made := address(each))]


def telecom(source: canonical.Telecom) -> Json:
    """A ContactPoint that has a value, else {}; its system is always given (invariant cpt-2)."""
    value = text(source.value)
    if not value:
        return {}
    made: Json = {"system": coded(source.system, codes.TELECOM_SYSTEM, "other"), "value": value}
    if use := coded(source.use, codes.TELECOM_USE):
        made["use"] = use
    return made


def telecoms(sources: Iterable[canonical.Telecom]) -> list[Json]:
    """All that are not empty."""
    return [made for each in sources if (made := telecom(each))]


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


def annotations(sources: Iterable[canonical.Annotation]) -> list[Json]:
    """All that are not empty."""
    return [made for each in sources if (made := annotation(each))]
