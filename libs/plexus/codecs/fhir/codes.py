"""Closed code sets: the R4 value sets that are bound as *required*.

A code outside such a set makes a resource invalid, so every sender's code passes through `coded`,
which knows the set's own codes, their usual misspellings, and nothing else. Where R4 has a code for
"unknown" the renderers fall back on it; where it has none they say that the value is absent.
Neighbours: `systems` names code systems, `datatypes` uses both.
"""

from collections.abc import Mapping

__all__ = [
    "ACCOUNT_STATUS",
    "ADDRESS_TYPE",
    "ADDRESS_USE",
    "ADMINISTRATION_STATUS",
    "ALLERGY_CATEGORY",
    "ALLERGY_CLINICAL",
    "ALLERGY_CRITICALITY",
    "ALLERGY_TYPE",
    "ALLERGY_VERIFICATION",
    "APPOINTMENT_STATUS",
    "ASSEMBLY_ORDER",
    "CARE_TEAM_STATUS",
    "CHARGE_STATUS",
    "COMPARATOR",
    "COMPOSITION_STATUS",
    "CONDITION_CLINICAL",
    "CONDITION_VERIFICATION",
    "COVERAGE_STATUS",
    "DAYS",
    "DISPENSE_STATUS",
    "DOCUMENT_STATUS",
    "ENCOUNTER_LOCATION_STATUS",
    "ENCOUNTER_STATUS",
    "EVENT_STATUS",
    "EVENT_TIMING",
    "GENDER",
    "GOAL_STATUS",
    "IDENTIFIER_USE",
    "IMMUNIZATION_STATUS",
    "LOCATION_MODE",
    "LOCATION_PHYSICAL_TYPE",
    "LOCATION_STATUS",
    "MEDICATION_REQUEST_INTENT",
    "MEDICATION_REQUEST_STATUS",
    "NAME_USE",
    "OBSERVATION_STATUS",
    "PLAN_STATUS",
    "REACTION_SEVERITY",
    "REPORT_STATUS",
    "REQUEST_INTENT",
    "REQUEST_PRIORITY",
    "REQUEST_STATUS",
    "SPECIMEN_STATUS",
    "TELECOM_SYSTEM",
    "TELECOM_USE",
    "coded",
]


def _closed(codes: str, **spellings: str) -> Mapping[str, str]:
    return {code: code for code in codes.split()} | spellings


def coded(value: str, allowed: Mapping[str, str], default: str = "") -> str:
    """The code of `allowed` that `value` spells, or `default`; case and `_` for `-` are forgiven."""
    if not value:
        return default
    found = allowed.get(value)
    if found is not None:
        return found
    return allowed.get("-".join(value.lower().replace("_", " ").split()), default)


GENDER = _closed(
    "male female other unknown", m="male", f="female", o="other", a="other", n="other", u="unknown"
)
NAME_USE = _closed("usual official temp nickname anonymous old maiden")
ADDRESS_USE = _closed("home work temp old billing")
ADDRESS_TYPE = _closed("postal physical both")
TELECOM_SYSTEM = _closed("phone fax pager email url sms other")
TELECOM_USE = _closed("home work temp old mobile")
ASSEMBLY_ORDER = _closed("G F", g="G", f="F")
IDENTIFIER_USE = _closed("usual official temp secondary old")
COMPARATOR = _closed("< <= >= >")

ENCOUNTER_STATUS = _closed(
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    **{"canceled": "cancelled", "on-leave": "onleave", "inprogress": "in-progress"},
    completed="finished",
)
ENCOUNTER_LOCATION_STATUS = _closed("planned active reserved completed")
APPOINTMENT_STATUS = _closed(
    "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist",
    **{"canceled": "cancelled", "no-show": "noshow"},
)
LOCATION_STATUS = _closed("active suspended inactive")
LOCATION_MODE = _closed("instance kind")
LOCATION_PHYSICAL_TYPE = _closed(
    "si bu wi wa lvl co ro bd ve ho ca rd area jdn",
    site="si",
    building="bu",
    wing="wi",
    ward="wa",
    level="lvl",
    floor="lvl",
    corridor="co",
    room="ro",
    bed="bd",
    vehicle="ve",
    house="ho",
    cabinet="ca",
    road="rd",
    jurisdiction="jdn",
)

_RESULT = "registered preliminary final amended corrected cancelled entered-in-error unknown"
OBSERVATION_STATUS = _closed(_RESULT, canceled="cancelled")
REPORT_STATUS = _closed(f"{_RESULT} partial appended", canceled="cancelled")
REQUEST_STATUS = _closed(
    "draft active on-hold revoked completed entered-in-error unknown",
    cancelled="revoked",
    canceled="revoked",
)
REQUEST_INTENT = _closed(
    "proposal plan directive order original-order reflex-order filler-order instance-order option"
)
REQUEST_PRIORITY = _closed("routine urgent asap stat")
SPECIMEN_STATUS = _closed("available unavailable unsatisfactory entered-in-error")

ACCOUNT_STATUS = _closed("active inactive entered-in-error on-hold unknown")
CHARGE_STATUS = _closed("planned billable not-billable aborted billed entered-in-error unknown")
CARE_TEAM_STATUS = _closed("proposed active suspended inactive entered-in-error")
COVERAGE_STATUS = _closed("active cancelled draft entered-in-error", canceled="cancelled")
ALLERGY_CLINICAL = _closed("active inactive resolved")
ALLERGY_VERIFICATION = _closed("unconfirmed confirmed refuted entered-in-error")
ALLERGY_CATEGORY = _closed("food medication environment biologic")
ALLERGY_TYPE = _closed("allergy intolerance")
ALLERGY_CRITICALITY = _closed("low high unable-to-assess")
REACTION_SEVERITY = _closed("mild moderate severe")
CONDITION_CLINICAL = _closed("active recurrence relapse inactive remission resolved")
CONDITION_VERIFICATION = _closed(
    "unconfirmed provisional differential confirmed refuted entered-in-error"
)
IMMUNIZATION_STATUS = _closed("completed entered-in-error not-done")
DAYS = _closed("mon tue wed thu fri sat sun")
EVENT_TIMING = _closed(
    "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS"
    " HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV"
)
EVENT_STATUS = _closed(
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
)
MEDICATION_REQUEST_STATUS = _closed(
    "active on-hold cancelled completed entered-in-error stopped draft unknown",
    canceled="cancelled",
    discontinued="stopped",
)
MEDICATION_REQUEST_INTENT = _closed(
    "proposal plan order original-order reflex-order filler-order instance-order option"
)
ADMINISTRATION_STATUS = _closed(
    "in-progress not-done on-hold completed entered-in-error stopped unknown"
)
DISPENSE_STATUS = _closed(
    "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown"
)
GOAL_STATUS = _closed(
    "proposed planned accepted active on-hold completed cancelled entered-in-error rejected"
)
PLAN_STATUS = _closed("draft active on-hold revoked completed entered-in-error unknown")
DOCUMENT_STATUS = _closed("current superseded entered-in-error")
COMPOSITION_STATUS = _closed("preliminary final amended entered-in-error")
