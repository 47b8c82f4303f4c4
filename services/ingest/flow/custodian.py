"""Asks audit's custody ledger which messages have not come to their end."""

from collections.abc import Sequence

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.rpc import Peer

__all__ = ["Custodian"]

_SECONDS = 10.0


class Custodian:
    """The ledger, as ingest sees it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stub = audit_pb2_grpc.AuditServiceStub(peer.channel)

    async def unfinished(self, message_ids: Sequence[str]) -> dict[str, audit_pb2.Stage.ValueType]:
        """Those of some messages that still need care, with the last stage that has reported.

        Raises:
            Unavailable: audit cannot be reached.
        """
        answer = await self._peer.ask(
            self._stub.FindUnfinished,
            audit_pb2.FindUnfinishedRequest(message_ids=message_ids),
            deadline_seconds=_SECONDS,
        )
        return {message.message_id: message.last_stage for message in answer.messages}
