"""gRPC of identity: who somebody is, the models that say so, and what people decide.

Answers from committed state only.
"""

import datetime
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.identity.v1 import (
    identity_pb2,
    identity_pb2_grpc,
    stewardship_pb2,
    stewardship_pb2_grpc,
)
from plexus.clock import Clock
from plexus.errors import ConfigurationError, InvalidRequest, NotFound
from plexus.store import Database
from services.identity.actors import BothSides, Order, Readings, Stewardship
from services.identity.domain import Ruling, decide, identifying
from services.identity.domain.scoring import Model
from services.identity.store import IndexStore, ModelStore, Question, ReviewRow

__all__ = ["IdentityServicer", "StewardshipServicer"]

_Context = grpc.aio.ServicerContext[object, object]
_MOST_IDENTIFIERS: Final = 1000
_MOST_FEATURES: Final = 1000
_MOST_REVIEWS: Final = 1000
_MOST_REASON: Final = 1000
_MOST_NAME: Final = 100
_MOST_AGE: Final = 10**9
_STATUSES: Final = {
    stewardship_pb2.REVIEW_STATUS_OPEN: "open",
    stewardship_pb2.REVIEW_STATUS_PROPOSED: "proposed",
    stewardship_pb2.REVIEW_STATUS_SAME: "same",
    stewardship_pb2.REVIEW_STATUS_DIFFERENT: "different",
}
_STATUS_VALUES: Final = {text: value for value, text in _STATUSES.items()}
_RULINGS: Final = {
    stewardship_pb2.VERDICT_SAME: Ruling.SAME,
    stewardship_pb2.VERDICT_DIFFERENT: Ruling.DIFFERENT,
    stewardship_pb2.VERDICT_SKIP: Ruling.SKIP,
}


class IdentityServicer(identity_pb2_grpc.IdentityServiceServicer):
    """Answers questions to the index, and keeps trained models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def Resolve(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.ResolveRequest, context: _Context
    ) -> identity_pb2.ResolveResponse:
        (person_id,) = await self._resolve(request.tenant, [request.identifier])
        return identity_pb2.ResolveResponse(person_id=person_id)

    async def ResolveBatch(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.ResolveBatchRequest, context: _Context
    ) -> identity_pb2.ResolveBatchResponse:
        if len(request.identifiers) > _MOST_IDENTIFIERS:
            raise InvalidRequest(f"at most {_MOST_IDENTIFIERS} identifiers", location="identifiers")
        return identity_pb2.ResolveBatchResponse(
            person_ids=await self._resolve(request.tenant, request.identifiers)
        )

    async def GetPerson(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.GetPersonRequest, context: _Context
    ) -> identity_pb2.GetPersonResponse:
        person_id = _person(request.person_id, "person_id")
        async with self._database.connection() as connection:
            found = await IndexStore(connection).person(request.tenant, person_id)
        if found is None:
            raise NotFound("nobody is known by that person_id")
        return identity_pb2.GetPersonResponse(
            person_id=found.person_id,
            identifiers=[
                identity_pb2.LinkedIdentifier(
                    authority=name.authority,
                    value=name.value,
                    source=name.source,
                    message_id=name.message_id,
                )
                for name in found.names
            ],
            merged_person_ids=found.merged,
            linked_person_ids=found.linked,
        )

    async def ListFeatures(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.ListFeaturesRequest, context: _Context
    ) -> identity_pb2.ListFeaturesResponse:
        if not 1 <= request.limit <= _MOST_FEATURES:
            raise InvalidRequest(f"limit must be 1 to {_MOST_FEATURES}", location="limit")
        async with self._database.connection() as connection:
            found = await ModelStore(connection).features(
                request.tenant, request.after, request.limit
            )
        return identity_pb2.ListFeaturesResponse(
            features=[text for _, text in found],
            last=found[-1][0] if len(found) == request.limit else 0,
        )

    async def PutModel(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.PutModelRequest, context: _Context
    ) -> identity_pb2.PutModelResponse:
        if not request.tenant:
            raise InvalidRequest("a model needs a tenant", location="tenant")
        try:
            model = Model.from_text(request.content)
        except ConfigurationError as exc:
            raise InvalidRequest(exc.detail, location="content") from exc
        async with self._database.transaction() as connection:
            await ModelStore(connection).put(request.tenant, model, is_active=request.is_active)
        return identity_pb2.PutModelResponse(version=model.version)

    async def ListModels(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.ListModelsRequest, context: _Context
    ) -> identity_pb2.ListModelsResponse:
        async with self._database.connection() as connection:
            found = await ModelStore(connection).versions(request.tenant)
        return identity_pb2.ListModelsResponse(
            models=[identity_pb2.ModelVersion(**each._asdict()) for each in found]
        )

    async def _resolve(self, tenant: str, identifiers: Sequence[Identifier]) -> list[str]:
        for place, identifier in enumerate(identifiers):
            authority = identifier.authority
            if not identifier.value or not (authority.universal_id or authority.namespace):
                raise InvalidRequest(
                    "an identifier needs value and authority", location=f"identifiers[{place}]"
                )
        asked = [identifying(tenant, [identifier]) for identifier in identifiers]
        names = dict.fromkeys(name for each in asked for one in each for name in one.names)
        async with self._database.connection() as connection:
            index = await IndexStore(connection).load(names)
        return [decide(index.candidates(each)).person_id for each in asked]


class StewardshipServicer(stewardship_pb2_grpc.StewardshipServiceServicer):
    """Takes the orders of stewards."""

    def __init__(
        self,
        stewardship: Stewardship,
        readings: Readings,
        on_decided: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`on_decided` is called where something has to be carried through the mesh."""
        self._stewardship = stewardship
        self._readings = readings
        self._on_decided = on_decided
        self._clock = clock

    async def ListReviews(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.ListReviewsRequest, context: _Context
    ) -> stewardship_pb2.ListReviewsResponse:
        if not 1 <= request.limit <= _MOST_REVIEWS:
            raise InvalidRequest(f"limit must be 1 to {_MOST_REVIEWS}", location="limit")
        before = None
        if request.least_age_seconds:
            age = min(request.least_age_seconds, _MOST_AGE)
            before = self._clock.now() - datetime.timedelta(seconds=age)
        statuses = [_STATUSES.get(each, "") for each in request.statuses] or ["open", "proposed"]
        question = Question(
            request.tenant,
            statuses,
            request.assignee,
            request.kind,
            before,
            request.least_bits if request.HasField("least_bits") else None,
        )
        found, total = await self._stewardship.find(question, request.limit)
        return stewardship_pb2.ListReviewsResponse(reviews=map(_review, found), total=total)

    async def GetReview(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.GetReviewRequest, context: _Context
    ) -> stewardship_pb2.GetReviewResponse:
        found = await self._stewardship.both_sides(request.tenant, request.review_id)
        if found is None:
            raise NotFound("there is no such review")
        persons = {
            str(each) for each in (found.review.person_id, found.review.other_person) if each
        }
        await self._readings.note(
            request.tenant, request.reader, sorted(persons), f"review {request.review_id}"
        )
        return _both_sides(found)

    async def AssignReviews(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.AssignReviewsRequest, context: _Context
    ) -> stewardship_pb2.AssignReviewsResponse:
        _check_reviews(request.review_ids)
        _check_name(request.assignee, "assignee")
        if request.priority > 3:
            raise InvalidRequest("priority is 1 to 3, or 0 to leave it", location="priority")
        order = _order(request.tenant, request.steward, "")
        assigned = await self._stewardship.assign(
            order, request.review_ids, request.assignee, request.priority
        )
        return stewardship_pb2.AssignReviewsResponse(assigned=assigned)

    async def DecideReviews(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.DecideReviewsRequest, context: _Context
    ) -> stewardship_pb2.DecideReviewsResponse:
        _check_reviews(request.review_ids)
        ruling = _RULINGS.get(request.verdict)
        if ruling is None:
            raise InvalidRequest("same, different or skip", location="verdict")
        if not request.reason.strip():
            raise InvalidRequest("a decision needs a reason", location="reason")
        if request.survivor_id and (ruling is not Ruling.SAME or len(request.review_ids) != 1):
            raise InvalidRequest("a survivor is for one review", location="survivor_id")
        order = _order(request.tenant, request.steward, request.reason, request.is_dry_run)
        survivor = _person(request.survivor_id, "survivor_id") if request.survivor_id else None
        answer = stewardship_pb2.DecideReviewsResponse()
        for review_id in request.review_ids:
            made = await self._stewardship.decide(order, review_id, ruling, survivor)
            answer.outcomes.add(
                review_id=review_id,
                outcome=made.outcome,
                message_id=made.message_id,
                records=made.records,
            )
            if made.message_id:
                self._on_decided()
        return answer


def _order(tenant: str, steward: str, reason: str, is_dry_run: bool = False) -> Order:
    if not steward:
        raise InvalidRequest("who decides?", location="steward")
    _check_name(steward, "steward")
    if len(reason) > _MOST_REASON or "\0" in reason:
        raise InvalidRequest(f"at most {_MOST_REASON} characters", location="reason")
    return Order(tenant, steward, reason, is_dry_run)


def _check_reviews(review_ids: Sequence[int]) -> None:
    if not 1 <= len(review_ids) <= _MOST_REVIEWS:
        raise InvalidRequest(f"1 to {_MOST_REVIEWS} reviews", location="review_ids")


def _check_name(name: str, location: str) -> None:
    if len(name) > _MOST_NAME or "\0" in name:
        raise InvalidRequest(f"at most {_MOST_NAME} characters", location=location)


def _person(text: str, location: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as exc:
        raise InvalidRequest(f"{location} is no UUID", location=location) from exc


def _review(row: ReviewRow) -> stewardship_pb2.Review:
    return stewardship_pb2.Review(
        review_id=row.review_id,
        kind=row.kind,
        person_id=str(row.person_id or ""),
        other_person_id=str(row.other_person or ""),
        bits=row.bits,
        status=_STATUS_VALUES[row.status],
        priority=row.priority,
        assignee=row.assignee,
        raised_at=_stamp(row.at),
        message_id=str(row.message_id),
        proposed_by=row.proposed_by,
        decided_by=row.decided_by,
        decided_at=None if row.decided_at is None else _stamp(row.decided_at),
        reason=row.reason,
    )


def _both_sides(found: BothSides) -> stewardship_pb2.GetReviewResponse:
    why = json.loads(found.review.explanation)
    return stewardship_pb2.GetReviewResponse(
        review=_review(found.review),
        rows=[
            stewardship_pb2.ScoreRow(what=what, level=level, bits=bits)
            for what, level, bits in why.get("rows", ())
        ],
        model=why.get("model", ""),
        fields=[stewardship_pb2.ComparedField(**each._asdict()) for each in found.fields],
        bits_now=found.bits,
        history=[
            stewardship_pb2.DecisionEntry(
                decision_id=each.decision_id,
                kind=each.kind,
                steward=each.steward,
                reason=each.reason,
                at=_stamp(each.at),
                message_id=each.message_id,
                is_applied=each.is_applied,
            )
            for each in found.history
        ],
        records=found.records,
    )


def _stamp(at: datetime.datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
