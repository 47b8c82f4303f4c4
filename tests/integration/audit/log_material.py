"""Events to seal, and a log that seals them: made for the tests of this folder."""

import datetime
import itertools

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.ids import RandomIds
from plexus.store import Database
from services.audit.actors import Signers
from services.audit.store import Ledger, Sealing

__all__ = ["ORIGIN", "SIGNERS", "event", "make_sealing", "store_events", "stored_leaves"]

ORIGIN = "plexus.example/audit"
SIGNERS = Signers(ORIGIN, [b"\7" * 32])
_numbers = itertools.count(1)
_START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def event(tenant: str = "north", **fields: str) -> AuditEvent:
    made = AuditEvent(
        event_id=RandomIds().message_id(),
        tenant=tenant,
        type="disclosure",
        action="R",
        agent="delivery",
        person_id="p1",
        destination="ehr",
        outcome="permit",
        resource_counts={"Patient": 1},
    )
    for name, value in fields.items():
        setattr(made, name, value)
    made.at.FromDatetime(_START + datetime.timedelta(milliseconds=next(_numbers)))
    return made


def make_sealing(store: Database, signers: Signers = SIGNERS) -> Sealing:
    return Sealing(store, signers.sign, RandomIds())


async def store_events(store: Database, count: int, tenant: str = "north") -> list[AuditEvent]:
    made = [event(tenant) for _ in range(count)]
    for start in range(0, count, 1000):
        await Ledger(store).append(made[start : start + 1000])
    return made


async def stored_leaves(store: Database, tenant: str = "north") -> list[tuple[int, str]]:
    """Sequence and event of each leaf of a log."""
    async with store.connection() as connection:
        rows = await connection.fetch(
            "SELECT sequence, event_id FROM leaf JOIN tree USING (tree) WHERE tenant = $1"
            " ORDER BY sequence",
            tenant,
        )
    return [(row["sequence"], str(row["event_id"])) for row in rows]
