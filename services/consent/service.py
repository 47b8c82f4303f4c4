"""gRPC of consent: validate, decide, answer, count."""

import collections
from collections.abc import Sequence
from typing import Final

import grpc.aio

from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.errors import InvalidRequest, Reason
from plexus.telemetry.metrics import CONSENT_DECISIONS
from services.consent.domain import Decider

__all__ = ["ConsentServicer"]

_Context = grpc.aio.ServicerContext[object, object]

_MOST_REQUESTS: Final = 1000
_MOST_TYPES: Final = 10_000


class ConsentServicer(consent_pb2_grpc.ConsentServiceServicer):
    """Answers with decisions; keeps nothing."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    async def Decide(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.DecideRequest, context: _Context
    ) -> consent_pb2.DecideResponse:
        return consent_pb2.DecideResponse(decision=self._decide([request.request])[0])

    async def DecideBatch(  # noqa: N802 - the name in the contract
        self, request: consent_pb2.DecideBatchRequest, context: _Context
    ) -> consent_pb2.DecideBatchResponse:
        if len(request.requests) > _MOST_REQUESTS:
            raise InvalidRequest(f"at most {_MOST_REQUESTS} requests at once", location="requests")
        return consent_pb2.DecideBatchResponse(decisions=self._decide(request.requests))

    def _decide(
        self, requests: Sequence[consent_pb2.DisclosureRequest]
    ) -> list[consent_pb2.Decision]:
        if any(len(request.resource_types) > _MOST_TYPES for request in requests):
            raise InvalidRequest(
                f"at most {_MOST_TYPES} resources in one request", location="resource_types"
            )
        decisions = [self._decider.decide(request) for request in requests]
        counts = collections.Counter((made.effect, made.reason) for made in decisions)
        for (effect, reason), count in counts.items():
            CONSENT_DECISIONS.labels(
                effect=consent_pb2.Effect.Name(effect).removeprefix("EFFECT_").lower(),
                reason=Reason.Name(reason).removeprefix("REASON_").lower() if reason else "none",
            ).inc(count)
        return decisions
