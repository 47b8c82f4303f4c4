"""changed → destinations: each message is queued for those that want it."""

from collections.abc import Callable, Sequence

from plexus.actors import Turn
from plexus.api.audit.v1.audit_pb2 import Outcome
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.errors import InvalidMessage, Reason
from plexus.store import Transaction
from services.delivery.domain import Router
from services.delivery.store import ItemStore, NewItem

__all__ = ["RoutingStage"]


class RoutingStage:
    """Routes messages; the destinations' own actors bring them."""

    def __init__(
        self, router: Router, version: str, on_routed: Callable[[Sequence[NewItem]], None]
    ) -> None:
        self._router = router
        self._version = version
        self._on_routed = on_routed

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        items: list[NewItem] = []
        for turn in turns:
            items.extend(self._route(turn))
        if items:
            await ItemStore.add(transaction.connection, items)
            # Told a little early: the actors look again until they find what was committed.
            self._on_routed(items)

    def _route(self, turn: Turn) -> list[NewItem]:
        envelope = turn.envelope
        if envelope.kind != PayloadKind.PAYLOAD_KIND_CHANGED:
            raise InvalidMessage(
                "the changed stream carries changed events only", reason=Reason.REASON_INTERNAL
            )
        destinations = self._router.destinations(
            envelope.tenant, envelope.message_type, envelope.source
        )
        turn.ran("routes", self._version)
        reason = Reason.REASON_UNSPECIFIED if destinations else Reason.REASON_NO_SUBSCRIPTION
        turn.conclude(Outcome.OUTCOME_ROUTED, reason, destinations=destinations)
        return [
            NewItem(
                destination=destination,
                message_id=envelope.message_id,
                part=envelope.part,
                attempt=envelope.attempt,
                tenant=envelope.tenant,
                feed=envelope.feed,
                key=envelope.key,
                origin=envelope.origin,
                message_type=envelope.message_type,
                received_at=envelope.received_at.ToDatetime(tzinfo=turn.now.tzinfo),
                traceparent=turn.traceparent,
                event=envelope.payload,
            )
            for destination in destinations
        ]
