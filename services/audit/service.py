"""gRPC of audit: validate, ask the ledger, answer."""

from collections.abc import Iterable
from typing import Final

import grpc.aio

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.errors import InvalidMessage, InvalidRequest
from services.audit.domain import check_event, destinations, feeds, flaw_of, reasons
from services.audit.store import Ledger

__all__ = ["AuditServicer"]

_Context = grpc.aio.ServicerContext[object, object]

_MOST_EVENTS: Final = 1000
_MOST_ASKED: Final = 10_000
_MOST_LISTED: Final = 1000
_LISTED: Final = 100


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    """Keeps and shows evidence."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

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
        if request.message_id:
            _are_ids([request.message_id], "message_id")
        _readable(request.tenant, request.person_id, request.type)
        events = await self._ledger.find_events(
            tenant=request.tenant,
            message_id=request.message_id,
            person_id=request.person_id,
            kind=request.type,
            limit=_limit(request.limit),
        )
        return audit_pb2.QueryResponse(events=events)

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
