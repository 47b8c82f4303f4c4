"""Account, ChargeItem and Coverage: what is owed, for what, and who pays."""

from collections.abc import Mapping
from types import MappingProxyType

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import concept, concepts, human_name, period, span
from plexus.codecs.fhir.elements import (
    ABSENT,
    ABSENT_CONCEPT,
    Json,
    every,
    extension,
    filled,
    required,
    text,
    token,
)
from plexus.codecs.fhir.quantities import money, quantity
from plexus.codecs.fhir.references import ENCOUNTER, ORGANIZATION, PERFORMER, PRACTITIONER, Links
from plexus.codecs.fhir.results import period_or_time

__all__ = ["COVERAGE_CLASSES", "UNIT_PRICE_URL", "account", "charge_item", "coverage"]

COVERAGE_CLASSES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        kind: {
            "system": "http://terminology.hl7.org/CodeSystem/coverage-class",
            "code": kind,
            "display": shown,
        }
        for kind, shown in (("group", "Group"), ("plan", "Plan"), ("subplan", "SubPlan"))
    }
)
"""How a Coverage says what kind of group or plan it is of."""
UNIT_PRICE_URL = "urn:plexus:extension:unit-price"
_PAYOR = ORGANIZATION | {"Patient", "RelatedPerson"}
_CHARGER = PERFORMER | {"Patient", "RelatedPerson", "Device"}
_CHARGED = frozenset(
    {
        "DiagnosticReport",
        "Immunization",
        "MedicationAdministration",
        "MedicationDispense",
        "Observation",
        "Procedure",
    }
)


def account(source: resources_pb2.Account, links: Links) -> Json:
    """R4 Account of the patient."""
    # Who has no key is told from others by all that is said of them.
    holds = {
        each.SerializeToString(): on_hold
        for on_hold, those in ((True, source.held), (False, source.not_held))
        for each in those
    }
    guarantors: list[Json] = [{"party": links.subject()}] if source.person_guarantees else []
    guarantors += (
        filled({"party": party, "onHold": holds.get(each.SerializeToString())})
        for each in source.guarantors
        if (party := links.one(each, _PAYOR))
    )
    return {
        "status": coded(source.status, codes.ACCOUNT_STATUS, "unknown"),
        "type": concept(source.type),
        "name": text(source.name),
        "subject": [links.subject()],
        "servicePeriod": period(source.service_period),
        "coverage": [
            {"coverage": made, "priority": priority}
            for priority, made in enumerate(
                links.many(source.coverages, frozenset({"Coverage"})), start=1
            )
        ],
        "owner": links.one(source.owner, ORGANIZATION),
        "guarantor": guarantors,
    }


def charge_item(source: resources_pb2.ChargeItem, links: Links) -> Json:
    """R4 ChargeItem; its total stands for the price that the list has (priceOverride)."""
    price = extension(UNIT_PRICE_URL, valueMoney=money(source.unit_price))
    return {
        "extension": [price] if price else None,
        "status": coded(source.status, codes.CHARGE_STATUS, "unknown"),
        "code": concept(source.code) or ABSENT_CONCEPT,
        "subject": links.subject(),
        "context": links.one(source.encounter, ENCOUNTER),
        **period_or_time("occurrence", source.occurrence),
        "performer": links.performers(source.performers, _CHARGER),
        "performingOrganization": links.one(source.performing_organization, ORGANIZATION),
        "requestingOrganization": links.one(source.requesting_organization, ORGANIZATION),
        "costCenter": links.one(source.cost_center, ORGANIZATION),
        "quantity": quantity(source.quantity),
        "priceOverride": money(source.total),
        "enterer": links.one(source.enterer, PRACTITIONER | _PAYOR),
        "enteredDate": times.date_time(source.entered),
        "reason": concepts(source.reasons),
        "service": links.many(source.services, _CHARGED),
        "productCodeableConcept": concept(source.product),
        "account": links.many(source.accounts, frozenset({"Account"})),
        "note": links.annotations(source.notes),
    }


def coverage(source: resources_pb2.Coverage, links: Links) -> Json:
    """R4 Coverage."""
    subscriber = human_name(source.subscriber_name)
    classes = (
        _class("group", source.group, source.group_name),
        _class("plan", source.plan, source.plan_name),
        _class("subplan", source.subplan, source.subplan_name),
    )
    return {
        **required("status", coded(source.status, codes.COVERAGE_STATUS)),
        "type": concept(source.type),
        "policyHolder": links.one(source.policy_holder, _PAYOR),
        "subscriber": links.one(source.subscriber, frozenset({"Patient", "RelatedPerson"}))
        or filled({"display": _written(subscriber)}),
        "subscriberId": text(source.subscriber_id),
        "beneficiary": links.subject(),
        "relationship": concept(source.relationship),
        "period": span(source.period.start, source.period.end),
        "payor": links.many(source.payors, _PAYOR) or [ABSENT],
        "class": [each for each in classes if each],
        "order": source.rank if 0 < source.rank < 2**31 else None,
        "costToBeneficiary": every(_cost, source.costs),
    }


def _class(kind: str, code: str, words: str) -> Json:
    value, name = text(code), text(words)
    if not (value or name):
        return {}
    return {
        "type": {"coding": [COVERAGE_CLASSES[kind]]},
        "value": value or name,
        **({"name": name} if value and name else {}),
    }


def _cost(source: resources_pb2.Cost) -> Json:
    amount = money(source.amount)
    return filled({"type": concept(source.type), "valueMoney": amount}) if amount else {}


def _written(name: Json) -> str:
    parts: list[str] = []
    for member in ("prefix", "given", "family", "suffix"):
        found = name.get(member)
        parts += [str(each) for each in found] if isinstance(found, list) else [str(found or "")]
    return token(" ".join(parts))
