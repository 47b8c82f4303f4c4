"""The gate: consent decides on each message, and audit has stored each disclosure, before it leaves.

Where consent or audit cannot be asked nothing passes: the messages wait.
"""

import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.clock import Clock
from plexus.codecs.fhir import Disclosure
from plexus.errors import Unavailable
from plexus.ids import named_id
from plexus.rpc import Peer
from plexus.telemetry.tracing import trace_id_of
from services.delivery.settings import Destination
from services.delivery.store import Item

__all__ = ["Gate", "Passed"]

_SECONDS = 5.0
_NAMESPACE: Final = uuid.UUID("8d1f4f0a-6e0b-5b62-9a5e-0d5e3f0f6a01").bytes
# Looking a protobuf enum's value up costs as much as setting it.
_PERMIT: Final = consent_pb2.Effect.EFFECT_PERMIT


class Passed(NamedTuple):
    """The gate's answer on one item.

    Attributes:
        permitted: it may leave now.
        decision: consent's decision.
        at: monotonic time of the decision, in seconds.
    """

    item: Item
    disclosure: Disclosure
    permitted: bool
    decision: consent_pb2.Decision
    at: float


class Gate:
    """The gate of one destination."""

    def __init__(self, destination: Destination, consent: Peer, audit: Peer, clock: Clock) -> None:
        self._destination = destination
        self._consent = consent
        self._audit = audit
        self._decide = consent_pb2_grpc.ConsentServiceStub(consent.channel).DecideBatch
        self._append = audit_pb2_grpc.AuditServiceStub(audit.channel).Append
        self._clock = clock

    async def ask(self, items: Sequence[tuple[Item, Disclosure]]) -> list[Passed]:
        """Decide on items, and record what may leave and what may not.

        Raises:
            Unavailable: consent or audit cannot be asked.
        """
        requests = [
            consent_pb2.DisclosureRequest(
                tenant=item.tenant,
                person_id=disclosure.person_id,
                recipient=self._destination.recipient_name,
                purpose=self._destination.purpose,
                action="disclose",
                resource_types=disclosure.resource_types,
            )
            for item, disclosure in items
        ]
        traceparent = next(
            (item.traceparent for item, _ in items if item.traceparent.endswith("-01")), ""
        )
        answer = await self._consent.ask(
            self._decide,
            consent_pb2.DecideBatchRequest(requests=requests),
            deadline_seconds=_SECONDS,
            traceparent=traceparent,
        )
        if len(answer.decisions) != len(items):
            raise Unavailable("consent did not decide on all that was asked")
        at = self._clock.monotonic()
        passed = [
            Passed(
                item,
                disclosure,
                # Anything but an explicit permit is a denial.
                decision.effect == _PERMIT,
                decision,
                at,
            )
            for (item, disclosure), decision in zip(items, answer.decisions, strict=True)
        ]
        now = Timestamp()
        now.FromDatetime(self._clock.now())
        await self._audit.ask(
            self._append,
            audit_pb2.AppendRequest(
                events=[
                    _event(one, request, now) for one, request in zip(passed, requests, strict=True)
                ]
            ),
            deadline_seconds=_SECONDS,
            traceparent=traceparent,
        )
        return passed


def _event(
    passed: Passed, request: consent_pb2.DisclosureRequest, now: Timestamp
) -> audit_pb2.AuditEvent:
    item = passed.item
    decision_id = passed.decision.decision_id
    # One event for each try: the same try asked again after a crash is the same event.
    name = f"{item.message_id}|{item.destination}|{item.attempt}|{item.tries}|{decision_id}"
    return audit_pb2.AuditEvent(
        event_id=named_id(_NAMESPACE, name),
        at=now,
        tenant=item.tenant,
        type="disclosure",
        action="R",
        agent="delivery",
        person_id=passed.disclosure.person_id,
        message_id=item.message_id,
        destination=item.destination,
        purpose=request.purpose,
        decision_id=decision_id,
        outcome="permit" if passed.permitted else "deny",
        trace_id=trace_id_of(item.traceparent),
        resource_counts=dict.fromkeys(request.resource_types, 1),
    )
