"""The bytes that are hashed of an event: one form, told by one line of JSON."""

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from services.audit.domain.leaves import decode_leaf, encode_leaf, leaf_of

_texts = st.text(max_size=20)
events = st.builds(
    AuditEvent,
    event_id=_texts,
    tenant=_texts,
    type=_texts,
    agent=_texts,
    person_id=_texts,
    message_id=_texts,
    query=_texts,
    at=st.builds(
        Timestamp,
        seconds=st.integers(0, 253402300799),
        nanos=st.integers(0, 999_999_999),
    ),
    resource_counts=st.dictionaries(_texts, st.integers(0, 2**32 - 1), max_size=4),
)


def test_the_form_is_what_the_documentation_says() -> None:
    event = AuditEvent(
        event_id="e",
        tenant="n\u00f6rd",
        type="disclosure",
        at=Timestamp(seconds=1767225600, nanos=5000),
        resource_counts={"Patient": 1, "Observation": 8},
    )
    assert (
        encode_leaf(event)
        == (
            '{"at":"2026-01-01T00:00:00.000005000Z","event_id":"e",'
            '"resource_counts":{"Observation":8,"Patient":1},"tenant":"n\u00f6rd","type":"disclosure","v":1}'
        ).encode()
    )


@given(events)
def test_an_event_is_read_as_it_was_written_and_lies_on_one_line(event: AuditEvent) -> None:
    leaf = encode_leaf(event)
    assert b"\n" not in leaf
    assert decode_leaf(leaf) == event
    assert encode_leaf(decode_leaf(leaf)) == leaf
    # Any JSON library that sorts makes the same bytes of it: an auditor needs none of ours.
    again = json.dumps(json.loads(leaf), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(again) == json.loads(leaf)


@given(events)
def test_rows_of_an_earlier_release_have_the_same_leaf(event: AuditEvent) -> None:
    row = event.SerializeToString(deterministic=True)
    assert leaf_of(row) == leaf_of(encode_leaf(event)) == encode_leaf(event)
    assert decode_leaf(row) == event


def test_fields_that_this_release_does_not_know_are_kept() -> None:
    newer = AuditEvent(event_id="e").SerializeToString() + b"\xa2\x3e\x01x"  # field 1004
    event = AuditEvent.FromString(newer)
    assert decode_leaf(encode_leaf(event)).SerializeToString() == newer
    assert leaf_of(newer) == encode_leaf(event)


def test_members_that_this_release_does_not_know_are_let_be() -> None:
    assert decode_leaf(b'{"event_id":"e","new":[1],"v":1}') == AuditEvent(event_id="e")


@pytest.mark.parametrize(
    "stored", [b"{", b"{]", b'{"event_id":7}', b'{"at":7}', b'{"wire":"////"}', b"\xff\xff"]
)
def test_what_is_no_event_is_refused_and_still_has_a_leaf(stored: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_leaf(stored)
    assert leaf_of(stored) == stored
