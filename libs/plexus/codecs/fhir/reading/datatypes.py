"""Tables of FHIR's general-purpose datatypes, and what a plain table cannot say of them.

The inverse of `plexus.codecs.fhir.datatypes` and `quantities`.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

from plexus.codecs.fhir.contact_points import NUMBER_PARTS
from plexus.codecs.fhir.datatypes import (
    ALTERNATE_CODES_URL,
    ASSEMBLY_ORDER_URL,
    CENSUS_TRACT_URL,
    CHECK_DIGIT_SCHEME_URL,
    CHECK_DIGIT_URL,
    FAMILY_PARTS,
    UNIVERSAL_ID_TYPE_SYSTEM,
)
from plexus.codecs.fhir.quantities import ORIGINAL_URL
from plexus.codecs.fhir.reading.filling import Extensions, Reading, Table, Take, take_code
from plexus.codecs.fhir.reading.tree import Tree, is_read
from plexus.codecs.fhir.references import ANNOTATION_TYPE_URL
from plexus.codecs.fhir.systems import (
    AUTHORITY_PREFIX,
    CODE_SYSTEM_PREFIX,
    IDENTIFIER_TYPE_SYSTEM,
    authority_uri,
    system_uri,
)

__all__ = ["DATATYPES", "code_in", "fixed", "subject"]


def fixed(value: str, beside: str = "") -> Take:
    """A value that the renderer always writes there: what else stands there is residue.

    So is it where the member `beside` it has not been read, which comes first in the table.
    """

    def take(source: Tree, name: str, _target: Any, _reading: Reading) -> None:
        if source[name] == value and (not beside or _is_taken(source, beside)):
            del source[name]

    return take


def _is_taken(source: Tree, name: str) -> bool:
    return name in source and is_read(source[name])


def subject(source: Tree, name: str, _target: Any, reading: Reading) -> None:
    """The reference to the person, which canonical resources do without."""
    value = source[name]
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, dict):
            reading.subjects.append(each)


def code_in(field: str, system: str, *, or_text: bool = False) -> Take:
    """The code of a CodeableConcept in the one system (of HL7's terminology) that the element has."""
    uri = f"http://terminology.hl7.org/CodeSystem/{system}"

    def take(source: Tree, name: str, target: Any, _reading: Reading) -> None:
        concept = source[name]
        if not isinstance(concept, dict):
            return
        codings = concept.get("coding")
        for each in codings if isinstance(codings, list) else ():
            if isinstance(each, dict) and each.get("system") == uri and not getattr(target, field):
                setattr(target, field, take_code(each))
        if or_text and not getattr(target, field) and _is_text(concept.get("text")):
            setattr(target, field, concept.pop("text"))

    return take


def alternate_in(field: str, system: str) -> Extensions:
    """The code of the source beside one of FHIR, in the one system that it may be of, or as words."""
    concept = code_in(field, system, or_text=True)

    def take(source: Tree, _name: str, target: Any, reading: Reading) -> None:
        if "valueCodeableConcept" in source:
            concept(source, "valueCodeableConcept", target, reading)

    return Extensions({ALTERNATE_CODES_URL: take})


def _is_text(value: Any) -> TypeGuard[str]:
    return type(value) is str and bool(value)


def _coding_system(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    """A URI that we have made of a sender's name for a code system is that name again."""
    if not _is_text(source[name]):
        return
    uri = source.pop(name)
    called = unquote(uri.removeprefix(CODE_SYSTEM_PREFIX))
    if uri.startswith(CODE_SYSTEM_PREFIX) and system_uri("", called) == uri:
        target.system_name = called
    else:
        target.system = uri


def _authority(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    """Who assigns: HL7 HD of a URI, and the namespace that the assigner's name is."""
    if not _is_text(source[name]):
        return
    uri = source.pop(name)
    authority = target.authority
    for prefix, kind in (("urn:oid:", "ISO"), ("urn:uuid:", "UUID")):
        if uri.startswith(prefix):
            authority.universal_id, authority.universal_id_type = uri.removeprefix(prefix), kind
    called = unquote(uri.removeprefix(AUTHORITY_PREFIX))
    if uri.startswith(AUTHORITY_PREFIX) and authority_uri(called, "", "") == uri:
        authority.namespace = called
    elif not authority.universal_id:
        authority.universal_id, authority.universal_id_type = uri, "URI"


def _assigner(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    assigner = source[name]
    if not isinstance(assigner, dict):
        return
    authority = target.authority
    is_named = _assigner_identifier(assigner, target)
    if not _is_text(shown := assigner.get("display")):
        return
    if not authority.namespace:
        authority.namespace = assigner.pop("display")
    elif authority.namespace == shown.strip():
        # The namespace stands for an id that is not of its type.
        del assigner["display"]
        authority.namespace = shown
        if not authority.universal_id:
            authority.universal_id, authority.universal_id_type = shown, "L"
    elif is_named or not authority.universal_id:
        target.facility.namespace = assigner.pop("display")


def _assigner_identifier(assigner: Tree, target: Any) -> bool:
    """The id of who assigns that the system does not say, or that of the place; whether there was one."""
    known = assigner.get("identifier")
    if not isinstance(known, dict) or not _is_text(value := known.get("value")):
        return False
    authority, kind = target.authority, known.get("type")
    if set(known) == {"type", "value"} and isinstance(kind, dict) and not authority.universal_id:
        code = _universal_id_type(kind)
        if not code:
            return False
        authority.universal_id, authority.universal_id_type = value, code
    elif set(known) == {"value"} and not authority.namespace:
        authority.namespace = value
    elif set(known) == {"system", "value"} and known["system"] == "urn:ietf:rfc:3986":
        target.facility.universal_id, target.facility.universal_id_type = value, "URI"
        del known["system"]
    else:
        return False
    del known["value"]
    if assigner.get("type") == "Organization":
        del assigner["type"]
    return True


def _universal_id_type(kind: Tree) -> str:
    codings = kind.get("coding")
    if (
        isinstance(codings, list)
        and len(codings) == 1
        and isinstance(codings[0], dict)
        and codings[0].get("system") == UNIVERSAL_ID_TYPE_SYSTEM
        and "display" not in codings[0]
    ):
        return take_code(codings[0])
    return str(kind.pop("text")) if _is_text(kind.get("text")) and not codings else ""


def _identifier_type(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    kind = source[name]
    if not isinstance(kind, dict):
        return
    codings = kind.get("coding")
    for each in codings if isinstance(codings, list) else ():
        if (
            isinstance(each, dict)
            and each.get("system") == IDENTIFIER_TYPE_SYSTEM
            and not target.type_code
        ):
            target.type_code = take_code(each)
    if not target.type_code and not codings and _is_text(kind.get("text")):
        target.type_code = kind.pop("text")


_PERIOD: Final[Table] = {"start": "start", "end": "end"}

DATATYPES: Final[Mapping[str, Table]] = {
    "Address": {
        "line": "line",
        "city": "city",
        "district": "district",
        "state": "state",
        "postalCode": "postal_code",
        "country": "country",
        "use": "use",
        "type": "type",
        "period": "period",
        "extension": Extensions({CENSUS_TRACT_URL: "census_tract"}),
    },
    "Annotation": {
        "authorString": "author",
        "authorReference": "written_by",
        "time": "time",
        "text": "text",
        "extension": Extensions({ANNOTATION_TYPE_URL: "kind"}),
    },
    "Attachment": {
        "contentType": "content_type",
        "data": "data",
        "url": "url",
        "title": "title",
        "creation": "creation",
    },
    "CodeableConcept": {"coding": "codings", "text": "text"},
    "Coding": {
        "system": _coding_system,
        "version": "version",
        "code": "code",
        "display": "display",
    },
    "ContactPoint": {
        "system": "system",
        "value": "value",
        "use": "use",
        "rank": "rank",
        "period": "period",
        "extension": Extensions(NUMBER_PARTS),
        "_use": alternate_in("use_code", "v2-0201"),
        "_system": alternate_in("equipment_code", "v2-0202"),
    },
    "HumanName": {
        "family": "family",
        "given": "given",
        "prefix": "prefix",
        "suffix": "suffix",
        "use": "use",
        "period": "period",
        "_family": Extensions(FAMILY_PARTS),
        "extension": Extensions({ASSEMBLY_ORDER_URL: "assembly_order"}),
    },
    "Identifier": {
        "extension": Extensions(
            {CHECK_DIGIT_URL: "check_digit", CHECK_DIGIT_SCHEME_URL: "check_digit_scheme"}
        ),
        "use": "use",
        "type": _identifier_type,
        "system": _authority,
        "value": "value",
        "period": _PERIOD,
        "assigner": _assigner,
    },
    "Money": {"value": "value", "currency": "currency"},
    "Period": _PERIOD,
    "Quantity": {
        "value": "value",
        "comparator": "comparator",
        "unit": "unit",
        "system": "system",
        "code": "code",
        "extension": Extensions({ORIGINAL_URL: "value"}),
    },
    "Range": {"low": "low", "high": "high"},
    "Ratio": {"numerator": "numerator", "denominator": "denominator"},
}
"""By FHIR type: where each member goes."""
