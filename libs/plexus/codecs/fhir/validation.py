"""The structure of FHIR R4 resources, checked on everything that leaves.

Some microseconds a resource: unknown and missing elements, types, cardinality, choices, patterns of
primitives, required codes. What `shapes` does not see at a glance is held against the schema. What a schema cannot say (invariants, references, terminology) is the
business of `judge`, which takes a thousand times as long. Validators are compiled when the first
resource comes, or by `prepare`.
Neighbour: `strict_schema` makes the schemas.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from plexus.codecs.fhir.definitions import is_resource_type
from plexus.codecs.fhir.shapes import is_surely_valid
from plexus.codecs.fhir.strict_schema import entry_member, schema_of
from plexus.errors import InvalidMessage, Reason

if TYPE_CHECKING:
    import jsonschema_rs

__all__ = ["Finding", "Kind", "checked", "checked_entry", "findings", "nested_resources", "prepare"]

Kind = Literal["unknown", "type", "cardinality", "binding", "invariant", "reference", "terminology"]
_RENDERED_NAMES: Final = """
Account AllergyIntolerance Appointment Basic Bundle CarePlan CareTeam ChargeItem Condition Coverage
Device DiagnosticReport DocumentReference Encounter Goal Immunization Location Medication MedicationAdministration
MedicationDispense MedicationRequest Observation ObservationDefinition Organization Patient Practitioner
PractitionerRole Procedure Provenance RelatedPerson ServiceRequest Specimen
"""
_ENTRY: Final = ("fullUrl", "resource", "request")
# They share one validator of 4 MB; each other type that comes has its own, of 1.5 MB.
_RENDERED: Final = tuple(_RENDERED_NAMES.split())
_MOST: Final = 20
_TOLD: Final = 5
_KINDS: Final[Mapping[str, Kind]] = {
    "additionalProperties": "unknown",
    "minItems": "cardinality",
    "maxItems": "cardinality",
    "minProperties": "cardinality",
    "enum": "binding",
    "contains": "binding",
}


class Finding(NamedTuple):
    """Something that is wrong with a resource. It names places and rules, never a value.

    Attributes:
        path: place from the type of the resource on, without positions in lists, as
            Patient.contact.gender; of a resource within another one, from its own type on.
        kind: class of the fault.
        rule: what is broken, where the path does not say it: an element that is missing, the key
            of an invariant, the name of a rule.
    """

    path: str
    kind: Kind
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} {self.rule}".rstrip()


def findings(resource: Any) -> list[Finding]:
    """What is wrong with the structure of a resource and of those within it; at most 20 for each.

    Args:
        resource: a JSON value as `orjson.loads` gives it.
    """
    if not isinstance(resource, dict):
        return [Finding("", "type", "resource")]
    found: list[Finding] = []
    waiting: list[Any] = [resource]
    while waiting:
        one = waiting.pop()
        inner = list(nested_resources(one))
        waiting += inner
        found += _of_one(_emptied(one) if inner else one)
    return found


def checked(resource: Mapping[str, object]) -> bytes:
    """The resource as JSON text.

    Raises:
        InvalidMessage: it is no valid R4, which is a defect of what rendered it.
    """
    data = orjson.dumps(resource)
    if not is_surely_valid("Resource", resource):
        _refuse_invalid(orjson.loads(data))
    return data


def checked_entry(entry: Mapping[str, object]) -> orjson.Fragment:
    """An entry of a transaction as JSON text.

    Raises:
        InvalidMessage: it is no valid R4, which is a defect of what rendered it.
    """
    data = orjson.dumps(entry)
    if not _is_surely_valid_entry(entry):
        read = orjson.loads(data)
        if not _is_valid_entry(read):
            _refuse_invalid({"resourceType": "Bundle", "type": "transaction", "entry": [read]})
    return orjson.Fragment(data)


def prepare() -> None:
    """Compile what is needed for the types that we render: takes a tenth of a second."""
    _validator(_RENDERED[0])
    for fhir_type in _RENDERED:
        is_surely_valid(fhir_type, {})


def _is_surely_valid_entry(entry: Mapping[str, Any]) -> bool:
    resource = entry.get("resource")
    return (
        resource is not None
        and len(entry) == len(_ENTRY)
        and is_surely_valid("uri", entry.get("fullUrl"))
        and is_surely_valid("Bundle.entry.request", entry.get("request"))
        and is_surely_valid("Resource", resource)
    )


def _is_valid_entry(entry: Any) -> bool:
    """True where one look says so; else it must be looked at part by part."""
    resource = entry.get("resource")
    if resource is None or "contained" in resource:
        return False
    fhir_type = resource["resourceType"]
    return _validator(fhir_type).is_valid({entry_member(fhir_type): entry})


def _refuse_invalid(resource: Any) -> None:
    if found := findings(resource):
        told = "; ".join(str(each) for each in dict.fromkeys(found[:_TOLD]))
        raise InvalidMessage(f"not valid FHIR R4: {told}", reason=Reason.REASON_INVALID_OUTPUT)


def nested_resources(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The resources that stand right within another one."""
    yield from _objects(resource.get("contained"))
    if resource.get("resourceType") == "Bundle":
        for entry in _objects(resource.get("entry")):
            yield from _objects([entry.get("resource")])
            for response in _objects([entry.get("response")]):
                yield from _objects([response.get("outcome")])
    elif resource.get("resourceType") == "Parameters":
        yield from _of_parameters(resource.get("parameter"))


def _of_parameters(parameters: Any) -> Iterator[dict[str, Any]]:
    waiting = list(_objects(parameters))
    while waiting:
        one = waiting.pop()
        yield from _objects([one.get("resource")])
        waiting += _objects(one.get("part"))


def _objects(values: Any) -> Iterator[dict[str, Any]]:
    if isinstance(values, list):
        yield from (each for each in values if isinstance(each, dict))


def _emptied(resource: dict[str, Any]) -> dict[str, Any]:
    """A Bundle without the content of its entries: that is checked by itself."""
    entries = resource.get("entry")
    if resource.get("resourceType") != "Bundle" or not isinstance(entries, list):
        return resource
    return resource | {"entry": [_emptied_entry(each) for each in entries]}


def _emptied_entry(entry: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        return entry
    return entry | {"resource": {"resourceType": entry["resource"].get("resourceType")}}


def _of_one(resource: dict[str, Any]) -> list[Finding]:
    fhir_type = resource.get("resourceType")
    if not isinstance(fhir_type, str) or not is_resource_type(fhir_type):
        return [Finding("", "type", "resourceType")]
    validator = _validator(fhir_type)
    if validator.is_valid({fhir_type: resource}):
        return []
    schema = schema_of(fhir_type)
    errors = itertools.islice(validator.iter_errors({fhir_type: resource}), _MOST)
    return list(dict.fromkeys(_finding(schema, error) for error in errors))


def _validator(fhir_type: str) -> "jsonschema_rs.Draft7Validator":
    return _compiled(_RENDERED if fhir_type in _RENDERED else (fhir_type,))


@functools.cache
def _compiled(fhir_types: tuple[str, ...]) -> "jsonschema_rs.Draft7Validator":
    import jsonschema_rs  # 30 ms, and most of what leaves is surely valid without it

    return jsonschema_rs.Draft7Validator(schema_of(*fhir_types))


def _finding(schema: Any, error: "jsonschema_rs.ValidationError") -> Finding:
    # An object is closed and its error lies at the object: the path has no name but FHIR's own.
    path = ".".join(each for each in error.instance_path if isinstance(each, str))
    keyword = error.kind.name
    if keyword == "required":
        return Finding(path, "cardinality", str(getattr(error.kind, "property", "")))
    for step in error.schema_path[:-1]:
        schema = schema[step]
    if element := schema.get("title"):
        return Finding(path, "cardinality", element)
    return Finding(path, _KINDS.get(keyword, "type"))
