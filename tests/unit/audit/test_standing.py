"""How a message stands after its custody entries. Out of scope: keeping it (tests/integration/audit)."""

import datetime
from collections.abc import Iterable

import hypothesis
import pytest
from hypothesis import strategies as st

from plexus.api.audit.v1.audit_pb2 import Custody, Disposition, Outcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.errors import Reason
from services.audit.domain import Leg, LegState, Standing, Tally, deciding, feeds

D = Disposition
INGEST, TRANSFORM, IDENTITY, RECORDS, DELIVERY = range(1, 6)


def entry(
    stage: int,
    outcome: str,
    *destinations: str,
    attempt: int = 1,
    reason: Reason.ValueType = Reason.REASON_UNSPECIFIED,
    to: str = "",
    at: int = 0,
    part: int = 0,
    parts: int = 0,
) -> Custody:
    made = Custody(
        message_id="00000000-0000-7000-8000-000000000001",
        tenant="north",
        feed="adt",
        message_type="ADT^A01",
        origin=7,
        stage=StageName.ValueType(stage),
        outcome=Outcome.Value(f"OUTCOME_{outcome}"),
        attempt=attempt,
        destination=to,
        reason=reason,
        destinations=destinations,
        part=part,
        parts=parts,
    )
    made.at.FromSeconds(1_800_000_000 + at)
    return made


def told(*entries: Custody) -> Standing:
    standing = Standing()
    for one in entries:
        standing.tell(one)
    return standing


def passage(attempt: int = 1) -> list[Custody]:
    """What stages report of a message that comes as far as delivery."""
    first = (
        entry(INGEST, "RECEIVED") if attempt == 1 else entry(INGEST, "REPLAYED", attempt=attempt)
    )
    return [
        first,
        entry(TRANSFORM, "PASSED", attempt=attempt),
        entry(IDENTITY, "PASSED", attempt=attempt),
        entry(RECORDS, "PASSED", attempt=attempt),
    ]


@pytest.mark.parametrize(
    ("entries", "disposition", "reason"),
    [
        pytest.param([], D.DISPOSITION_UNSPECIFIED, 0, id="nothing told"),
        pytest.param([entry(INGEST, "DUPLICATE")], D.DISPOSITION_UNSPECIFIED, 0, id="duplicate"),
        pytest.param([entry(INGEST, "RECEIVED")], D.DISPOSITION_IN_FLIGHT, 0, id="received"),
        pytest.param([entry(RECORDS, "PASSED")], D.DISPOSITION_IN_FLIGHT, 0, id="receipt is late"),
        pytest.param(
            [entry(INGEST, "REJECTED", reason=Reason.REASON_UNREADABLE)],
            D.DISPOSITION_REJECTED,
            Reason.REASON_UNREADABLE,
            id="rejected",
        ),
        pytest.param(
            [entry(INGEST, "RECEIVED"), entry(TRANSFORM, "PARKED", reason=Reason.REASON_DATA_TYPE)],
            D.DISPOSITION_PARKED,
            Reason.REASON_DATA_TYPE,
            id="parked by a stage",
        ),
        pytest.param(
            [entry(IDENTITY, "HELD", reason=Reason.REASON_IDENTIFIER_CONFLICT)],
            D.DISPOSITION_HELD,
            Reason.REASON_IDENTIFIER_CONFLICT,
            id="held by a stage",
        ),
        pytest.param(
            [entry(IDENTITY, "HELD"), entry(IDENTITY, "PASSED")],
            D.DISPOSITION_IN_FLIGHT,
            0,
            id="held and let go",
        ),
        pytest.param(
            [entry(IDENTITY, "HELD"), entry(TRANSFORM, "PASSED")],
            D.DISPOSITION_HELD,
            0,
            id="an earlier stage lets nothing go",
        ),
        pytest.param(
            [*passage(), entry(DELIVERY, "ROUTED", reason=Reason.REASON_NO_SUBSCRIPTION)],
            D.DISPOSITION_WITHHELD,
            Reason.REASON_NO_SUBSCRIPTION,
            id="routed to nobody",
        ),
        pytest.param(
            [entry(RECORDS, "WITHHELD", reason=Reason.REASON_DISCARDED)],
            D.DISPOSITION_WITHHELD,
            Reason.REASON_DISCARDED,
            id="withheld by a stage",
        ),
        pytest.param(
            [entry(DELIVERY, "ROUTED", "a", "b"), entry(DELIVERY, "DELIVERED", to="a")],
            D.DISPOSITION_IN_FLIGHT,
            0,
            id="one destination is missing",
        ),
        pytest.param(
            [entry(DELIVERY, "DELIVERED", to="a")],
            D.DISPOSITION_IN_FLIGHT,
            0,
            id="delivered before the routing is told",
        ),
        pytest.param(
            [
                entry(DELIVERY, "ROUTED", "a", "b"),
                entry(DELIVERY, "DELIVERED", to="a"),
                entry(DELIVERY, "WITHHELD", to="b", reason=Reason.REASON_CONSENT_DENIED),
            ],
            D.DISPOSITION_DELIVERED,
            0,
            id="delivered to those that may",
        ),
        pytest.param(
            [
                entry(DELIVERY, "ROUTED", "a"),
                entry(DELIVERY, "WITHHELD", to="a", reason=Reason.REASON_CONSENT_DENIED),
            ],
            D.DISPOSITION_WITHHELD,
            Reason.REASON_CONSENT_DENIED,
            id="withheld from all",
        ),
        pytest.param(
            [
                entry(DELIVERY, "ROUTED", "a", "b", "c"),
                entry(DELIVERY, "PARKED", to="a", reason=Reason.REASON_DESTINATION_REFUSED),
                entry(DELIVERY, "DELIVERED", to="b"),
            ],
            D.DISPOSITION_PARKED,
            Reason.REASON_DESTINATION_REFUSED,
            id="parked shows before in flight",
        ),
        pytest.param(
            [
                entry(DELIVERY, "ROUTED", "a"),
                entry(DELIVERY, "PARKED", to="a"),
                entry(DELIVERY, "DELIVERED", to="a"),
            ],
            D.DISPOSITION_DELIVERED,
            0,
            id="parked, tried again and delivered",
        ),
        pytest.param(
            [
                entry(DELIVERY, "ROUTED", "a", "b"),
                entry(DELIVERY, "HELD", to="a", reason=Reason.REASON_DISCARDED),
            ],
            D.DISPOSITION_HELD,
            Reason.REASON_DISCARDED,
            id="held for a destination",
        ),
    ],
)
def test_a_message_stands_as_its_entries_say(
    entries: list[Custody], disposition: Disposition.ValueType, reason: Reason.ValueType
) -> None:
    standing = told(*entries)
    assert Disposition.Name(standing.disposition) == Disposition.Name(disposition)
    assert standing.reason == reason


def test_a_replay_opens_a_message_until_its_own_stages_report() -> None:
    delivered = [
        *passage(),
        entry(DELIVERY, "ROUTED", "a"),
        entry(DELIVERY, "DELIVERED", to="a"),
    ]
    again = [*delivered, entry(INGEST, "REPLAYED", attempt=2)]
    routed = [*again, entry(DELIVERY, "ROUTED", "a", attempt=2)]
    done = [*routed, entry(DELIVERY, "DELIVERED", to="a", attempt=2)]
    assert told(*delivered).disposition == D.DISPOSITION_DELIVERED
    assert told(*again).disposition == D.DISPOSITION_IN_FLIGHT
    assert told(*again).last_stage == INGEST
    assert told(*routed).disposition == D.DISPOSITION_IN_FLIGHT
    assert told(*done).disposition == D.DISPOSITION_DELIVERED


def test_a_replay_mends_what_a_stage_had_parked() -> None:
    parked = [entry(INGEST, "RECEIVED"), entry(TRANSFORM, "PARKED")]
    mended = [*parked, *passage(2), entry(DELIVERY, "ROUTED", "a", attempt=2)]
    assert told(*parked).disposition == D.DISPOSITION_PARKED
    assert told(*mended).disposition == D.DISPOSITION_IN_FLIGHT


def test_what_is_parked_for_a_destination_stays_parked_when_a_replay_passes_it_by() -> None:
    standing = told(
        entry(DELIVERY, "ROUTED", "a", "b"),
        entry(DELIVERY, "DELIVERED", to="a"),
        entry(DELIVERY, "PARKED", to="b"),
        entry(INGEST, "REPLAYED", attempt=2),
        entry(DELIVERY, "ROUTED", "a", attempt=2),
        entry(DELIVERY, "DELIVERED", to="a", attempt=2),
    )
    assert standing.disposition == D.DISPOSITION_PARKED
    standing.tell(entry(DELIVERY, "DELIVERED", to="b"))
    assert standing.disposition == D.DISPOSITION_DELIVERED


def test_of_two_legs_the_later_passage_wins_and_then_the_later_state() -> None:
    states = [LegState.PENDING, LegState.HELD, LegState.PARKED, LegState.WITHHELD]
    assert sorted([LegState.DELIVERED, *reversed(states)]) == [*states, LegState.DELIVERED]
    assert Leg(2, LegState.PENDING) > Leg(1, LegState.DELIVERED)


def test_the_first_report_of_a_receipt_dates_it() -> None:
    standing = told(entry(INGEST, "RECEIVED", at=5), entry(INGEST, "RECEIVED", at=3))
    assert standing.received_at == datetime.datetime.fromtimestamp(1_800_000_003, datetime.UTC)


def test_an_outcome_that_is_not_known_yet_makes_the_message_known_and_no_more() -> None:
    stranger = entry(TRANSFORM, "PASSED")
    stranger.outcome = Outcome.ValueType(99)
    assert told(stranger).disposition == D.DISPOSITION_IN_FLIGHT


def test_the_entry_that_decided_is_the_last_that_could_have() -> None:
    parked = entry(DELIVERY, "PARKED", to="b", at=2)
    trail = [
        entry(DELIVERY, "ROUTED", "a", "b", at=1),
        parked,
        entry(DELIVERY, "DELIVERED", to="a", at=3),
    ]
    assert deciding(trail, told(*trail).disposition) == parked
    assert deciding(reversed(trail), told(*trail).disposition) == parked
    assert deciding(trail[:1], D.DISPOSITION_IN_FLIGHT) == trail[0]
    assert deciding([], D.DISPOSITION_IN_FLIGHT) is None


def parted(parts: int = 2, attempt: int = 1) -> list[Custody]:
    """What is told of a message about several persons until it goes on as parts."""
    return [
        entry(INGEST, "RECEIVED"),
        entry(TRANSFORM, "PASSED", parts=parts, attempt=attempt),
    ]


def brought(part: int, attempt: int = 1) -> list[Custody]:
    """What stages report of a part that one destination has confirmed."""
    return [
        entry(IDENTITY, "PASSED", part=part, attempt=attempt),
        entry(RECORDS, "PASSED", part=part, attempt=attempt),
        entry(DELIVERY, "ROUTED", "ehr", part=part, attempt=attempt),
        entry(DELIVERY, "DELIVERED", to="ehr", part=part, attempt=attempt),
    ]


@pytest.mark.parametrize(
    ("entries", "disposition", "reason"),
    [
        pytest.param(parted(), D.DISPOSITION_IN_FLIGHT, 0, id="no part has come anywhere"),
        pytest.param([*parted(), *brought(2)], D.DISPOSITION_IN_FLIGHT, 0, id="one is missing"),
        pytest.param(
            [*parted(), *brought(1), *brought(2)], D.DISPOSITION_DELIVERED, 0, id="all are there"
        ),
        pytest.param(
            [*brought(1), *brought(2)], D.DISPOSITION_IN_FLIGHT, 0, id="how many is not told yet"
        ),
        pytest.param(
            [*parted(3), *brought(1), *brought(2)], D.DISPOSITION_IN_FLIGHT, 0, id="two of three"
        ),
        pytest.param(
            [
                *parted(),
                *brought(1),
                entry(IDENTITY, "PARKED", part=2, reason=Reason.REASON_NO_IDENTIFIER),
            ],
            D.DISPOSITION_PARKED,
            Reason.REASON_NO_IDENTIFIER,
            id="a stage has parked one",
        ),
        pytest.param(
            [
                *parted(),
                *brought(1),
                entry(DELIVERY, "ROUTED", "ehr", part=2),
                entry(DELIVERY, "WITHHELD", to="ehr", part=2, reason=Reason.REASON_CONSENT_DENIED),
            ],
            D.DISPOSITION_DELIVERED,
            0,
            id="one is delivered and the other withheld",
        ),
        pytest.param(
            [
                *parted(),
                *(entry(DELIVERY, "ROUTED", "ehr", part=part) for part in (1, 2)),
                *(
                    entry(
                        DELIVERY,
                        "WITHHELD",
                        to="ehr",
                        part=part,
                        reason=Reason.REASON_CONSENT_DENIED,
                    )
                    for part in (1, 2)
                ),
            ],
            D.DISPOSITION_WITHHELD,
            Reason.REASON_CONSENT_DENIED,
            id="all are withheld",
        ),
        pytest.param(
            [
                *parted(),
                *(
                    entry(DELIVERY, "ROUTED", part=part, reason=Reason.REASON_NO_SUBSCRIPTION)
                    for part in (1, 2)
                ),
            ],
            D.DISPOSITION_WITHHELD,
            Reason.REASON_NO_SUBSCRIPTION,
            id="nobody wants any",
        ),
        pytest.param(
            [*parted(), *brought(1), *brought(2), entry(TRANSFORM, "PASSED", parts=2, attempt=2)],
            D.DISPOSITION_IN_FLIGHT,
            0,
            id="a replay opens all parts",
        ),
        pytest.param(
            [*parted(), *brought(1), *parted(attempt=2), *brought(1, 2), *brought(2, 2)],
            D.DISPOSITION_DELIVERED,
            0,
            id="a replay brings what was missing",
        ),
        pytest.param(
            [
                *parted(3),
                *brought(1),
                *brought(2),
                *brought(3),
                *parted(2, attempt=2),
                *brought(1, 2),
                *brought(2, 2),
            ],
            D.DISPOSITION_DELIVERED,
            0,
            id="a replay by other maps makes fewer",
        ),
    ],
)
def test_a_message_about_several_persons_is_done_when_all_its_parts_are(
    entries: list[Custody], disposition: D.ValueType, reason: int
) -> None:
    for order in (entries, list(reversed(entries))):
        standing = told(*order)
        assert (standing.disposition, standing.reason) == (disposition, reason)


def test_a_destination_that_lacks_a_part_lacks_the_message() -> None:
    waits = entry(DELIVERY, "ROUTED", "ehr", part=2)
    assert told(*parted(), *brought(1), waits).destinations == {"ehr": LegState.PENDING}
    assert told(*parted(), *brought(1), *brought(2)).destinations == {"ehr": LegState.DELIVERED}


OUTCOMES = [name.removeprefix("OUTCOME_") for name in Outcome.keys()]  # noqa: SIM118 - a descriptor
entries_of_a_message = st.lists(
    st.builds(
        entry,
        st.integers(INGEST, DELIVERY),
        st.sampled_from(OUTCOMES),
        attempt=st.integers(0, 3),
        reason=st.sampled_from([0, Reason.REASON_DATA_TYPE, Reason.REASON_CONSENT_DENIED]),
        to=st.sampled_from(["", "a", "b"]),
        at=st.integers(0, 9),
        part=st.sampled_from([0, 0, 1, 2, 3]),
        parts=st.sampled_from([0, 0, 0, 2, 3]),
    ).flatmap(
        lambda made: st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(
            lambda names: _routed(made, names)
        )
    ),
    max_size=12,
)


def _routed(made: Custody, names: Iterable[str]) -> Custody:
    if made.outcome == Outcome.OUTCOME_ROUTED:
        made.destination = ""
        made.destinations.extend(names)
    return made


@hypothesis.given(st.data(), entries_of_a_message)
def test_neither_order_nor_repetition_of_entries_matters(
    data: st.DataObject, entries: list[Custody]
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(entries), max_size=6)) if entries else []
    shuffled = data.draw(st.permutations([*entries, *repeated]))
    assert told(*shuffled) == told(*entries)


@hypothesis.given(st.lists(entries_of_a_message, max_size=6), st.data())
def test_the_law_holds_whatever_part_of_the_evidence_has_arrived(
    messages: list[list[Custody]], data: st.DataObject
) -> None:
    standings = [
        told(*data.draw(st.permutations(entries))[: data.draw(st.integers(0, len(entries)))])
        for entries in messages
    ]
    known = [one for one in standings if one != Standing()]
    counts = feeds(Tally(s.tenant, s.feed, s.disposition, s.reason, 1) for s in known)
    received = sum(c.received for c in counts)
    ended = sum(
        c.delivered + c.rejected + c.withheld + c.held + c.parked + c.in_flight for c in counts
    )
    assert received == ended
    assert received + sum(c.duplicates for c in counts) == len(known)
    assert all(s.disposition in Disposition.values() for s in known)


@hypothesis.given(entries_of_a_message)
def test_a_message_has_a_state_exactly_if_anything_but_a_duplicate_was_told(
    entries: list[Custody],
) -> None:
    has_state = told(*entries).disposition != D.DISPOSITION_UNSPECIFIED
    assert has_state == any(one.outcome != Outcome.OUTCOME_DUPLICATE for one in entries)


@hypothesis.given(entries_of_a_message)
def test_a_delivered_message_has_no_leg_that_is_open(entries: list[Custody]) -> None:
    standing = told(*entries)
    if standing.disposition == D.DISPOSITION_DELIVERED:
        towards = set(standing.destinations.values())
        assert LegState.DELIVERED in towards
        assert not towards & {LegState.PENDING, LegState.HELD, LegState.PARKED}
    states = {leg.state for leg in standing.legs.values()}
    if standing.is_accepted and LegState.PARKED in states and standing.is_routed:
        assert standing.disposition in {D.DISPOSITION_PARKED, D.DISPOSITION_HELD}
