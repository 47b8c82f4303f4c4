"""`policies` of the mesh document: what is refused, and what is filled in."""

import pathlib

import pytest

from plexus.errors import ConfigurationError
from plexus.settings import load_document
from services.consent.settings import PolicySection

HEAD = "policies:\n  - tenant: north\n    recipient: app\n    effect: permit\n"


def sections(folder: pathlib.Path, text: str) -> list[PolicySection]:
    path = folder / "plexus.yaml"
    path.write_text(text)
    return load_document(path).sections("policies", PolicySection)


def test_what_is_left_out_is_filled_in(tmp_path: pathlib.Path) -> None:
    (section,) = sections(tmp_path, HEAD + "    purpose: TREAT\n")
    assert section.resource_types == ("*",)
    assert section.action == "disclose"
    assert section.name == ""


def test_a_document_without_policies_has_none(tmp_path: pathlib.Path) -> None:
    assert sections(tmp_path, "feeds: []\n") == []


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("    purpose: TREATMENT\n", "5: policies.0.purpose"),
        ("    purpose: TREAT\n    action: sell\n", "6: policies.0.action"),
        (
            '    purpose: TREAT\n    resource_types: ["*", Patient]\n',
            "6: policies.0.resource_types",
        ),
        ("    purpose: TREAT\n    resource_types: []\n", "6: policies.0.resource_types"),
        ("    purpose: TREAT\n    resource_types: [Pat-ient]\n", "6: policies.0.resource_types"),
        ("    purpose: TREAT\n    name: 7\n", "6: policies.0.name"),
        ("    purpose: TREAT\n    name: '7'\n", "6: policies.0.name"),
        ("    purpose: TREAT\n    persons: all\n", "6: policies.0.persons"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(
    tmp_path: pathlib.Path, lines: str, place: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"plexus.yaml:{place}"):
        sections(tmp_path, HEAD + lines)


@pytest.mark.parametrize("missing", ["tenant", "recipient", "effect", "purpose"])
def test_nothing_that_restricts_a_rule_may_be_left_out(
    tmp_path: pathlib.Path, missing: str
) -> None:
    rule = {"tenant": "north", "recipient": "app", "effect": "permit", "purpose": "TREAT"}
    del rule[missing]
    body = "\n".join(f"    {name}: {value}" for name, value in rule.items())
    with pytest.raises(ConfigurationError, match=f"policies.0.{missing}"):
        sections(tmp_path, f"policies:\n  -\n{body}\n")
