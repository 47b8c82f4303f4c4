"""One FHIR R4 message in, one canonical event out: the counterpart of `convert` for FHIR.

The codec reads; here the resources of the message get their keys and refer to each other by them. A
source is taken for a server: `Encounter/5` is the same encounter in each of its messages. What has no
id goes by its identifier, and without one by what it says, so that a message sent again changes
nothing. Pure and deterministic, like `convert`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Concept, Identifier, Reference, Residue
from plexus.api.canonical.v1.event_pb2 import (
    EVENT_KIND_MERGE,
    EVENT_KIND_UPSERT,
    SEVERITY_WARNING,
    CanonicalEvent,
)
from plexus.codecs.fhir.opaque import REFERENCE_SYSTEM
from plexus.codecs.fhir.reading import Document, Entry, Subject, read_document, subject_of
from plexus.codecs.fhir.reading.entry import ADDRESS, CONDITION, named_by
from plexus.codecs.fhir.reading.filling import CANONICAL_TYPES
from plexus.codecs.fhir.reading.tree import Tree, leaves
from plexus.codecs.fhir.resources import CONTENT_FIELDS
from plexus.codecs.fhir.systems import RESOURCE_SYSTEM
from plexus.codecs.fhir.validation import findings
from plexus.errors import Reason
from services.transform.domain.context import SourceContext
from services.transform.domain.keys import identifier_parts, join

__all__ = ["convert_fhir", "fhir_subject"]

_MOST_ISSUES: Final = 200
_MODELLED: Final = frozenset(CONTENT_FIELDS)
_FIRST: Final = ("MR", "PI")
_REASONS: Final[Mapping[str, Reason.ValueType]] = {
    "cardinality": Reason.REASON_REQUIRED_FIELD_MISSING,
    "binding": Reason.REASON_TABLE_VALUE,
}


def convert_fhir(content: bytes, context: SourceContext) -> CanonicalEvent:
    """Convert one resource or Bundle.

    Raises:
        InvalidMessage: REASON_UNREADABLE if it is no JSON; REASON_UNSUPPORTED_MESSAGE_TYPE if it is no
            R4; REASON_TOO_LARGE; REASON_MAPPING_FAILED if it names no person, or several.
    """
    document = read_document(content)
    subject = subject_of(document)
    event = CanonicalEvent(
        kind=EVENT_KIND_MERGE if subject.prior else EVENT_KIND_UPSERT,
        trigger=document.type,
        event_time=document.time,
        subject=_identifiers(subject, context),
        prior=_identifiers(subject.prior, context) if subject.prior else (),
    )
    event.residue.extend(_residue(document.wrapper()))
    said_already = _others(subject)
    kept = [entry for entry in document.entries if entry not in said_already]
    namer = _Namer(context, identifier_parts(event.subject[0]))
    for entry in kept:
        entry.resource.key = namer.key(entry)
    for entry in kept:
        for reference, source in entry.references:
            _resolve(reference, source, document, entry, namer)
    for entry in kept:
        entry.leave()
        resource = entry.resource
        resource.origin.source, resource.origin.message_id = context.source, context.message_id
        resource.origin.time = entry.time or document.time
        if resource.HasField("person"):
            for identifier in resource.person.identifiers:
                _assign(identifier, context)
        if context.coder is not None:
            for place, concept in _concepts(resource, entry.fhir_type):
                context.coder.meet(f"{place} fhir", concept, context.message_id)
        event.resources.append(resource)
    for entry in said_already:
        event.residue.extend(_residue(leaves(entry.tree, entry.place)))
    _judge(content, event)
    return event


def fhir_subject(subject: Subject, source: str) -> list[Identifier]:
    """The identifiers of a person: those of the message, then the ids at their source."""
    found = sorted(subject.identifiers, key=_rank)
    for each in subject.ids:
        found.append(Identifier(value=each))
        found[-1].authority.namespace = f"source:{source}/Patient"
    return found


def _rank(identifier: Identifier) -> int:
    kind = identifier.type_code
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def _identifiers(subject: Subject, context: SourceContext) -> list[Identifier]:
    made = []
    for each in fhir_subject(subject, context.source):
        one = Identifier()
        one.CopyFrom(each)
        _assign(one, context)
        made.append(one)
    return made


def _assign(identifier: Identifier, context: SourceContext) -> None:
    """An identifier that names nobody is of the source's default authority, as in HL7 v2."""
    if not identifier.HasField("authority"):
        authority = identifier.authority
        authority.namespace, authority.universal_id, authority.universal_id_type = context.assigner


def _others(subject: Subject) -> list[Entry]:
    """Patients of whom an event has no Person: those who go under, and second accounts."""
    going = subject.prior
    return [*subject.others, *(going.others if going else ())]


class _Namer:
    def __init__(self, context: SourceContext, person: tuple[str, str]) -> None:
        self._source = context.source
        self._person = person
        self._used: set[str] = set()

    def key(self, entry: Entry) -> str:
        """A key that no other resource of the message has."""
        key = candidate = self._key(entry)
        ordinal = 1
        while candidate in self._used:
            ordinal += 1
            candidate = f"{key}|{ordinal}"
        self._used.add(candidate)
        return candidate

    def by_id(self, fhir_type: str, resource_id: str) -> str:
        """The key of what the source knows by that id."""
        if fhir_type == "Patient":
            return join("Person", *self._person)
        return join(_canonical(fhir_type), f"fhir:{self._source}", resource_id)

    def _key(self, entry: Entry) -> str:
        kind = _canonical(entry.fhir_type)
        if kind == "Person":
            entry.take_id()
            return join(kind, *self._person)
        if entry.own:
            return join(kind, RESOURCE_SYSTEM, entry.own.value)
        if entry.named:
            return join(kind, *identifier_parts(entry.named))
        if entry.outer is not entry and entry.outer.resource.key:
            return join(kind, entry.outer.resource.key, f"#{entry.take_id() or _digest(entry)}")
        if entry.id:
            return self.by_id(entry.fhir_type, entry.take_id())
        content = getattr(entry.resource, entry.resource.WhichOneof("content") or "")
        for identifier in getattr(content, "identifiers", ()):
            if identifier.value:
                return join(kind, *identifier_parts(identifier))
        return join(kind, *self._person, _digest(entry))


def _canonical(fhir_type: str) -> str:
    return CANONICAL_TYPES.get(fhir_type, fhir_type)


def _digest(entry: Entry) -> str:
    content = entry.resource.SerializeToString(deterministic=True)
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _resolve(
    reference: Reference, source: Tree, document: Document, entry: Entry, namer: _Namer
) -> None:
    """Say where a reference leads: by key, by identifier, or by the text that its sender wrote."""
    address: str = source["reference"]
    target = document.find(source, entry)
    local = address.removeprefix(entry.base) if entry.base else address
    plain = ADDRESS.fullmatch(local)
    if target is not None:
        reference.key = target.resource.key or namer.by_id("Patient", "")
        reference.type = _canonical(target.fhir_type)
    elif plain and "/_history/" not in local:
        reference.type = _canonical(plain[1])
        reference.key = namer.by_id(plain[1], plain[2])
    elif reference.HasField("identifier"):
        return
    elif (match := CONDITION.search(address)) and (named := named_by(match[2])):
        reference.identifier.CopyFrom(named)
    else:
        reference.identifier.value = address
        reference.identifier.authority.universal_id = REFERENCE_SYSTEM
        reference.identifier.authority.universal_id_type = "URI"
    del source["reference"]


def _concepts(message: Message, place: str) -> Iterator[tuple[str, Concept]]:
    """Every concept of a resource with its place: type and field."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        below = place if descriptor.containing_oneof else f"{place}.{descriptor.name}"
        values: Any = value if descriptor.is_repeated else (value,)
        for each in values:
            if isinstance(each, Concept):
                yield below, each
            else:
                yield from _concepts(each, below)


def _residue(found: Iterator[tuple[str, str]]) -> Iterator[Residue]:
    return (Residue(location=location, value=value) for location, value in found)


def _judge(content: bytes, event: CanonicalEvent) -> None:
    """Note where what we model is not valid R4; what could not be read of it is residue."""
    root = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    entries = root.get("entry", ()) if root["resourceType"] == "Bundle" else ({"resource": root},)
    told: set[tuple[str, str]] = set()
    for each in entries:
        resource = each.get("resource") if isinstance(each, dict) else None
        if not isinstance(resource, dict) or resource.get("resourceType") not in _MODELLED:
            continue
        for found in findings(resource):
            if (found.path, found.rule) in told or len(told) >= _MOST_ISSUES:
                continue
            told.add((found.path, found.rule))
            event.issues.add(
                severity=SEVERITY_WARNING,
                reason=_REASONS.get(found.kind, Reason.REASON_DATA_TYPE),
                location=found.path or str(resource["resourceType"]),
                detail=f"It is not valid R4: {found.kind} {found.rule}".rstrip() + ".",
            )
