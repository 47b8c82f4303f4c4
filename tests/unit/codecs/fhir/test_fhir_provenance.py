"""Who is told which message said what, and what no resource holds."""

import datetime
import json

import pytest

from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure, Sender
from plexus.codecs.fhir.judge import judge

_AT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def _event() -> ChangedEvent:
    event = ChangedEvent(person_id="p1", trigger="ADT^A01", event_time="2026-01-02T04:00:00+01:00")
    event.person.resource.key = "Person|H|1"
    event.person.resource.person.names.add(family="Doe")
    resource = event.resources.add().resource
    resource.key = "Encounter|H|V1"
    resource.encounter.status = "finished"
    event.residue.add(location="ZPI[1]-2[1].1.1", value="blue")
    return event


def _disclosed(event: ChangedEvent, *, tells_residue: bool) -> dict[str, object]:
    disclosure = Disclosure(event.SerializeToString(), tenant="t")
    sender = Sender("north", _AT, tells_residue)
    made = json.loads(disclosure.bundle_bytes(message_id="m1", sender=sender))
    assert judge(made) == []
    return made["entry"][-1]  # type: ignore[no-any-return]


def test_a_provenance_names_message_feed_event_and_all_that_it_is_about() -> None:
    entry = _disclosed(_event(), tells_residue=False)
    made = entry["resource"]
    assert isinstance(made, dict)
    assert made["resourceType"] == "Provenance"
    assert "extension" not in made
    assert (made["recorded"], made["occurredDateTime"]) == (
        "2026-01-02T03:04:05.000+00:00",
        "2026-01-02T04:00:00+01:00",
    )
    assert made["activity"]["coding"][0]["code"] == "A01"
    assert made["agent"][0]["who"]["identifier"]["value"] == "north"
    assert made["entity"][0]["what"]["identifier"]["value"] == "m1"
    assert len(made["target"]) == 2
    assert entry["request"] == {"method": "PUT", "url": f"Provenance/{made['id']}"}


def test_the_residue_is_told_with_its_places_to_whom_it_is_to_be_told() -> None:
    made = _disclosed(_event(), tells_residue=True)["resource"]
    assert isinstance(made, dict)
    (told,) = made["extension"]
    assert [each["valueString"] for each in told["extension"]] == ["ZPI[1]-2[1].1.1", "blue"]


@pytest.mark.parametrize("tells_residue", [True, False])
def test_the_same_message_has_the_same_provenance(tells_residue: bool) -> None:
    assert _disclosed(_event(), tells_residue=tells_residue) == _disclosed(
        _event(), tells_residue=tells_residue
    )


def test_lines_have_it_too_and_nobody_who_is_not_told_has_any() -> None:
    disclosure = Disclosure(_event().SerializeToString(), tenant="t")
    lines = disclosure.lines(message_id="m1", sender=Sender("north", _AT, True))
    made = json.loads(lines[-1])
    assert made["resourceType"] == "Provenance"
    assert {each["reference"].partition("/")[0] for each in made["target"]} == {
        "Patient",
        "Encounter",
    }
    assert len(disclosure.lines()) == len(lines) - 1


def test_what_is_deleted_is_no_target() -> None:
    event = _event()
    event.resources[0].resource.deleted = True
    made = _disclosed(event, tells_residue=False)["resource"]
    assert isinstance(made, dict)
    assert len(made["target"]) == 1
