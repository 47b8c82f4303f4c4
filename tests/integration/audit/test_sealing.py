"""Sealing on a real PostgreSQL: no gap, no double, whatever dies and whoever races.

Out of scope: what the tree and the notes are (tests/unit/audit), and verification.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.errors import NotFound, PlexusError, Unavailable
from plexus.store import Connection, Database
from services.audit.actors import Signers, origin_of
from services.audit.domain import moment_of
from services.audit.domain.leaves import encode_leaf
from services.audit.domain.notes import open_note
from services.audit.domain.tree import is_consistent, is_included, leaf_hash, root_of
from services.audit.store import Ledger, Log
from tests.integration.audit.log_material import (
    ORIGIN,
    SIGNERS,
    event,
    make_sealing,
    store_events,
    stored_leaves,
)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class _Dying:
    """A connection that is cut before its statement number `last`."""

    def __init__(self, connection: Connection, last: int) -> None:
        self._connection = connection
        self._left = last

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in {
            "execute",
            "executemany",
            "fetch",
            "fetchrow",
            "fetchval",
            "copy_to_table",
        }:
            return found

        async def counted(*arguments: Any, **named: Any) -> Any:
            if self._left == 0:
                self._connection.terminate()
                raise Killed
            self._left -= 1
            return await found(*arguments, **named)

        return counted

    @property
    def survived(self) -> bool:
        return self._left > 0


class _DyingDatabase:
    """A database whose transactions die before statement number `last`; that of the commit is last."""

    def __init__(self, database: Database, last: int) -> None:
        self._database = database
        self._last = last
        self.survived = False

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        with contextlib.suppress(Unavailable):
            async with self._database.transaction() as connection:
                dying = _Dying(connection, self._last)
                yield dying
                self.survived = dying.survived
                if not self.survived:  # between the last statement and the commit
                    connection.terminate()
                    raise Killed


async def checked_root(store: Database, tenant: str = "north") -> int:
    """The size of a log whose latest checkpoint is signed and fits its leaves, told without gaps."""
    log = Log(store)
    signed = await log.checkpoint(tenant)
    opened = open_note(signed.note, SIGNERS.keys(tenant))
    assert opened.signed_by == tuple(SIGNERS.keys(tenant))
    assert opened.checkpoint.origin == origin_of(ORIGIN, tenant)
    entries, size = await log.entries(tenant, 0, 100_000)
    assert [one.sequence for one in entries] == list(range(size))
    assert len({one.event_id for one in entries}) == size
    assert [leaf_hash(one.data) for one in entries] == [one.hash for one in entries]
    assert (signed.size, opened.checkpoint.size) == (size, size)
    assert opened.checkpoint.root == root_of(one.data for one in entries)
    return size


async def test_what_is_stored_becomes_leaves_in_the_order_of_storing(store: Database) -> None:
    made = await store_events(store, 300)
    other = await store_events(store, 5, "south")
    done = await make_sealing(store).seal(1000)
    assert (done.events, done.missing, done.is_full) == (305, 0, False)
    assert sorted(one.event_id for one in made) == sorted(
        name for _, name in await stored_leaves(store)
    )
    assert await checked_root(store) == 300
    assert await checked_root(store, "south") == 5
    entries, _ = await Log(store).entries("south", 0, 10)
    assert {one.data for one in entries} == {encode_leaf(one) for one in other}
    assert (await make_sealing(store).seal(1000)).events == 0


async def test_a_sealer_killed_before_any_statement_leaves_no_gap_and_no_double(
    store: Database,
) -> None:
    await store_events(store, 250)
    await make_sealing(store).seal(1000)
    total, last = 250, 0
    while True:
        # Fills a tile, so that each statement there is comes once.
        await store_events(store, 256)
        total += 256
        dying = _DyingDatabase(store, last)
        sealing = make_sealing(dying)  # type: ignore[arg-type] # it has what sealing asks for
        with contextlib.suppress(Killed):
            await sealing.seal(1000)
        if dying.survived:
            break
        assert len(await stored_leaves(store)) == total - 256
        await make_sealing(store).seal(1000)
        assert await checked_root(store) == total
        last += 1
    assert last >= 10
    assert await checked_root(store) == total


async def test_sealers_that_race_seal_each_event_once(store: Database) -> None:
    sealers = [make_sealing(store) for _ in range(3)]

    async def keep_sealing(number: int) -> int:
        sealed = 0
        for _ in range(40):
            sealed += (await sealers[number].seal(37)).events
        return sealed

    async def keep_storing() -> None:
        for _ in range(20):
            await store_events(store, 31)

    sealed = await asyncio.gather(*(keep_sealing(n) for n in range(3)), keep_storing())
    rest = 0
    while (done := await sealers[0].seal(200)).events:
        rest += done.events
    assert sum(one or 0 for one in sealed) + rest == 620
    assert await checked_root(store) == 620


async def test_a_sealer_that_stood_aside_takes_up_what_another_sealed(store: Database) -> None:
    one, two = make_sealing(store), make_sealing(store)
    for turn in range(6):
        await store_events(store, 200)
        await (one, two)[turn % 2].seal(1000)
    assert await checked_root(store) == 1200


async def test_while_another_one_seals_nothing_is_sealed(store: Database) -> None:
    await store_events(store, 3)
    async with store.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(7305808869235)")
        assert (await make_sealing(store).seal(10)).events == 0
    assert (await make_sealing(store).seal(10)).events == 3


async def test_keys_change_in_the_middle_of_a_log(store: Database) -> None:
    new = b"\x09" * 32
    for signers in (SIGNERS, Signers(ORIGIN, [new, b"\7" * 32]), Signers(ORIGIN, [new])):
        await store_events(store, 10)
        await make_sealing(store, signers).seal(100)
    old_key, new_key = SIGNERS.keys("north")[0], Signers(ORIGIN, [new]).keys("north")[0]
    signed = await Log(store).checkpoints("north", 0, 10)
    assert [one.size for one in signed] == [10, 20, 30]
    assert [open_note(one.note, [old_key, new_key]).signed_by for one in signed] == [
        (old_key,),
        (new_key, old_key),
        (new_key,),
    ]


async def test_every_event_is_proven_and_every_growth(store: Database) -> None:
    sealing, log = make_sealing(store), Log(store)
    for count in (1, 254, 2, 300):
        await store_events(store, count)
        await sealing.seal(1000)
    signed = await log.checkpoints("north", 0, 10)
    assert [one.size for one in signed] == [1, 255, 257, 557]
    latest = open_note(signed[-1].note, []).checkpoint
    for sequence, event_id in (await stored_leaves(store))[::23]:
        proven = await log.prove(event_id)
        assert (proven.tenant, proven.sequence) == ("north", sequence)
        leaf = leaf_hash(proven.data)
        assert is_included(leaf, sequence, latest.size, proven.proof, latest.root)
    for one in signed:
        before = open_note(one.note, []).checkpoint
        proof = await log.prove_growth("north", before.size, latest.size)
        assert is_consistent(before.size, latest.size, proof, before.root, latest.root)
    with pytest.raises(NotFound):
        await log.prove_growth("north", 1, 558)
    with pytest.raises(NotFound):
        await log.prove(event().event_id)
    with pytest.raises(NotFound):
        await log.checkpoint("nobody")
    assert (await log.checkpoint("north", 100)).size == 255


async def test_events_of_an_earlier_release_become_leaves(store: Database) -> None:
    old = event(agent="somebody")
    async with store.connection() as connection:
        await connection.execute(
            "INSERT INTO audit_event SELECT * FROM unnest($1::audit_event[])",
            [
                (
                    old.event_id,
                    moment_of(old.at),
                    "north",
                    "disclosure",
                    "p1",
                    None,
                    old.SerializeToString(deterministic=True),
                )
            ],
        )
    await make_sealing(store).seal(10)
    entries, _ = await Log(store).entries("north", 0, 10)
    assert [one.data for one in entries] == [encode_leaf(old)]
    assert await checked_root(store) == 1


async def test_a_stored_tree_that_does_not_lead_to_its_checkpoint_is_not_continued(
    store: Database,
) -> None:
    await store_events(store, 5)
    await make_sealing(store).seal(10)
    async with store.connection() as connection:
        await connection.execute("ALTER TABLE leaf DISABLE TRIGGER refuse_change")
        await connection.execute(
            "UPDATE leaf SET hash = sha256('forged'::bytea) WHERE sequence = 2"
        )
    await store_events(store, 1)
    with pytest.raises(PlexusError, match="does not lead"):
        await make_sealing(store).seal(10)
    assert len(await stored_leaves(store)) == 5


async def test_a_broken_tree_stands_still_and_those_of_other_tenants_grow_on(
    store: Database,
) -> None:
    await store_events(store, 5)
    sealing = make_sealing(store)
    await sealing.seal(10)
    async with store.connection() as connection:
        await connection.execute("ALTER TABLE leaf DISABLE TRIGGER refuse_change")
        await connection.execute(
            "UPDATE leaf SET hash = sha256('forged'::bytea) WHERE sequence = 2"
        )
    await store_events(store, 1)
    await store_events(store, 2, tenant="south")
    again = make_sealing(store)
    with pytest.raises(PlexusError, match="does not lead"):
        await again.seal(10)
    done = await again.seal(10)
    assert [(tree.tenant, tree.size) for tree in done.trees] == [("south", 2)]
    assert (await again.seal(10)).events == 0


async def test_an_event_that_is_gone_before_it_is_sealed_is_recorded_as_missing(
    store: Database,
) -> None:
    kept, gone = await store_events(store, 2)
    async with store.connection() as connection:
        await connection.execute("ALTER TABLE audit_event DISABLE TRIGGER refuse_change")
        await connection.execute("DELETE FROM audit_event WHERE event_id = $1", gone.event_id)
    sealing = make_sealing(store)
    assert (await sealing.seal(10)).missing == 1
    await sealing.seal(10)
    entries, _ = await Log(store).entries("north", 0, 10)
    assert entries[0].event_id == kept.event_id
    told = AuditEvent(type="event-missing", query=f"event {gone.event_id}")
    assert told.query.encode() in entries[1].data
    assert told.type.encode() in entries[1].data


@pytest.mark.parametrize("table", ["audit_event", "leaf", "tile", "checkpoint"])
async def test_what_is_in_the_log_is_not_changed_by_mistake(store: Database, table: str) -> None:
    await store_events(store, 256)
    await make_sealing(store).seal(1000)
    statements = [f"DELETE FROM {table}", f"TRUNCATE {table}"]
    if table != "audit_event":
        statements.append(f"UPDATE {table} SET tree = 9")
    for statement in statements:
        with pytest.raises(PlexusError, match="42501"):
            async with store.connection() as connection:
                await connection.execute(statement)


async def test_an_event_told_again_after_it_was_sealed_stays_one_leaf(store: Database) -> None:
    made = await store_events(store, 3)
    sealing = make_sealing(store)
    await sealing.seal(10)
    assert await Ledger(store).append(made) == 0
    assert (await sealing.seal(10)).events == 0
