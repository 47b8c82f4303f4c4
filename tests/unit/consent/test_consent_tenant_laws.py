"""Statutes and break-glass of a mesh: what they do to decisions on requests of the mesh."""

import datetime
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from plexus.api.consent.v1 import consent_pb2
from plexus.errors import ConfigurationError
from plexus.settings import load_document
from services.consent.domain import ANY, BreakGlass, Decider, Effect, Laws, Policy, Rule
from services.consent.domain.elements import Reader
from services.consent.domain.statutes import read_statute
from services.consent.settings import BreakGlassSection, StatuteSection

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
RULES = [
    Rule("treatment", ANY, "TREAT", "app", frozenset({ANY}), "disclose", Effect.PERMIT),
    Rule("sealed", "south", "HMARKT", ANY, frozenset({ANY}), ANY, Effect.DENY),
]
SUBSTANCES: Mapping[str, Any] = {
    "id": "part-2",
    "version": "2024",
    "law": "needs-consent",
    "where": {"securityLabel": [{"system": ACT_CODE, "code": "ETHUD"}]},
    "unless": ["ETREAT"],
    "obligations": ["NO_REDISCLOSE"],
}
SHUT = {
    "id": "shut",
    "law": "deny",
    "where": {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Media"}]},
}


def laws(*statutes: Mapping[str, Any], tenant: str = ANY, **glass: BreakGlass) -> Laws:
    read = [(tenant, read_statute(each, Reader(datetime.UTC))) for each in statutes]
    return Laws(read, {{"every": ANY}.get(name, name): one for name, one in glass.items()})


def decide(of: Laws, *, labels: Sequence[str] | None = (), **changes: Any) -> consent_pb2.Decision:
    asked = {
        "tenant": "north",
        "person_id": "person-1",
        "recipient": "app",
        "purpose": "TREAT",
        "action": "disclose",
        "resource_types": ["Observation"],
    } | changes
    kind = asked["resource_types"][0]
    if labels is not None:
        asked["data"] = [consent_pb2.Datum(resource_type=kind, labels=labels)]
    decider = Decider(Policy(RULES), laws=of)
    return decider.decide(consent_pb2.DisclosureRequest(**asked), now=NOW)


def test_a_statute_that_needs_consent_denies_what_only_the_policies_permit() -> None:
    decision = decide(laws(SUBSTANCES), labels=[f"{ACT_CODE}|ETHUD"])
    assert decision.effect == consent_pb2.EFFECT_DENY
    assert decision.rule == "statute/part-2@2024 needs-consent"
    assert decide(laws(SUBSTANCES)).effect == consent_pb2.EFFECT_PERMIT


def test_a_purpose_that_a_statute_excepts_is_permitted_and_owes_nothing() -> None:
    decision = decide(laws(SUBSTANCES), labels=[f"{ACT_CODE}|ETHUD"], purpose="ETREAT")
    assert decision.effect == consent_pb2.EFFECT_PERMIT
    assert not decision.obligations


def test_a_statute_about_labels_asks_for_the_data() -> None:
    decision = decide(laws(SUBSTANCES), labels=None)
    assert decision.needs_data
    assert decision.effect == consent_pb2.EFFECT_DENY


def test_a_statute_of_another_tenant_says_nothing() -> None:
    decision = decide(laws(SUBSTANCES, tenant="south"), labels=None)
    assert decision.effect == consent_pb2.EFFECT_PERMIT
    assert decision.rule == "default/treatment"


def test_what_a_policy_denies_by_name_no_statute_permits() -> None:
    free = {"id": "free", "law": "permit"}
    decision = decide(laws(free), tenant="south", purpose="HMARKT")
    assert decision.effect == consent_pb2.EFFECT_DENY
    assert decision.rule == "default/sealed"


def test_the_glass_is_broken_by_a_member_with_a_reason_and_by_nobody_else() -> None:
    glass = laws(every=BreakGlass(frozenset({"Group/er"})))
    asked = {"purpose": "BTG", "actors": ["Group/er"], "reason": "unconscious"}
    decision = decide(glass, **asked)
    assert decision.effect == consent_pb2.EFFECT_PERMIT
    assert set(decision.obligations) >= {"AUDIT_ALERT", "NOTIFY_PRIVACY", "SECOND_PERSON_REVIEW"}
    assert decision.valid_until.ToDatetime(datetime.UTC) == NOW + datetime.timedelta(hours=1)
    for other in (
        {"actors": ["Group/ward"]},
        {"reason": " "},
        {"purpose": "TREAT", "recipient": "x"},
    ):
        assert decide(glass, **(asked | other)).effect == consent_pb2.EFFECT_DENY


def test_no_glass_opens_what_a_statute_denies_or_the_tenant_keeps_shut() -> None:
    asked = {"purpose": "BTG", "actors": ["Group/er"], "reason": "unconscious"}
    shut = laws(SHUT, every=BreakGlass(frozenset({"Group/er"})))
    assert decide(shut, resource_types=["Media"], **asked).effect == consent_pb2.EFFECT_DENY
    kept = laws(every=BreakGlass(frozenset({"Group/er"}), never=frozenset({f"{ACT_CODE}|PSY"})))
    assert decide(kept, **asked).effect == consent_pb2.EFFECT_PERMIT
    told = decide(kept, labels=[f"{ACT_CODE}|PSY"], **asked)
    assert told.effect == consent_pb2.EFFECT_DENY


def test_a_tenants_own_glass_replaces_the_one_for_all() -> None:
    both = laws(
        every=BreakGlass(frozenset({"Group/er"})), north=BreakGlass(frozenset({"Group/icu"}))
    )
    asked = {"purpose": "BTG", "reason": "unconscious"}
    assert decide(both, actors=["Group/er"], **asked).effect == consent_pb2.EFFECT_DENY
    assert decide(both, actors=["Group/icu"], **asked).effect == consent_pb2.EFFECT_PERMIT


def test_another_law_is_another_policy_version() -> None:
    versions = {
        decide(each).policy_version
        for each in (
            Laws(),
            laws(SUBSTANCES),
            laws({**SUBSTANCES, "unless": []}),
            laws(SUBSTANCES, tenant="south"),
            laws(every=BreakGlass(frozenset({"Group/er"}))),
            laws(every=BreakGlass(frozenset({"Group/er"}), minutes=5)),
        )
    }
    assert len(versions) == 6


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("statutes:\n  - id: a\n    law: forbid\n", "3: statutes.0.law"),
        ("statutes:\n  - id: a\n    law: deny\n    unless: [NONE]\n", "statutes.0"),
        (
            "statutes:\n  - id: a\n    law: deny\n    where: {purpose: [{code: TREET}]}\n",
            "statutes.0",
        ),
        ("statutes:\n  - id: a\n    law: deny\n    where: {label: [x]}\n", "statutes.0"),
        ("break_glass:\n  - groups: []\n", "2: break_glass.0.groups"),
        ("break_glass:\n  - groups: [a]\n    minutes: 0\n", "3: break_glass.0.minutes"),
    ],
)
def test_a_wrong_law_is_refused_with_its_place(
    tmp_path: pathlib.Path, text: str, place: str
) -> None:
    path = tmp_path / "plexus.yaml"
    path.write_text(text)
    document = load_document(path)
    section = BreakGlassSection if text.startswith("break") else StatuteSection
    with pytest.raises(ConfigurationError, match=place):
        document.sections(text.partition(":")[0], section)
