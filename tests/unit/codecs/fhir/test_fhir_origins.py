"""Devices, and who did what: as R4 has them, and the way back."""

import json
from typing import Any

import orjson

from plexus.api.canonical.v1.resources_pb2 import Device, Provenance, Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import bundle_bytes, render_resource
from plexus.codecs.fhir.reading import read_document
from tests.unit.codecs.fhir import fhir_material as material


def _rendered(resource: Resource) -> Any:
    text = orjson.dumps(render_resource(resource, "t", person_id="p"))
    material.assert_is_r4(material.read(text))
    return json.loads(text)


def _again(made: Any, key: str) -> Any:
    (entry,) = read_document(orjson.dumps(made)).entries
    entry.leave()
    assert [each.location.rpartition(".")[2] for each in entry.resource.residue] == ["id"]
    entry.resource.key = key
    return _rendered(entry.resource)


def test_a_device_is_read_as_it_was_rendered() -> None:
    made = _rendered(
        Resource(
            key="d",
            device=Device(
                name="Analyser", serial_number="7", lot_number="L", manufactured="2014-04-01",
                expiration="2022-07-12", device_identifier="0088", distinct_identifier="D",
            ),
        )
    )  # fmt: skip
    assert made["deviceName"] == [{"name": "Analyser", "type": "user-friendly-name"}]
    again = _again(made, "d")
    assert {k: v for k, v in again.items() if k != "identifier"} == {
        k: v for k, v in made.items() if k != "identifier"
    }


def test_what_somebody_did_has_an_agent_a_target_and_a_time_or_says_that_they_are_absent() -> None:
    made = _rendered(Resource(key="a", provenance=Provenance()))
    absent = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]  # fmt: skip
    assert made["target"] == [{"extension": absent}]
    assert made["agent"] == [{"who": {"extension": absent}}]
    assert made["_recorded"] == {"extension": absent}
    assert "identifier" not in made


def test_what_somebody_did_is_put_under_its_own_id_and_deleted_under_it() -> None:
    for deleted, method in ((False, "PUT"), (True, "DELETE")):
        event = ChangedEvent(person_id="p")
        event.person.resource.key = "p"
        event.person.resource.person.SetInParent()
        event.resources.add().resource.CopyFrom(
            Resource(key="a", provenance=Provenance(recorded="2024-01-01T00:00:00Z"), deleted=deleted)
        )  # fmt: skip
        entry = json.loads(bundle_bytes(event, tenant="t", message_id="m"))["entry"][-1]
        kind, _, own = entry["request"]["url"].partition("/")
        assert (entry["request"]["method"], kind) == (method, "Provenance")
        assert deleted or entry["resource"]["id"] == own
