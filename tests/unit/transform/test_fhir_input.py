"""FHIR messages converted into canonical events: keys, references, subjects, and nothing lost.

In scope: the event as a whole. How single members are read is in
tests/unit/codecs/fhir/test_fhir_reading.py.
"""

import base64
import collections
import json
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_MERGE, CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import bundle_bytes, render_resource
from plexus.codecs.fhir.people import BIRTH_TIME_URL
from plexus.codecs.fhir.reading import read_document
from plexus.codecs.fhir.reading.datatypes import DATATYPES
from plexus.codecs.fhir.reading.tables import TABLES
from plexus.errors import InvalidMessage, Reason
from services.transform.domain import Maps, SourceContext, convert, convert_fhir

_FEEDS = pathlib.Path(__file__).parents[2] / "data" / "feeds"
_SHARED = pathlib.Path(
    os.environ.get("PLEXUS_SHARED", pathlib.Path(__file__).parents[4] / "shared")
)
_GOLDENS = _SHARED / "corpus" / "golden"
_CONTEXT = SourceContext(tenant="t", source="ward", message_id="m", default_authority="NORTH")
_MRN = {"system": "urn:oid:2.999.1", "value": "4711"}
_PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p", "identifier": [_MRN]}


def _event(*entries: dict[str, Any], **more: Any) -> CanonicalEvent:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries, **more}
    return convert_fhir(json.dumps(bundle).encode(), _CONTEXT)


def _of_feeds(maps: Maps) -> Iterator[tuple[str, CanonicalEvent]]:
    for file in sorted(_FEEDS.glob("*/*.hl7")):
        context = SourceContext("t", file.parent.name, "m", time_zone="Europe/Berlin")
        try:
            yield file.name, convert(maps, file.read_bytes(), context)
        except InvalidMessage:
            continue


def test_whatever_our_maps_make_is_read_back_as_it_was_rendered(maps: Maps) -> None:
    kinds = set()
    for name, event in _of_feeds(maps):
        for resource in event.resources:
            rendered = orjson.dumps(render_resource(resource, "t", person_id="p"))
            (entry,) = read_document(rendered).entries
            entry.resource.key = resource.key  # a mesh gives its own
            assert orjson.dumps(render_resource(entry.resource, "t", person_id="p")) == rendered, (
                name
            )
            kinds.add(entry.fhir_type)
    assert {"Patient", "Encounter", "Observation", "DiagnosticReport", "Coverage"} <= kinds


def _changed(event: CanonicalEvent) -> ChangedEvent:
    changed = ChangedEvent(person_id="p", trigger="x")
    for resource in event.resources:
        recorded = changed.person if resource.HasField("person") else changed.resources.add()
        recorded.resource.CopyFrom(resource)
    return changed


def _numbered(bundle: bytes) -> Any:
    """A bundle without the names that each mesh gives: UUIDs in the order that they come."""
    seen: dict[str, str] = {}
    found = re.sub(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        lambda match: seen.setdefault(match[0], f"id-{len(seen)}"),
        bundle.decode(),
    )
    return orjson.loads(found)


def test_a_bundle_that_we_sent_gives_the_same_bundle_again(maps: Maps) -> None:
    count = 0
    for name, event in _of_feeds(maps):
        sent = bundle_bytes(_changed(event), tenant="t", message_id="m")
        read = convert_fhir(sent, _CONTEXT)
        if not any(each.HasField("person") and not each.deleted for each in event.resources):
            continue  # a message about nobody, or one that deletes: no bundle says that
        again = bundle_bytes(_changed(read), tenant="t", message_id="m")
        one, other = _numbered(sent), _numbered(again)
        assert one["entry"][0]["resource"] == other["entry"][0]["resource"], name
        assert one == other, name
        count += 1
    assert count > 50


def test_the_subject_is_the_patient_by_number_first_and_then_by_id() -> None:
    event = _event(
        {"resource": _PATIENT | {"identifier": [_MRN, {"value": "9", "type": _type("MR")}]}}
    )
    named = [
        (each.authority.namespace or each.authority.universal_id, each.value)
        for each in event.subject
    ]
    assert named == [("NORTH", "9"), ("2.999.1", "4711"), ("source:ward/Patient", "p")]
    assert event.trigger == "Bundle/transaction"


def _type(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}]}


def test_a_message_that_names_nobody_is_refused() -> None:
    with pytest.raises(InvalidMessage) as refused:
        _event({"resource": {"resourceType": "Organization", "name": "North"}})
    assert refused.value.reason == Reason.REASON_MAPPING_FAILED


def _keys(event: CanonicalEvent) -> dict[str, str]:
    return {str(each.WhichOneof("content")): each.key for each in event.resources}


def test_resources_are_known_by_id_else_by_identifier_else_by_what_they_say() -> None:
    def event(observed: str) -> CanonicalEvent:
        return _event(
            {"resource": _PATIENT},
            {"resource": {"resourceType": "Encounter", "id": "e", "identifier": [_MRN]}},
            {"resource": {"resourceType": "Location", "identifier": [_MRN]}},
            {"resource": {"resourceType": "Observation", "valueString": observed}},
        )

    keys = _keys(event("a"))
    assert keys["person"] == "Person|2.999.1|4711"
    assert keys["encounter"] == "Encounter|fhir:ward|e"
    assert keys["location"] == "Location|2.999.1|4711"
    assert keys == _keys(event("a"))
    assert keys["observation"] != _keys(event("b"))["observation"]


def test_references_lead_to_keys_within_the_message_and_beyond() -> None:
    uuid = "urn:uuid:0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11"
    event = _event(
        {"resource": _PATIENT},
        {"fullUrl": uuid, "resource": {"resourceType": "Encounter", "identifier": [_MRN]}},
        {
            "resource": {
                "resourceType": "Observation",
                "encounter": {"reference": uuid},
                "performer": [
                    {"reference": "Practitioner/9"},
                    {"reference": "Practitioner?identifier=urn:oid:2.999.2|77"},
                    {"reference": "http://elsewhere.example/Practitioner/3", "display": "Dr. Dill"},
                ],
            }
        },
    )
    observation = event.resources[2].observation
    assert observation.encounter.key == event.resources[1].key
    by_id, by_number, elsewhere = observation.performers
    assert (by_id.type, by_id.key) == ("Practitioner", "Practitioner|fhir:ward|9")
    assert by_number.identifier.value == "77"
    assert elsewhere.identifier.value == "http://elsewhere.example/Practitioner/3"
    assert elsewhere.display == "Dr. Dill"
    assert not event.resources[2].residue


def test_a_deletion_marks_the_resource_by_the_key_of_its_id() -> None:
    event = _event(
        {"resource": _PATIENT},
        {"request": {"method": "DELETE", "url": "Encounter/e"}},
    )
    gone = event.resources[1]
    assert gone.deleted
    assert (gone.WhichOneof("content"), gone.key) == ("encounter", "Encounter|fhir:ward|e")


def test_a_patient_who_is_replaced_makes_a_merge() -> None:
    link = [{"other": {"reference": "Patient/p"}, "type": "replaced-by"}]
    old = _PATIENT | {"id": "q", "identifier": [_MRN | {"value": "1"}], "link": link}
    event = _event({"resource": _PATIENT}, {"resource": old})
    assert event.kind == EVENT_KIND_MERGE
    assert [each.value for each in event.prior] == ["1", "q"]
    assert [each.WhichOneof("content") for each in event.resources] == ["person"]


def test_the_last_change_of_a_resource_is_its_time() -> None:
    event = _event(
        {"resource": _PATIENT | {"meta": {"lastUpdated": "2026-01-02T03:04:05Z"}}},
        {"resource": {"resourceType": "Encounter", "id": "e"}},
        timestamp="2026-02-03T04:05:06Z",
    )
    assert [each.origin.time for each in event.resources] == [
        "2026-01-02T03:04:05Z",
        "2026-02-03T04:05:06Z",
    ]
    assert event.event_time == "2026-02-03T04:05:06Z"


def test_what_is_not_valid_is_told_by_place_and_taken_all_the_same() -> None:
    event = _event({"resource": _PATIENT | {"gender": "f", "birthDate": "yesterday"}})
    assert {(each.location, each.reason) for each in event.issues} == {
        ("Patient.gender", Reason.REASON_TABLE_VALUE),
        ("Patient.birthDate", Reason.REASON_DATA_TYPE),
    }
    assert [(each.location, each.value) for each in event.resources[0].residue] == [
        ("Patient.birthDate", "yesterday")
    ]


# -- nothing is lost --------------------------------------------------------------------------------


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for member, value in tree.items():
            yield from _leaves(value, member)
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, name)
    elif tree is not None:
        yield name, tree if isinstance(tree, str) else json.dumps(tree)


def _said(event: CanonicalEvent) -> str:
    """All texts of an event, however deep."""
    texts: list[str] = []

    def walk(message: Any) -> None:
        for field, value in message.ListFields():
            for each in value if field.is_repeated else (value,):
                if field.message_type is not None:
                    walk(each)
                elif isinstance(each, bytes):
                    texts.extend([each.decode("utf-8", "replace"), base64.b64encode(each).decode()])
                elif isinstance(each, bool):
                    texts.append(json.dumps(each))
                else:
                    texts.append(str(each))

    walk(event)
    return "\n".join(texts)


_STRUCTURAL = {
    # What is where a value lies, and not the value; the renderer writes it again.
    *(
        url
        for table in (*TABLES.values(), *DATATYPES.values())
        for name in ("extension", "_family")
        for url in getattr(table.get(name), "by_url", ())
    ),
    *(BIRTH_TIME_URL, "code", "text", "ombCategory", "detailed", "original-sub-identifier"),
    "http://terminology.hl7.org/CodeSystem/coverage-class",
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "http://terminology.hl7.org/CodeSystem/v2-0301",
    *(
        f"http://terminology.hl7.org/CodeSystem/{each}"
        for each in (
            "allergyintolerance-clinical",
            "allergyintolerance-verification",
            "condition-clinical",
            "condition-ver-status",
            "location-physical-type",
        )
    ),
}


def _is_kept(name: str, value: str, said: str) -> bool:
    # "preferred" is said by the place of the language.
    if name in {"resourceType", "preferred"} or value in said:
        return True
    if name in {"system", "url"} and value in _STRUCTURAL:
        return True
    # A relative address is kept as type and key.
    if name == "reference" and all(part in said for part in value.split("/")):
        return True
    # These follow from what is kept: the renderer writes them again.
    if (name, value) in {
        ("code", "replaces"),
        ("code", "appends"),
        ("status", "accepted"),
        ("display", "Group"),
        ("display", "Plan"),
        ("type", "user-friendly-name"),
        ("code", "group"),
        ("code", "plan"),
        ("onHold", "false"),
        ("onHold", "true"),
    }:
        return True
    written = (
        value.removeprefix("urn:oid:"),
        value.removeprefix("urn:uuid:"),
        json.dumps(value, ensure_ascii=False)[1:-1],
    )
    return any(each in said for each in written)


@pytest.mark.skipif(not _GOLDENS.is_dir(), reason="the shared corpus is not here (PLEXUS_SHARED)")
def test_every_leaf_of_real_bundles_is_kept() -> None:
    read = leaves = 0
    refused: collections.Counter[int] = collections.Counter()
    for file in sorted(_GOLDENS.rglob("*")):
        if file.suffix not in {".json", ".fhir"}:
            continue
        content = file.read_bytes()
        try:
            event = convert_fhir(content, _CONTEXT)
        except InvalidMessage as exc:
            refused[exc.reason] += 1
            continue
        said = _said(event)
        read += 1
        tree = json.loads(content, parse_float=_number, parse_int=_number)
        found = list(_leaves(tree))
        leaves += len(found)
        assert not [(file.name, *each) for each in found if not _is_kept(*each, said)]
    assert read > 200
    # Bundles of no patient, or of one without number and id; and what is no JSON.
    assert set(refused) <= {Reason.REASON_MAPPING_FAILED, Reason.REASON_UNREADABLE}
    assert refused.total() < 40
    assert leaves > 50_000


def _number(digits: str) -> str:
    return digits


def test_the_same_bytes_give_the_same_event() -> None:
    content = json.dumps(_PATIENT | {"contact": [{"name": {"family": "Sage"}}]}).encode()
    once = convert_fhir(content, _CONTEXT).SerializeToString(deterministic=True)
    assert convert_fhir(content, _CONTEXT).SerializeToString(deterministic=True) == once
    assert len(
        Resource.FromString(convert_fhir(content, _CONTEXT).resources[1].SerializeToString()).key
    )
