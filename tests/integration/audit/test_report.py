"""The conservation report on a real PostgreSQL. Out of scope: adding up states (tests/unit/audit)."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from plexus.api.audit.v1.audit_pb2 import Custody, Disposition, Outcome, Stage
from plexus.errors import Unavailable
from plexus.store import Database
from services.audit.domain import LegTally, Standing, Tally, feeds
from services.audit.store import Ledger
from tests.integration.audit.ledger_material import (
    any_entry,
    delivered,
    entry,
    new_id,
    record,
    states,
)

D = Disposition


async def test_conservation_is_counted_for_one_tenant_or_all(store: Database) -> None:
    ledger = Ledger(store)
    await record(
        store,
        [
            entry(new_id(), Stage.STAGE_INGEST, Outcome.OUTCOME_RECEIVED, tenant=tenant)
            for tenant in ("north", "south", "south")
        ],
    )
    counts = {
        tenant: [count.received for count in feeds((await ledger.tallies(tenant))[0])]
        for tenant in ("", "north", "south", "west")
    }
    assert counts == {"": [1, 2], "north": [1], "south": [2], "west": []}


def counted(standings: Iterable[Standing]) -> tuple[set[Tally], set[LegTally]]:
    messages = Counter((s.tenant, s.feed, s.disposition, s.reason) for s in standings)
    legs = Counter(
        (s.tenant, name, state) for s in standings for name, state in s.destinations.items()
    )
    return (
        {Tally(*key, count) for key, count in messages.items()},
        {LegTally(*key, count) for key, count in legs.items()},
    )


@pytest.mark.parametrize("seed", range(3))
async def test_at_any_time_the_report_is_the_sum_of_how_all_messages_stand(
    store: Database, seed: int
) -> None:
    generator = random.Random(seed)
    ids = [new_id() for _ in range(25)]
    standings: dict[str, Standing] = {}
    ledger = Ledger(store)
    for _ in range(40):
        told = [any_entry(generator, generator.choice(ids)) for _ in range(generator.randint(1, 9))]
        await record(store, told)
        for one in told:
            standings.setdefault(one.message_id, Standing()).tell(one)
        messages, legs = await ledger.tallies("")
        assert (set(messages), set(legs)) == counted(standings.values())
    assert await states(ledger) == {
        name: standing.disposition for name, standing in standings.items() if standing.disposition
    }
    unfinished = {
        name: standing.last_stage
        for name, standing in standings.items()
        if standing.disposition == D.DISPOSITION_IN_FLIGHT
    }
    assert dict(await ledger.unfinished(list(standings))) == unfinished


@pytest.mark.parametrize(
    ("told", "disposition"),
    [
        (["PASSED 2", "HELD 3"], D.DISPOSITION_HELD),
        (["PASSED 4", "HELD 3"], D.DISPOSITION_IN_FLIGHT),
        (["HELD 3", "PASSED 2"], D.DISPOSITION_HELD),
        (["HELD 3", "PASSED 2", "PASSED 3"], D.DISPOSITION_IN_FLIGHT),
        (["PASSED 4", "HELD 3", "HELD 5", "PASSED 5"], D.DISPOSITION_IN_FLIGHT),
        (["HELD 3", "PASSED 4", "HELD 5"], D.DISPOSITION_HELD),
    ],
)
async def test_what_passed_before_counts_for_what_is_held_later(
    store: Database, told: Sequence[str], disposition: Disposition.ValueType
) -> None:
    message_id = new_id()
    await record(store, [entry(message_id, Stage.STAGE_INGEST, Outcome.OUTCOME_RECEIVED)])
    for outcome, stage in (text.split() for text in told):
        await record(
            store,
            [entry(message_id, Stage.ValueType(int(stage)), Outcome.Value(f"OUTCOME_{outcome}"))],
        )
    assert await states(Ledger(store)) == {message_id: disposition}


async def test_the_report_is_exact_when_replicas_tell_of_the_same_messages_at_once(
    store: Database,
) -> None:
    generator = random.Random(5)
    ids = [new_id() for _ in range(60)]
    piles = [[any_entry(generator, generator.choice(ids)) for _ in range(150)] for _ in range(4)]

    async def replica(pile: Sequence[Custody]) -> None:
        for start in range(0, len(pile), 30):
            # Two replicas may wait for each other in a ring; then one of them has to begin again.
            while True:
                try:
                    await record(store, pile[start : start + 30])
                    break
                except Unavailable:
                    continue

    await asyncio.gather(*(replica(pile) for pile in piles))
    standings: dict[str, Standing] = {}
    for one in itertools.chain(*piles):
        standings.setdefault(one.message_id, Standing()).tell(one)
    messages, legs = await Ledger(store).tallies("")
    assert (set(messages), set(legs)) == counted(standings.values())


async def test_the_report_reads_one_row_for_each_state_of_a_feed(store: Database) -> None:
    for _ in range(3):
        await record(store, [told for _ in range(200) for told in delivered(new_id(), "ehr")])
    async with store.connection() as connection:
        rows = await connection.fetch(
            "SELECT messages FROM tally UNION ALL SELECT messages FROM leg_tally"
        )
    assert [row["messages"] for row in rows] == [600, 600]
