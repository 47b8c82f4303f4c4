"""An event as if a record held just this, to show it in a destination's dialect.

Nobody is asked who the person is: that is the business of identity, and of records what they know of
them already. Here a person is whoever the identifier names that orders the message.
"""

from collections.abc import Iterable
from typing import Final

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition, RecordedResource
from plexus.ids import resource_id
from services.transform.domain.keys import identifier_parts, join
from services.transform.domain.wire import delimited, length_of, tag

__all__ = ["PREVIEW", "as_recorded", "person_of"]

PREVIEW = "preview"
"""Tenant, source, message and person where nobody has said which."""

_RESOURCE: Final = tag(RecordedResource.DESCRIPTOR.fields_by_name["resource"])
_NEW: Final = RecordedResource(
    version=1, disposition=Disposition.DISPOSITION_CREATED
).SerializeToString()
_PERSON: Final = tag(ChangedEvent.DESCRIPTOR.fields_by_name["person"])
_RESOURCES: Final = tag(ChangedEvent.DESCRIPTOR.fields_by_name["resources"])


def as_recorded(event: CanonicalEvent, *, tenant: str) -> bytes:
    """The change of a record that begins with the event: a `ChangedEvent`, serialized."""
    changed = ChangedEvent(
        person_id=person_of(event.subject, tenant=tenant),
        trigger=event.trigger,
        kind=event.kind,
        event_time=event.event_time,
    )
    if event.prior:
        other = person_of(event.prior, tenant=tenant)
        if event.kind == EventKind.EVENT_KIND_LINK:
            changed.linked_person_ids.append(other)
        elif event.moved:
            changed.moved_from_person_id = other
        elif event.kind != EventKind.EVENT_KIND_UNLINK:
            changed.absorbed_person_ids.append(other)
    person = b""
    said = [changed.SerializeToString()]
    # A resource goes over as it lies: taking it into a message of its own copies all of it twice.
    for resource in event.resources[:]:
        recorded = _RESOURCE + delimited(resource) + _NEW
        if resource.WhichOneof("content") == "person":
            person = _PERSON + length_of(recorded) + recorded
        else:
            said += (_RESOURCES, length_of(recorded), recorded)
    said.append(person)
    return b"".join(said)


def person_of(identifiers: Iterable[Identifier], *, tenant: str) -> str:
    """Id of the person whom the first identifier names: the same in each message that names it first."""
    for identifier in identifiers:
        return resource_id(tenant, "Person", join(*identifier_parts(identifier)))
    return PREVIEW
