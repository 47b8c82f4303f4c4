"""gRPC of ingest: submit, read receipts, replay, and how the feeds do."""

import uuid
from collections.abc import AsyncIterator, Mapping

import grpc.aio

from plexus.api.audit.v1.audit_pb2 import Custody, Outcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.clock import Clock
from plexus.errors import InvalidRequest, NotFound, Unavailable
from plexus.telemetry.tracing import trace_id_of
from services.ingest.actors import FeedActor
from services.ingest.flow import Relay
from services.ingest.store import ReceiptStore

__all__ = ["IngestServicer"]

_Context = grpc.aio.ServicerContext[object, object]
_MOST = 1000
_DEFAULT = 100
_Outcome = ingest_pb2.ReceiptOutcome


class IngestServicer(ingest_pb2_grpc.IngestServiceServicer):
    """Takes messages as the listeners do, and answers for what was taken."""

    def __init__(
        self, feeds: Mapping[str, FeedActor], store: ReceiptStore, relay: Relay, clock: Clock
    ) -> None:
        self._feeds = feeds
        self._store = store
        self._relay = relay
        self._clock = clock

    async def Submit(  # noqa: N802 - the name in the contract
        self, request: ingest_pb2.SubmitRequest, context: _Context
    ) -> ingest_pb2.SubmitResponse:
        receipt, batch = await self._take(request.feed, request.content)
        return ingest_pb2.SubmitResponse(receipt=receipt, batch=batch)

    async def SubmitStream(  # noqa: N802 - the name in the contract
        self, request_iterator: AsyncIterator[ingest_pb2.SubmitStreamRequest], context: _Context
    ) -> AsyncIterator[ingest_pb2.SubmitStreamResponse]:
        async for request in request_iterator:
            receipt, batch = await self._take(request.feed, request.content)
            yield ingest_pb2.SubmitStreamResponse(receipt=receipt, batch=batch)

    async def GetReceipt(  # noqa: N802 - the name in the contract
        self, request: ingest_pb2.GetReceiptRequest, context: _Context
    ) -> ingest_pb2.GetReceiptResponse:
        found = await self._store.by_ids(
            [_message_id(request.message_id)], content=request.with_content
        )
        if not found:
            raise NotFound("no receipt has this message id")
        return ingest_pb2.GetReceiptResponse(receipt=found[0].receipt(), content=found[0].content)

    async def ListReceipts(  # noqa: N802 - the name in the contract
        self, request: ingest_pb2.ListReceiptsRequest, context: _Context
    ) -> ingest_pb2.ListReceiptsResponse:
        if request.limit > _MOST:
            raise InvalidRequest(f"limit is {_MOST} at most", location="limit")
        found = await self._store.find(
            feed=request.feed,
            control_id=request.control_id,
            outcome=request.outcome,
            limit=request.limit or _DEFAULT,
        )
        return ingest_pb2.ListReceiptsResponse(receipts=[stored.receipt() for stored in found])

    async def Replay(  # noqa: N802 - the name in the contract
        self, request: ingest_pb2.ReplayRequest, context: _Context
    ) -> ingest_pb2.ReplayResponse:
        if not request.reason.strip():
            raise InvalidRequest("a replay needs a reason", location="reason")
        if not 1 <= len(request.message_ids) <= _MOST:
            raise InvalidRequest(f"name 1 to {_MOST} messages", location="message_ids")
        stored = await self._store.next_attempt([_message_id(one) for one in request.message_ids])
        custody = []
        for one in stored:
            entry = Custody(
                message_id=one.message_id,
                tenant=one.tenant,
                feed=one.feed,
                stage=StageName.STAGE_INGEST,
                outcome=Outcome.OUTCOME_REPLAYED,
                attempt=one.attempt,
                detail=request.reason[:200],
                trace_id=trace_id_of(one.traceparent),
                message_type=one.message_type,
                origin=one.origin,
            )
            entry.at.FromDatetime(self._clock.now())
            custody.append(entry)
        await self._relay.report(custody)
        await self._relay.send_again(stored, "")
        return ingest_pb2.ReplayResponse(replayed=len(stored))

    async def ListFeeds(  # noqa: N802 - the name in the contract
        self, request: ingest_pb2.ListFeedsRequest, context: _Context
    ) -> ingest_pb2.ListFeedsResponse:
        counts = await self._store.counts()
        answer = ingest_pb2.ListFeedsResponse()
        for name, actor in sorted(self._feeds.items()):
            by_outcome = counts.get((actor.feed.tenant, name), {})

            def count(outcome: int, known: Mapping[int, tuple[int, object]] = by_outcome) -> int:
                return known[outcome][0] if outcome in known else 0

            feed = answer.feeds.add(
                tenant=actor.feed.tenant,
                name=name,
                source=actor.feed.source_name,
                address=actor.address,
                connections=actor.connections,
                accepted=count(_Outcome.RECEIPT_OUTCOME_ACCEPTED),
                rejected=count(_Outcome.RECEIPT_OUTCOME_REJECTED),
                duplicates=count(_Outcome.RECEIPT_OUTCOME_DUPLICATE),
                unrelayed=self._relay.unrelayed,
            )
            if by_outcome:
                feed.last_received_at.FromDatetime(max(at for _, at in by_outcome.values()))
        return answer

    async def _take(
        self, feed: str, content: bytes
    ) -> tuple[ingest_pb2.Receipt, list[ingest_pb2.Receipt]]:
        actor = self._feeds.get(feed)
        if actor is None:
            raise NotFound("no feed has this name; see ListFeeds", location="feed")
        if len(content) > actor.feed.max_frame_bytes:
            raise InvalidRequest(
                f"the message is larger than {actor.feed.max_frame_bytes} bytes",
                location="content",
            )
        reply = await actor.receive(content)
        if reply.stored is None:
            if reply.is_empty:
                raise InvalidRequest("the batch holds no message", location="content")
            raise Unavailable("the message was not stored; send it again")
        return reply.stored.receipt(), [stored.receipt() for stored in reply.batch]


def _message_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as exc:
        raise InvalidRequest("a message id is a UUID", location="message_id") from exc
