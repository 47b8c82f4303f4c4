"""Reading events shallowly: the same wire format, and refusal of what is none. Not what is rendered."""

from typing import Any

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
            _assert_says_the_same(ShallowObservation.FromString(content), whole)


def _assert_says_the_same(shallow: Any, whole: Observation) -> None:
    """All but whether an empty part is there, which no renderer asks."""
    for field in Observation.DESCRIPTOR.fields:
        read, part = getattr(shallow, field.name), getattr(whole, field.name)
        if isinstance(read, bytes):
            assert type(part).FromString(read) == part
        elif field.message_type is not None and isinstance(next(iter(read), None), bytes):
            assert [
                type(each).FromString(one) for one, each in zip(read, part, strict=True)
            ] == list(part)
        else:
            assert str(read) == str(part)


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
