"""Resources put together as bytes are what protobuf writes, and taken apart what it reads."""

from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import HumanName, Origin, Residue
from plexus.api.canonical.v1.resources_pb2 import (
    CarePlan,
    Name,
    Observation,
    Person,
    Resource,
    Specimen,
)
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition, RecordedResource
from services.records.domain import Golden, type_of
from services.records.domain.wire import recorded_field, taken_apart

_TEXTS = st.text(max_size=20)
# On both sides of where a length takes another byte.
_KEYS = st.one_of(_TEXTS, st.sampled_from([126, 127, 128, 129, 16_383, 16_384]).map("k".__mul__))
_RESOURCES = st.builds(
    Resource,
    key=_KEYS,
    deleted=st.booleans(),
    residue=st.lists(st.builds(Residue, value=_TEXTS), max_size=2),
    observation=st.builds(Observation, status=_KEYS),
)


@given(
    _RESOURCES,
    st.tuples(_TEXTS, _TEXTS, _TEXTS),
    st.integers(1, 2**40),
    st.sampled_from(Disposition.values()[1:]),
)
def test_what_is_recorded_is_written_as_protobuf_writes_it(
    resource: Resource,
    origin: tuple[str, str, str],
    number: int,
    disposition: Disposition.ValueType,
) -> None:
    written = recorded_field(6, resource.SerializeToString(), origin, (number, disposition))
    source, message_id, time = origin
    resource.origin.CopyFrom(Origin(source=source, message_id=message_id, time=time))
    recorded = RecordedResource(resource=resource, version=number, disposition=disposition)
    assert written == ChangedEvent(resources=[recorded]).SerializeToString()


_EVENTS_OWN = st.builds(
    Resource,
    key=_KEYS,
    origin=st.none() | st.builds(Origin, source=_KEYS, message_id=_TEXTS, time=_TEXTS),
    residue=st.lists(st.builds(Residue, value=_TEXTS), max_size=1),
    deleted=st.booleans(),
    names=st.lists(st.builds(Name, key=_KEYS, precedence=st.integers(0, 3)), max_size=3),
    cleared=st.lists(_TEXTS, max_size=1),
)
_CONTENT = st.sampled_from([
    ("person", Person(names=[HumanName(family="Quill")])),
    ("observation", Observation(status="final")),
    ("specimen", Specimen()),
    ("care_plan", CarePlan(status="active")),
])  # fmt: skip


@given(_EVENTS_OWN, _CONTENT)
def test_parts_of_a_resource_are_what_protobuf_reads(
    resource: Resource, content: tuple[str, Message]
) -> None:
    """It has none where it is unusual; such a one is read by protobuf itself."""
    getattr(resource, content[0]).CopyFrom(content[1])
    parts = taken_apart(resource.SerializeToString())
    has_more = resource.residue or resource.deleted or resource.cleared
    sizes = [resource.origin.ByteSize(), *(each.ByteSize() for each in resource.names)]
    is_short = 0 < len(resource.key.encode()) < 128 and max(sizes) < 128
    assert (parts is not None) == (is_short and not has_more)
    if parts is None:
        return
    key, origin, names, kind, rest = parts
    assert (key, kind) == (resource.key, type_of(resource))
    assert origin == resource.origin.SerializeToString()
    assert [*names] == [each.SerializeToString() for each in resource.names]
    resource.ClearField("origin")
    resource.ClearField("names")
    assert rest == resource.SerializeToString()


@given(st.binary(max_size=40))
def test_what_is_no_resource_has_no_parts_or_fails_in_protobuf(garbage: bytes) -> None:
    try:
        resource = Resource.FromString(garbage)
    except DecodeError:
        return
    parts = taken_apart(garbage)
    if parts is not None and resource.SerializeToString() == garbage:
        assert (parts[0], parts[3]) == (resource.key, type_of(resource))


@given(_RESOURCES, _TEXTS, _TEXTS, _TEXTS)
def test_a_golden_person_comes_back_as_it_was_stored(
    resource: Resource, source: str, message_id: str, time: str
) -> None:
    golden = Golden(resource.SerializeToString(), source, message_id, time)
    assert Golden.read(golden.resource) == golden


def test_no_part_of_a_resource_is_a_map_so_equal_ones_have_equal_bytes() -> None:
    """The only thing whose order protobuf leaves open; https://protobuf.dev/programming-guides/encoding/."""
    seen: set[str] = set()
    waiting = [Resource.DESCRIPTOR]
    while waiting:
        described = waiting.pop()
        seen.add(described.full_name)
        assert not described.GetOptions().map_entry
        inner = [field.message_type for field in described.fields if field.message_type]
        waiting.extend(each for each in inner if each.full_name not in seen)
    assert len(seen) > 20
