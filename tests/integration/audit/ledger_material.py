"""What stages tell the ledger, and what it answers: made for the tests of this folder."""

import datetime
import itertools
import random
import uuid
from collections.abc import Sequence

from plexus.api.audit.v1.audit_pb2 import Custody, Disposition, Outcome, Stage
from plexus.errors import Reason
from plexus.store import Database
from services.audit.store import Ledger

__all__ = ["START", "any_entry", "delivered", "entry", "new_id", "record", "states"]

_numbers = itertools.count(1)
START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def new_id() -> str:
    """Rises, as ids of version 7 do."""
    return str(uuid.UUID(int=(0x0198 << 112) | (7 << 76) | (2 << 62) | next(_numbers)))


def entry(
    message_id: str,
    stage: Stage.ValueType,
    outcome: Outcome.ValueType,
    *routed: str,
    to: str = "",
    attempt: int = 1,
    reason: Reason.ValueType = Reason.REASON_UNSPECIFIED,
    feed: str = "adt",
    tenant: str = "north",
) -> Custody:
    made = Custody(
        message_id=message_id,
        tenant=tenant,
        feed=feed,
        stage=stage,
        outcome=outcome,
        attempt=attempt,
        destination=to,
        destinations=routed,
        reason=reason,
        message_type="ADT^A01",
        origin=3,
        trace_id="0" * 32,
    )
    made.at.FromDatetime(START + datetime.timedelta(seconds=stage))
    return made


def delivered(message_id: str, *names: str, feed: str = "adt") -> list[Custody]:
    """The whole trail of a message that came through to all destinations."""
    return [
        entry(message_id, Stage.STAGE_INGEST, Outcome.OUTCOME_RECEIVED, feed=feed),
        entry(message_id, Stage.STAGE_TRANSFORM, Outcome.OUTCOME_PASSED, feed=feed),
        entry(message_id, Stage.STAGE_IDENTITY, Outcome.OUTCOME_PASSED, feed=feed),
        entry(message_id, Stage.STAGE_RECORDS, Outcome.OUTCOME_PASSED, feed=feed),
        entry(message_id, Stage.STAGE_DELIVERY, Outcome.OUTCOME_ROUTED, *names, feed=feed),
        *(
            entry(message_id, Stage.STAGE_DELIVERY, Outcome.OUTCOME_DELIVERED, to=name, feed=feed)
            for name in names
        ),
    ]


async def record(store: Database, entries: Sequence[Custody]) -> None:
    async with store.transaction() as connection:
        await Ledger(store).record(connection, entries, [])


async def states(ledger: Ledger, **asked: object) -> dict[str, Disposition.ValueType]:
    wanted: dict[str, object] = {
        "tenant": "",
        "feed": "",
        "disposition": Disposition.DISPOSITION_UNSPECIFIED,
        "destination": "",
        "limit": 100,
        **asked,
    }
    found = await ledger.messages(**wanted)  # type: ignore[arg-type] # a test names what it asks
    return {state.message_id: state.disposition for state in found}


def any_entry(generator: random.Random, message_id: str) -> Custody:
    """Whatever a stage may say, sensible or not."""
    outcome = Outcome.ValueType(generator.randint(1, 11))
    is_routed = outcome == Outcome.OUTCOME_ROUTED
    made = entry(
        message_id,
        Stage.ValueType(generator.randint(1, 5)),
        outcome,
        *(generator.sample(["ehr", "folder", "lab"], 2) if is_routed else ()),
        to="" if is_routed else generator.choice(["", "", "ehr", "folder"]),
        attempt=generator.choice([0, 1, 1, 1, 2]),
        reason=generator.choice([Reason.REASON_UNSPECIFIED, Reason.REASON_DATA_TYPE]),
        feed=generator.choice(["adt", "adt", "oru"]),
        tenant=generator.choice(["", "north", "north"]),
    )
    made.part = generator.choice([0, 0, 1, 2])
    made.parts = generator.choice([0, 0, 0, 2])
    return made
