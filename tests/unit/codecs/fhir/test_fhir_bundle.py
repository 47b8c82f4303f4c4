"""What a transaction says of a person's record: conditional updates, merges, deletions, links."""

from typing import Any

import pytest

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure, bundle_bytes, resource_lines
from plexus.errors import InvalidMessage
from plexus.ids import resource_id
from tests.unit.codecs.fhir import fhir_material as material


def _event() -> ChangedEvent:
    event = ChangedEvent(person_id="golden-1")
    person = event.person.resource
    person.key = "source person"
    person.person.names.add(family="Muster")
    person.person.identifiers.add(value="MRN1", type_code="MR").authority.namespace = "H"
    return event


def _add(event: ChangedEvent, key: str) -> Resource:
    resource = event.resources.add().resource
    resource.key = key
    return resource


def _bundle(event: ChangedEvent) -> Any:
    bundle = material.read(bundle_bytes(event, tenant="t", message_id="m-1"))
    material.assert_is_r4(bundle)
    return bundle


def test_the_bundle_is_named_by_the_message_and_the_patient_by_the_person() -> None:
    bundle = _bundle(_event())
    assert bundle["identifier"] == {"system": "urn:plexus:message", "value": "m-1"}
    (entry,) = bundle["entry"]
    assert entry["fullUrl"] == f"urn:uuid:{resource_id('t', 'Patient', 'golden-1')}"
    assert entry["request"] == {
        "method": "PUT",
        "url": "Patient?identifier=urn:plexus:person|golden-1",
    }
    assert entry["resource"]["identifier"][0] == {
        "system": "urn:plexus:person",
        "value": "golden-1",
    }
    assert entry["resource"]["identifier"][1]["value"] == "MRN1"


def test_a_person_whom_no_source_described_is_a_patient_with_an_identifier_only() -> None:
    (entry,) = _bundle(ChangedEvent(person_id="p"))["entry"]
    assert entry["resource"] == {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:plexus:person", "value": "p"}],
    }


def test_a_person_id_is_escaped_in_the_condition() -> None:
    (entry,) = _bundle(ChangedEvent(person_id="a|b,c&d"))["entry"]
    assert entry["request"]["url"] == "Patient?identifier=urn:plexus:person|a%7Cb%2Cc%26d"


def test_references_point_into_the_bundle_or_name_their_target() -> None:
    event = _event()
    observation = _add(event, "o").observation
    observation.encounter.type = "Encounter"
    observation.encounter.key = "e"
    observation.performers.add(type="Organization", key="lab", display="Lab")
    observation.performers.add(type="Location", key="room", display="Room 1")
    _add(event, "e").encounter.status = "in-progress"
    patient, observed, stay = _bundle(event)["entry"]
    made = observed["resource"]
    assert made["subject"] == {"reference": patient["fullUrl"]}
    assert made["encounter"] == {"reference": stay["fullUrl"]}
    assert made["performer"] == [
        {
            "type": "Organization",
            "identifier": {
                "system": "urn:plexus:resource",
                "value": resource_id("t", "Organization", "lab"),
            },
            "display": "Lab",
        },
        # R4 does not let a place perform an observation; its name is all that is said.
        {"display": "Room 1"},
    ]


def test_a_deleted_resource_is_deleted_by_condition_and_no_longer_pointed_at() -> None:
    event = _event()
    gone = _add(event, "e")
    gone.encounter.status = "finished"
    gone.deleted = True
    condition = _add(event, "c").condition
    condition.encounter.type = "Encounter"
    condition.encounter.key = "e"
    _, deletion, kept = _bundle(event)["entry"]
    stay = resource_id("t", "Encounter", "e")
    assert deletion == {
        "request": {"method": "DELETE", "url": f"Encounter?identifier=urn:plexus:resource|{stay}"}
    }
    assert kept["resource"]["encounter"]["identifier"]["value"] == stay
    assert Disclosure(event.SerializeToString(), tenant="t").resource_types == [
        "Patient",
        "Encounter",
        "Condition",
    ]


def test_a_merge_links_whom_the_survivor_took_over() -> None:
    event = _event()
    event.absorbed_person_ids.extend(["golden-2", "golden-2", "golden-1"])
    survivor, absorbed = _bundle(event)["entry"]
    assert "link" not in survivor["resource"]
    assert "active" not in survivor["resource"]
    assert absorbed["request"]["url"] == "Patient?identifier=urn:plexus:person|golden-2"
    assert absorbed["resource"] == {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:plexus:person", "value": "golden-2"}],
        "active": False,
        "link": [{"other": {"reference": survivor["fullUrl"]}, "type": "replaced-by"}],
    }


def test_linked_persons_are_named_and_stay_as_they_are() -> None:
    event = _event()
    event.linked_person_ids.extend(["golden-2", "golden-1"])
    (entry,) = _bundle(event)["entry"]
    other = {"type": "Patient", "identifier": {"system": "urn:plexus:person", "value": "golden-2"}}
    assert entry["resource"]["link"] == [{"other": other, "type": "seealso"}]
    assert "active" not in entry["resource"]
    assert bundle_bytes(event, tenant="t", message_id="m")


def test_a_deleted_person_stays_as_an_inactive_patient_without_demographics() -> None:
    event = _event()
    event.person.resource.deleted = True
    (entry,) = _bundle(event)["entry"]
    assert entry["request"]["method"] == "PUT"
    assert entry["resource"]["active"] is False
    assert "name" not in entry["resource"]


def test_how_a_source_knows_the_person_is_not_a_second_patient() -> None:
    event = _event()
    _add(event, "another source's person").person.names.add(family="Mustermann")
    relation = _add(event, "e").encounter.participants.add()
    relation.actor.type = "RelatedPerson"
    relation.actor.display = "Sister"
    assert Disclosure(event.SerializeToString(), tenant="t").resource_types == [
        "Patient",
        "Encounter",
    ]
    assert b"Mustermann" not in bundle_bytes(event, tenant="t", message_id="m")


def test_a_resource_that_is_named_twice_has_one_entry_with_its_last_state() -> None:
    event = _event()
    _add(event, "e").encounter.status = "planned"
    _add(event, "e").encounter.status = "finished"
    _, entry = _bundle(event)["entry"]
    assert entry["resource"]["status"] == "finished"


def test_lines_have_ids_and_point_at_each_other_by_type_and_id() -> None:
    event = _event()
    _add(event, "e").encounter.status = "finished"
    patient, stay = (material.read(line) for line in resource_lines(event, tenant="t"))
    assert patient["id"] == resource_id("t", "Patient", "golden-1")
    assert stay["subject"] == {"reference": f"Patient/{patient['id']}"}


@pytest.mark.parametrize("resource", [Resource(key="k"), Resource(deleted=True)])
def test_a_resource_without_content_or_key_is_refused(resource: Resource) -> None:
    event = _event()
    event.resources.add().resource.CopyFrom(resource)
    with pytest.raises(InvalidMessage, match="content and a key"):
        bundle_bytes(event, tenant="t", message_id="m")


def test_an_event_without_a_person_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="needs a person"):
        Disclosure(b"", tenant="t")


def test_a_room_points_at_its_ward_only_where_the_ward_is_in_the_same_bundle() -> None:
    without = _event()
    room = _add(without, "room").location
    room.name = "Room 1"
    room.part_of.type, room.part_of.key = "Location", "ward"
    together = ChangedEvent.FromString(without.SerializeToString())
    _add(together, "ward").location.name = "Ward 1"
    for _ in range(2):
        shown = _bundle(without)["entry"][1]["resource"]["partOf"]
        assert "reference" not in shown
        shown = _bundle(together)["entry"][1]["resource"]["partOf"]
        assert shown == {"reference": f"urn:uuid:{resource_id('t', 'Location', 'ward')}"}


def test_an_entry_rendered_before_points_where_this_output_leads() -> None:
    alone = _event()
    alone.person.resource.person.general_practitioners.add(type="Practitioner", key="physician")
    along = ChangedEvent.FromString(alone.SerializeToString())
    _add(along, "physician").practitioner.names.add(family="Inkblot")
    for event, is_literal in ((alone, False), (along, True), (alone, False), (along, True)):
        patient = _bundle(event)["entry"][0]["resource"]
        assert ("reference" in patient["generalPractitioner"][0]) is is_literal
