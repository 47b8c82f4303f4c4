"""resolved → changed: each event brings its person's record up to date.

A batch loads the records it needs as far as it touches them, lets the actors take their turns in the
order of the stream, and writes the result. Neighbours: `actors` decides, `store` loads and saves.
"""

import asyncio
from collections.abc import Callable, Sequence

from plexus.actors import Turn, TurnFailed, run_turns
from plexus.api.records.v1.records_pb2 import Adoption
from plexus.errors import InvalidMessage
from plexus.ids import KeyDigest
from plexus.store import Transaction
from services.records.actors import Arrival, PersonRecord
from services.records.domain import PERSON
from services.records.store import Need, RecordKey, RecordStore

__all__ = ["RecordsStage"]

# Yields to the loop this often, so that health checks and heartbeats go on within a large batch.
_YIELD_EVERY = 32


class RecordsStage:
    """The records in the stream."""

    def __init__(self, digest: KeyDigest) -> None:
        self._digest = digest

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        if not turns:
            return
        needs: dict[RecordKey, Need] = {}
        work = [(turn, *_read(turn, needs)) for turn in turns]
        store = RecordStore(transaction.connection)
        records = await store.load(needs)
        actors = {key: PersonRecord(record, self._person_key) for key, record in records.items()}
        for start in range(0, len(work), _YIELD_EVERY):
            run_turns(
                (turn, _receiving(actors[key], message))
                for turn, key, message in work[start : start + _YIELD_EVERY]
            )
            await asyncio.sleep(0)
        await store.save(records.values(), turns[-1].now)

    def _person_key(self, tenant: str, person_id: str) -> str:
        return self._digest.key(tenant, "person", person_id)


def _receiving(actor: PersonRecord, message: Arrival) -> Callable[[Turn], None]:
    return lambda turn: actor.receive(message, turn)


def _read(turn: Turn, needs: dict[RecordKey, Need]) -> tuple[RecordKey, Arrival]:
    """The record and the message of a turn; adds to `needs` what it takes.

    Raises:
        TurnFailed: it is no message of this stream.
    """
    try:
        arrival = Arrival.read(turn.envelope)
    except InvalidMessage as exc:
        raise TurnFailed(turn, exc) from exc
    key = (turn.envelope.tenant, arrival.message.person_id)
    need = needs.get(key)
    if need is None:
        need = needs[key] = Need()
    for slot in arrival.slots:
        if slot.type == PERSON:
            need.accounts = True
        else:
            need.slots.add(slot)
    if isinstance(arrival.message, Adoption):
        need.estates.add(arrival.message.from_person_id)
    return key, arrival
