"""What consent looks at in an output, and an output without what it withholds."""

import datetime

from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure, Sender
from plexus.codecs.fhir.attributes import attributes_of
from plexus.ids import resource_id


def _event() -> ChangedEvent:
    event = ChangedEvent(person_id="golden")
    event.person.resource.person.names.add(family="Fennel")
    stay = event.resources.add().resource
    stay.key = "e"
    stay.encounter.status = "in-progress"
    result = event.resources.add().resource
    result.key = "o"
    result.observation.encounter.type = "Encounter"
    result.observation.encounter.key = "e"
    return event


def _entries(disclosure: Disclosure) -> list[dict]:  # type: ignore[type-arg]
    return disclosure.bundle(message_id="m")["entry"]  # type: ignore[return-value]


def test_what_is_withheld_is_not_told_and_pointed_at_by_its_name_only() -> None:
    whole = Disclosure(_event().SerializeToString(), tenant="t")
    assert [each.resource_type for each in whole.attributes()] == [
        "Patient",
        "Encounter",
        "Observation",
    ]
    partial = whole.without([1])
    assert partial.resource_types == ["Patient", "Observation"]
    assert (partial.withheld, whole.withheld) == (1, 0)
    _, observed = _entries(partial)
    assert observed["resource"]["encounter"] == {
        "type": "Encounter",
        "identifier": {
            "system": "urn:plexus:resource",
            "value": resource_id("t", "Encounter", "e"),
        },
    }
    assert len(_entries(whole)) == 3


def test_without_the_patient_the_rest_names_them() -> None:
    partial = Disclosure(_event().SerializeToString(), tenant="t").without([0])
    assert partial.resource_types == ["Encounter", "Observation"]
    for each in _entries(partial):
        assert each["resource"]["subject"]["identifier"] == {
            "system": "urn:plexus:person",
            "value": "golden",
        }


def test_a_deletion_is_told_whatever_is_withheld() -> None:
    event = _event()
    event.resources[0].resource.deleted = True
    whole = Disclosure(event.SerializeToString(), tenant="t")
    assert [each.resource_type for each in whole.attributes()] == ["Patient", "Observation"]
    partial = whole.without([1])
    assert [each["request"]["method"] for each in _entries(partial)] == ["PUT", "DELETE"]


def test_a_provenance_of_less_than_all_tells_no_residue() -> None:
    event = _event()
    event.residue.add(location="ZZZ-1", value="untaken")
    whole = Disclosure(event.SerializeToString(), tenant="t")
    sender = Sender("ward", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), tells_residue=True)
    assert b"untaken" in whole.bundle_bytes(message_id="m", sender=sender)
    told = whole.without([1]).bundle_bytes(message_id="m", sender=sender)
    assert b"untaken" not in told
    assert b"Provenance" in told


def test_labels_codings_and_the_time_of_the_act_are_found_wherever_they_stand() -> None:
    found = attributes_of(
        {
            "resourceType": "Observation",
            "meta": {"security": [{"system": "urn:l", "code": "R"}]},
            "code": {"coding": [{"system": "urn:a", "code": "1"}]},
            "component": [{"code": {"coding": [{"system": "urn:a", "code": "2"}]}}],
            "effectivePeriod": {"start": "2024-01", "end": "2024-02"},
            "issued": "2024-03-01T00:00:00Z",
        }
    )
    assert found == ("Observation", ["urn:l|R"], ["urn:a|1", "urn:a|2"], "2024-01", [])


def test_what_a_report_is_put_together_of_is_told_by_its_place() -> None:
    report: dict[str, object] = {
        "resourceType": "DiagnosticReport",
        "subject": {"reference": "urn:uuid:p"},
        "result": [{"reference": "urn:uuid:b"}, {"reference": "urn:uuid:a"}, {"display": "c"}],
    }
    places = {"urn:uuid:p": 0, "urn:uuid:a": 1, "urn:uuid:b": 2}
    assert attributes_of(report, places).holds == [2, 1]
    assert not attributes_of(report).holds
