"""An event as if a record held just this, to show it in a destination's dialect.

Nobody is asked for who the person is: that is the business of identity, and of records what they know
of them already.
"""

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition, RecordedResource

__all__ = ["PREVIEW", "as_recorded"]

PREVIEW = "preview"
"""Id of the person and of the message where nobody has given one."""


def as_recorded(event: CanonicalEvent) -> ChangedEvent:
    """The change of a record that begins with the event."""
    changed = ChangedEvent(
        person_id=PREVIEW, trigger=event.trigger, kind=event.kind, event_time=event.event_time
    )
    for resource in event.resources:
        recorded = RecordedResource(
            resource=resource, version=1, disposition=Disposition.DISPOSITION_CREATED
        )
        if resource.WhichOneof("content") == "person":
            changed.person.CopyFrom(recorded)
        else:
            changed.resources.append(recorded)
    return changed
