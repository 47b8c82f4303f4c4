"""Stewards on a real PostgreSQL, over gRPC: the queue, decisions, and what they hold against.

Out of scope: what becomes of a merge behind identity (tests/e2e).
"""

import datetime
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.actors import TurnFailed
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.identity.v1 import stewardship_pb2 as pb
from plexus.api.identity.v1.identity_pb2 import MatchKind
from plexus.errors import InvalidMessage, InvalidRequest, NotFound
from plexus.ids import STEWARDSHIP
from plexus.store import Database
from services.identity.domain import Matching
from tests.integration.identity.steward_desk import Desk, desk_of
from tests.unit.identity.identity_material import NORTH, WEST, envelope_of, number
from tests.unit.identity.people_material import person

EAST = ("EAST", "")


@pytest_asyncio.fixture
async def desk(identity_db: Database, grpc_library: None) -> AsyncIterator[Desk]:
    async with desk_of(identity_db) as made:
        yield made


def north(who: Person, value: str = "n1") -> Envelope:
    return envelope_of([number(value, NORTH)], person=who, source="adt-north")


def west(who: Person, value: str = "w1") -> Envelope:
    return envelope_of([number(value, WEST)], person=who, source="adt-west")


def east(who: Person, value: str = "e1") -> Envelope:
    return envelope_of([number(value, EAST)], person=who, source="adt-east")


ONE, OTHER = person(ssn="536221234"), person(ssn="601347788")
"""Alike in all but the national number: for review."""


async def _pair(desk: Desk) -> tuple[str, str, int]:
    """Two persons and the review of them."""
    (one,) = await desk.replica.resolved(north(ONE))
    (other,) = await desk.replica.resolved(west(OTHER))
    assert one.person_id != other.person_id
    (review,) = await desk.reviews()
    return one.person_id, other.person_id, review.review_id


async def test_same_merges_the_two_by_a_message_that_identity_works_off_once(desk: Desk) -> None:
    one, other, review = await _pair(desk)
    assert await desk.decide("SAME", review) == ["merged"]
    (envelope,) = await desk.relayed()
    assert (envelope.source, envelope.feed) == (STEWARDSHIP, STEWARDSHIP)
    (merge,) = await desk.replica.resolved(envelope)
    (again,) = await desk.replica.resolved(envelope)
    assert (merge.person_id, merge.merged_into) == (other, one)
    assert merge.match == MatchKind.MATCH_KIND_MERGE
    assert (again.person_id, again.merged_into) == (one, "")
    (late,) = await desk.replica.resolved(west(OTHER))
    assert late.person_id == one
    assert await desk.reviews() == []
    assert await desk.relayed() == []
    (closed,) = await desk.reviews(statuses=[pb.REVIEW_STATUS_SAME])
    assert (closed.decided_by, closed.reason) == ("operator:ann", "seen")


async def test_the_steward_says_who_stays(desk: Desk) -> None:
    one, other, review = await _pair(desk)
    with pytest.raises(InvalidRequest, match="none of the two"):
        await desk.decide("SAME", review, survivor_id="00000000-0000-7000-8000-000000000001")
    assert await desk.decide("SAME", review, survivor_id=other) == ["merged"]
    (merge,) = await desk.carried_out()
    assert (merge.person_id, merge.merged_into) == (one, other)


async def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    _, _, review = await _pair(desk)
    for verdict, outcome in (("SAME", "merged"), ("DIFFERENT", "different"), ("SKIP", "skipped")):
        assert await desk.decide(verdict, review, is_dry_run=True) == [outcome]
    assert [each.status for each in await desk.reviews()] == [pb.REVIEW_STATUS_OPEN]
    assert await desk.relayed() == []
    shown = await desk.ask("GetReview", review_id=review, reader="operator:ann")
    assert not shown.history


async def test_different_is_not_raised_again_by_any_source_while_the_records_say_the_same(
    desk: Desk,
) -> None:
    one, other, review = await _pair(desk)
    assert await desk.decide("DIFFERENT", review) == ["different"]
    assert await desk.relayed() == []
    (third,) = await desk.replica.resolved(east(ONE))
    assert third.person_id == one
    for _ in range(3):
        assert await desk.reviews() == []
        await desk.replica.take([north(ONE), west(OTHER), east(ONE)])
    moved = person(ssn="601347788", street="7 High Street", phone="3129871234")
    await desk.replica.take([west(moved)])
    (fourth,) = await desk.replica.resolved(
        envelope_of([number("s1", ("SOUTH", ""))], person=ONE, source="adt-south")
    )
    assert fourth.person_id == one
    assert await desk.reviews() == []
    assert await desk.decide("DIFFERENT", review) == ["already_decided"]
    assert other != one


async def test_different_is_raised_again_where_a_record_says_materially_something_else(
    desk: Desk,
) -> None:
    one, other, review = await _pair(desk)
    await desk.decide("DIFFERENT", review)
    await desk.replica.take([west(person())])  # no national number any more
    (third,) = await desk.replica.resolved(east(person()))
    again = await desk.reviews()
    assert {each.kind for each in again} == {"two_matches"}
    (raised,) = again
    assert {raised.person_id, raised.other_person_id} == {one, other}
    assert third.person_id in {one, other}
    assert raised.decided_by == ""


async def test_a_large_merge_needs_a_second_steward(
    identity_db: Database, grpc_library: None
) -> None:
    async with desk_of(identity_db, Matching(four_eyes_records=2)) as desk:
        one, other, review = await _pair(desk)
        assert await desk.decide("SAME", review, survivor_id=other) == ["proposed"]
        (proposed,) = await desk.reviews()
        assert (proposed.status, proposed.proposed_by) == (
            pb.REVIEW_STATUS_PROPOSED, "operator:ann",
        )  # fmt: skip
        assert await desk.decide("SAME", review) == ["second_steward_needed"]
        assert await desk.relayed() == []
        assert await desk.decide("SAME", review, steward="operator:bob") == ["merged"]
        (merge,) = await desk.carried_out()
        assert (merge.person_id, merge.merged_into) == (one, other)


async def test_a_second_steward_may_disagree(identity_db: Database, grpc_library: None) -> None:
    async with desk_of(identity_db, Matching(four_eyes_records=2)) as desk:
        _, _, review = await _pair(desk)
        await desk.decide("SAME", review)
        assert await desk.decide("DIFFERENT", review, steward="operator:bob") == ["different"]
        shown = await desk.ask("GetReview", review_id=review, reader="operator:cyd")
        assert [(each.kind, each.steward) for each in shown.history] == [
            ("propose", "operator:ann"), ("different", "operator:bob"),
        ]  # fmt: skip


async def test_both_sides_are_shown_with_bits_after_the_reading_was_recorded(desk: Desk) -> None:
    one, other, review = await _pair(desk)
    shown = await desk.ask("GetReview", review_id=review, reader="operator:ann")
    assert desk.readings.noted == [("operator:ann", sorted((one, other)), f"review {review}")]
    fields = {each.field: each for each in shown.fields}
    assert {fields["national_id"].one, fields["national_id"].other} == {
        "us-ssn 536221234", "us-ssn 601347788",
    }  # fmt: skip
    assert fields["national_id"].level == "different"
    assert fields["national_id"].bits < 0 < fields["name"].bits
    assert sum(row.bits for row in shown.rows) == pytest.approx(shown.review.bits, abs=1e-6)
    assert shown.bits_now == pytest.approx(shown.review.bits)
    assert shown.records == 2
    with pytest.raises(NotFound):
        await desk.ask("GetReview", review_id=review + 1, reader="operator:ann")


async def test_skipped_reviews_go_behind_the_others_and_urgent_ones_come_first(desk: Desk) -> None:
    _, _, first = await _pair(desk)
    bruno = {"born": "1951-07-30", "street": "7 High Street", "phone": "3129871234"}
    one, other = (person("Okafor", "Bruno", ssn=ssn, **bruno) for ssn in ("212345678", "401556677"))
    await desk.replica.take([north(one, "n2")])
    await desk.replica.take([west(other, "w2")])
    assert [each.review_id for each in await desk.reviews()].index(first) == 0
    assert await desk.decide("SKIP", first) == ["skipped"]
    second, last = [each.review_id for each in await desk.reviews()]
    assert last == first
    answer = await desk.ask(
        "AssignReviews", review_ids=[first], assignee="bob", priority=1, steward="operator:ann"
    )
    assert answer.assigned == 1
    assert [each.review_id for each in await desk.reviews()] == [first, second]
    assert [each.review_id for each in await desk.reviews(assignee="bob")] == [first]
    assert await desk.reviews(least_age_seconds=3600) == []
    assert await desk.reviews(least_bits=60.0) == []


async def test_a_merge_by_a_source_closes_the_review_and_a_decision_finds_one_person(
    desk: Desk,
) -> None:
    _, _, review = await _pair(desk)
    await desk.replica.take([envelope_of([number("n1", NORTH)], [number("w1", WEST)])])
    assert await desk.reviews() == []
    assert await desk.decide("SAME", review) == ["already_decided"]


async def test_a_decision_waits_for_one_about_the_same_person_that_is_on_its_way(
    desk: Desk,
) -> None:
    _, _, review = await _pair(desk)
    await desk.replica.take([east(person(ssn="212345678"))])
    _, second, *_ = sorted(each.review_id for each in await desk.reviews())
    assert await desk.decide("SAME", review) == ["merged"]
    assert await desk.decide("SAME", second) == ["pending"]
    await desk.carried_out()
    assert await desk.decide("SAME", second) == ["merged"]


async def test_a_merge_of_persons_who_have_changed_since_is_parked(desk: Desk) -> None:
    one, _, review = await _pair(desk)
    await desk.decide("SAME", review)
    (envelope,) = await desk.relayed()
    (third,) = await desk.replica.resolved(envelope_of([number("x1", EAST)]))
    await desk.replica.take([envelope_of([number("x1", EAST)], [number("w1", WEST)])])
    with pytest.raises(TurnFailed) as failed:
        await desk.replica.take([envelope])
    assert isinstance(failed.value.error, InvalidMessage)
    assert third.person_id != one


async def test_what_a_source_unlinked_is_not_raised_by_a_later_record(desk: Desk) -> None:
    """A37 is an assertion, too."""

    one, _, _ = await _pair(desk)
    unlink = envelope_of(
        [number("n1", NORTH)], [number("w1", WEST)], kind=EventKind.EVENT_KIND_UNLINK
    )
    await desk.replica.take([unlink])
    assert await desk.reviews() == []
    (third,) = await desk.replica.resolved(east(ONE))
    assert third.person_id == one
    assert await desk.reviews() == []


async def test_decisions_are_published_again_until_they_have_taken_place(desk: Desk) -> None:
    _, _, review = await _pair(desk)
    await desk.decide("SAME", review)
    assert len(await desk.relayed()) == 1
    assert await desk.relay.publish() == 0
    async with desk.database.connection() as connection:
        await connection.execute(
            "UPDATE decision SET published_at = $1",
            datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=2),
        )
    assert await desk.relay.publish() == 1


async def test_a_report_counts_duplicates_reviews_and_agreement(desk: Desk) -> None:
    _, _, review = await _pair(desk)
    await desk.replica.take([east(ONE)])
    before = await desk.ask("GetReport")
    assert (before.persons, before.records, before.auto_links) == (2, 3, 1)
    assert (before.open_reviews, before.decided_same) == (before.reviews, 0)
    (raised,) = [each for each in await desk.reviews() if each.review_id == review]
    await desk.decide("SAME", review)
    await desk.carried_out()
    after = await desk.ask("GetReport")
    assert (after.persons, after.merged_persons, after.decided_same) == (1, 1, 1)
    assert after.decided_as_scored == (raised.bits >= 3.5)
    assert after.auto_links_undone == 0


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"reason": " "}, "reason"),
        ({"steward": ""}, "steward"),
        ({"steward": "x" * 101}, "steward"),
        ({"reason": "x" * 1001}, "reason"),
    ],
)
async def test_a_decision_needs_somebody_and_a_reason(
    desk: Desk, fields: dict[str, str], location: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await desk.decide("SKIP", 1, **fields)
    assert caught.value.location == location
    assert await desk.decide("SKIP", 1) == ["not_found"]
