"""gRPC of consent: validate, decide, answer, count; take directives, and tell what they do."""

import collections
import datetime
from collections.abc import Sequence, Sized
from typing import Final

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.clock import Clock
from plexus.errors import InvalidRequest, Reason
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import BROKEN_GLASS, CONSENT_DECISIONS
from services.consent.actors import Registry, Told
from services.consent.domain import NO_DIRECTIVES, Decider, Directives, explained
from services.consent.domain.decision import BREAK_GLASS_ALERT
from services.consent.domain.purposes import PURPOSES
from services.consent.store import PersonKey

__all__ = ["ConsentServicer"]

_log = get_log(__name__)

_Context = grpc.aio.ServicerContext[object, object]

_MOST_REQUESTS: Final = 1000
_MOST_TYPES: Final = 10_000
_MOST_ABSORBED: Final = 100
_MOST_ACTORS: Final = 1000
_LONGEST_REASON: Final = 2000
_MOST_TOLD: Final = 20


class ConsentServicer(consent_pb2_grpc.ConsentServiceServicer):
    """Answers with decisions; takes directives."""

    def __init__(
        self,
        decider: Decider,
        registry: Registry,
        clock: Clock,
        *,
        recipients: Sequence[str],
        decision_seconds: float,
    ) -> None:
        self._decider = decider
        self._registry = registry
        self._clock = clock
        self._recipients = recipients
        self._decision_seconds = decision_seconds

    async def Decide(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.DecideRequest, context: _Context
    ) -> consent_pb2.DecideResponse:
        return consent_pb2.DecideResponse(decision=(await self._decide([request.request]))[0])

    async def DecideBatch(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.DecideBatchRequest, context: _Context
    ) -> consent_pb2.DecideBatchResponse:
        if len(request.requests) > _MOST_REQUESTS:
            raise InvalidRequest(f"at most {_MOST_REQUESTS} requests at once", location="requests")
        return consent_pb2.DecideBatchResponse(decisions=await self._decide(request.requests))

    async def FileConsent(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.FileConsentRequest, context: _Context
    ) -> consent_pb2.FileConsentResponse:
        person = _person(request.tenant, request.person_id)
        consent_id, version, epoch = await self._registry.file(person, request.content)
        await self._clock.sleep(self._decision_seconds)
        return consent_pb2.FileConsentResponse(consent_id=consent_id, version=version, epoch=epoch)

    async def TakeConsents(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.TakeConsentsRequest, context: _Context
    ) -> consent_pb2.TakeConsentsResponse:
        _expect_bound(request.told, _MOST_REQUESTS, "told")
        told = []
        for each in request.told:
            tenant, person_id = _person(each.tenant, each.person_id)
            _expect_bound(each.absorbed_person_ids, _MOST_ABSORBED, "absorbed_person_ids")
            told.append(
                Told(
                    tenant,
                    person_id,
                    each.source,
                    each.key,
                    each.message_id,
                    each.content,
                    each.is_deleted,
                    each.absorbed_person_ids,
                )
            )
        return consent_pb2.TakeConsentsResponse(stored=await self._registry.take(told))

    async def RevokeConsent(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.RevokeConsentRequest, context: _Context
    ) -> consent_pb2.RevokeConsentResponse:
        person = _person(request.tenant, request.person_id)
        version, epoch = await self._registry.revoke(person, request.consent_id)
        await self._clock.sleep(self._decision_seconds)
        return consent_pb2.RevokeConsentResponse(version=version, epoch=epoch)

    async def ListConsents(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.ListConsentsRequest, context: _Context
    ) -> consent_pb2.ListConsentsResponse:
        person = _person(request.tenant, request.person_id)
        epoch, stored = await self._registry.versions(person)
        return consent_pb2.ListConsentsResponse(
            epoch=epoch,
            consents=[
                consent_pb2.StoredConsent(
                    consent_id=each.consent_id,
                    version=each.version,
                    status=each.status,
                    filed_at=_timestamp(each.filed_at),
                    content=each.content,
                    problems=[str(problem) for problem in self._registry.read(each).problems],
                    is_current=each.is_current,
                    source=each.source,
                )
                for each in stored
            ],
        )

    async def Explain(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.ExplainRequest, context: _Context
    ) -> consent_pb2.ExplainResponse:
        person = _person(request.tenant, request.person_id)
        for name in ("recipients", "purposes"):
            if len(getattr(request, name)) > _MOST_TOLD:
                raise InvalidRequest(f"at most {_MOST_TOLD}", location=name)
        if not PURPOSES.issuperset(request.purposes):
            raise InvalidRequest("is no purpose of use (HL7 v3-ActReason)", location="purposes")
        found = await self._registry.directives([person])
        return consent_pb2.ExplainResponse(
            rules=explained(
                self._decider,
                found.get(person, NO_DIRECTIVES),
                tenant=request.tenant,
                person_id=request.person_id,
                recipients=request.recipients or self._recipients,
                purposes=request.purposes,
                now=self._clock.now(),
            )
        )

    async def Simulate(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.SimulateRequest, context: _Context
    ) -> consent_pb2.SimulateResponse:
        person = _person(request.tenant, request.person_id)
        resource = self._registry.understood(request.content)
        _, stored = await self._registry.versions(person)
        current = [each for each in stored if each.is_current]
        before = Directives(map(self._registry.read, current))
        after = self._registry.proposed(current, resource, person)
        now = self._clock.now()
        old, new = (
            list(
                explained(
                    self._decider,
                    directives,
                    tenant=request.tenant,
                    person_id=request.person_id,
                    recipients=self._recipients,
                    purposes=(),
                    now=now,
                    beside=beside,
                )
            )
            for directives, beside in ((before, after), (after, before))
        )
        return consent_pb2.SimulateResponse(
            compared=len(new),
            changes=[
                each
                for was, each in zip(old, new, strict=True)
                if was.decision.effect != each.decision.effect
            ],
        )

    async def _decide(
        self, requests: Sequence[consent_pb2.DisclosureRequest]
    ) -> list[consent_pb2.Decision]:
        persons: list[PersonKey] = []
        absorbed: dict[PersonKey, Sequence[str]] = {}
        released: dict[PersonKey, str] = {}
        for request in requests:
            person = (request.tenant, request.person_id)
            persons.append(person)
            _expect_bound(request.resource_types, _MOST_TYPES, "resource_types")
            _expect_bound(request.data, _MOST_TYPES, "data")
            _expect_bound(request.actors, _MOST_ACTORS, "actors")
            _expect_bound(request.reason, _LONGEST_REASON, "reason")
            if others := request.absorbed_person_ids:
                _expect_bound(others, _MOST_ABSORBED, "absorbed_person_ids")
                absorbed[person] = [*absorbed.get(person, ()), *others]
            if request.released_from_person_id:
                released[person] = request.released_from_person_id
        held = await self._registry.directives(persons, absorbed, released)
        now = self._clock.now()
        decide = self._decider.decide
        decisions = [
            decide(request, held.get(person, NO_DIRECTIVES), now)
            for request, person in zip(requests, persons, strict=True)
        ]
        for made in decisions:
            if BREAK_GLASS_ALERT in made.obligations:
                BROKEN_GLASS.inc()
                _log.warning("the glass was broken", decision_id=made.decision_id, rule=made.rule)
        counts = collections.Counter((made.effect, made.reason) for made in decisions)
        for (effect, reason), count in counts.items():
            CONSENT_DECISIONS.labels(
                effect=consent_pb2.Effect.Name(effect).removeprefix("EFFECT_").lower(),
                reason=Reason.Name(reason).removeprefix("REASON_").lower() if reason else "none",
            ).inc(count)
        return decisions


def _expect_bound(held: Sized, most: int, location: str) -> None:
    if len(held) > most:
        raise InvalidRequest(f"at most {most} in one request", location=location)


def _person(tenant: str, person_id: str) -> PersonKey:
    for name, value in (("tenant", tenant), ("person_id", person_id)):
        if not value:
            raise InvalidRequest("is required", location=name)
    return tenant, person_id


def _timestamp(moment: datetime.datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
