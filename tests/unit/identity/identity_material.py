"""Builders for tests of identity. Synthetic people only."""

import itertools
import uuid
from collections.abc import Sequence

from plexus.actors import Turn, run_turn
from plexus.api.canonical.v1.datatypes_pb2 import Authority, Identifier
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from services.identity.actors import Arrival, MasterIndex
from services.identity.domain import Index, Linker, Matching, Population

TENANT = "demo"
NORTH = ("NORTH", "2.999.1")
WEST = ("WEST", "")
Authoring = tuple[str, str]


class CountedIds:
    """Ids that tell in which order they were made."""

    def __init__(self, prefix: int = 0) -> None:
        self._numbers = itertools.count(1)
        self._prefix = prefix

    def message_id(self) -> str:
        return str(uuid.UUID(int=(self._prefix << 64) + next(self._numbers)))


_message_ids = CountedIds(0xFE)


def number(value: str, by: Authoring = NORTH, type_code: str = "MR") -> Identifier:
    """An identifier, by default a medical record number of North."""
    namespace, universal_id = by
    return Identifier(
        value=value,
        type_code=type_code,
        authority=Authority(namespace=namespace, universal_id=universal_id),
    )


def envelope_of(
    subject: Sequence[Identifier],
    prior: Sequence[Identifier] = (),
    *,
    tenant: str = TENANT,
    source: str = "adt-north",
    person: Person | None = None,
    trigger: str = "ADT^A08",
    kind: EventKind.ValueType = EventKind.EVENT_KIND_UNSPECIFIED,
) -> Envelope:
    """A canonical event about a person; with `prior` it is a merge, unless it is of another kind."""
    if not kind:
        kind = EventKind.EVENT_KIND_MERGE if prior else EventKind.EVENT_KIND_UPSERT
    event = CanonicalEvent(kind=kind, trigger=trigger, subject=subject, prior=prior)
    if person is not None:
        event.resources.add().person.CopyFrom(person)
    message_id = _message_ids.message_id()
    return Envelope(
        message_id=message_id,
        tenant=tenant,
        source=source,
        feed=source,
        key="0123456789abcdef",
        origin=1,
        attempt=1,
        kind=PayloadKind.PAYLOAD_KIND_CANONICAL,
        payload=event.SerializeToString(),
    )


def person_key(tenant: str, person_id: str) -> str:
    return f"{tenant}/{person_id}"


class Desk:
    """An index that starts empty, and the actor on it."""

    def __init__(self) -> None:
        self.index = Index({})
        self.population = Population({}, {}, (), {})
        linker = Linker({}, Matching())
        self.actor = MasterIndex(self.index, self.population, linker, CountedIds(), person_key)

    def take(self, envelope: Envelope) -> tuple[ResolvedEvent, Turn]:
        """One turn: what was emitted, and the turn itself."""
        turn = run_turn(self.actor, Arrival.read(envelope), envelope)
        ((_, emitted),) = turn.outputs
        return ResolvedEvent.FromString(emitted.payload), turn

    def person(self, *identifiers: Identifier, tenant: str = TENANT) -> str:
        """The person of an event with these identifiers."""
        return self.take(envelope_of(identifiers, tenant=tenant))[0].person_id
