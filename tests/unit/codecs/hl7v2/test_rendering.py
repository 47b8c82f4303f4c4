"""The header and the fields of written HL7 v2 messages, read with our own reader.

In scope: escapes, character sets, triggers, refusals. The round trip by the maps is in
tests/unit/transform/test_v2_out.py.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.event_pb2 import (
    EVENT_KIND_MERGE,
    EVENT_KIND_UPSERT,
    SEVERITY_ERROR,
    CanonicalEvent,
)
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import Message, read
from plexus.codecs.hl7v2.rendering import Header, render_v2, trigger_of
from plexus.errors import ConfigurationError, InvalidMessage
from tests.unit.codecs.fhir import fhir_material as material

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\x7f"),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip() == text and text != '""')


def _event(trigger: str = "ADT^A08", family: str = "Tansy") -> CanonicalEvent:
    event = CanonicalEvent(
        kind=EVENT_KIND_UPSERT, trigger=trigger, event_time="2026-02-03T04:05:06.120-05:00"
    )
    event.subject.add(value="4711").authority.namespace = "NORTH"
    person = event.resources.add(key="Person|NORTH|4711").person
    person.identifiers.add(value="4711").authority.namespace = "NORTH"
    person.names.add(family=family)
    return event


def _read(event: CanonicalEvent, header: Header | None = None) -> Message:
    return read(render_v2(event, header or Header()))


@given(_TEXT)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    patient = _read(_event(family=text)).first("PID")
    assert patient is not None
    assert patient.get(5) == text


@given(st.lists(material.resources, max_size=4))
def test_any_event_is_written_and_can_be_read(resources: list[Resource]) -> None:
    event = _event("Bundle/transaction")
    event.resources.extend(resources)
    message = _read(event)
    assert not [each for each in message.issues if each.severity == SEVERITY_ERROR]
    assert message.first("PID") is not None


def test_the_header_says_who_sends_what_when_and_in_which_characters() -> None:
    header = Header(
        sending=("PLEXUS", "MESH"), receiving=("LAB|1", "WEST"), charset="8859/1", processing_id="T"
    )
    written = render_v2(_event(family="Tänzer"), header)
    message = read(written)
    msh = message.msh
    assert [msh.get(n) for n in (3, 4, 5, 6)] == ["PLEXUS", "MESH", "LAB|1", "WEST"]
    assert msh.get(7) == "20260203040506.120-0500"
    assert (message.type, msh.get(9, 3)) == ("ADT^A08", "ADT_A01")
    assert len(message.control_id) == 20
    assert [msh.get(n) for n in (11, 12, 18)] == ["T", "2.5.1", "8859/1"]
    assert "Tänzer".encode("latin-1") in written


def test_what_the_character_set_lacks_is_a_question_mark() -> None:
    assert b"Ta?zer" in render_v2(_event(family="Taλzer"), Header(charset="8859/1"))


def test_an_unknown_character_set_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError):
        render_v2(_event(), Header(charset="runes"))


def test_an_event_without_a_person_is_refused() -> None:
    with pytest.raises(InvalidMessage):
        render_v2(CanonicalEvent(trigger="ADT^A08"))


def test_a_merge_names_who_goes_under() -> None:
    event = _event("Bundle/transaction")
    event.kind = EVENT_KIND_MERGE
    event.prior.add(value="0815").authority.namespace = "NORTH"
    message = _read(event)
    assert message.type == "ADT^A40"
    going = message.first("MRG")
    assert going is not None
    assert (going.get(1), going.get(1, 4)) == ("0815", "NORTH")


def test_other_events_are_written_as_what_they_hold() -> None:
    assert trigger_of(_event("Bundle/transaction")) == "ADT^A08"
    reported = _event("Bundle/transaction")
    reported.resources.add(key="r").diagnostic_report.status = "final"
    assert trigger_of(reported) == "ORU^R01"
    cancelled = _event("SIU^S17")
    cancelled.resources.add(key="a").appointment.status = "cancelled"
    assert trigger_of(cancelled) == "SIU^S15"
