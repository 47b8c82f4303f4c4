"""An identity stage on a real PostgreSQL, and one transaction of it."""

import contextlib
import datetime
from collections.abc import AsyncIterator, Sequence

from plexus.actors import Turn
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.ids import KeyDigest, RandomIds
from plexus.store import Database, Mark, PostgresJournal
from services.identity.domain import Linker, Matching
from services.identity.flow import IdentityStage

SECRET = b"a secret for tests only"


class Replica:
    """One replica of the stage, with a shard of its own."""

    def __init__(self, database: Database, unit: str = "0") -> None:
        self.database = database
        self._unit = unit
        self._journal = PostgresJournal(database)
        self._stage = IdentityStage(RandomIds(), KeyDigest(SECRET), Linker({}, Matching()))
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

    async def take(self, envelopes: Sequence[Envelope]) -> list[Turn]:
        """Work off a batch and commit it, as the flow does; returns the turns."""
        async with self.working(envelopes) as turns:
            return turns

    async def resolved(self, *envelopes: Envelope) -> list[ResolvedEvent]:
        """What the batch emitted."""
        return [
            ResolvedEvent.FromString(turn.outputs[0][1].payload)
            for turn in await self.take(envelopes)
        ]
