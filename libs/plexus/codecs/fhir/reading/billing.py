"""Tables of what is owed, for what, and who pays: the inverse of `plexus.codecs.fhir.billing`."""

from collections.abc import Mapping
from typing import Any, Final

from plexus.codecs.fhir.billing import COVERAGE_CLASSES, UNIT_PRICE_URL
from plexus.codecs.fhir.reading.datatypes import subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Tree

__all__ = ["TABLES"]


def _coverage_classes(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    """The first group, plan and subplan, with their names."""
    values = source[name]
    for each in values if isinstance(values, list) else ():
        if not isinstance(each, dict) or type(value := each.get("value")) is not str:
            continue
        for kind, coding in COVERAGE_CLASSES.items():
            undisplayed = {k: v for k, v in coding.items() if k != "display"}
            if each.get("type") not in ({"coding": [coding]}, {"coding": [undisplayed]}):
                continue
            if getattr(target, kind):
                break
            setattr(target, kind, value)
            del each["type"], each["value"]
            if type(words := each.get("name")) is str:
                setattr(target, f"{kind}_name", words)
                del each["name"]
            break


def _subscriber(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """A subscriber who is only named, or one who is pointed at."""
    one = source[name]
    if isinstance(one, dict) and set(one) == {"display"} and type(one["display"]) is str:
        target.subscriber_name.family = one.pop("display")
    else:
        fill({name: "subscriber"}, "Coverage", source, target, reading)


def _coverages(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """Their order is their priority; one that is not is residue."""
    values = source[name]
    for each in values if isinstance(values, list) else ():
        if not isinstance(each, dict):
            continue
        fill({"coverage": "coverages"}, "Account.coverage", each, target, reading)
        if each.get("priority") == str(len(target.coverages)):
            del each["priority"]


def _guarantors(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """The person, or others."""
    values = source[name]
    for each in values if isinstance(values, list) else ():
        party = each.get("party") if isinstance(each, dict) else None
        if isinstance(party, dict) and reading.type_of(party) == "Patient":
            reading.subjects.append(party)
            target.person_guarantees = True
        elif isinstance(each, dict):
            known = len(target.guarantors)
            fill({"party": "guarantors"}, "Account.guarantor", each, target, reading)
            if len(target.guarantors) > known and isinstance(party, dict):
                _hold(each, party, target, reading)


def _hold(source: Tree, party: Tree, target: Any, reading: Reading) -> None:
    """The guarantor read last, once more among those who are on hold or are not."""
    on_hold = source.get("onHold")
    if type(on_hold) is bool:
        made = (target.held if on_hold else target.not_held).add()
        made.CopyFrom(target.guarantors[-1])
        reading.references.append((made, dict(party)))
        del source["onHold"]


TABLES: Final[Mapping[str, Table]] = {
    "Account": {
        "identifier": "identifiers",
        "status": "status",
        "type": "type",
        "name": "name",
        "subject": subject,
        "servicePeriod": "service_period",
        "coverage": _coverages,
        "owner": "owner",
        "guarantor": _guarantors,
    },
    "ChargeItem": {
        "identifier": "identifiers",
        "extension": Extensions({UNIT_PRICE_URL: "unit_price"}),
        "status": "status",
        "code": "code",
        "subject": subject,
        "context": "encounter",
        "occurrenceDateTime": "occurrence.start",
        "occurrencePeriod": "occurrence",
        "performer": Each("performers", {"function": "role", "actor": "actor"}),
        "performingOrganization": "performing_organization",
        "requestingOrganization": "requesting_organization",
        "costCenter": "cost_center",
        "service": "services",
        "quantity": "quantity",
        "priceOverride": "total",
        "enterer": "enterer",
        "enteredDate": "entered",
        "reason": "reasons",
        "productCodeableConcept": "product",
        "account": "accounts",
        "note": "notes",
    },
    "Coverage": {
        "identifier": "identifiers",
        "status": "status",
        "type": "type",
        "policyHolder": "policy_holder",
        "subscriber": _subscriber,
        "subscriberId": "subscriber_id",
        "beneficiary": subject,
        "relationship": "relationship",
        "period": "period",
        "payor": "payors",
        "class": _coverage_classes,
        "order": "rank",
        "costToBeneficiary": Each("costs", {"type": "type", "valueMoney": "amount"}),
    },
}
