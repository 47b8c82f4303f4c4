"""decision → canonical: what a steward has decided becomes a message of the stream, like any other.

The decision is committed first, with the event that it becomes. It is published until identity's own stage
has worked it off, under one id, so that it takes place once. Custody begins here: it is received, and
counts in the conservation report under the feed `stewardship`.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Sequence
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.actors.outbox import evidence
from plexus.api.audit.v1.audit_pb2 import Custody, Outcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.bus import Bus, Outgoing, pack
from plexus.clock import Clock
from plexus.errors import Transient
from plexus.ids import STEWARDSHIP, IdSource, KeyDigest
from plexus.store import Database
from plexus.telemetry.logs import get_log
from services.identity.store import DecisionStore, Unpublished

__all__ = ["DecisionRelay"]

_log = get_log(__name__)

_IDLE_SECONDS: Final = 1.0
_BATCH: Final = 100
_AGAIN: Final = datetime.timedelta(seconds=60)
_OLDEST: Final = datetime.timedelta(days=7)


class DecisionRelay:
    """Puts decisions on the stream. Several replicas may: the stream and the stage know repeats."""

    def __init__(
        self, database: Database, bus: Bus, ids: IdSource, digest: KeyDigest, clock: Clock
    ) -> None:
        self._database = database
        self._bus = bus
        self._ids = ids
        self._digest = digest
        self._clock = clock
        self._decided = asyncio.Event()

    def wake(self) -> None:
        """Something was decided just now."""
        self._decided.set()

    async def run(self) -> None:
        """Publish what is decided, until cancelled. Weather is waited for."""
        while True:
            self._decided.clear()
            try:
                count = await self.publish()
            except Transient as exc:
                _log.warning("decisions wait", exc)
                count = 0
            if count < _BATCH:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_SECONDS):
                        await self._decided.wait()

    async def publish(self) -> int:
        """Publish once what has to be; returns how much that was."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            found = await DecisionStore(connection).unpublished(now - _AGAIN, now - _OLDEST, _BATCH)
        if not found:
            return 0
        custody = [_received(one) for one in found]
        await self._bus.publish([
            *(self._outgoing(one) for one in found),
            evidence("identity", self._ids.message_id(), custody),
        ])  # fmt: skip
        await self._note(found, now)
        return len(found)

    async def _note(self, found: Sequence[Unpublished], at: datetime.datetime) -> None:
        async with self._database.connection() as connection:
            await DecisionStore(connection).note_published([one.decision_id for one in found], at)

    def _outgoing(self, one: Unpublished) -> Outgoing:
        key = self._digest.key(one.tenant, "person", one.person_id)
        envelope = Envelope(
            message_id=one.message_id,
            tenant=one.tenant,
            source=STEWARDSHIP,
            feed=STEWARDSHIP,
            received_at=_stamp(one.at),
            correlation_id=one.message_id,
            cause=f"decision {one.decision_id}",
            schema_version=1,
            key=key,
            origin=one.decision_id,
            attempt=1,
            kind=PayloadKind.PAYLOAD_KIND_CANONICAL,
            payload=one.event,
            message_type=_type(one),
        )
        return Outgoing("canonical", key, f"{one.message_id}:canonical:1", pack(envelope))


def _received(one: Unpublished) -> Custody:
    return Custody(
        message_id=one.message_id,
        tenant=one.tenant,
        feed=STEWARDSHIP,
        stage=StageName.STAGE_IDENTITY,
        outcome=Outcome.OUTCOME_RECEIVED,
        at=_stamp(one.at),
        attempt=1,
        message_type=_type(one),
        origin=one.decision_id,
        facts={"decision": str(one.decision_id)},
    )


def _type(one: Unpublished) -> str:
    return CanonicalEvent.FromString(one.event).trigger


def _stamp(at: datetime.datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
