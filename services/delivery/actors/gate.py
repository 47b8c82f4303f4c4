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
from plexus.errors import InvalidMessage, Unavailable
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
        disclosure: what may leave; without what consent withholds of it.
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
                absorbed_person_ids=disclosure.absorbed_person_ids,
                released_from_person_id=disclosure.released_from_person_id,
            )
            for item, disclosure in items
        ]
        traceparent = next(
            (item.traceparent for item, _ in items if item.traceparent.endswith("-01")), ""
        )
        decisions = await self._decided(requests, traceparent)
        # Few persons' directives look at the data: only theirs are looked at here.
        again = [place for place, made in enumerate(decisions) if made.needs_data]
        if again:
            with_data = [_with_data(requests[place], items[place][1]) for place in again]
            asked_again = await self._decided(with_data, traceparent)
            for place, decision in zip(again, asked_again, strict=True):
                decisions[place] = decision
        at = self._clock.monotonic()
        passed = [
            _passed(item, disclosure, decision, at)
            for (item, disclosure), decision in zip(items, decisions, strict=True)
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

    async def _decided(
        self, requests: Sequence[consent_pb2.DisclosureRequest], traceparent: str
    ) -> list[consent_pb2.Decision]:
        answer = await self._consent.ask(
            self._decide,
            consent_pb2.DecideBatchRequest(requests=requests),
            deadline_seconds=_SECONDS,
            traceparent=traceparent,
        )
        if len(answer.decisions) != len(requests):
            raise Unavailable("consent did not decide on all that was asked")
        return list(answer.decisions)


def _with_data(
    request: consent_pb2.DisclosureRequest, disclosure: Disclosure
) -> consent_pb2.DisclosureRequest:
    try:
        told = disclosure.attributes()
    except InvalidMessage:
        return request  # what cannot be looked at is denied
    made = consent_pb2.DisclosureRequest(
        data=[
            consent_pb2.Datum(
                resource_type=each.resource_type,
                labels=each.labels,
                codes=each.codes,
                date=each.date,
                holds=each.holds,
            )
            for each in told
        ]
    )
    made.MergeFrom(request)
    return made


def _passed(
    item: Item, disclosure: Disclosure, decision: consent_pb2.Decision, at: float
) -> Passed:
    # Anything but an explicit permit is a denial.
    is_permitted = decision.effect == _PERMIT
    if is_permitted and decision.withheld:
        disclosure = disclosure.without(decision.withheld)
    return Passed(item, disclosure, is_permitted, decision, at)


def _event(
    passed: Passed, request: consent_pb2.DisclosureRequest, now: Timestamp
) -> audit_pb2.AuditEvent:
    item = passed.item
    decision_id = passed.decision.decision_id
    # One event for each try: the same try asked again after a crash is the same event.
    name = f"{item.name}|{item.destination}|{item.attempt}|{item.tries}|{decision_id}"
    return audit_pb2.AuditEvent(
        event_id=named_id(_NAMESPACE, name),
        at=now,
        tenant=item.tenant,
        type="disclosure",
        action="R",
        agent="delivery",
        person_id=passed.disclosure.person_id,
        message_id=item.message_id,
        part=item.part,
        destination=item.destination,
        purpose=request.purpose,
        decision_id=decision_id,
        outcome="permit" if passed.permitted else "deny",
        trace_id=trace_id_of(item.traceparent),
        resource_counts=dict.fromkeys(passed.disclosure.resource_types, 1),
    )
