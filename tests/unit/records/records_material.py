"""Builders for tests of records. Synthetic people only."""

import itertools
import uuid
from collections.abc import Sequence

from plexus.actors import Turn, run_turn
from plexus.api.canonical.v1.datatypes_pb2 import (
    Address,
    Authority,
    HumanName,
    Identifier,
    Origin,
    Telecom,
)
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.canonical.v1.resources_pb2 import Observation, Person, Resource
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1.identity_pb2 import MatchKind, ResolvedEvent
from plexus.api.records.v1.records_pb2 import Adoption, ChangedEvent
from services.records.actors import Arrival, PersonRecord
from services.records.domain import Record

TENANT = "demo"
ADT = "adt-north"
LAB = "lab-central"
ANNA = str(uuid.UUID(int=0xA))
BERT = str(uuid.UUID(int=0xB))
CORA = str(uuid.UUID(int=0xC))

_numbers = itertools.count(1)


def result(
    status: str = "final", *, key: str = "Observation|K", time: str = "", source: str = LAB
) -> Resource:
    """A result, told apart by its status."""
    return Resource(
        key=key,
        origin=Origin(source=source, message_id="told elsewhere", time=time),
        observation=Observation(status=status),
    )


def person(
    family: str = "",
    *,
    time: str = "",
    source: str = ADT,
    number: str = "1",
    city: str = "",
    phone: str = "",
    deleted: bool = False,
    cleared: Sequence[str] = (),
) -> Resource:
    """How a source knows a person."""
    known = Person(
        identifiers=[Identifier(value=number, authority=Authority(namespace="NORTH"))],
        names=[HumanName(family=family)] if family else [],
        addresses=[Address(city=city)] if city else [],
        telecoms=[Telecom(value=phone)] if phone else [],
    )
    return Resource(
        key=f"Person|NORTH|{number}",
        origin=Origin(source=source, time=time),
        person=known,
        deleted=deleted,
        cleared=cleared,
    )


def resolved(
    resources: Sequence[Resource],
    *,
    person_id: str = ANNA,
    merged_into: str = "",
    kind: EventKind.ValueType = EventKind.EVENT_KIND_UPSERT,
    trigger: str = "ADT^A08",
) -> ResolvedEvent:
    """An event of a person."""
    return ResolvedEvent(
        person_id=person_id,
        match=MatchKind.MATCH_KIND_IDENTIFIER,
        merged_into=merged_into,
        event=CanonicalEvent(
            kind=kind, trigger=trigger, event_time="2026-03-01", resources=resources
        ),
    )


def merge(prior: str, survivor: str, resources: Sequence[Resource] = ()) -> ResolvedEvent:
    """The event that sends `prior` under `survivor`."""
    return resolved(
        resources, person_id=prior, merged_into=survivor, kind=EventKind.EVENT_KIND_MERGE
    )


def envelope_of(
    message: ResolvedEvent | Adoption, *, receipt: int = 0, source: str = ADT
) -> Envelope:
    """The message on the resolved stream. Without `receipt` each call gives a later one."""
    number = next(_numbers)
    kind = (
        PayloadKind.PAYLOAD_KIND_ADOPTION
        if isinstance(message, Adoption)
        else PayloadKind.PAYLOAD_KIND_RESOLVED
    )
    return Envelope(
        message_id=str(uuid.UUID(int=(0xFF << 64) + number)),
        tenant=TENANT,
        source=source,
        feed=source,
        key=person_key(TENANT, message.person_id),
        origin=receipt or number,
        attempt=1,
        kind=kind,
        payload=message.SerializeToString(),
    )


def person_key(tenant: str, person_id: str) -> str:
    return f"{tenant}/{person_id}"


class Chart:
    """A record that starts empty, and the actor on it."""

    def __init__(self, person_id: str = ANNA) -> None:
        self.record = Record(TENANT, person_id)
        self.actor = PersonRecord(self.record, person_key)

    @property
    def golden(self) -> Resource:
        """The golden person."""
        assert self.record.golden is not None
        return Resource.FromString(self.record.golden.resource)

    def turn(self, envelope: Envelope) -> Turn:
        """One turn."""
        return run_turn(self.actor, Arrival.read(envelope), envelope)

    def take(
        self, *resources: Resource, receipt: int = 0, trigger: str = "ADT^A08"
    ) -> ChangedEvent:
        """One event with these resources: what the record tells of it."""
        message = resolved(resources, person_id=self.record.person_id, trigger=trigger)
        ((stream, emitted),) = self.turn(envelope_of(message, receipt=receipt)).outputs
        assert stream == "changed"
        return ChangedEvent.FromString(emitted.payload)
