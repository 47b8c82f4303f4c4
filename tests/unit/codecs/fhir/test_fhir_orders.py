"""What R4 has no element for in orders, samples and notes: the extensions that say it, and the way back."""

import json
from typing import Any

import orjson

from plexus.api.canonical.v1.datatypes_pb2 import Annotation, Coding, Concept, Reference
from plexus.api.canonical.v1.resources_pb2 import Observation, Resource, ServiceRequest, Specimen
from plexus.codecs.fhir import render_resource
from plexus.codecs.fhir.reading import read_document
from tests.unit.codecs.fhir import fhir_material as material

_CORE = "http://hl7.org/fhir/StructureDefinition"


def _rendered(content: Any) -> Any:
    resource = Resource(key="k")
    names = {"ServiceRequest": "service_request"}
    kind = content.DESCRIPTOR.name
    getattr(resource, names.get(kind, kind.lower())).CopyFrom(content)
    text = orjson.dumps(render_resource(resource, "t", person_id="p"))
    material.assert_is_r4(material.read(text))
    (entry,) = read_document(text).entries
    entry.leave()
    entry.resource.key = "k"
    again = orjson.dumps(render_resource(entry.resource, "t", person_id="p"))
    made = json.loads(text)
    own = {"identifier", "subject"}
    assert {k: v for k, v in json.loads(again).items() if k not in own} == {
        k: v for k, v in made.items() if k not in own
    }
    return made


def _concept(words: str) -> Concept:
    return Concept(text=words)


def test_a_note_is_signed_by_whoever_the_record_knows() -> None:
    note = Annotation(
        text="Call", author="somebody", written_by=Reference(display="Nora Note"), kind=_concept("Remark")
    )  # fmt: skip
    (made,) = _rendered(ServiceRequest(notes=[note]))["note"]
    assert made == {
        "extension": [{"url": f"{_CORE}/annotationType", "valueCodeableConcept": {"text": "Remark"}}],
        "authorReference": {"display": "Nora Note"},
        "text": "Call",
    }  # fmt: skip


def test_what_was_done_with_an_order_is_a_business_event() -> None:
    event = Concept(codings=[Coding(code="NW")])
    (made,) = _rendered(ServiceRequest(event=event, event_time="2024-03-11"))["extension"]
    assert made == {
        "url": f"{_CORE}/businessEvent",
        "extension": [
            {"url": "value", "valueCodeableConcept": {"coding": [{"code": "NW"}]}},
            {"url": "date", "valueDateTime": "2024-03-11"},
        ],
    }


def test_who_performs_does_so_in_a_part_that_an_extension_says() -> None:
    who = Reference(display="Dora Direct", role=_concept("Director"))
    (made,) = _rendered(Observation(performers=[who]))["performer"]
    assert made["extension"][0] == {
        "url": f"{_CORE}/event-performerFunction",
        "valueCodeableConcept": {"text": "Director"},
    }


def test_a_sample_says_how_it_is_handled_what_it_is_for_and_why_it_was_refused() -> None:
    made = _rendered(
        Specimen(
            handling=[_concept("cold")], roles=[_concept("control")], reject_reasons=[_concept("clot")]
        )
    )  # fmt: skip
    assert [each["valueCodeableConcept"]["text"] for each in made["extension"]] == [
        "cold",
        "control",
        "clot",
    ]


def test_a_result_says_which_test_found_it_abnormal_and_how_it_belongs() -> None:
    made = _rendered(
        Observation(abnormal_kinds=[_concept("by age")], structure_type=_concept("asked"))
    )
    assert {each["url"].rsplit("/", 1)[1] for each in made["extension"]} == {
        "observation-nature-of-abnormal-test",
        "observation-structure-type",
    }
