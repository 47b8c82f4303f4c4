"""gRPC of delivery: destinations, what waits for them, and trying parked messages again."""

import uuid
from collections.abc import Mapping

import grpc.aio

from plexus.api.delivery.v1 import delivery_pb2, delivery_pb2_grpc
from plexus.errors import InvalidRequest, Reason
from services.delivery.actors import DestinationActor
from services.delivery.store import ItemStore, Pending

__all__ = ["DeliveryServicer"]

_Context = grpc.aio.ServicerContext[object, object]
_MOST = 1000
_DEFAULT = 100


class DeliveryServicer(delivery_pb2_grpc.DeliveryServiceServicer):
    """Answers from the items and the actors of this replica."""

    def __init__(self, actors: Mapping[str, DestinationActor], items: ItemStore) -> None:
        self._actors = actors
        self._items = items

    async def ListDestinations(  # noqa: N802 - the name in the contract
        self, request: delivery_pb2.ListDestinationsRequest, context: _Context
    ) -> delivery_pb2.ListDestinationsResponse:
        counts = await self._items.counts()
        answer = delivery_pb2.ListDestinationsResponse()
        for name, actor in sorted(self._actors.items()):
            pending = counts.get(name, Pending(0, None, Reason.REASON_UNSPECIFIED))
            destination = answer.destinations.add(
                tenant=actor.destination.tenant,
                name=name,
                kind=actor.destination.kind,
                available=actor.available,
                pending=pending.count,
                last_failure=actor.last_failure,
            )
            if pending.oldest is not None:
                destination.oldest_pending_at.FromDatetime(pending.oldest)
        return answer

    async def ListItems(  # noqa: N802 - the name in the contract
        self, request: delivery_pb2.ListItemsRequest, context: _Context
    ) -> delivery_pb2.ListItemsResponse:
        if request.limit > _MOST:
            raise InvalidRequest(f"limit is {_MOST} at most", location="limit")
        rows = await self._items.find(
            message_id=_message_id(request.message_id) if request.message_id else "",
            destination=request.destination,
            state=request.state,
            limit=request.limit or _DEFAULT,
        )
        answer = delivery_pb2.ListItemsResponse()
        for row in rows:
            item = answer.items.add(
                message_id=str(row["message_id"]),
                part=row["part"],
                destination=row["destination"],
                state=row["state"],
                tries=row["tries"],
                reason=row["reason"],
                detail=row["detail"],
            )
            if row["next_try_at"] is not None:
                item.next_try_at.FromDatetime(row["next_try_at"])
        return answer

    async def Retry(  # noqa: N802 - the name in the contract
        self, request: delivery_pb2.RetryRequest, context: _Context
    ) -> delivery_pb2.RetryResponse:
        if not 1 <= len(request.message_ids) <= _MOST:
            raise InvalidRequest(f"name 1 to {_MOST} messages", location="message_ids")
        retried = await self._items.retry(
            [_message_id(one) for one in request.message_ids], request.destination
        )
        for actor in self._actors.values():
            actor.rescan()
        return delivery_pb2.RetryResponse(retried=retried)


def _message_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as exc:
        raise InvalidRequest("a message id is a UUID", location="message_id") from exc
