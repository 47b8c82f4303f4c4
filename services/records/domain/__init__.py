"""Rules of the record, pure.

`times` puts FHIR times of any precision in one order, `versions` says which version of a resource
wins, `golden` makes one person of what several sources tell, `record` keeps one person's record, `resting` those worked
on lately, `references` says what a resource points at.
"""

from services.records.domain.golden import golden_person, origin_of
from services.records.domain.record import Estate, Past, Record
from services.records.domain.references import references_of
from services.records.domain.resting import Owner, RestingRecords
from services.records.domain.times import age
from services.records.domain.versions import PERSON, Slot, Version, place_of, slot_of, type_of

__all__ = [
    "PERSON",
    "Estate",
    "Owner",
    "Past",
    "Record",
    "RestingRecords",
    "Slot",
    "Version",
    "age",
    "golden_person",
    "origin_of",
    "place_of",
    "references_of",
    "slot_of",
    "type_of",
]
