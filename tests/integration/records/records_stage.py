"""A records stage on a real PostgreSQL, and one transaction of it."""

import contextlib
import datetime
from collections.abc import AsyncIterator, Sequence

from plexus.actors import Turn
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.ids import KeyDigest
from plexus.store import Database, Mark, PostgresJournal
from services.records.flow import RecordsStage

SECRET = b"a secret for tests only"


class Replica:
    """One replica of the stage, with a shard of its own."""

    def __init__(self, database: Database, unit: str = "0") -> None:
        self._unit = unit
        self._journal = PostgresJournal(database, keeps_plans=True)
        self._stage = RecordsStage(KeyDigest(SECRET))
        self._epochs: dict[str, int] = {}
        self._sequence = 0

    @contextlib.asynccontextmanager
    async def working(self, envelopes: Sequence[Envelope]) -> AsyncIterator[list[Turn]]:
        """Work off a batch; it commits when the block ends."""
        if not self._epochs:
            self._epochs = await self._journal.claim([self._unit])
        now = datetime.datetime.now(datetime.UTC)
        turns = [
            Turn(envelope, unit=self._unit, sequence=self._sequence + place, now=now)
            for place, envelope in enumerate(envelopes, 1)
        ]
        async with self._journal.transaction(self._epochs) as transaction:
            await self._stage.turn_batch(turns, transaction)
            yield turns
            self._sequence += len(turns)
            await transaction.commit([], {self._unit: Mark("1", self._sequence, self._sequence)})

    def claim_again(self) -> None:
        """Claim the shard anew with the next batch."""
        self._epochs = {}

    async def take(self, *envelopes: Envelope) -> list[Turn]:
        """Work off a batch and commit it, as the flow does; returns the turns."""
        async with self.working(envelopes) as turns:
            return turns

    async def settled(self, *envelopes: Envelope) -> list[ChangedEvent]:
        """What is told in the end: what the stage publishes to itself is worked off, too."""
        told: list[ChangedEvent] = []
        waiting = list(envelopes)
        while waiting:
            turns, waiting = await self.take(*waiting), []
            for turn in turns:
                for _, emitted in turn.outputs:
                    if emitted.kind == PayloadKind.PAYLOAD_KIND_CHANGED:
                        told.append(ChangedEvent.FromString(emitted.payload))
                    else:
                        waiting.append(emitted)
        return told
