"""Rules of the record, pure.

`times` puts FHIR times of any precision in one order, `versions` says which version of a resource
wins, `standing` how settled one is, `golden` makes one person of what several sources tell, `record` keeps one person's record, `resting` those worked
on lately, `references` says what a resource points at, `milestones` what is
kept beside it, `names` under which of its keys it is kept, `moving` hands it to another record, `telling`
what a record tells of an event, `wire` takes resources apart and puts them together as bytes.
"""

from services.records.domain.golden import Golden, golden_person, origin_of
from services.records.domain.moving import give, read_moved
from services.records.domain.names import (
    Dispositions,
    Stamp,
    places_of,
    reconcile,
    referring_marks,
    rejoin,
)
from services.records.domain.record import Estate, Legacy, Past, Record
from services.records.domain.references import references_of
from services.records.domain.resting import Owner, RestingRecords
from services.records.domain.splitting import SHARED, release
from services.records.domain.telling import Telling
from services.records.domain.times import age
from services.records.domain.versions import (
    PERSON,
    POINTER,
    Said,
    Slot,
    Version,
    place_of,
    said_in,
    type_of,
)

__all__ = [
    "PERSON",
    "POINTER",
    "SHARED",
    "Dispositions",
    "Estate",
    "Golden",
    "Legacy",
    "Owner",
    "Past",
    "Record",
    "RestingRecords",
    "Said",
    "Slot",
    "Stamp",
    "Telling",
    "Version",
    "age",
    "give",
    "golden_person",
    "origin_of",
    "place_of",
    "places_of",
    "read_moved",
    "reconcile",
    "references_of",
    "referring_marks",
    "rejoin",
    "release",
    "said_in",
    "type_of",
]
