"""What ADT events mean for the state of a visit, and what they are not: merges of persons."""

import pytest

from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_MERGE, EVENT_KIND_UPSERT
from services.transform.domain import Maps
from tests.unit.transform.messages import PID, contents, converted, residue, segment

MRG = "MRG|77^^^HOSP^MR||||V1^^^HOSP^VN"


def visit(patient_class: str = "I", end: str = "") -> str:
    return segment("PV1", f2=patient_class, f19="V9", f45=end)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("A01", "in-progress"), ("A02", "in-progress"), ("A03", "finished"), ("A05", "planned"),
        ("A06", "in-progress"), ("A07", "in-progress"), ("A10", "arrived"), ("A11", "cancelled"),
        ("A12", "in-progress"), ("A13", "in-progress"), ("A14", "planned"), ("A15", "in-progress"),
        ("A16", "in-progress"), ("A21", "onleave"), ("A22", "in-progress"), ("A23", "entered-in-error"),
        ("A25", "in-progress"), ("A26", "in-progress"), ("A27", "cancelled"), ("A38", "cancelled"),
        ("A52", "in-progress"), ("A53", "onleave"),
    ],
)  # fmt: skip
def test_an_event_sets_the_status_of_the_visit(maps: Maps, event: str, status: str) -> None:
    (encounter,) = contents(converted(maps, f"ADT^{event}", PID, visit()), "encounter")
    assert encounter.status == status


@pytest.mark.parametrize("event", ["A08", "A09", "A32", "A33", "A54", "A55", "A61", "A62"])
def test_other_events_leave_the_status_to_the_class_and_the_end(maps: Maps, event: str) -> None:
    kind = f"ADT^{event}"
    assert contents(converted(maps, kind, PID, visit("P")), "encounter")[0].status == "planned"
    ended = contents(converted(maps, kind, PID, visit(end="20240101")), "encounter")[0]
    assert (ended.status, ended.period.end) == ("finished", "2024-01-01")
    assert contents(converted(maps, kind, PID, visit("?")), "encounter")[0].status == "unknown"


@pytest.mark.parametrize(
    ("event", "end"), [("A13", ""), ("A03", "2024-01-01"), ("A11", "2024-01-01")]
)
def test_a_discharge_taken_back_has_no_end(maps: Maps, event: str, end: str) -> None:
    (encounter,) = contents(
        converted(maps, f"ADT^{event}", PID, visit(end="20240101")), "encounter"
    )
    assert encounter.period.end == end


@pytest.mark.parametrize("event", ["A11", "A12", "A13", "A21", "A27", "A38"])
def test_what_is_taken_back_is_the_same_visit(maps: Maps, event: str) -> None:
    def key(kind: str) -> str:
        event = converted(maps, kind, PID, visit())
        return next(r.key for r in event.resources if r.HasField("encounter"))

    assert key(f"ADT^{event}") == key("ADT^A01")


@pytest.mark.parametrize("event", ["A18", "A30", "A34", "A36", "A40", "A47"])
def test_a_merge_names_who_goes_under(maps: Maps, event: str) -> None:
    made = converted(maps, f"ADT^{event}", PID, MRG)
    assert made.kind == EVENT_KIND_MERGE
    assert [one.value for one in made.prior] == ["77"]


@pytest.mark.parametrize("event", ["A06", "A07"])
def test_a_visit_number_of_before_merges_nobody(maps: Maps, event: str) -> None:
    made = converted(maps, f"ADT^{event}", PID, MRG, visit())
    assert made.kind == EVENT_KIND_UPSERT
    assert not made.prior
    assert residue(made)["MRG[1]-1[1].1.1"] == "77"


def test_an_allergy_is_active_unless_it_is_to_be_deleted_or_says_itself(maps: Maps) -> None:
    made = converted(
        maps, "ADT^A60", PID,
        "IAM|1|DA|1^Nuts^L|SV|Hives|A^Add^HL70206",
        "IAM|2|DA|2^Eggs^L|||D^Delete^HL70206",
        segment("IAM", f1="3", f3="3^Milk^L", f6="U", f17="I"),
    )  # fmt: skip
    allergies = contents(made, "allergy")
    assert [
        (a.code.codings[0].code, a.clinical_status, a.verification_status) for a in allergies
    ] == [
        ("1", "active", ""),
        ("2", "", "entered-in-error"),
        ("3", "inactive", "confirmed"),
    ]
    assert allergies[0].severity == "severe"
