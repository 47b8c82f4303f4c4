"""Records with audit who reads what of whom, before it is told."""

import uuid
from collections.abc import Collection
from typing import Final, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.clock import Clock
from plexus.errors import InvalidRequest
from plexus.rpc import Peer

__all__ = ["AuditedReadings", "Readings"]

_SECONDS: Final = 5.0


class Readings(Protocol):
    """Where readings are recorded."""

    async def note(self, tenant: str, reader: str, persons: Collection[str], asked: str) -> None:
        """Record that somebody reads what is known of persons.

        Args:
            tenant: whose persons.
            reader: who reads, for example operator:ann.
            persons: whom it is about; may be nobody.
            asked: what was asked, without data of persons.

        Raises:
            InvalidRequest: nobody is named as the reader.
            Unavailable: it could not be recorded, so nothing may be told.
        """


class AuditedReadings(Readings):
    """Readings in the audit log."""

    def __init__(self, audit: Peer, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock

    async def note(self, tenant: str, reader: str, persons: Collection[str], asked: str) -> None:
        if not reader:
            raise InvalidRequest("who reads? patient data are told to nobody", location="reader")
        at = Timestamp()
        at.FromDatetime(self._clock.now())
        await self._audit.ask(
            audit_pb2_grpc.AuditServiceStub(self._audit.channel).Append,
            audit_pb2.AppendRequest(
                events=[
                    audit_pb2.AuditEvent(
                        event_id=str(uuid.uuid4()),
                        at=at,
                        tenant=tenant,
                        type="identity-read",
                        action="R",
                        agent=reader,
                        person_id=person,
                        outcome="success",
                        query=asked,
                    )
                    for person in (persons or [""])
                ]
            ),
            deadline_seconds=_SECONDS,
        )
