"""Canonical messages for the FHIR tests: any resource, sparse or full, sound or hostile.

Messages are filled by walking their descriptors, so a field that is added to a contract is tested
the day it is added. Text comes from pools: for a code field the codes of FHIR and junk, for a time
every precision and what is no time at all.
"""

import json
import random
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from hypothesis import strategies as st

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent

KINDS = tuple(field.name for field in Resource.DESCRIPTOR.oneofs_by_name["content"].fields)

_WORDS = (
    "Ann",
    "blood",
    "a b",
    "  padded  ",
    "x\u00a0y",
    "line\nbreak",
    "tab\tbed",
    "Ω ≥ 5",
    '"<&>',
)
_BLANK = ("", " ", "\t\n", "\x00", "\u00a0", "\x0b\x1f")
_JUNK = ("JUNK", "In_Progress", "final ", "a  b", "a\nb", "?", "CANCELLED", "null")
_TIMES = (
    "2026", "2026-02", "2026-02-03", "2026-02-03T04:05:06Z", "2026-02-03T04:05:06.123456789+13:00",
    "2026-02-03T04:05:06", "2026-02-03T04:05Z", "2026-02-03T04Z", "2026-02-30", "2026-13", "0000",
    "2026-02-03T24:00:00Z", "2026-02-03T23:59:60Z", "2026-02-03T04:05:06+15:00", "20260203",
    "yesterday", "2025-12-31", "9999-12-31T23:59:59Z", "2026-02-03T04:05:06.Z",
)  # fmt: skip
_CLOCKS = ("04:05:06", "04:05", "04:05:06.1", "25:00:00", "noon")
_NUMBERS = (
    "1.50",
    ".5",
    "+3",
    "-0",
    "007.100",
    "5.",
    "1e5",
    "1E-7",
    "1e999",
    "1,5",
    "abc",
    "0",
    "-.5",
)
_SYSTEMS = (
    "http://loinc.org",
    "http://unitsofmeasure.org",
    "urn:oid:1.2",
    "LN",
    "not a uri",
    "2.16.840.1.113883.6.1",
)
_NAMES = ("LN", "SCT", "L", "99LAB", "HL70005", "HL70004", "HL70189", "my codes")
_CODES = [
    "final",
    "active",
    "planned",
    "booked",
    "order",
    "completed",
    "male",
    "home",
    "phone",
    "official",
    "usual",
    "unknown",
    "routine",
    "cancelled",
    "entered-in-error",
    "current",
    "available",
    "I",
    "E",
    "2106-3",
    "H",
    "MR",
    "SS",
    "proposed",
    "arrived",
    "<",
    ">=",
    "bd",
    "instance",
]
_TYPES = [
    "Person",
    "Encounter",
    "Observation",
    "DiagnosticReport",
    "ServiceRequest",
    "Specimen",
    "Practitioner",
    "Organization",
    "Location",
    "Allergy",
    "MedicationRequest",
    "RelatedPerson",
    "CarePlan",
    "Junk",
]
_URLS = ("http://example.org/x", "no url", "urn:uuid:0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11")
_TIME_FIELDS = frozenset(
    [
        "start",
        "end",
        "time",
        "creation",
        "birth_date",
        "deceased_time",
        "effective_time",
        "issued",
        "authored_on",
        "received_time",
        "onset",
        "recorded",
        "occurrence",
        "expiration",
        "date",
        "date_time",
        "event_time",
    ]
)
_FHIR = {
    "resourceType": "CarePlan",
    "id": "7",
    "meta": {"versionId": "3", "profile": ["http://example.org/p"]},
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/123"},
    "author": {"reference": "Practitioner/9/_history/2", "display": "Dr Who"},
    "contained": [{"resourceType": "Goal", "id": "g", "lifecycleStatus": "active",
                   "description": {"text": "walk"}, "subject": {"reference": "Patient/123"}}],
    "goal": [{"reference": "#g"}],
}  # fmt: skip
_CONTENTS = (
    b"", b"\x00\xff", b"not json", json.dumps(_FHIR).encode(), b'{"resourceType":"Patient"}',
    b'{"resourceType":"Flag","status":"active","code":{"text":"\\ud800"},"subject":{"display":"x"}}',
)  # fmt: skip


def _text(field: Any, pick: random.Random) -> str:
    name = field.name
    if pick.random() < 0.1:
        return pick.choice(_BLANK)
    if name == "time" and field.containing_type.name == "ObservationValue":
        return pick.choice(_CLOCKS)
    if name in _TIME_FIELDS:
        return pick.choice(_TIMES)
    if name == "value" and field.containing_type.name == "Quantity":
        return pick.choice(_NUMBERS)
    if name == "system":
        return pick.choice((*_SYSTEMS, "phone", "email"))
    if name == "system_name":
        return pick.choice(_NAMES)
    if name == "universal_id":
        return pick.choice(("1.2.3", "A.B", "http://example.org/ids", "lab.example.org"))
    if name == "universal_id_type":
        return pick.choice(("ISO", "DNS", "UUID", "URI", "L"))
    if name == "content_type":
        return pick.choice(("text/plain", "application/fhir+json", "PDF", "a b/c"))
    if name == "url":
        return pick.choice(_URLS)
    if name == "type" and field.containing_type.name == "Reference":
        return pick.choice(_TYPES)
    if name == "key":
        return f"key {pick.randrange(6)}"
    if name in {"text", "display", "family", "given", "line", "city", "value"}:
        return pick.choice(_WORDS)
    return pick.choice((*_CODES, *_JUNK))


def fill(message: Any, pick: random.Random, fullness: float) -> None:
    """Set each field of `message` with the probability `fullness`, all the way down."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None and len(field.containing_oneof.fields) > 1:
            continue
        if pick.random() < fullness:
            _set(message, field, pick, fullness)
    for oneof in message.DESCRIPTOR.oneofs:
        if len(oneof.fields) > 1 and pick.random() < max(fullness, 0.5):
            _set(message, pick.choice(oneof.fields), pick, fullness)


def _set(message: Any, field: Any, pick: random.Random, fullness: float) -> None:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        for _ in range(pick.randrange(1, 3) if field.is_repeated else 1):
            inner = getattr(message, field.name)
            inner = inner.add() if field.is_repeated else inner
            inner.SetInParent()
            fill(inner, pick, fullness)
    elif field.is_repeated:
        getattr(message, field.name).extend([_text(field, pick) for _ in range(2)])
    elif field.type == FieldDescriptor.TYPE_STRING:
        setattr(message, field.name, _text(field, pick))
    elif field.type == FieldDescriptor.TYPE_BYTES:
        setattr(message, field.name, pick.choice(_CONTENTS))
    elif field.type == FieldDescriptor.TYPE_BOOL:
        setattr(message, field.name, pick.random() < 0.5)
    elif field.type == FieldDescriptor.TYPE_INT64:
        setattr(message, field.name, pick.choice((0, -7, 2**31, -(2**63))))
    else:
        setattr(message, field.name, pick.choice((0, 1, 30, 2**32 - 1)))


def resource_of(kind: str, seed: int, fullness: float) -> Resource:
    """A resource of `kind` with a key; the same for the same arguments."""
    pick = random.Random(seed)
    resource = Resource(key=f"key {pick.randrange(6)}")
    content = getattr(resource, kind)
    content.SetInParent()
    fill(content, pick, fullness)
    return resource


def _event(seed: int, fullness: float, kinds: list[str], absorbed: int) -> ChangedEvent:
    pick = random.Random(seed)
    event = ChangedEvent(person_id="person 1|a")
    if pick.random() < 0.8:
        event.person.resource.CopyFrom(resource_of("person", seed, fullness))
        event.person.resource.deleted = pick.random() < 0.1
    for at, kind in enumerate(kinds):
        resource = event.resources.add().resource
        resource.CopyFrom(resource_of(kind, seed + at, fullness))
        resource.deleted = pick.random() < 0.2
    event.absorbed_person_ids.extend([f"person {n}" for n in range(absorbed)])
    return event


_SEEDS = st.integers(0, 2**32 - 1)
_FULLNESS = st.sampled_from([0.0, 0.15, 0.5, 0.9, 1.0])

resources = st.builds(resource_of, st.sampled_from(KINDS), _SEEDS, _FULLNESS)
events = st.builds(
    _event, _SEEDS, _FULLNESS, st.lists(st.sampled_from(KINDS), max_size=8), st.integers(0, 2)
)


@cache
def _model(fhir_type: str) -> Any:
    return getattr(import_module(f"fhir.resources.R4B.{fhir_type.lower()}"), fhir_type)


def assert_is_r4(resource: dict[str, Any]) -> None:
    """`resource` is what the R4B models (the same as R4 for these types) accept."""
    _model(resource["resourceType"]).model_validate(resource)


def read(text: bytes) -> Any:
    """JSON with the digits of its numbers."""
    return json.loads(text, parse_float=Decimal)


def walk(value: Any, path: str = "") -> Any:
    """Each (path, value) of a JSON tree, the root first."""
    yield path, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from walk(each, f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from walk(each, path)
