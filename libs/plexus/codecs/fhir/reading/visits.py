"""Tables of stays and appointments: the inverse of `plexus.codecs.fhir.visits`."""

import re
from collections.abc import Mapping
from typing import Any, Final

from plexus.codecs.fhir.reading.datatypes import DATATYPES, fixed, subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Digits, Tree
from plexus.codecs.fhir.visits import ARRIVAL_URL, PLANNED_URL

__all__ = ["TABLES"]

_DAYS: Final = {"unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
_WHOLE: Final = re.compile("[0-9]{1,9}")
_AGREED: Final = frozenset({"booked", "arrived", "fulfilled", "checked-in"})


def _destination(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """A place known by its code and name; one that is pointed at stays residue."""
    place = source[name]
    if not isinstance(place, dict) or "reference" in place:
        return
    known = place.get("identifier")
    if isinstance(known, dict):
        coding = target.discharged_to.codings.add()
        fill(
            {"system": DATATYPES["Coding"]["system"], "value": "code"},
            "Identifier",
            known,
            coding,
            reading,
        )
        if not coding.ListFields():
            del target.discharged_to.codings[-1]
    fill({"display": "discharged_to.text"}, "Reference", place, target, reading)


def _appointed(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """The participants, of whom the person is one; a status that follows from others is not kept."""
    values = source[name]
    for each in values if isinstance(values, list) else ():
        if not isinstance(each, dict):
            continue
        actor = each.get("actor")
        usual = "needs-action"
        if isinstance(actor, dict) and reading.type_of(actor) == "Patient":
            reading.subjects.append(actor)
            usual = "accepted" if target.status in _AGREED else usual
        else:
            made = target.participants.add()
            fill(
                {"type": "role", "actor": "actor", "period": "period"},
                "Appointment.participant",
                each,
                made,
                reading,
            )
            if not made.ListFields():
                del target.participants[-1]
        if each.get("status") == usual:
            del each["status"]


def _days(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    """A length in whole days; any other one is residue."""
    length = source[name]
    value = length.get("value") if isinstance(length, dict) else None
    if not isinstance(value, Digits) or length != {**_DAYS, "value": value}:
        return
    if _WHOLE.fullmatch(value) and int(value):
        target.days = int(value)
        del source[name]


TABLES: Final[Mapping[str, Table]] = {
    "Encounter": {
        "meta": {"security": "restrictions"},
        "extension": Extensions(
            {
                f"{PLANNED_URL}StartDate": "planned.start",
                f"{PLANNED_URL}EndDate": "planned.end",
                ARRIVAL_URL: "arrival_mode",
            }
        ),
        "episodeOfCare": {"identifier": "episodes", "type": fixed("EpisodeOfCare", "identifier")},
        "length": _days,
        "identifier": "identifiers",
        "status": "status",
        "class": "encounter_class",
        "type": "types",
        "serviceType": "service_type",
        "priority": "priority",
        "subject": subject,
        "participant": Each(
            "participants", {"type": "role", "individual": "actor", "period": "period"}
        ),
        "period": "period",
        "reasonCode": "reasons",
        "account": {"identifier": "accounts", "type": fixed("Account", "identifier")},
        "hospitalization": {
            "preAdmissionIdentifier": "pre_admission_identifier",
            "admitSource": "admit_source",
            "reAdmission": "re_admission",
            "dietPreference": "diets",
            "specialCourtesy": "special_courtesies",
            "specialArrangement": "special_arrangements",
            "destination": _destination,
            "dischargeDisposition": "discharge_disposition",
        },
        "location": Each(
            "locations", {"location": "location", "status": "status", "period": "period"}
        ),
        "serviceProvider": "service_provider",
    },
    "Appointment": {
        "identifier": "identifiers",
        "status": "status",
        "cancelationReason": "cancelation_reason",
        "serviceType": "service_types",
        "appointmentType": "appointment_type",
        "reasonCode": "reasons",
        "description": "description",
        "start": "period.start",
        "end": "period.end",
        "requestedPeriod": {"start": "period.start", "end": "period.end"},
        "minutesDuration": "minutes",
        "comment": "comment",
        "slot": {"identifier": "slots", "type": fixed("Slot", "identifier")},
        "basedOn": "based_on",
        "participant": _appointed,
    },
}
