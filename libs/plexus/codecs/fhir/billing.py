"""Account, ChargeItem and Coverage: what is owed, for what, and who pays."""

import re

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import annotations, concept, concepts, human_name, period, span
from plexus.codecs.fhir.elements import (
    ABSENT,
    ABSENT_CONCEPT,
    Json,
    extension,
    filled,
    required,
    text,
    token,
)
from plexus.codecs.fhir.quantities import number, quantity
from plexus.codecs.fhir.references import ENCOUNTER, ORGANIZATION, PERFORMER, PRACTITIONER, Links
from plexus.codecs.fhir.results import period_or_time

__all__ = ["COVERAGE_CLASS", "UNIT_PRICE_URL", "account", "charge_item", "coverage"]

COVERAGE_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
UNIT_PRICE_URL = "urn:plexus:extension:unit-price"
_PAYOR = ORGANIZATION | {"Patient", "RelatedPerson"}
_CHARGER = PERFORMER | {"Patient", "RelatedPerson", "Device"}
_CURRENCY = re.compile("[A-Z]{3}")


def account(source: resources_pb2.Account, links: Links) -> Json:
    """R4 Account of the patient."""
    guarantors = links.many(source.guarantors, _PAYOR)
    if source.person_guarantees:
        guarantors = [links.subject(), *guarantors]
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
        "guarantor": [{"party": made} for made in guarantors],
    }


def charge_item(source: resources_pb2.ChargeItem, links: Links) -> Json:
    """R4 ChargeItem; its total stands for the price that the list has (priceOverride)."""
    price = extension(UNIT_PRICE_URL, valueMoney=_money(source.unit_price))
    return {
        "extension": [price] if price else None,
        "status": coded(source.status, codes.CHARGE_STATUS, "unknown"),
        "code": concept(source.code) or ABSENT_CONCEPT,
        "subject": links.subject(),
        "context": links.one(source.encounter, ENCOUNTER),
        **period_or_time("occurrence", source.occurrence),
        "performer": links.performers(source.performers, _CHARGER),
        "performingOrganization": links.one(source.performing_organization, ORGANIZATION),
        "quantity": quantity(source.quantity),
        "priceOverride": _money(source.total),
        "enterer": links.one(source.enterer, PRACTITIONER | _PAYOR),
        "enteredDate": times.date_time(source.entered),
        "reason": concepts(source.reasons),
        "productCodeableConcept": concept(source.product),
        "account": links.many(source.accounts, frozenset({"Account"})),
        "note": annotations(source.notes),
    }


def _money(source: resources_pb2.Money) -> Json:
    """Money, or {} where it is no number: a currency alone is no amount."""
    value = number(source.value)
    if value is None:
        return {}
    currency = token(source.currency)
    return {"value": value} | ({"currency": currency} if _CURRENCY.fullmatch(currency) else {})


def coverage(source: resources_pb2.Coverage, links: Links) -> Json:
    """R4 Coverage."""
    subscriber = human_name(source.subscriber_name)
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
        "class": [
            filled(
                {
                    "type": {"coding": [{"system": COVERAGE_CLASS, "code": kind}]},
                    "value": value or name,
                    "name": name if value else "",
                }
            )
            for kind, value, name in (
                ("group", text(source.group), text(source.group_name)),
                ("plan", text(source.plan), ""),
            )
            if value or name
        ],
        "order": source.rank if 0 < source.rank < 2**31 else None,
    }


def _written(name: Json) -> str:
    parts: list[str] = []
    for member in ("prefix", "given", "family", "suffix"):
        found = name.get(member)
        parts += [str(each) for each in found] if isinstance(found, list) else [str(found or "")]
    return token(" ".join(parts))
