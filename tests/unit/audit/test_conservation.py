"""Adding up states. Out of scope: how a message gets its state (`test_standing`)."""

from plexus.api.audit.v1.audit_pb2 import Disposition
from plexus.errors import Reason
from services.audit.domain import LegState, LegTally, Tally, destinations, feeds, reasons

D = Disposition
NONE = Reason.REASON_UNSPECIFIED
TALLIES = [
    Tally("north", "lab", D.DISPOSITION_DELIVERED, NONE, 5),
    Tally("north", "adt", D.DISPOSITION_DELIVERED, NONE, 70),
    Tally("north", "adt", D.DISPOSITION_REJECTED, Reason.REASON_UNREADABLE, 1),
    Tally("north", "adt", D.DISPOSITION_PARKED, Reason.REASON_DATA_TYPE, 2),
    Tally("north", "adt", D.DISPOSITION_PARKED, Reason.REASON_MAPPING_FAILED, 3),
    Tally("north", "adt", D.DISPOSITION_WITHHELD, Reason.REASON_CONSENT_DENIED, 4),
    Tally("north", "adt", D.DISPOSITION_HELD, Reason.REASON_IDENTIFIER_CONFLICT, 6),
    Tally("north", "adt", D.DISPOSITION_IN_FLIGHT, NONE, 8),
    Tally("north", "adt", D.DISPOSITION_UNSPECIFIED, NONE, 9),
]


def test_a_feed_counts_each_state_and_duplicates_apart() -> None:
    adt, lab = feeds(TALLIES)
    assert (lab.feed, lab.received, lab.delivered) == ("lab", 5, 5)
    assert (adt.tenant, adt.feed) == ("north", "adt")
    assert adt.received == 94
    assert (adt.delivered, adt.rejected, adt.withheld) == (70, 1, 4)
    assert (adt.held, adt.parked, adt.in_flight, adt.duplicates) == (6, 5, 8, 9)


def test_a_feed_of_duplicates_only_has_received_nothing() -> None:
    (count,) = feeds([Tally("north", "adt", D.DISPOSITION_UNSPECIFIED, NONE, 3)])
    assert (count.received, count.duplicates) == (0, 3)


def test_a_destination_counts_what_is_held_for_it_as_on_its_way() -> None:
    counts = destinations([
        LegTally("north", "ehr", state, number) for number, state in enumerate(LegState, 1)
    ])  # fmt: skip
    (ehr,) = counts
    assert ehr.routed == 15
    assert (ehr.in_flight, ehr.parked, ehr.withheld, ehr.delivered) == (3, 3, 4, 5)


def test_destinations_of_two_tenants_are_two() -> None:
    counts = destinations([
        LegTally(tenant, "ehr", LegState.DELIVERED, 1) for tenant in ("south", "north")
    ])  # fmt: skip
    assert [(count.tenant, count.routed) for count in counts] == [("north", 1), ("south", 1)]


def test_reasons_are_told_for_what_was_parked_rejected_or_withheld() -> None:
    found = [(count.disposition, count.reason, count.messages) for count in reasons(TALLIES)]
    assert found == [
        (D.DISPOSITION_REJECTED, Reason.REASON_UNREADABLE, 1),
        (D.DISPOSITION_WITHHELD, Reason.REASON_CONSENT_DENIED, 4),
        (D.DISPOSITION_PARKED, Reason.REASON_DATA_TYPE, 2),
        (D.DISPOSITION_PARKED, Reason.REASON_MAPPING_FAILED, 3),
    ]
