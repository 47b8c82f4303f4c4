"""audit → ledger: what the services report is kept, in the transaction of the stream's mark.

This stage keeps no custody of its own, or every batch would lead to another one. Batches may come late,
twice and in any order between services: the ledger ends up the same.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError

from plexus.actors import Turn, run_turns
from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody, EvidenceBatch
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.errors import InvalidMessage, Reason
from plexus.store import Transaction
from plexus.telemetry.logs import get_log
from services.audit.domain import check_custody, check_event
from services.audit.store import Ledger

__all__ = ["AuditStage"]

_log = get_log(__name__)

_YIELD_EVERY: Final = 500


class AuditStage:
    """Writes evidence down."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        custody: list[Custody] = []
        events: list[AuditEvent] = []
        rested = 0
        for turn in turns:
            run_turns([(turn, lambda read: _collect(read, custody, events))])
            # Health checks and questions go on while thousands of entries are read.
            if len(custody) + len(events) - rested >= _YIELD_EVERY:
                rested = len(custody) + len(events)
                await asyncio.sleep(0)
        await self._ledger.record(transaction.connection, custody, events)


def _collect(turn: Turn, custody: list[Custody], events: list[AuditEvent]) -> None:
    if turn.envelope.kind != PayloadKind.PAYLOAD_KIND_EVIDENCE:
        raise InvalidMessage(
            "the audit stream carries evidence only", reason=Reason.REASON_INTERNAL
        )
    try:
        batch = EvidenceBatch.FromString(turn.envelope.payload)
    except DecodeError as exc:
        raise InvalidMessage("the evidence cannot be read", reason=Reason.REASON_INTERNAL) from exc
    for entry in batch.custody:
        try:
            check_custody(entry)
        except InvalidMessage as exc:
            _log.error("custody entry refused", exc, sequence=turn.sequence, stage=batch.service)
        else:
            custody.append(entry)
    for event in batch.events:
        try:
            check_event(event)
        except InvalidMessage as exc:
            _log.error("audit event refused", exc, sequence=turn.sequence, stage=batch.service)
        else:
            events.append(event)
