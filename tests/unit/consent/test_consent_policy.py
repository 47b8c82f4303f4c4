"""The default policy table. Out of scope: the mesh document (`test_consent_settings`), gRPC (integration)."""

import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st

from plexus.errors import ConfigurationError, Reason
from services.consent.domain import ACTIONS, ANY, PURPOSES, Effect, Policy, Rule, Verdict

TREATMENT = Rule("treatment", ANY, "TREAT", "app", frozenset({ANY}), "disclose", Effect.PERMIT)
ANYTHING = Rule("all", ANY, ANY, ANY, frozenset({ANY}), ANY, Effect.PERMIT)


@dataclasses.dataclass(frozen=True)
class Question:
    """One that `treatment` permits, unless a test changes it."""

    tenant: str = "north"
    purpose: str = "TREAT"
    recipient: str = "app"
    action: str = "disclose"
    types: tuple[str, ...] = ("Observation",)


def judge(*rules: Rule, question: Question = Question()) -> Verdict:
    asked = question
    return Policy(rules).judge(
        asked.tenant, asked.purpose, asked.recipient, asked.action, asked.types
    )


def test_without_rules_nothing_is_permitted() -> None:
    assert judge() == Verdict(Effect.DENY, Reason.REASON_NO_POLICY, "")


def test_a_matching_permit_permits_and_is_named() -> None:
    assert judge(TREATMENT) == Verdict(Effect.PERMIT, Reason.REASON_UNSPECIFIED, "treatment")


def test_a_permit_reaches_purposes_below_its_own() -> None:
    assert judge(TREATMENT, question=Question(purpose="ETREAT")).effect is Effect.PERMIT


@pytest.mark.parametrize(
    "asked",
    [
        Question(tenant="south"),
        Question(recipient="other"),
        Question(purpose="HPAYMT"),
        Question(action="use"),
        Question(types=("Patient",)),
        Question(types=("Observation", "Patient")),
    ],
)
def test_a_permit_reaches_nothing_beside_it(asked: Question) -> None:
    narrow = Rule(
        "narrow", "north", "TREAT", "app", frozenset({"Observation"}), "disclose", Effect.PERMIT
    )
    assert judge(narrow).effect is Effect.PERMIT
    assert judge(narrow, question=asked) == Verdict(Effect.DENY, Reason.REASON_NO_POLICY, "")


@pytest.mark.parametrize(
    "asked",
    [
        Question(purpose="WORLDDOM"),
        Question(purpose=""),
        Question(purpose=ANY),
        Question(purpose="treat"),
        Question(action="sell"),
        Question(action=""),
        Question(action=ANY),
        Question(tenant=""),
        Question(recipient=""),
        Question(types=("",)),
        Question(types=(ANY,)),
    ],
)
def test_what_is_unknown_is_denied_even_where_everything_is_permitted(
    asked: Question,
) -> None:
    verdict = judge(ANYTHING, question=asked)
    assert verdict == Verdict(Effect.DENY, Reason.REASON_INVALID_ARGUMENT, "")


def test_several_permits_together_cover_a_request_and_are_all_named() -> None:
    labs = Rule("labs", ANY, "TREAT", "app", frozenset({"Observation"}), "disclose", Effect.PERMIT)
    people = Rule("people", ANY, "TREAT", "app", frozenset({"Patient"}), "disclose", Effect.PERMIT)
    visits = Rule(
        "visits", ANY, "TREAT", "app", frozenset({"Encounter"}), "disclose", Effect.PERMIT
    )
    verdict = judge(
        visits, labs, people, question=Question(types=("Patient", "Observation", "Patient"))
    )
    assert verdict == Verdict(Effect.PERMIT, Reason.REASON_UNSPECIFIED, "labs+people")


def test_one_denied_type_denies_the_whole_request() -> None:
    deny = Rule("no-meds", ANY, ANY, ANY, frozenset({"MedicationRequest"}), ANY, Effect.DENY)
    assert judge(ANYTHING, deny).effect is Effect.PERMIT
    denied = judge(ANYTHING, deny, question=Question(types=("Observation", "MedicationRequest")))
    assert denied == Verdict(Effect.DENY, Reason.REASON_CONSENT_DENIED, "no-meds")


def test_a_request_without_types_may_be_about_any_type() -> None:
    labs = Rule("labs", ANY, "TREAT", "app", frozenset({"Observation"}), "disclose", Effect.PERMIT)
    deny = Rule("no-meds", ANY, ANY, ANY, frozenset({"MedicationRequest"}), ANY, Effect.DENY)
    assert judge(labs, question=Question(types=())).reason == Reason.REASON_NO_POLICY
    assert judge(TREATMENT, question=Question(types=())).effect is Effect.PERMIT
    assert judge(TREATMENT, deny, question=Question(types=())).rule == "no-meds"


def test_the_glass_is_broken_only_by_a_rule_that_names_it() -> None:
    emergency = dataclasses.replace(TREATMENT, name="emergency", purpose="ETREAT")
    glass = dataclasses.replace(TREATMENT, name="glass", purpose="BTG")
    assert (
        judge(ANYTHING, TREATMENT, emergency, question=Question(purpose="BTG")).reason
        == Reason.REASON_NO_POLICY
    )
    assert judge(ANYTHING, TREATMENT, glass, question=Question(purpose="BTG")).rule == "glass"
    deny = Rule("closed", ANY, "TREAT", ANY, frozenset({ANY}), ANY, Effect.DENY)
    assert judge(glass, deny, question=Question(purpose="BTG")).rule == "closed"


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="named treatment"):
        Policy([TREATMENT, TREATMENT])


def test_the_version_follows_the_content() -> None:
    changed = dataclasses.replace(TREATMENT, recipient="other")
    versions = {Policy(rules).version for rules in ([], [TREATMENT], [changed], [ANYTHING])}
    assert len(versions) == 4
    assert Policy([TREATMENT]).version == Policy([dataclasses.replace(TREATMENT)]).version


TYPES = ("Patient", "Observation", "Encounter")
rules = st.lists(
    st.builds(
        Rule,
        name=st.uuids().map(str),
        tenant=st.sampled_from([ANY, "north", "south"]),
        purpose=st.sampled_from([ANY, "TREAT", "ETREAT", "BTG", "HPAYMT"]),
        recipient=st.sampled_from([ANY, "app"]),
        resource_types=st.one_of(
            st.just(frozenset({ANY})), st.frozensets(st.sampled_from(TYPES), min_size=1)
        ),
        action=st.sampled_from([ANY, "disclose", "use"]),
        effect=st.sampled_from(Effect),
    ),
    max_size=6,
    unique_by=lambda rule: rule.name,
)
requests = st.tuples(
    st.sampled_from(["north", "south"]),
    st.sampled_from(["TREAT", "ETREAT", "BTG", "HPAYMT", "HMARKT", "NOSUCH"]),
    st.sampled_from(["app", "other"]),
    st.sampled_from(["disclose", "use", "sell"]),
    st.frozensets(st.sampled_from(TYPES)),
)
Asked = tuple[str, str, str, str, frozenset[str]]


@hypothesis.given(st.data(), rules, requests)
def test_the_order_of_rules_changes_no_effect_and_no_reason(
    data: st.DataObject, table: list[Rule], asked: Asked
) -> None:
    shuffled = data.draw(st.permutations(table))
    one, other = Policy(table).judge(*asked), Policy(shuffled).judge(*asked)
    assert (one.effect, one.reason) == (other.effect, other.reason)


@hypothesis.given(rules, rules, requests)
def test_adding_denies_never_permits_more(
    table: list[Rule], more: list[Rule], asked: Asked
) -> None:
    denies = [dataclasses.replace(rule, effect=Effect.DENY) for rule in more]
    if Policy(table).judge(*asked).effect is Effect.DENY:
        assert Policy([*table, *denies]).judge(*asked).effect is Effect.DENY


@hypothesis.given(rules, requests)
def test_a_permit_for_many_types_is_a_permit_for_each(table: list[Rule], asked: Asked) -> None:
    policy = Policy(table)
    tenant, purpose, recipient, action, types = asked
    if policy.judge(*asked).effect is Effect.PERMIT:
        for kind in types:
            alone = policy.judge(tenant, purpose, recipient, action, [kind])
            assert alone.effect is Effect.PERMIT


@hypothesis.given(rules, requests)
def test_only_known_purposes_and_actions_are_ever_permitted(
    table: list[Rule], asked: Asked
) -> None:
    if Policy(table).judge(*asked).effect is Effect.PERMIT:
        assert asked[1] in PURPOSES
        assert asked[3] in ACTIONS
