"""The audit log, measured: storing while it is sealed, sealing alone, proofs, a full verification, and size.

On a durable PostgreSQL of its own in a temporary folder, in one process, without gRPC: what the store and
the tree cost. Sealing runs beside storing as it does in the service, in the same event loop.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
import random
import time
from typing import Any, Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.ids import RandomIds
from plexus.local.postgres import Postgres
from plexus.store import Database, migrate, open_database
from services.audit.actors import Signers, origin_of
from services.audit.domain.notes import open_note
from services.audit.domain.tree import TILE_WIDTH, is_included, leaf_hash
from services.audit.domain.verification import Leaf, Verification
from services.audit.store import Ledger, Log, Sealing
from services.cli.benchmark.usage import cpu_seconds

__all__ = ["AuditFigures", "AuditPlan", "as_json", "audit_text", "measure_audit_log"]

_TENANT: Final = "bench"
_ORIGIN: Final = "plexus.local/bench"
_PROOFS: Final = 500
_READ: Final = 8 * TILE_WIDTH
_TABLES: Final = ("audit_event", "leaf", "tile", "checkpoint", "unsealed")


@dataclasses.dataclass(frozen=True, slots=True)
class AuditPlan:
    """What is measured.

    Attributes:
        seconds: how long events are stored.
        batch: events of one Append, as delivery sends those of a turn batch.
        writers: that store at once.
        seal_batch: events of one sealing.
    """

    seconds: float = 20.0
    batch: int = 256
    writers: int = 2
    seal_batch: int = 2048


@dataclasses.dataclass(frozen=True, slots=True)
class AuditFigures:
    """What was measured. Rates are of wall time.

    Attributes:
        appended_per_second: stored and, in the same time, sealed.
        append_cpu_us, store_cpu_us: CPU of this process and of PostgreSQL for each event, sealing included.
        sealed_per_second: by itself, of what waits.
        seal_cpu_us, proof_cpu_us, verify_cpu_us: for each event or proof, PostgreSQL included.
        behind: events that were not sealed when storing ended.
    """

    events: int
    appended_per_second: float
    append_cpu_us: float
    store_cpu_us: float
    behind: int
    sealed_per_second: float
    seal_cpu_us: float
    proofs_per_second: float
    proof_cpu_us: float
    verified_per_second: float
    verify_cpu_us: float
    bytes_per_event: dict[str, float]
    is_sound: bool


async def measure_audit_log(plan: AuditPlan, folder: pathlib.Path) -> AuditFigures:
    """Measure in a folder that PostgreSQL's user can enter."""
    server = Postgres(folder / "postgres")
    await server.start()
    try:
        database = await open_database(server.dsn, schema="audit", size=plan.writers + 2)
        try:
            await migrate(database, "services.audit")
            return await _measure(plan, database, server)
        finally:
            await database.close()
    finally:
        await server.stop(grace_seconds=10.0)


class _Meter:
    """Wall time, and CPU of this process and of PostgreSQL, from its making on."""

    def __init__(self, server: Postgres) -> None:
        assert server.pid is not None
        self._pid = server.pid
        self._began = time.monotonic()
        self._cpu, self._store = time.process_time(), cpu_seconds(self._pid)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def cpu_us(self) -> tuple[float, float]:
        """Of this process, and of PostgreSQL."""
        here, there = time.process_time() - self._cpu, cpu_seconds(self._pid) - self._store
        return here * 1e6, there * 1e6


async def _measure(plan: AuditPlan, database: Database, server: Postgres) -> AuditFigures:
    ledger, log = Ledger(database), Log(database)
    signers = Signers(_ORIGIN, [bytes(32)])
    sealing = Sealing(database, signers.sign, RandomIds())
    meter = _Meter(server)
    ends = time.monotonic() + plan.seconds
    stop = asyncio.Event()
    sealer = asyncio.create_task(_keep_sealing(sealing, plan.seal_batch, stop))
    counts = await asyncio.gather(
        *(_keep_storing(ledger, plan.batch, ends) for _ in range(plan.writers))
    )
    stop.set()
    behind = sum(counts) - await sealer
    events, took, (cpu, store_cpu) = sum(counts), meter.seconds, meter.cpu_us
    while (await sealing.seal(plan.seal_batch)).events:
        pass

    waiting = await _store(ledger, plan.batch, 10 * plan.seal_batch)
    meter = _Meter(server)
    while (await sealing.seal(plan.seal_batch)).events:
        pass
    seal_took, seal_cpu = meter.seconds, sum(meter.cpu_us)
    total = events + waiting

    meter = _Meter(server)
    are_proven = await _prove(database, log)
    proof_took, proof_cpu = meter.seconds, sum(meter.cpu_us)
    meter = _Meter(server)
    verification = await _verify(log, signers, total)
    verify_took, verify_cpu = meter.seconds, sum(meter.cpu_us)
    async with database.connection() as connection:
        sizes = {
            table: await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
            / total
            for table in _TABLES
        }
    return AuditFigures(
        events=total,
        appended_per_second=events / took,
        append_cpu_us=cpu / events,
        store_cpu_us=store_cpu / events,
        behind=behind,
        sealed_per_second=waiting / seal_took,
        seal_cpu_us=seal_cpu / waiting,
        proofs_per_second=_PROOFS / proof_took,
        proof_cpu_us=proof_cpu / _PROOFS,
        verified_per_second=total / verify_took,
        verify_cpu_us=verify_cpu / total,
        bytes_per_event=sizes,
        is_sound=are_proven and not verification.findings and verification.size == total,
    )


async def _keep_sealing(sealing: Sealing, batch: int, stop: asyncio.Event) -> int:
    sealed = 0
    while not stop.is_set():
        done = await sealing.seal(batch)
        sealed += done.events
        if not done.is_full:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.8)
    return sealed


async def _keep_storing(ledger: Ledger, batch: int, ends: float) -> int:
    stored = 0
    while time.monotonic() < ends:
        stored += await ledger.append([_event() for _ in range(batch)])
    return stored


async def _store(ledger: Ledger, batch: int, count: int) -> int:
    stored = 0
    while stored < count:
        stored += await ledger.append([_event() for _ in range(batch)])
    return stored


async def _prove(database: Database, log: Log) -> bool:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT event_id FROM leaf ORDER BY random() LIMIT $1", _PROOFS
        )
    signed = open_note((await log.checkpoint(_TENANT)).note, []).checkpoint
    are_proven = len(rows) == _PROOFS
    for row in rows:
        proven = await log.prove(str(row["event_id"]))
        are_proven &= is_included(
            leaf_hash(proven.data), proven.sequence, signed.size, proven.proof, signed.root
        )
    return are_proven


async def _verify(log: Log, signers: Signers, size: int) -> Verification:
    verification = Verification(origin_of(_ORIGIN, _TENANT), signers.keys(_TENANT))
    after = 0
    while signed := await log.checkpoints(_TENANT, after, 1000):
        for one in signed:
            verification.expect(one.note, "a checkpoint")
        after = signed[-1].size
    for start in range(0, size, _READ):
        entries, _ = await log.entries(_TENANT, start, _READ)
        tiles = dict(await log.tiles(_TENANT, 0, start // TILE_WIDTH, _READ // TILE_WIDTH))
        leaves = [
            Leaf(one.sequence, one.event_id, one.data, one.hash, one.unlike) for one in entries
        ]
        verification.go_on(leaves, min(start + _READ, size), tiles)
    verification.finish()
    return verification


_ids = RandomIds()


def _event() -> AuditEvent:
    """A disclosure as delivery tells it."""
    made = AuditEvent(
        event_id=_ids.message_id(),
        tenant=_TENANT,
        type="disclosure",
        action="R",
        agent="delivery",
        person_id=f"00000000-0000-4000-8000-{random.getrandbits(14):012d}",
        message_id=_ids.message_id(),
        destination=random.choice(("ehr", "portal", "registry")),  # noqa: S311
        purpose="TREAT",
        decision_id=_ids.message_id(),
        outcome="permit",
        resource_counts={"Patient": 1, "Observation": 8, "DiagnosticReport": 1},
    )
    made.at.FromDatetime(datetime.datetime.now(datetime.UTC))
    return made


def audit_text(figures: AuditFigures) -> str:
    """The figures for a person."""
    sizes = ", ".join(f"{name} {size:,.0f}" for name, size in figures.bytes_per_event.items())
    rows = {
        "events": f"{figures.events:,}",
        "stored and sealed": f"{figures.appended_per_second:,.0f}/s, {figures.append_cpu_us:,.0f} us"
        f" of CPU here and {figures.store_cpu_us:,.0f} us in PostgreSQL for each;"
        f" {figures.behind:,} not sealed at the end",
        "sealing alone": f"{figures.sealed_per_second:,.0f}/s, {figures.seal_cpu_us:,.0f} us of CPU",
        "proofs": f"{figures.proofs_per_second:,.0f}/s, {figures.proof_cpu_us:,.0f} us of CPU",
        "full verification": f"{figures.verified_per_second:,.0f} events/s,"
        f" {figures.verify_cpu_us:,.0f} us of CPU",
        "bytes for an event": f"{sum(figures.bytes_per_event.values()):,.0f} ({sizes})",
        "proofs and log": "sound" if figures.is_sound else "NOT SOUND",
    }
    return "\n".join(f"{name:20} {value}" for name, value in rows.items())


def as_json(figures: AuditFigures) -> dict[str, Any]:
    """The figures for a program."""
    return dataclasses.asdict(figures)
