"""How often and when: what R4's Timing can hold of a schedule, what it says otherwise, and the way back."""

import json
from typing import Any

import orjson
import pytest

from plexus.api.canonical.v1.datatypes_pb2 import Quantity
from plexus.api.canonical.v1.resources_pb2 import Resource, ServiceRequest
from plexus.codecs.fhir import render_resource
from plexus.codecs.fhir.reading import read_document
from tests.unit.codecs.fhir import fhir_material as material


def _order(**values: Any) -> Resource:
    resource = Resource(key="o")
    resource.service_request.CopyFrom(ServiceRequest(**values))
    return resource


def _timing(**values: Any) -> Any:
    text = orjson.dumps(render_resource(_order(**values), "t", person_id="p"))
    material.assert_is_r4(material.read(text))
    return json.loads(text).get("occurrenceTiming", {})


@pytest.mark.parametrize(
    ("schedule", "repeat"),
    [
        ({"period": {"value": "12", "code": "h"}}, {"period": 12, "periodUnit": "h"}),
        ({"period": {"value": "12", "code": "mg"}}, None),
        ({"duration": {"value": "-2", "code": "min"}}, None),
        ({"when": "PC", "offset": {"value": "120", "code": "s"}}, {"when": ["PC"], "offset": 2}),
        ({"when": "PC", "offset": {"value": "30", "code": "s"}}, {"when": ["PC"]}),
        ({"when": "C", "offset": {"value": "5", "code": "min"}}, {"when": ["C"]}),
        ({"offset": {"value": "5", "code": "min"}}, None),
        ({"times": ["11:30"], "days": ["mon", "noday"]}, {"timeOfDay": ["11:30:00"], "dayOfWeek": ["mon"]}),
        ({"count": 3}, {"count": 3}),
        (
            {"length": {"value": "2", "unit": "Days", "code": "d"}},
            {"boundsDuration": {"value": 2, "unit": "Days", "code": "d", "system": "http://unitsofmeasure.org"}},
        ),
    ],
)  # fmt: skip
def test_a_schedule_is_said_as_far_as_r4_permits(schedule: Any, repeat: Any) -> None:
    assert _timing(schedule=schedule).get("repeat") == repeat


def test_a_start_and_a_length_make_an_end() -> None:
    began = {"start": "2024-01-02T10:00:00Z"}
    made = _timing(schedule={"length": Quantity(value="2", code="h")}, occurrence=began)
    assert made["repeat"]["boundsPeriod"] == {**began, "end": "2024-01-02T12:00:00Z"}


def test_times_beside_an_event_are_said_in_words() -> None:
    made = _timing(schedule={"when": "AC", "times": ["07:00:00"], "code": {"text": "Twice"}})
    assert made == {"repeat": {"when": ["AC"]}, "code": {"text": "Twice; 07:00:00"}}


def test_a_timing_that_was_read_is_rendered_as_it_was() -> None:
    timing = {
        "repeat": {
            "boundsPeriod": {"start": "2024-01-02"}, "count": 3, "duration": 5, "durationUnit": "min",
            "period": 12, "periodUnit": "h", "dayOfWeek": ["mon"], "when": ["PC"], "offset": 2,
        },
        "code": {"coding": [{"code": "BID"}], "text": "Twice"},
    }  # fmt: skip
    order = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    (entry,) = read_document(json.dumps({**order, "occurrenceTiming": timing}).encode()).entries
    entry.leave()
    entry.resource.key = "o"
    assert not [each for each in entry.resource.residue if "Timing" in each.location]
    made = json.loads(orjson.dumps(render_resource(entry.resource, "t", person_id="p")))
    assert made["occurrenceTiming"] == timing
