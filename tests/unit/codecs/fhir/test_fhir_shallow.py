"""Reading events shallowly: the same wire format, and refusal of what is none. Not what is rendered."""

import pytest
from hypothesis import given, settings

from plexus.api.canonical.v1.resources_pb2 import Observation, Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure
from plexus.codecs.fhir.shallow import ShallowEvent, ShallowObservation
from plexus.errors import InvalidMessage
from tests.unit.codecs.fhir import fhir_material as material

_EXAMPLES = settings(max_examples=60, deadline=None)


@_EXAMPLES
@given(material.events)
def test_a_shallow_event_says_what_the_whole_one_says(event: ChangedEvent) -> None:
    # The order of fields on the wire is the serialiser's own affair; contents are kept byte for byte.
    shallow = ShallowEvent.FromString(event.SerializeToString())
    assert ChangedEvent.FromString(shallow.SerializeToString()) == event
    for recorded, read in zip(event.resources, shallow.resources, strict=True):
        kind = str(recorded.resource.WhichOneof("content"))
        assert read.resource.WhichOneof("content") == kind
        whole = getattr(recorded.resource, kind)
        content = getattr(read.resource, kind)
        assert type(whole).FromString(content) == whole
        if kind == "observation":
            again = ShallowObservation.FromString(content).SerializeToString()
            assert Observation.FromString(again) == recorded.resource.observation


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="unreadable"):
        Disclosure(b"\xff", tenant="t")


@pytest.mark.parametrize("kind", ["encounter", "observation", "specimen"])
def test_a_content_that_cannot_be_read_is_refused_when_it_is_rendered(kind: str) -> None:
    field = Resource.DESCRIPTOR.fields_by_name[kind]
    event = ShallowEvent(person_id="p")
    event.resources.add().resource.key = "k"
    setattr(event.resources[0].resource, field.name, b"\xff")
    disclosure = Disclosure(event.SerializeToString(), tenant="t")
    with pytest.raises(InvalidMessage, match="unreadable"):
        disclosure.bundle_bytes(message_id="m")
