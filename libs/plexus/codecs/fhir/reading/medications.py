"""Tables of medicines and vaccines: the inverse of `plexus.codecs.fhir.medications`."""

from collections.abc import Mapping
from typing import Any, Final

from plexus.codecs.fhir.medications import STRENGTH_URL
from plexus.codecs.fhir.reading.datatypes import fixed, subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Reading, Table, fill
from plexus.codecs.fhir.reading.timings import timing
from plexus.codecs.fhir.reading.tree import Tree
from plexus.codecs.terminology import UCUM

__all__ = ["TABLES"]

_MEDICATION: Final[Table] = {
    "code": "medication",
    "form": "form",
    "ingredient": Each(
        "ingredients",
        {
            "extension": Extensions({STRENGTH_URL: "strength"}),
            "itemCodeableConcept": "item",
            "strength": {"numerator": "amount", "denominator": "per"},
        },
    ),
}
_LOT: Final[Table] = {"batch": {"lotNumber": "lot_number", "expirationDate": "expiration"}}
_MAKER: Final[Table] = {"manufacturer": {"display": "manufacturer"}}


class _Medicine:
    """A contained Medication, which is part of what says that it was ordered or given."""

    def __init__(self, *tables: Table) -> None:
        """Read it by these tables."""
        self._table = {name: rule for table in tables for name, rule in table.items()}

    def __call__(self, source: Tree, name: str, target: Any, reading: Reading) -> None:
        """Take it out of the resource that it is contained in."""
        reference, contained = source[name], source.get("contained")
        if not isinstance(reference, dict) or not isinstance(contained, list):
            return
        for each in contained:
            if (
                isinstance(each, dict)
                and each.get("resourceType") == "Medication"
                and type(each.get("id")) is str
                and reference.get("reference") == f"#{each['id']}"
            ):
                _take_whole(each)
                fill(self._table, "Medication", each, target, reading)
                del each["resourceType"], each["id"], reference["reference"]
                return


def _take_whole(medication: Tree) -> None:
    """Each ingredient is told of one dose: that it is one says nothing."""
    ingredients = medication.get("ingredient")
    for each in ingredients if isinstance(ingredients, list) else ():
        strength = each.get("strength") if isinstance(each, dict) else None
        if isinstance(strength, dict) and strength.get("denominator") == {"value": "1"}:
            del strength["denominator"]


def _most(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """What may be taken in a day; per another time it is residue."""
    ratio = source[name]
    if not isinstance(ratio, dict) or not isinstance(per := ratio.get("denominator"), dict):
        return
    if (per.get("value"), per.get("system"), per.get("code")) == ("1", UCUM, "d"):
        fill({"numerator": "most_per_day"}, "Ratio", ratio, target, reading)
        if target.HasField("most_per_day"):
            del ratio["denominator"]


_DOSAGE: Final[Table] = {
    "text": "text",
    "additionalInstruction": "instructions",
    "timing": timing("period"),
    "asNeededBoolean": "as_needed",
    "site": "site",
    "route": "route",
    "method": "method",
    "doseAndRate": {
        "doseQuantity": "dose",
        "doseRange": {"low": "dose", "high": "dose_high"},
        "rateQuantity": "rate",
    },
    "maxDosePerPeriod": _most,
}


def _givers(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """Who gives it; whose function is told, takes part."""
    values = source[name]
    for each in values if isinstance(values, list) else ():
        if not isinstance(each, dict):
            continue
        if "function" not in each:
            kind = "MedicationAdministration.performer"
            fill({"actor": "performers"}, kind, each, target, reading)
            continue
        made = target.participants.add()
        table: Table = {"function": "role", "actor": "actor"}
        fill(table, "MedicationAdministration.performer", each, made, reading)
        if not made.ListFields():
            del target.participants[-1]


TABLES: Final[Mapping[str, Table]] = {
    "Immunization": {
        "identifier": "identifiers",
        "meta": {"security": "restrictions"},
        "status": "status",
        "statusReason": "status_reason",
        "vaccineCode": "vaccine",
        "patient": subject,
        "encounter": "encounter",
        "occurrenceDateTime": "occurrence",
        "occurrenceString": fixed("unknown"),
        "recorded": "recorded",
        "primarySource": "primary_source",
        "reportOrigin": "report_origin",
        "location": "location",
        "manufacturer": "manufacturer",
        "lotNumber": "lot_number",
        "expirationDate": "expiration",
        "site": "site",
        "route": "route",
        "doseQuantity": "dose",
        "performer": Each("performers", {"function": "role", "actor": "actor"}),
        "note": "notes",
        "reasonCode": "reasons",
        "programEligibility": "program_eligibility",
        "fundingSource": "funding_source",
    },
    "MedicationAdministration": {
        "identifier": "identifiers",
        "status": "status",
        "statusReason": "status_reason",
        "medicationCodeableConcept": "medication",
        "medicationReference": _Medicine(_MEDICATION, _LOT, _MAKER),
        "subject": subject,
        "context": "encounter",
        "effectiveDateTime": "effective.start",
        "effectivePeriod": "effective",
        "performer": _givers,
        "reasonCode": "reasons",
        "request": "request",
        "note": "notes",
        "dosage": {
            "text": "dosage.text",
            "site": "dosage.site",
            "route": "dosage.route",
            "method": "dosage.method",
            "rateQuantity": "dosage.rate",
            "dose": "dosage.dose",
        },
    },
    "MedicationDispense": {
        "identifier": "identifiers",
        "medicationCodeableConcept": "medication",
        "medicationReference": _Medicine(_MEDICATION, _LOT),
        "status": "status",
        "subject": subject,
        "context": "encounter",
        "performer": Each("performers", {"function": "role", "actor": "actor"}),
        "authorizingPrescription": "request",
        "quantity": "quantity",
        "daysSupply": "days_supply",
        "whenHandedOver": "handed_over",
        "destination": "destination",
        "note": "notes",
        "dosageInstruction": Each("dosages", _DOSAGE),
        "substitution": {"type": "substitution"},
    },
    "MedicationRequest": {
        "identifier": "identifiers",
        "groupIdentifier": "requisition",
        "status": "status",
        "statusReason": "status_reason",
        "intent": "intent",
        "category": "categories",
        "priority": "priority",
        "medicationCodeableConcept": "medication",
        "medicationReference": _Medicine(_MEDICATION),
        "subject": subject,
        "encounter": "encounter",
        "supportingInformation": "supporting",
        "authoredOn": "authored_on",
        "requester": "requester",
        "reasonCode": "reasons",
        "reasonReference": "reason_references",
        "note": "notes",
        "dosageInstruction": Each("dosages", _DOSAGE),
        "dispenseRequest": {
            "validityPeriod": "validity",
            "numberOfRepeatsAllowed": "refills",
            "quantity": "quantity",
            "performer": "dispenser",
        },
        "substitution": {"allowedCodeableConcept": "substitution"},
    },
}
