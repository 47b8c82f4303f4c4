"""Decisions as they go over the wire. Out of scope: which rule decides (`test_consent_policy`)."""

from plexus.api.consent.v1 import consent_pb2
from plexus.errors import Reason
from services.consent.domain import ANY, Decider, Effect, Policy, Rule

RULES = [
    Rule("treatment", ANY, "TREAT", "app", frozenset({ANY}), "disclose", Effect.PERMIT),
    Rule("sealed", "south", ANY, ANY, frozenset({ANY}), ANY, Effect.DENY),
]


def request(**changes: str) -> consent_pb2.DisclosureRequest:
    asked = consent_pb2.DisclosureRequest(
        tenant="north",
        person_id="person-1",
        recipient="app",
        purpose="TREAT",
        action="disclose",
        resource_types=["Patient", "Observation"],
    )
    for name, value in changes.items():
        setattr(asked, name, value)
    return asked


def test_a_permit_names_rule_and_policy() -> None:
    policy = Policy(RULES)
    decision = Decider(policy).decide(request())
    assert decision.effect == consent_pb2.EFFECT_PERMIT
    assert decision.reason == Reason.REASON_UNSPECIFIED
    assert decision.rule == "default/treatment"
    assert decision.policy_version == policy.version
    assert decision.epoch == 0


def test_a_deny_names_rule_and_reason() -> None:
    decision = Decider(Policy(RULES)).decide(request(tenant="south"))
    assert decision.effect == consent_pb2.EFFECT_DENY
    assert decision.reason == Reason.REASON_CONSENT_DENIED
    assert decision.rule == "default/sealed"


def test_an_empty_request_is_denied() -> None:
    decision = Decider(Policy(RULES)).decide(consent_pb2.DisclosureRequest())
    assert decision.effect == consent_pb2.EFFECT_DENY
    assert decision.reason == Reason.REASON_INVALID_ARGUMENT
    assert decision.decision_id
    assert not decision.rule


def test_nothing_is_permitted_about_nobody() -> None:
    decision = Decider(Policy(RULES)).decide(request(person_id=""))
    assert decision.effect == consent_pb2.EFFECT_DENY
    assert decision.reason == Reason.REASON_INVALID_ARGUMENT


def test_the_same_inputs_give_the_same_bytes_in_every_process() -> None:
    one = Decider(Policy(RULES)).decide(request())
    other = Decider(Policy(list(RULES))).decide(request())
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_another_request_or_another_policy_is_another_decision() -> None:
    decider = Decider(Policy(RULES))
    ids = {
        decider.decide(request()).decision_id,
        decider.decide(request(person_id="person-2")).decision_id,
        decider.decide(request(recipient="other")).decision_id,
        Decider(Policy(RULES[:1])).decide(request()).decision_id,
    }
    assert len(ids) == 4
