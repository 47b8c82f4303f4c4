"""Audit events as FHIR AuditEvent and as syslog. Out of scope: reading them from a mesh."""

import re
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.codecs.fhir.judge import judge
from services.audit.domain.leaves import decode_leaf, encode_leaf
from services.audit.domain.tree import leaf_hash
from services.cli.auditing.fhir_events import LEAF_EXTENSION, audit_event
from services.cli.auditing.syslog_lines import ENTERPRISE, syslog_line

SITE = "plexus.example/audit/north"
HASH = leaf_hash(b"x")


def event(**fields: str) -> AuditEvent:
    made = AuditEvent(
        event_id="01a21327-9805-75b2-98f6-f930a234e5c3",
        tenant="north",
        type="disclosure",
        action="R",
        agent="delivery",
        person_id="322a9e89-5ea4-41c5-9eff-2eb932b5dd88",
        message_id="01a21327-9805-75b2-98f6-f930a234e5c4",
        destination="ehr",
        purpose="TREAT",
        decision_id="d1",
        outcome="permit",
        trace_id="0" * 32,
        at=Timestamp(seconds=1767225600, nanos=123456789),
        resource_counts={"Patient": 1, "Observation": 8},
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def known(made: dict[str, Any]) -> list[str]:
    """Findings of the judge; that the person is elsewhere is none."""
    return [str(one) for one in judge(made) if one.rule != "dangling"]


def code(part: dict[str, Any]) -> str:
    return str(part["code"])


def test_a_disclosure_has_what_its_balp_profile_demands() -> None:
    made = audit_event(event(), 7, HASH, SITE)
    assert known(made) == []
    assert made["meta"]["profile"][0].endswith("IHE.BasicAudit.PrivacyDisclosure.Source")
    assert (code(made["type"]), made["action"], made["outcome"]) == ("110106", "R", "0")
    assert "disclose" in [code(one) for one in made["subtype"]]
    agents = {code(one["type"]["coding"][0]): one for one in made["agent"]}
    assert agents["110153"]["who"] == made["source"]["observer"]
    assert agents["110152"]["who"] == {"display": "ehr"}
    assert all(one["network"]["address"] for one in agents.values())
    patients = [one for one in made["entity"] if code(one["type"]) == "1"]
    assert [one["what"]["reference"] for one in patients] == [
        "Patient/322a9e89-5ea4-41c5-9eff-2eb932b5dd88"
    ]
    assert len(made["entity"]) >= 2
    assert made["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"


def test_each_resource_carries_sequence_and_leaf() -> None:
    (extension,) = audit_event(event(), 7, HASH, SITE)["extension"]
    assert extension["url"] == LEAF_EXTENSION
    assert {one["url"]: one["valueString"] for one in extension["extension"]} == {
        "sequence": "7",
        "hash": HASH.hex(),
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"outcome": "deny"}, "110113"),
        ({"type": "audit-read", "agent": "operator:x", "query": "read start=0"}, "110101"),
        ({"type": "content-read", "agent": "operator:x"}, "110110"),
        ({"type": "event-missing", "outcome": "failure", "person_id": ""}, "110113"),
        ({"message_id": "", "decision_id": "", "purpose": "", "trace_id": ""}, "110106"),
    ],
    ids=["denied", "audit-read", "content-read", "missing", "bare"],
)
def test_every_kind_of_event_is_valid_fhir(fields: dict[str, str], expected: str) -> None:
    made = audit_event(event(**fields), 7, HASH, SITE)
    assert known(made) == []
    assert code(made["type"]) == expected
    assert made["outcome"] == ("8" if made["outcomeDesc"] in {"deny", "failure"} else "0")
    if made.get("meta"):
        assert expected == "110106"


def test_a_syslog_line_has_the_grammar_of_the_rfc_and_its_leaf() -> None:
    one = event(agent='a"b\\c]d\ne', outcome="deny")
    leaf = encode_leaf(one)
    line = syslog_line(one, 7, leaf, leaf_hash(leaf), "plexus.example")
    assert "\n" not in line
    found = re.fullmatch(
        r"<(\d{1,3})>1 (\S+) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32})"
        r' \[(\S+)((?: [^= "\]]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] \ufeff(.*)',
        line,
    )
    assert found is not None
    assert int(found[1]) == 13 * 8 + 4
    assert found[2] == "2026-01-01T00:00:00.123456Z"
    assert (found[3], found[4], found[6], found[7]) == (
        "plexus.example",
        "plexus-audit",
        "disclosure",
        ENTERPRISE,
    )
    assert 'sequence="7"' in found[8]
    assert f'leaf="{leaf_hash(found[9].encode()).hex()}"' in found[8]
    assert decode_leaf(found[9].encode()) == one


def test_a_syslog_line_of_what_was_permitted_is_a_notice() -> None:
    assert syslog_line(event(), 0, b"{}", HASH, "h").startswith(f"<{13 * 8 + 5}>1 ")
