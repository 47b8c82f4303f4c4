"""Names of orders on a real PostgreSQL: what is loaded and stored. The rules: tests/unit/records."""

import random
import uuid

from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.store import Database
from services.records.domain import Record
from services.records.store import RecordReader
from services.records.store.rows import COLUMNS, version_of
from tests.integration.records.records_stage import Replica
from tests.unit.records.orders_material import OrderMessage, key_of, living
from tests.unit.records.records_material import (
    ANNA,
    BERT,
    TENANT,
    Chart,
    envelope_of,
    merge,
    resolved,
)


def _envelope(message: OrderMessage, receipt: int, person_id: str = ANNA) -> Envelope:
    event = resolved(message.resources, trigger=message.trigger, person_id=person_id)
    return envelope_of(event, receipt=receipt)


async def _stored(database: Database, person_id: str = ANNA) -> Record:
    record = Record(TENANT, person_id)
    async with database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM resource r WHERE person_id = $1", uuid.UUID(person_id)
        )
    for row in rows:
        slot, version = version_of(row)
        record.restore(slot, version)
    return record


async def test_batches_give_what_one_actor_in_memory_gives(records_db: Database) -> None:
    """Names lead to resources that the batch did not know it would touch."""
    chance = random.Random(5)
    for person in range(12):
        person_id = str(uuid.UUID(int=0x100 + person))
        envelopes = [
            _envelope(
                OrderMessage(
                    chance.choice(["P", "F", "A", "PF", "PA", "FA", "PFA"]),
                    chance.randrange(1, 6),
                    is_result=chance.random() < 0.5,
                    status=chance.choice(["preliminary", "final"]),
                ),
                receipt,
                person_id,
            )
            for receipt in range(1, 9)
        ]
        chart = Chart(person_id)
        for envelope in envelopes:
            chart.turn(envelope)
        replica, rest = Replica(records_db, str(person)), list(envelopes)
        while rest:
            size = chance.randrange(1, 4)
            await replica.take(*rest[:size])
            rest = rest[size:]
        assert (await _stored(records_db, person_id)).held == chart.record.held


async def test_a_record_that_is_read_again_leaves_the_others_of_its_batch_as_they_are(
    records_db: Database,
) -> None:
    replica = Replica(records_db)
    linked, bare = OrderMessage("PF", 1, is_result=False), OrderMessage("F", 2, is_result=True)
    await replica.settled(_envelope(linked, 1))
    # Anna's placer number is not named here: that it is needed shows within the turn.
    envelopes = [_envelope(linked, 2, BERT), _envelope(bare, 3), _envelope(bare, 4, BERT)]
    turns = await replica.take(*envelopes)
    assert [len(turn.outputs) for turn in turns] == [1, 1, 1]
    for person_id, taken in ((ANNA, [linked, bare]), (BERT, [linked, bare])):
        chart = Chart(person_id)
        for receipt, message in enumerate(taken):
            chart.turn(_envelope(message, receipt, person_id))
        shown = living(await _stored(records_db, person_id))
        assert shown == living(chart.record)
    async with records_db.connection() as connection:
        counts = await connection.fetch("SELECT count(*) FROM history GROUP BY person_id")
    assert [count for (count,) in counts] == [4, 4]  # the order twice, the report, its result


async def test_an_order_is_found_by_any_number_in_later_batches(records_db: Database) -> None:
    replica = Replica(records_db)
    await replica.settled(_envelope(OrderMessage("P", 1, is_result=False), 1))
    await replica.settled(_envelope(OrderMessage("PF", 2, is_result=True, status="preliminary"), 2))
    (changed,) = await replica.settled(_envelope(OrderMessage("F", 3, is_result=True), 3))
    told = {each.resource.key: each.resource for each in changed.resources}
    assert told[key_of("ServiceRequest", "P")].service_request.status == "active"
    async with records_db.connection() as connection:
        recorded, _ = await RecordReader(connection).resources(TENANT, uuid.UUID(ANNA), "", 99)
    assert [each.resource.WhichOneof("content") for each in recorded] == [
        "diagnostic_report",
        "observation",
        "service_request",
    ]


async def test_a_merge_joins_an_order_that_two_records_knew_by_other_numbers(
    records_db: Database,
) -> None:
    linked, bare = (
        OrderMessage("PF", 1, is_result=False),
        OrderMessage("F", 2, is_result=True),
    )
    replica = Replica(records_db)
    await replica.settled(_envelope(linked, 1), _envelope(bare, 2, BERT))
    (changed,) = await replica.settled(envelope_of(merge(BERT, ANNA), receipt=3))
    assert {each.resource.key for each in changed.resources if each.resource.deleted} == {
        key_of("ServiceRequest", "F")
    }
    shown = living(await _stored(records_db))
    assert set(shown) == {
        key_of("ServiceRequest", "P"),
        key_of("DiagnosticReport", "F"),
        *(key for key in shown if key.startswith("Observation|")),
    }
    for each in shown.values():
        if each.HasField("observation"):
            assert each.observation.based_on[0].key == key_of("ServiceRequest", "P")
