"""`policies` of the mesh document: what is refused, and what is filled in."""

import pathlib

import pytest

from plexus.errors import ConfigurationError
from plexus.settings import load_document
from services.consent.settings import PolicySection

HEAD = "policies:\n  - tenant: north\n    name: treatment\n    effect: permit\n"


def sections(folder: pathlib.Path, text: str) -> list[PolicySection]:
    path = folder / "plexus.yaml"
    path.write_text(text)
    return load_document(path).sections("policies", PolicySection)


def test_what_is_left_out_is_filled_in(tmp_path: pathlib.Path) -> None:
    (section,) = sections(tmp_path, HEAD + "    purpose: TREAT\n")
    assert section.resource_types == ("*",)
    assert section.action == "disclose"
    assert section.recipient == "*"


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
        ("    purpose: TREAT\n    recipient: ''\n", "6: policies.0.recipient"),
        ("    purpose: TREAT\n    persons: all\n", "6: policies.0.persons"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(
    tmp_path: pathlib.Path, lines: str, place: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"plexus.yaml:{place}"):
        sections(tmp_path, HEAD + lines)


@pytest.mark.parametrize("name", ["7", "'7'", "treat/ment"])
def test_a_name_cannot_be_taken_for_a_place_in_the_list(tmp_path: pathlib.Path, name: str) -> None:
    text = HEAD.replace("treatment", name) + "    purpose: TREAT\n"
    with pytest.raises(ConfigurationError, match=r"plexus\.yaml:3: policies\.0\.name"):
        sections(tmp_path, text)


@pytest.mark.parametrize("missing", ["tenant", "effect", "purpose"])
def test_whose_data_for_what_and_the_effect_must_be_said(
    tmp_path: pathlib.Path, missing: str
) -> None:
    rule = {"tenant": "north", "effect": "permit", "purpose": "TREAT"}
    del rule[missing]
    body = "\n".join(f"    {name}: {value}" for name, value in rule.items())
    with pytest.raises(ConfigurationError, match=f"policies.0.{missing}"):
        sections(tmp_path, f"policies:\n  -\n{body}\n")
