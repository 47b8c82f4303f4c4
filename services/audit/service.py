"""gRPC of audit: validate, ask the ledger, answer."""

import datetime
import uuid
from collections.abc import Iterable
from typing import Final

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.clock import Clock
from plexus.errors import InvalidMessage, InvalidRequest
from plexus.ids import IdSource
from services.audit.actors import Signers
from services.audit.domain import check_event, destinations, feeds, flaw_of, moment_of, reasons
from services.audit.store import Ledger, Log, Question, Signed

__all__ = ["AuditServicer"]

_Context = grpc.aio.ServicerContext[object, object]

_MOST_EVENTS: Final = 1000
_MOST_ASKED: Final = 10_000
_MOST_LISTED: Final = 1000
_LISTED: Final = 100
_MOST_READ: Final = 4000
_MOST_LEVEL: Final = 7
_MOST_SEQUENCE: Final = 2**62
# What of a question its record tells beside the person, who has a field of its own there.
_NAMED_BY: Final = frozenset({"message_id", "type", "agent", "destination", "outcome"})

Place = tuple[datetime.datetime, uuid.UUID]


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    """Keeps and shows evidence."""

    def __init__(
        self, ledger: Ledger, log: Log, signers: Signers, clock: Clock, ids: IdSource
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._signers = signers
        self._clock = clock
        self._ids = ids

    async def Append(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.AppendRequest, context: _Context
    ) -> audit_pb2.AppendResponse:
        _at_most(_MOST_EVENTS, len(request.events), "events")
        for place, event in enumerate(request.events):
            try:
                check_event(event)
            except InvalidMessage as exc:
                raise InvalidRequest(exc.detail, location=f"events[{place}]") from exc
        return audit_pb2.AppendResponse(appended=await self._ledger.append(request.events))

    async def Query(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.QueryRequest, context: _Context
    ) -> audit_pb2.QueryResponse:
        question = _question(request)
        limit = _limit(request.limit)
        asked = [
            f"{field.name}={value}"
            for field, value in request.ListFields()
            if field.name in _NAMED_BY
        ]
        found = await self._ledger.find_events(question, limit)
        # Recorded before it is told, and not part of its own answer.
        await self._record(
            request.reader, request.tenant, f"query {' '.join(asked)}", request.person_id
        )
        return audit_pb2.QueryResponse(
            events=found.events, next_page_token=_token(found.last) if found.last else ""
        )

    async def GetCheckpoint(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.GetCheckpointRequest, context: _Context
    ) -> audit_pb2.GetCheckpointResponse:
        _readable(request.tenant)
        _within(request.size, "size")
        found = await self._log.checkpoint(request.tenant, request.size)
        return audit_pb2.GetCheckpointResponse(
            checkpoint=_checkpoint(found),
            keys=[str(key) for key in self._signers.keys(request.tenant)],
        )

    async def ListCheckpoints(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.ListCheckpointsRequest, context: _Context
    ) -> audit_pb2.ListCheckpointsResponse:
        _readable(request.tenant)
        _within(request.after, "after")
        found = await self._log.checkpoints(request.tenant, request.after, _limit(request.limit))
        return audit_pb2.ListCheckpointsResponse(checkpoints=[_checkpoint(one) for one in found])

    async def ProveEvent(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.ProveEventRequest, context: _Context
    ) -> audit_pb2.ProveEventResponse:
        _are_ids([request.event_id], "event_id")
        proven = await self._log.prove(request.event_id)
        await self._record(request.reader, proven.tenant, f"prove event_id={request.event_id}")
        return audit_pb2.ProveEventResponse(
            event_id=request.event_id,
            tenant=proven.tenant,
            sequence=proven.sequence,
            leaf=proven.data,
            proof=proven.proof,
            checkpoint=_checkpoint(proven.signed),
        )

    async def ProveConsistency(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.ProveConsistencyRequest, context: _Context
    ) -> audit_pb2.ProveConsistencyResponse:
        _readable(request.tenant)
        _within(request.first, "first")
        _within(request.second, "second")
        proof = await self._log.prove_growth(request.tenant, request.first, request.second)
        return audit_pb2.ProveConsistencyResponse(proof=proof)

    async def ReadLog(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.ReadLogRequest, context: _Context
    ) -> audit_pb2.ReadLogResponse:
        _readable(request.tenant)
        _within(request.start, "start")
        _at_most(_MOST_READ, request.limit, "limit")
        limit = request.limit or _MOST_LISTED
        await self._record(
            request.reader, request.tenant, f"read start={request.start} limit={limit}"
        )
        entries, size = await self._log.entries(request.tenant, request.start, limit)
        return audit_pb2.ReadLogResponse(
            entries=[
                audit_pb2.LogEntry(
                    sequence=one.sequence,
                    event_id=one.event_id,
                    leaf=one.data,
                    hash=one.hash,
                    unlike=one.unlike,
                )
                for one in entries
            ],
            size=size,
        )

    async def ReadTiles(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.ReadTilesRequest, context: _Context
    ) -> audit_pb2.ReadTilesResponse:
        _readable(request.tenant)
        _within(request.start, "start")
        _at_most(_MOST_LEVEL, request.level, "level")
        found = await self._log.tiles(
            request.tenant, request.level, request.start, _limit(request.limit)
        )
        return audit_pb2.ReadTilesResponse(
            tiles=[audit_pb2.LogTile(number=number, hashes=hashes) for number, hashes in found]
        )

    async def GetCustody(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.GetCustodyRequest, context: _Context
    ) -> audit_pb2.GetCustodyResponse:
        _are_ids([request.message_id], "message_id")
        return audit_pb2.GetCustodyResponse(entries=await self._ledger.custody(request.message_id))

    async def ListMessages(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.ListMessagesRequest, context: _Context
    ) -> audit_pb2.ListMessagesResponse:
        if request.disposition not in audit_pb2.Disposition.values():
            raise InvalidRequest("there is no such state", location="disposition")
        _readable(request.tenant, request.feed, request.destination)
        messages = await self._ledger.messages(
            tenant=request.tenant,
            feed=request.feed,
            disposition=request.disposition,
            destination=request.destination,
            limit=_limit(request.limit),
        )
        return audit_pb2.ListMessagesResponse(messages=messages)

    async def FindUnfinished(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.FindUnfinishedRequest, context: _Context
    ) -> audit_pb2.FindUnfinishedResponse:
        _at_most(_MOST_ASKED, len(request.message_ids), "message_ids")
        _are_ids(request.message_ids, "message_ids")
        found = await self._ledger.unfinished(request.message_ids)
        return audit_pb2.FindUnfinishedResponse(
            messages=[
                audit_pb2.Unfinished(message_id=message_id, last_stage=stage)
                for message_id, stage in found
            ]
        )

    async def GetConservation(  # noqa: N802 - the name in the contract
        self, request: audit_pb2.GetConservationRequest, context: _Context
    ) -> audit_pb2.GetConservationResponse:
        _readable(request.tenant)
        messages, legs = await self._ledger.tallies(request.tenant)
        return audit_pb2.GetConservationResponse(
            feeds=feeds(messages), destinations=destinations(legs), reasons=reasons(messages)
        )

    async def _record(self, reader: str, tenant: str, query: str, person_id: str = "") -> None:
        """Store who reads what, before it is told: what cannot be recorded is not told."""
        _readable(reader)
        event = audit_pb2.AuditEvent(
            event_id=self._ids.message_id(),
            tenant=tenant,
            type="audit-read",
            action="R" if not query.startswith("query") else "E",
            agent=reader or "unknown",
            person_id=person_id,
            outcome="success",
            query=query,
        )
        event.at.FromDatetime(self._clock.now())
        await self._ledger.append([event])


def _question(request: audit_pb2.QueryRequest) -> Question:
    if request.message_id:
        _are_ids([request.message_id], "message_id")
    _readable(
        request.tenant,
        request.person_id,
        request.type,
        request.agent,
        request.destination,
        request.outcome,
    )
    since = getattr(request, "from")
    return Question(
        tenant=request.tenant,
        message_id=request.message_id,
        person_id=request.person_id,
        kind=request.type,
        agent=request.agent,
        destination=request.destination,
        outcome=request.outcome,
        since=_moment(since, "from") if request.HasField("from") else None,
        until=_moment(request.until, "until") if request.HasField("until") else None,
        before=_place(request.page_token) if request.page_token else None,
    )


def _moment(at: Timestamp, field: str) -> datetime.datetime:
    try:
        return moment_of(at)
    except OverflowError as exc:
        raise InvalidRequest("there is no such time", location=field) from exc


def _token(place: Place) -> str:
    return f"{place[0].isoformat()}_{place[1]}"


def _place(token: str) -> Place:
    moment, _, event_id = token.partition("_")
    try:
        at = datetime.datetime.fromisoformat(moment)
        if at.tzinfo is not None:
            return at, uuid.UUID(event_id)
    except ValueError:
        pass
    raise InvalidRequest("this token is of no page", location="page_token")


def _checkpoint(signed: Signed) -> audit_pb2.Checkpoint:
    made = audit_pb2.Checkpoint(size=signed.size, note=signed.note)
    made.sealed_at.FromDatetime(signed.sealed_at)
    return made


def _within(number: int, field: str) -> None:
    if number > _MOST_SEQUENCE:
        raise InvalidRequest("no log is so long", location=field)


def _at_most(most: int, count: int, field: str) -> None:
    if count > most:
        raise InvalidRequest(f"at most {most} at once", location=field)


def _limit(asked: int) -> int:
    _at_most(_MOST_LISTED, asked, "limit")
    return asked or _LISTED


def _are_ids(names: Iterable[str], field: str) -> None:
    for name in names:
        if flaw := flaw_of(name, field):
            raise InvalidRequest(flaw, location=field)


def _readable(*texts: str) -> None:
    if any("\0" in text for text in texts):
        raise InvalidRequest("a text holds a NUL")
