"""An event as if a record held just this, to show it in a destination's dialect.

Nobody is asked who the person is: that is the business of identity, and of records what they know of
them already. Here a person is whoever the identifier names that orders the message.
"""

from collections.abc import Iterable

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition, RecordedResource
from plexus.ids import resource_id
from services.transform.domain.keys import identifier_parts, join

__all__ = ["PREVIEW", "as_recorded", "person_of"]

PREVIEW = "preview"
"""Tenant, source, message and person where nobody has said which."""


def as_recorded(event: CanonicalEvent, *, tenant: str) -> ChangedEvent:
    """The change of a record that begins with the event."""
    person_id = person_of(event.subject, tenant=tenant)
    changed = ChangedEvent(
        person_id=person_id, trigger=event.trigger, kind=event.kind, event_time=event.event_time
    )
    for resource in event.resources:
        recorded = RecordedResource(
            resource=resource, version=1, disposition=Disposition.DISPOSITION_CREATED
        )
        if resource.WhichOneof("content") == "person":
            changed.person.CopyFrom(recorded)
        else:
            changed.resources.append(recorded)
    if event.prior:
        changed.absorbed_person_ids.append(person_of(event.prior, tenant=tenant))
    return changed


def person_of(identifiers: Iterable[Identifier], *, tenant: str) -> str:
    """Id of the person whom the first identifier names: the same in each message that names it first."""
    for identifier in identifiers:
        return resource_id(tenant, "Person", join(*identifier_parts(identifier)))
    return PREVIEW
