"""$match, cross references, explanations, the watch and orders about persons, on PostgreSQL over gRPC."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.identity.v1 import identity_pb2 as pb
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.errors import InvalidRequest, NotFound
from plexus.store import Database
from services.identity.domain import Matching
from tests.integration.identity.identity_stage import Replica
from tests.integration.identity.steward_desk import Desk, desk_of
from tests.unit.identity.identity_material import NORTH, TENANT, WEST, envelope_of, number
from tests.unit.identity.people_material import person

ANN = {"reader": "operator:ann"}
ORDER = {"reason": "seen", "steward": "operator:ann"}


@pytest_asyncio.fixture
async def desk(identity_db: Database, grpc_library: None) -> AsyncIterator[Desk]:
    async with desk_of(identity_db) as made:
        yield made


async def _known(desk: Desk) -> tuple[str, str]:
    """Harriet of North, and her brother Hugh at the same address."""
    one, other = await desk.replica.resolved(
        envelope_of([number("n1", NORTH)], person=person(), source="adt-north"),
        envelope_of(
            [number("n2", NORTH)],
            person=person(given="Hugh", born="1978-11-02", sex="male"),
            source="adt-north",
        ),
    )
    return one.person_id, other.person_id


async def _rows(desk: Desk) -> int:
    async with desk.database.connection() as connection:
        count: int = await connection.fetchval(
            "SELECT (SELECT count(*) FROM person) + (SELECT count(*) FROM source_record)"
            " + (SELECT count(*) FROM review) + (SELECT count(*) FROM link_event)"
        )
    return count


async def test_a_match_is_graded_and_explained_and_writes_nothing(desk: Desk) -> None:
    one, other = await _known(desk)
    before = await _rows(desk)
    answer = await desk.ask_identity(
        "Match", person=person("Whitfeild"), includes_certainly_not=True, **ANN
    )
    first, *others = answer.matches
    assert (first.person_id, first.grade) == (one, pb.MATCH_GRADE_CERTAIN)
    assert sum(row.bits for row in first.rows) == pytest.approx(first.bits, abs=1e-6)
    assert 0.99 < first.score <= 1
    assert {each.person_id: each.grade for each in others} == {other: pb.MATCH_GRADE_CERTAINLY_NOT}
    assert await _rows(desk) == before
    assert desk.readings.noted[-1][:2] == ("operator:ann", sorted((one, other)))


async def test_who_is_certainly_not_is_told_only_where_it_is_asked_for(desk: Desk) -> None:
    one, _ = await _known(desk)
    answer = await desk.ask_identity("Match", person=person(), **ANN)
    assert [each.person_id for each in answer.matches] == [one]


async def test_only_certain_matches_tells_one_or_nobody(desk: Desk) -> None:
    one, _ = await _known(desk)
    certain = {"only_certain_matches": True, **ANN}
    found = await desk.ask_identity("Match", person=person(), **certain)
    assert [each.person_id for each in found.matches] == [one]
    doubtful = person(born="1980-03-31", phone="", street="", city="", code="")
    assert not (await desk.ask_identity("Match", person=doubtful, **certain)).matches


async def test_a_known_identifier_is_certain_whatever_the_rest_says(desk: Desk) -> None:
    _, other = await _known(desk)
    asked = person()
    asked.identifiers.append(number("n2", NORTH))
    answer = await desk.ask_identity("Match", person=asked, count=1, **ANN)
    (found,) = answer.matches
    assert found.person_id in {other, answer.matches[0].person_id}
    assert answer.truncated
    graded = await desk.ask_identity("Match", person=asked, **ANN)
    assert {e.person_id: e.grade for e in graded.matches}[other] == pb.MATCH_GRADE_CERTAIN


async def test_what_is_for_review_in_the_stream_is_possible_or_probable(desk: Desk) -> None:
    ssn = person(ssn="536221234")
    (one,) = await desk.replica.resolved(
        envelope_of([number("n1", NORTH)], person=ssn, source="adt-north")
    )
    answer = await desk.ask_identity("Match", person=person(ssn="601347788"), **ANN)
    (found,) = answer.matches
    assert found.person_id == one.person_id
    assert found.grade in {pb.MATCH_GRADE_PROBABLE, pb.MATCH_GRADE_POSSIBLE}


async def test_cross_references_are_filtered_by_authority(desk: Desk) -> None:
    one, _ = await _known(desk)
    await desk.replica.take([envelope_of([number("n1", NORTH), number("w1", WEST)])])
    by_number = await desk.ask_identity("GetCrossReferences", identifier=number("w1", WEST), **ANN)
    assert by_number.person_id == one
    assert {each.value for each in by_number.identifiers} == {"n1", "w1"}
    only = await desk.ask_identity(
        "GetCrossReferences", person_id=one, authorities=["urn:oid:2.999.1"], **ANN
    )
    assert [(each.authority, each.value) for each in only.identifiers] == [("2.999.1", "n1")]
    nobody = await desk.ask_identity("GetCrossReferences", identifier=number("x9", WEST), **ANN)
    assert (nobody.person_id, list(nobody.identifiers)) == ("", [])
    with pytest.raises(InvalidRequest):
        await desk.ask_identity("GetCrossReferences", **ANN)
    with pytest.raises(InvalidRequest):
        await desk.ask_identity("GetCrossReferences", identifier=Identifier(value="1"), **ANN)


async def test_an_explanation_has_every_change_with_bits_that_add_up(desk: Desk) -> None:
    one, _ = await _known(desk)
    await desk.replica.take(
        [envelope_of([number("w1", WEST)], person=person("Whitfeild"), source="adt-west")]
    )
    told = await desk.ask_identity("Explain", person_id=one, limit=100, **ANN)
    by_kind = {each.kind: each for each in told.changes}
    assert set(by_kind) == {"new_person", "auto_link"}
    link = by_kind["auto_link"]
    assert (link.value, link.to_person_id) == ("w1", one)
    assert sum(row.bits for row in link.rows) == pytest.approx(link.bits, abs=1e-6)
    assert not by_kind["new_person"].HasField("bits")
    with pytest.raises(NotFound):
        await desk.ask_identity(
            "Explain", person_id="00000000-0000-7000-8000-000000000001", limit=1, **ANN
        )


async def test_orders_merge_link_and_unlink_without_a_review(desk: Desk) -> None:
    one, other = await _known(desk)
    made = await desk.ask("Link", person_id=one, other_person_id=other, **ORDER)
    assert made.result.outcome == "linked"
    (linked,) = await desk.carried_out()
    assert {linked.person_id, linked.other_person_id} == {one, other}
    made = await desk.ask("Unlink", person_id=one, other_person_id=other, **ORDER)
    assert made.result.outcome == "unlinked"
    await desk.carried_out()
    found = await desk.ask_identity("GetPerson", person_id=one)
    assert not found.linked_person_ids
    dry = await desk.ask("Merge", survivor_id=one, person_id=other, is_dry_run=True, **ORDER)
    assert (dry.result.outcome, dry.result.message_id) == ("merged", "")
    made = await desk.ask("Merge", survivor_id=one, person_id=other, **ORDER)
    assert made.result.outcome == "merged"
    (merged,) = await desk.carried_out()
    assert (merged.person_id, merged.merged_into) == (other, one)
    again = await desk.ask("Merge", survivor_id=one, person_id=other, **ORDER)
    assert again.result.outcome == "already_one"
    told = await desk.ask_identity("Explain", person_id=other, limit=100, **ANN)
    (merge,) = {(e.steward, e.reason) for e in told.changes if e.kind == "merge"}
    assert merge == ("operator:ann", "seen")


async def test_a_large_merge_that_is_ordered_waits_as_a_review(
    identity_db: Database, grpc_library: None
) -> None:
    async with desk_of(identity_db, Matching(four_eyes_records=2)) as desk:
        one, other = await _known(desk)
        made = await desk.ask("Merge", survivor_id=other, person_id=one, **ORDER)
        assert made.result.outcome == "proposed"
        assert await desk.relayed() == []
        bob = {"steward": "operator:bob"}
        assert await desk.decide("SAME", made.result.review_id, **bob) == ["merged"]
        (merged,) = await desk.carried_out()
        assert (merged.person_id, merged.merged_into) == (one, other)


async def test_a_watch_tells_each_change_once_and_goes_on_where_it_was_left(desk: Desk) -> None:
    await _known(desk)
    stub = identity_pb2_grpc.IdentityServiceStub(desk.peer.channel)

    async def heard(after: int, count: int) -> list[pb.WatchChangesResponse]:
        request = pb.WatchChangesRequest(tenant=TENANT, after_seq=after)
        listening = desk.peer.listen(stub.WatchChanges, request)
        told = [await anext(listening) for _ in range(count)]
        await listening.aclose()  # type: ignore[attr-defined]
        return told

    first = await heard(0, 4)
    assert {each.kind for each in first} == {"new_person"}
    going_on = asyncio.create_task(heard(first[1].seq, 3))
    await desk.replica.take([envelope_of([number("w7", WEST)])])
    told = await going_on
    assert [each.seq for each in told[:2]] == [each.seq for each in first[2:]]
    assert told[2].seq > first[3].seq
    with pytest.raises(NotFound):
        await heard(10**9, 1)


async def test_a_watch_does_not_overtake_a_change_that_is_not_committed_yet(desk: Desk) -> None:
    """Numbers are given before the commit: what is committed first may have the greater one."""
    slow, fast = Replica(desk.database, "1"), Replica(desk.database, "2")
    stub = identity_pb2_grpc.IdentityServiceStub(desk.peer.channel)
    request = pb.WatchChangesRequest(tenant=TENANT)
    listening = desk.peer.listen(stub.WatchChanges, request)
    async with slow.working([envelope_of([number("s1", WEST)])]):
        await fast.take([envelope_of([number("f1", WEST)])])
        first = asyncio.ensure_future(anext(listening))
        done, _ = await asyncio.wait({first}, timeout=1.0)
        assert not done
    told = [await first, await anext(listening)]
    await listening.aclose()  # type: ignore[attr-defined]
    assert [each.seq for each in told] == sorted(each.seq for each in told)
