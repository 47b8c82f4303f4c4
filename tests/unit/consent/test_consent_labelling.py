"""Labels that follow from codes: what rule files say, what is refused, and what it does to decisions."""

import datetime
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.consent.v1 import consent_pb2
from plexus.errors import ConfigurationError
from services.consent.domain import (
    ANY,
    Decider,
    Effect,
    Labeller,
    Laws,
    Policy,
    Rule,
    read_label_rules,
)
from services.consent.domain.elements import Reader
from services.consent.domain.labelling import shipped_rules
from services.consent.domain.statutes import read_statute

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
RESTRICTED = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R"
RULES = """
id: house
version: "2"
rules:
  - id: hiv
    labels: [HIV]
    confidentiality: R
    codes:
      - system: http://loinc.org
        codes: ["7917-8"]
      - system: http://hl7.org/fhir/sid/icd-10-cm
        prefixes: [B20]
  - id: perhaps
    labels: [PSY]
    confidence: 0.4
    codes:
      - {system: urn:oid:2.16.840.1.113883.6.1, codes: ["1-8"]}
"""


def labeller(folder: pathlib.Path, text: str = RULES, least: float = 0.0) -> Labeller:
    path = folder / "rules.yaml"
    path.write_text(text)
    return Labeller([read_label_rules(path)], least)


def test_codes_and_beginnings_of_codes_call_for_labels(tmp_path: pathlib.Path) -> None:
    rules = labeller(tmp_path)
    assert rules.labels([f"{ICD10CM}|B20"]) == {f"{ACT_CODE}|HIV", RESTRICTED}
    assert rules.labels([f"{ICD10CM}|B20.1", "urn:x|B20"]) == {f"{ACT_CODE}|HIV", RESTRICTED}
    assert rules.labels(["urn:oid:2.16.840.1.113883.6.1|7917-8"]) == {f"{ACT_CODE}|HIV", RESTRICTED}
    assert not rules.labels([f"{ICD10CM}|B2", "http://loinc.org|7917", "B20", ""])


def test_a_rule_that_is_not_sure_enough_labels_nothing(tmp_path: pathlib.Path) -> None:
    assert labeller(tmp_path).labels(["http://loinc.org|1-8"]) == {f"{ACT_CODE}|PSY"}
    assert not labeller(tmp_path, least=0.5).labels(["http://loinc.org|1-8"])


def test_what_is_found_names_file_version_and_rule(tmp_path: pathlib.Path) -> None:
    found = labeller(tmp_path).find([f"{ICD10CM}|B20"])
    assert {each.rule for each in found} == {"house@2 hiv"}


@pytest.mark.parametrize("name", shipped_rules())
def test_what_is_shipped_can_be_read(name: str) -> None:
    assert Labeller([read_label_rules(name)])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[HIV]", "[AIDS]", r"rules\[0\].labels: is no code of v3-ActCode"),
        ("confidentiality: R", "confidentiality: X", "must be one of"),
        ("confidence: 0.4", "confidence: 40", "confidence"),
        ("id: perhaps", "id: hiv", r"rules\[1\]: must have an id of its own"),
        ("prefixes: [B20]", "prefixes: [20]", "texts, in quotes"),
        ("prefixes: [B20]", "begins: [B20]", "holds codes, prefixes, system"),
        ("id: house", "name: house", "holds id, rules, version"),
        ("rules:", "rules: [", ":.*is no YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(
    tmp_path: pathlib.Path, before: str, after: str, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        labeller(tmp_path, RULES.replace(before, after))


def test_a_name_that_is_not_shipped_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="us-sensitive"):
        read_label_rules("nowhere")


def decide(rules: Labeller, data: list[consent_pb2.Datum]) -> consent_pb2.Decision:
    """Where a statute denies everything about HIV."""
    law = {
        "id": "hiv",
        "law": "deny",
        "where": {"securityLabel": [{"system": ACT_CODE, "code": "HIV"}]},
    }
    statute = read_statute(law, Reader(datetime.UTC))
    policy = Policy([Rule("all", ANY, ANY, ANY, frozenset({ANY}), ANY, Effect.PERMIT)])
    request = consent_pb2.DisclosureRequest(
        tenant="north",
        person_id="person-1",
        recipient="app",
        purpose="TREAT",
        action="disclose",
        resource_types=[each.resource_type for each in data],
        data=data,
    )
    return Decider(policy, laws=Laws([(ANY, statute)], None, {ANY: rules})).decide(request, now=NOW)


def datum(kind: str, *codes: str, **more: Any) -> consent_pb2.Datum:
    return consent_pb2.Datum(resource_type=kind, codes=codes, **more)


def test_what_its_codes_call_for_decides_as_if_it_were_labelled(tmp_path: pathlib.Path) -> None:
    data = [datum("Patient"), datum("Condition", f"{ICD10CM}|B20"), datum("Condition", "a|b")]
    assert list(decide(labeller(tmp_path), data).withheld) == [1]
    assert not decide(Labeller(), data).withheld


def test_a_report_is_as_sensitive_as_its_results_are(tmp_path: pathlib.Path) -> None:
    data = [
        datum("List", holds=[1]),
        datum("DiagnosticReport", holds=[2, 3]),
        datum("Observation", "http://loinc.org|7917-8"),
        datum("Observation", "http://loinc.org|718-7"),
        datum("DiagnosticReport", holds=[3, 4, 99]),
    ]
    assert list(decide(labeller(tmp_path), data).withheld) == [0, 1, 2]


def test_another_version_of_the_rules_is_another_policy_version(tmp_path: pathlib.Path) -> None:
    one = decide(labeller(tmp_path), []).policy_version
    other = decide(labeller(tmp_path, RULES.replace('"2"', '"3"')), []).policy_version
    assert len({one, other, decide(Labeller(), []).policy_version}) == 3


@given(codes=st.lists(st.text(max_size=30), max_size=20), more=st.lists(st.text(max_size=30)))
def test_more_codes_never_label_less(codes: list[str], more: list[str]) -> None:
    rules = Labeller(map(read_label_rules, shipped_rules()))
    assert rules.labels(codes) <= rules.labels([*codes, *more])
