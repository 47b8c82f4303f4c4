"""resolved → changed: each event brings its person's record up to date.

A batch loads the records it needs as far as it touches them, lets the actors take their turns in the
order of the stream, and writes the result. Records stay at hand after the commit: their owner is the
only writer, so the next message about a person reads little. Neighbours: `actors` decides, `store`
loads and saves, `directives` tells consent.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from plexus.actors import Turn, TurnFailed, run_turns
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.errors import InvalidMessage
from plexus.ids import KeyDigest
from plexus.store import Transaction
from services.records.actors import Arrival, PersonRecord
from services.records.domain import PERSON, Record, RestingRecords, places_of
from services.records.flow.directives import ConsentTeller, directives_in
from services.records.store import Need, RecordKey, load, save

__all__ = ["RecordsStage"]

# Yields to the loop this often, so that health checks and heartbeats go on within a large batch.
_YIELD_EVERY = 32
# A resource that is told for another one's sake may itself point at one: a bed is in a room, in a
# ward, in a building. Names of orders lead to each other in fewer steps.
_MOST_PASSES = 8


class RecordsStage:
    """The records in the stream."""

    def __init__(
        self,
        digest: KeyDigest,
        *,
        tells_residue: bool = False,
        consent: ConsentTeller | None = None,
    ) -> None:
        """`consent` is told of directives; None where nothing is to be disclosed."""
        self._digest = digest
        self._consent = consent
        self._tells_residue = tells_residue
        self._resting = RestingRecords()

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        if not turns:
            return
        needs: dict[RecordKey, Need] = {}
        work = whole = [(turn, *_read(turn, needs)) for turn in turns]
        owners = {key: (turn.unit, transaction.epochs[turn.unit]) for turn, key, _ in work}
        # Taken out until the commit: a pass that is run again, or a batch that fails, begins with
        # what is stored.
        at_hand = self._resting.take(owners)
        records: dict[RecordKey, Record] = {}
        lacking: Mapping[RecordKey, Need] = needs
        for _ in range(_MOST_PASSES):
            read = await load(transaction.connection, lacking, at_hand)
            records.update(read)
            await self._run(work, read)
            at_hand = {}
            lacking = {key: need for key, need in lacking.items() if _extend(need, read[key])}
            if not lacking:
                break
            # No turn looks at another record than its own, so the others stand.
            work = [each for each in work if each[1] in lacking]
        if self._consent is not None and (told := directives_in(whole, records)):
            await self._consent.tell(told, turns[0].traceparent)
        await save(transaction.connection, records.values(), turns[-1].now)
        transaction.after_commit(lambda: self._resting.put(owners, records))

    async def _run(
        self,
        work: Sequence[tuple[Turn, RecordKey, Arrival]],
        records: Mapping[RecordKey, Record],
    ) -> None:
        """Let all take their turns."""
        actors = {
            key: PersonRecord(record, self._person_key, tells_residue=self._tells_residue)
            for key, record in records.items()
        }
        for start in range(0, len(work), _YIELD_EVERY):
            part = work[start : start + _YIELD_EVERY]
            for turn, _, _ in part:
                turn.reset()
            run_turns((turn, _receiving(actors[key], message)) for turn, key, message in part)
            await asyncio.sleep(0)

    def _person_key(self, tenant: str, person_id: str) -> str:
        return self._digest.key(tenant, "person", person_id)


def _extend(need: Need, record: Record) -> bool:
    """Add what turns would have told of, had it been loaded. True where there is anything."""
    if record.wanted <= need.slots and record.wanted_referrers <= need.referrers:
        return False
    need.slots |= record.wanted
    need.referrers |= record.wanted_referrers
    # What was at hand this time is to be loaded the next time.
    need.slots.update(slot for slot in record.held if slot.type != PERSON)
    return True


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
    key = (turn.envelope.tenant, arrival.person_id)
    need = needs.get(key)
    if need is None:
        need = needs[key] = Need()
    for said in arrival.said:
        if said.slot.type == PERSON:
            need.accounts = True
        else:
            need.slots.add(said.slot)
            if said.names:
                need.slots.update(places_of(said))
    need.slots.update(arrival.moved)
    if arrival.released:
        need.legacies.add(arrival.released)
    if arrival.parts is not None:
        need.slots.update(arrival.parts)
        need.whole = need.whole or arrival.kind == EventKind.EVENT_KIND_SPLIT
    elif arrival.from_person_id:
        need.estates.add(arrival.from_person_id)
    return key, arrival
