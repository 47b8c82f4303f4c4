"""What is surely valid is valid: the quick look against the strict schema.

Out of scope: what the schema itself catches (`test_fhir_validation`).
"""

import copy
import inspect
import pathlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs import fhir
from plexus.codecs.fhir.definitions import is_resource_type, structures
from plexus.codecs.fhir.shapes import Sealed, is_surely_valid, sealed
from plexus.codecs.fhir.validation import findings
from tests.unit.codecs.fhir.mutants import MUTANTS, Mutant, sound_bundle

_SOUND = [entry["resource"] for entry in sound_bundle()["entry"]]
_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 1.5, "", " ", "a", "a b", " a", "final", "2026-02-30", "2026-13",
    "2026-02-03T04:05:06Z", "2026-02-03T04:05", "urn:x", "a\x0bb", "a\x7fb", "a\u2028", [], {}, [None], [{}],
    ["a"], [["a"]], {"a": 1}, {"text": "a"}, {"id": "1"}, {"value": 1}, {"reference": "a"}, [{"text": "a"}],
    {"coding": [{"system": "urn:x", "code": "a"}]}, {"coding": [{"code": ["a"]}]}, {"start": "2026"},
    {"extension": [{"url": "urn:x", "valueCode": "a"}]}, [{"url": "urn:x"}], [{"resourceType": "Patient"}],
]  # fmt: skip

# A copy each time, for a later fault may be put into it.
_VALUE = st.sampled_from(_VALUES).map(copy.deepcopy)


def _is_sure(resource: Any) -> bool:
    return is_surely_valid("Resource", resource)


def test_sound_resources_are_surely_valid() -> None:
    # A float is no number of ours.
    for resource in _SOUND:
        whole = orjson.loads(orjson.dumps(resource).replace(b"13.2", b"13"))
        assert _is_sure(whole), resource["resourceType"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.kind}-{m.place}")
def test_no_faulty_resource_is_surely_valid(mutant: Mutant) -> None:
    for entry in mutant.bundle()["entry"]:
        if findings(entry["resource"]):
            assert not _is_sure(entry["resource"])


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every object and list within a value, with each of its names or positions."""
    steps = list(value) if isinstance(value, dict) else list(range(len(value)))
    found = [(value, step) for step in steps]
    for step in steps:
        if isinstance(value[step], dict | list):
            found += _places(value[step])
    return found


@given(data=st.data())
def test_what_is_surely_valid_is_valid(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(_SOUND)))
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(resource)
        if not places:
            break
        within, step = data.draw(st.sampled_from(places))
        names = [*sorted({str(name) for _, name in places}), "valueString", "_status", "contained"]
        match data.draw(st.sampled_from(("take", "put", "add", "twice"))):
            case "take":
                del within[step]
            case "put":
                within[step] = data.draw(_VALUE)
            case "add" if isinstance(within, dict):
                within[data.draw(st.sampled_from(names))] = data.draw(_VALUE)
            case "twice" if isinstance(within, list):
                within.append(copy.deepcopy(within[step]))
            case _:
                pass
    if _is_sure(resource):
        assert findings(orjson.loads(orjson.dumps(resource))) == []


@given(
    fhir_type=st.sampled_from([name for name in structures() if is_resource_type(name)]),
    held=st.dictionaries(
        st.sampled_from(("id", "status", "code", "subject", "text", "language", "name", "contained")),
        st.sampled_from(_VALUES),
    ),
)  # fmt: skip
def test_it_is_so_for_every_type_of_r4(fhir_type: str, held: dict[str, Any]) -> None:
    resource = {"resourceType": fhir_type} | held
    if _is_sure(resource):
        assert findings(orjson.loads(orjson.dumps(resource))) == []


def test_an_element_is_sealed_only_if_it_is_valid() -> None:
    assert isinstance(sealed("CodeableConcept", {"text": "a"}), Sealed)
    faulty: list[dict[str, object]] = [{}, {"text": ""}, {"words": "a"}, {"coding": []}]
    for element in faulty:
        assert not isinstance(sealed("CodeableConcept", element), Sealed)


def test_a_sealed_element_is_valid_as_its_own_type_only() -> None:
    concept = sealed("CodeableConcept", {"text": "a"})
    assert is_surely_valid("CodeableConcept", concept)
    assert not is_surely_valid("Annotation", concept)
    assert is_surely_valid("Annotation", dict(concept))


def test_a_sealed_element_is_written_like_any_other_and_cannot_be_changed() -> None:
    concept = sealed("CodeableConcept", {"text": "a"})
    assert orjson.dumps({"code": concept}) == b'{"code":{"text":"a"}}'
    with pytest.raises(TypeError):
        concept["text"] = "\x00"
    with pytest.raises(TypeError):
        concept.update(text="\x00")
    with pytest.raises(TypeError):
        concept |= {"text": "\x00"}


def test_only_numbers_that_were_looked_at_and_whole_entries_are_fragments() -> None:
    folder = pathlib.Path(inspect.getfile(fhir)).parent
    makers = {
        str(file.relative_to(folder))
        for file in folder.rglob("*.py")
        if "orjson.Fragment(" in file.read_text(encoding="utf-8")
    }
    # The last one writes what came in as FHIR, at once.
    assert makers == {"quantities.py", "validation.py", "reading/tree.py"}
