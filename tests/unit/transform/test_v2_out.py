"""Canonical events written as HL7 v2 and read again by the maps: the same resources.

In scope: the round trip over our feeds, and appointments, documents and merges made here. Escapes and
the header are in tests/unit/codecs/hl7v2/test_rendering.py. What is not covered is told by docs/v2-out.md.
"""

import collections
import pathlib
from collections.abc import Iterator

import pytest
from google.protobuf.message import Message

from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_MOVE, CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2.rendering import render_v2
from plexus.errors import InvalidMessage
from services.transform.domain import Maps, SourceContext, convert
from tests.unit.transform.messages import PID, message

_FEEDS = pathlib.Path(__file__).parents[2] / "data" / "feeds"
_CONTEXT = SourceContext("t", "s", "m", time_zone="Europe/Berlin")
# ARV; facts, which have many places; and that a value is deleted, which v2 says by "".
_NOT_WRITTEN = (".person.restrictions", ".person.facts", ".cleared")
_LEAST_THE_SAME = 0.97


def _of_feeds(maps: Maps) -> Iterator[tuple[str, CanonicalEvent]]:
    for file in sorted(_FEEDS.glob("*/*.hl7")):
        try:
            event = convert(maps, file.read_bytes(), _CONTEXT)
        except InvalidMessage:
            continue
        is_written = event.kind != EVENT_KIND_MOVE and not any(
            each.HasField("person") and each.deleted for each in event.resources
        )
        if event.subject and is_written and event.trigger.startswith(("ADT", "ORU")):
            yield file.name, event


@pytest.mark.parametrize("name", ["064-number-moved-cornelius.hl7", "066-deleted-penelope.hl7"])
def test_what_no_message_says_is_refused_and_not_written_as_something_else(
    maps: Maps, name: str
) -> None:
    event = convert(maps, (_FEEDS / "adt-north" / name).read_bytes(), _CONTEXT)
    with pytest.raises(InvalidMessage, match="not written as HL7 v2"):
        render_v2(event)


def _by_key(event: CanonicalEvent) -> dict[str, Resource]:
    made = {}
    for resource in event.resources:
        resource.ClearField("origin")
        kind = str(resource.WhichOneof("content"))
        if "facts" in getattr(resource, kind).DESCRIPTOR.fields_by_name:
            getattr(resource, kind).ClearField("facts")  # they are not written
        made[resource.key] = resource
    return made


def _leaves(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        for each in value if field.is_repeated else (value,):
            if field.message_type is not None:
                yield from _leaves(each, f"{path}.{field.name}")
            else:
                yield f"{path}.{field.name}", str(each)


def test_what_is_written_of_our_feeds_is_read_as_the_same_resources(maps: Maps) -> None:
    same = count = 0
    lost: collections.Counter[str] = collections.Counter()
    for name, event in _of_feeds(maps):
        written = convert(maps, render_v2(event), _CONTEXT)
        assert written.event_time == event.event_time, name
        assert written.subject[0] == event.subject[0], name
        assert list(written.prior) == list(event.prior), name
        back = _by_key(written)
        for key, resource in _by_key(event).items():
            kind = str(resource.WhichOneof("content"))
            count += 1
            same += back.get(key) == resource
            found = collections.Counter(_leaves(back.get(key, Resource())))
            if kind in {"person", "diagnostic_report"}:
                missing = collections.Counter(_leaves(resource)) - found
                lost.update(place for place, _ in missing)
    assert count > 1000
    assert same / count > _LEAST_THE_SAME
    assert not [place for place in lost if not place.startswith(_NOT_WRITTEN)]


def test_the_same_event_gives_the_same_bytes_and_another_one_another_control_id(maps: Maps) -> None:
    control_ids = set()
    contents = set()
    for _, event in _of_feeds(maps):
        written = render_v2(event)
        assert render_v2(CanonicalEvent.FromString(event.SerializeToString())) == written
        control_ids.add(written.split(b"|")[9])
        contents.add(written)
    assert len(control_ids) == len(contents)


def _again(maps: Maps, content: bytes) -> tuple[dict[str, Resource], dict[str, Resource]]:
    event = convert(maps, content, _CONTEXT)
    return _by_key(event), _by_key(convert(maps, render_v2(event), _CONTEXT))


def test_an_appointment_is_written_with_time_reason_and_people(maps: Maps) -> None:
    scheduled = message(
        "SIU^S12",
        "SCH|P1^NORTH|F1^NORTH||||ROUTINE^Routine^L|CHECKUP^Check-up^L|NORMAL^Normal^HL70276|30|min|"
        "^^^20260701090000+0200^20260701093000+0200|||||9001^Inkblot^Iris|||||||||Booked",
        PID,
    )
    before, after = _again(maps, scheduled)
    key = next(key for key in before if key.startswith("Appointment"))
    assert before[key].appointment.period == after[key].appointment.period
    assert before[key].appointment.identifiers == after[key].appointment.identifiers
    assert before[key].appointment.participants == after[key].appointment.participants
    assert before[key].appointment.status == after[key].appointment.status == "booked"


def test_a_document_is_written_with_its_text(maps: Maps) -> None:
    note = message(
        "MDM^T02",
        "EVN|T02|20260701090000+0200",
        PID,
        "PV1|1|I",
        "TXA|1|DS^Discharge summary^L|TX||||||9001^Inkblot^Iris|||D77^NORTH|||||LA||AV",
        "OBX|1|TX|DS^Discharge summary^L||Went home \\T\\ is well||||||F",
    )
    before, after = _again(maps, note)
    key = next(key for key in before if key.startswith("DocumentReference"))
    one, other = before[key].document_reference, after[key].document_reference
    assert one.text == other.text == "Went home & is well"
    assert (one.identifiers, one.type, one.authors) == (
        other.identifiers,
        other.type,
        other.authors,
    )
    assert one.doc_status == other.doc_status
