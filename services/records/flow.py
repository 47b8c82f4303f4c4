"""resolved → changed: each event brings its person's record up to date.

A batch loads the records it needs as far as it touches them, lets the actors take their turns in the
order of the stream, and writes the result. Neighbours: `actors` decides, `store` loads and saves.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence

from google.protobuf.message import DecodeError

from plexus.actors import Turn, TurnFailed, run_turns
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.records_pb2 import Adoption
from plexus.errors import InvalidMessage, Reason
from plexus.ids import KeyDigest
from plexus.store import Transaction
from services.records.actors import Message, PersonRecord
from services.records.domain import PERSON, slot_of
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


def _receiving(actor: PersonRecord, message: Message) -> Callable[[Turn], None]:
    return lambda turn: actor.receive(message, turn)


def _read(turn: Turn, needs: dict[RecordKey, Need]) -> tuple[RecordKey, Message]:
    """The record and the message of a turn; adds to `needs` what it takes.

    Raises:
        TurnFailed: it is no message of this stream.
    """
    try:
        message = _parse(turn)
        key = (turn.envelope.tenant, message.person_id)
        need = needs.get(key)
        if need is None:
            need = needs[key] = Need()
        kind, source = message.event.kind, turn.envelope.source
        for resource in message.event.resources:
            slot = slot_of(resource, resource.origin.source or source, kind)
            if slot.type == PERSON:
                need.accounts = True
            else:
                need.slots.add(slot)
        if isinstance(message, Adoption):
            need.estates.add(message.from_person_id)
    except InvalidMessage as exc:
        raise TurnFailed(turn, exc) from exc
    return key, message


def _parse(turn: Turn) -> Message:
    kind, payload = turn.envelope.kind, turn.envelope.payload
    try:
        if kind == PayloadKind.PAYLOAD_KIND_RESOLVED:
            resolved = ResolvedEvent.FromString(payload)
            _check_persons(resolved.person_id, resolved.merged_into or resolved.person_id)
            return resolved
        if kind == PayloadKind.PAYLOAD_KIND_ADOPTION:
            adoption = Adoption.FromString(payload)
            _check_persons(adoption.person_id, adoption.from_person_id)
            return adoption
    except (DecodeError, ValueError) as exc:
        raise InvalidMessage(
            "the payload is not of the kind that the envelope says, or names no person",
            reason=Reason.REASON_INTERNAL,
        ) from exc
    raise InvalidMessage(
        "the resolved stream carries resolved events and adoptions only",
        reason=Reason.REASON_INTERNAL,
    )


def _check_persons(*person_ids: str) -> None:
    """Raises ValueError where one is no UUID in its canonical form."""
    for person_id in person_ids:
        if str(uuid.UUID(person_id)) != person_id:
            raise ValueError("not the canonical form of a UUID")
