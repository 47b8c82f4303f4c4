"""Laws of the FHIR codec, held over random canonical content.

In scope: validity, no empty values, references, determinism, the shape of the outputs. The meaning
of single elements is tested in the files beside this one.
"""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import (
    Disclosure,
    bundle_bytes,
    render_bundle,
    render_resource,
    resource_lines,
)
from tests.unit.codecs.fhir import fhir_material as material

_EXAMPLES = settings(max_examples=120, deadline=None)
_CODE = re.compile(r"[^\s]+(\s[^\s]+)*")
_DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")


_TIMES = (".valueDateTime", ".start", ".end", ".authoredOn", ".recordedDate")


def _assert_sound(tree: Any) -> None:
    for path, value in material.walk(tree):
        assert value not in (None, "", [], {}), path
        if isinstance(value, str):
            assert not value.isspace(), path
            assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", value), path
        if path.endswith((".code", ".status", ".use")) and isinstance(value, str):
            assert _CODE.fullmatch(value), path
        if path.endswith(_TIMES) and isinstance(value, str):
            assert _DATE_TIME.fullmatch(value), path
        if isinstance(value, dict) and "reference" in value:
            assert set(value) <= {"reference", "display", "extension"}, path


@pytest.mark.parametrize("kind", material.KINDS)
@pytest.mark.parametrize("fullness", [0.0, 0.3, 1.0])
def test_every_kind_renders_to_valid_r4(kind: str, fullness: float) -> None:
    for seed in range(4):
        resource = material.resource_of(kind, seed, fullness)
        rendered = material.read(orjson.dumps(render_resource(resource, "t", person_id="p")))
        material.assert_is_r4(rendered)
        _assert_sound(rendered)


@_EXAMPLES
@given(material.resources)
def test_any_resource_is_valid_and_points_nowhere(resource: Resource) -> None:
    rendered = material.read(orjson.dumps(render_resource(resource, "t")))
    material.assert_is_r4(rendered)
    _assert_sound(rendered)
    for path, value in material.walk(rendered):
        assert not path.endswith(".reference") or value.startswith("#")


@_EXAMPLES
@given(material.events)
def test_any_bundle_is_a_valid_transaction_without_dangling_references(event: ChangedEvent) -> None:
    bundle = material.read(bundle_bytes(event, tenant="t", message_id="m"))
    material.assert_is_r4(bundle)
    _assert_sound(bundle)
    assert bundle["type"] == "transaction"
    requests = [entry["request"] for entry in bundle["entry"]]
    assert len({request["url"] for request in requests}) == len(requests)
    full_urls = [entry["fullUrl"] for entry in bundle["entry"] if "resource" in entry]
    assert len(set(full_urls)) == len(full_urls)
    for entry in bundle["entry"]:
        assert (
            (entry["request"]["method"] == "PUT") == ("resource" in entry) == ("fullUrl" in entry)
        )
        if entry["request"]["url"].startswith("Provenance/"):
            # It has no identifier: its id is ours to give (update as create).
            own = entry["request"]["url"].partition("/")[2]
            assert entry.get("resource", {}).get("id", own) == own
            assert entry.get("fullUrl", f"urn:uuid:{own}") == f"urn:uuid:{own}"
        else:
            system, _, value = entry["request"]["url"].partition("?identifier=")[2].partition("|")
            assert system in {"urn:plexus:person", "urn:plexus:resource"}
            assert "|" not in value
            assert "id" not in entry.get("resource", {})
        for path, reference in material.walk(entry.get("resource", {})):
            if path.endswith(".reference"):
                assert reference in full_urls or reference.startswith("#")


@_EXAMPLES
@given(material.events)
def test_types_and_lines_agree_with_the_bundle(event: ChangedEvent) -> None:
    bundle = material.read(bundle_bytes(event, tenant="t", message_id="m"))
    types = [re.split(r"[?/]", entry["request"]["url"])[0] for entry in bundle["entry"]]
    assert Disclosure(event.SerializeToString(), tenant="t").resource_types == list(
        dict.fromkeys(types)
    )
    lines = [material.read(line) for line in resource_lines(event, tenant="t")]
    assert len(lines) == len(types)
    addresses = {f"{line['resourceType']}/{line.get('id')}" for line in lines}
    for line, entry in zip(lines, bundle["entry"], strict=True):
        material.assert_is_r4(line)
        _assert_sound(line)
        if "resource" in entry:
            assert line["resourceType"] == entry["resource"]["resourceType"]
            assert entry["fullUrl"] == f"urn:uuid:{line['id']}"
        else:
            assert line["entry"] == [entry]
        for path, reference in material.walk(line):
            if path.endswith(".reference"):
                assert reference in addresses or reference.startswith("#")


@_EXAMPLES
@given(material.events)
def test_same_event_gives_same_bytes_and_the_message_id_stands_on_the_bundle_only(
    event: ChangedEvent,
) -> None:
    again = ChangedEvent.FromString(event.SerializeToString())
    first = bundle_bytes(event, tenant="t", message_id="message-1")
    assert bundle_bytes(again, tenant="t", message_id="message-1") == first
    other = bundle_bytes(again, tenant="t", message_id="message-2")
    assert first.count(b"message-1") == 1
    assert first.replace(b"message-1", b"message-2") == other


@_EXAMPLES
@given(material.events)
def test_the_bytes_are_the_rendered_bundle_whatever_was_rendered_before(
    event: ChangedEvent,
) -> None:
    # The same resources along with fewer others: references to these lead elsewhere.
    halves = [ChangedEvent.FromString(event.SerializeToString()) for _ in range(2)]
    for half, place in zip(halves, (0, 1), strict=True):
        half.ClearField("resources")
        half.resources.extend(list(event.resources)[place::2])
    another_person = ChangedEvent.FromString(event.SerializeToString())
    another_person.person_id = "another person"
    for told in (event, *halves, another_person, event):
        for tenant in ("t", "another", "t"):
            rendered = render_bundle(told, tenant=tenant, message_id="m")
            assert bundle_bytes(told, tenant=tenant, message_id="m") == orjson.dumps(rendered)
