"""What one record hands to another, for a visit that moves and for a merge that is taken back alike."""

from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.resources_pb2 import Person, Resource
from services.records.domain.moving import packed, read_moved
from services.records.domain.versions import Slot, Version

_NUMBERS = st.integers(0, 2**20)


@given(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, st.binary(max_size=20))
def test_a_version_that_is_handed_over_is_unpacked_as_it_was(
    receipt: int, attempt: int, part: int, number: int, milestones: bytes
) -> None:
    content = Resource(key="k", person=Person(gender="female")).SerializeToString()
    said = "his", "2026-06-01", "m1"
    version = Version(content, *said, receipt, attempt, part, number, milestones)
    slot = Slot("Person", "k", "his")
    assert read_moved(packed(slot, version)) == (slot, version)
