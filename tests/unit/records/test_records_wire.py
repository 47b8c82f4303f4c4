"""Resources put together as bytes are what protobuf writes."""

from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Origin, Residue
from plexus.api.canonical.v1.resources_pb2 import Observation, Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition, RecordedResource
from services.records.domain import Golden
from services.records.domain.wire import recorded_field

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
