"""Every service looks the same, and the parts that must agree with each other do.

Layers and imports are the business of import-linter (`make imports`).
"""

import pathlib
import re

import pytest

from plexus.telemetry.names import SPAN_EDGES, SPANS
from services.ingest.domain import SUPPORTED
from services.registry import SERVICES, load_service, sections_of
from services.transform.domain import load_maps

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADINGS = ["Owns", "In", "Out", "RPCs", "Invariants", "When it fails", "Knobs"]
PARTS = {
    "__init__.py",
    "README.md",
    "app.py",
    "settings.py",
    "service.py",
    "flow.py",
    "flow",
    "edge",
    "actors",
    "actors.py",
    "store.py",
    "store",
    "domain",
    "migrations",
    "maps",
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_the_parts_that_all_have_and_nothing_beside(name: str) -> None:
    found = {p.name for p in (ROOT / "services" / name).iterdir() if p.name != "__pycache__"}
    assert {"README.md", "app.py", "settings.py", "service.py"} <= found
    assert found <= PARTS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_readme_answers_the_same_questions(name: str) -> None:
    text = (ROOT / "services" / name / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_of_a_service_says_what_it_means(name: str) -> None:
    for field_name, field in load_service(name).settings.model_fields.items():
        assert field.description, f"{name}: {field_name} has no docstring"


def test_no_section_of_the_mesh_document_has_two_owners() -> None:
    sections = [section for name in SERVICES for section in sections_of(name)]
    assert len(sections) == len(set(sections))


def test_ingest_accepts_exactly_what_transform_has_maps_for() -> None:
    assert dict(load_maps().supported) == SUPPORTED


def test_span_edges_name_registered_spans() -> None:
    for _, parent, _, child in SPAN_EDGES:
        assert {parent, child} <= set(SPANS)


def test_no_module_has_a_name_that_says_nothing() -> None:
    tracked = [*(ROOT / "libs").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
    empty = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}
    assert not [p for p in tracked if p.name in empty]


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    tracked = [*(ROOT / "libs").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
    generated = ROOT / "libs" / "plexus" / "api"
    long = [
        p.relative_to(ROOT)
        for p in tracked
        if generated not in p.parents and len(p.read_text(encoding="utf-8").splitlines()) > 400
    ]
    assert not long
