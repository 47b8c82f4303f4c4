"""gRPC of identity: who somebody is, the models that say so, and what people decide.

Answers from committed state only.
"""

import datetime
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import grpc.aio

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
from services.identity.actors import (
    Order,
    PersonOrders,
    Readings,
    Seeker,
    Splitter,
    Stewardship,
)
from services.identity.actors.seeking import MatchGrade
from services.identity.domain import Ruling, decide, identifying
from services.identity.domain.identifiers import authority_name
from services.identity.domain.scoring import Model
from services.identity.edge.messages import (
    RULINGS,
    STATUSES,
    both_sides_message,
    change_message,
    check_limit,
    check_name,
    check_reviews,
    match_message,
    notice_message,
    order_of,
    person_of,
    result_message,
    review_message,
    split_message,
)
from services.identity.store import ChangeStore, IndexStore, LinkedName, ModelStore, Question

__all__ = ["IdentityServicer", "StewardshipServicer"]

_Context = grpc.aio.ServicerContext[object, object]
_MOST_IDENTIFIERS: Final = 1000
_MOST_FEATURES: Final = 1000
_MOST_REVIEWS: Final = 1000
_MOST_AGE: Final = 10**9
_MOST_MATCHES: Final = 100
_MATCHES: Final = 10
_MOST_CHANGES: Final = 1000
_WATCH_SECONDS: Final = 0.5


class IdentityServicer(identity_pb2_grpc.IdentityServiceServicer):
    """Answers questions to the index, and keeps trained models."""

    def __init__(
        self, database: Database, seeker: Seeker, readings: Readings, clock: Clock
    ) -> None:
        self._database = database
        self._seeker = seeker
        self._readings = readings
        self._clock = clock

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
        person_id = person_of(request.person_id, "person_id")
        async with self._database.connection() as connection:
            found = await IndexStore(connection).person(request.tenant, person_id)
        if found is None:
            raise NotFound("nobody is known by that person_id")
        return identity_pb2.GetPersonResponse(
            person_id=found.person_id,
            identifiers=map(_identifier, found.names),
            merged_person_ids=found.merged,
            linked_person_ids=found.linked,
        )

    async def Match(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.MatchRequest, context: _Context
    ) -> identity_pb2.MatchResponse:
        if request.count > _MOST_MATCHES:
            raise InvalidRequest(f"at most {_MOST_MATCHES} matches", location="count")
        found = await self._seeker.match(
            request.tenant, request.person, includes_certainly_not=request.includes_certainly_not
        )
        if request.only_certain_matches:
            certain = [each for each in found if each.grade is MatchGrade.CERTAIN]
            found = certain if len(certain) == 1 else []
        told = found[: request.count or _MATCHES]
        await self._readings.note(
            request.tenant, request.reader, [each.person_id for each in told], "match"
        )
        return identity_pb2.MatchResponse(
            matches=map(match_message, told), truncated=len(told) < len(found)
        )

    async def GetCrossReferences(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.GetCrossReferencesRequest, context: _Context
    ) -> identity_pb2.GetCrossReferencesResponse:
        if bool(request.person_id) == request.HasField("identifier"):
            raise InvalidRequest("name an identifier or a person", location="identifier")
        person_id = request.person_id
        if not person_id:
            (person_id,) = await self._resolve(request.tenant, [request.identifier])
            if not person_id:
                await self._readings.note(request.tenant, request.reader, [], "cross references")
                return identity_pb2.GetCrossReferencesResponse()
        person = person_of(person_id, "person_id")
        async with self._database.connection() as connection:
            found = await IndexStore(connection).person(request.tenant, person)
        if found is None:
            raise NotFound("nobody is known by that person_id")
        wanted = {authority_name(each) for each in request.authorities}
        await self._readings.note(
            request.tenant, request.reader, [found.person_id], "cross references"
        )
        return identity_pb2.GetCrossReferencesResponse(
            person_id=found.person_id,
            identifiers=[
                _identifier(name) for name in found.names if not wanted or name.authority in wanted
            ],
        )

    async def Explain(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.ExplainRequest, context: _Context
    ) -> identity_pb2.ExplainResponse:
        check_limit(request.limit, _MOST_CHANGES)
        person = person_of(request.person_id, "person_id")
        async with self._database.connection() as connection:
            found = await IndexStore(connection).person(request.tenant, person)
            if found is None:
                raise NotFound("nobody is known by that person_id")
            persons = [person_of(each, "") for each in (found.person_id, *found.merged)]
            changes = await ChangeStore(connection).of(request.tenant, persons, request.limit)
        await self._readings.note(request.tenant, request.reader, [found.person_id], "explain")
        return identity_pb2.ExplainResponse(
            person_id=found.person_id, changes=map(change_message, changes)
        )

    async def WatchChanges(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.WatchChangesRequest, context: _Context
    ) -> AsyncIterator[identity_pb2.WatchChangesResponse]:
        if not request.tenant:
            raise InvalidRequest("a watch needs a tenant", location="tenant")
        seq = request.after_seq
        async with self._database.connection() as connection:
            place = await ChangeStore(connection).place(request.tenant, seq)
        while True:
            async with self._database.connection() as connection:
                found = await ChangeStore(connection).behind(
                    request.tenant, place, seq, _MOST_CHANGES
                )
            for change, transaction in found:
                place, seq = transaction, change.seq
                yield notice_message(change)
            if len(found) < _MOST_CHANGES:
                await self._clock.sleep(_WATCH_SECONDS)

    async def ListFeatures(  # noqa: N802 - the name in the contract
        self, request: identity_pb2.ListFeaturesRequest, context: _Context
    ) -> identity_pb2.ListFeaturesResponse:
        check_limit(request.limit, _MOST_FEATURES)
        async with self._database.connection() as connection:
            found = await ModelStore(connection).features(
                request.tenant, request.after, request.limit
            )
        return identity_pb2.ListFeaturesResponse(
            features=[text for _, text, _ in found],
            person_ids=[person for _, _, person in found],
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


def _identifier(name: LinkedName) -> identity_pb2.LinkedIdentifier:
    return identity_pb2.LinkedIdentifier(**name._asdict())


class StewardshipServicer(stewardship_pb2_grpc.StewardshipServiceServicer):
    """Takes the orders of stewards."""

    def __init__(
        self,
        stewardship: Stewardship,
        orders: PersonOrders,
        splitter: Splitter,
        readings: Readings,
        on_decided: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`on_decided` is called where something has to be carried through the mesh."""
        self._stewardship = stewardship
        self._orders = orders
        self._splitter = splitter
        self._readings = readings
        self._on_decided = on_decided
        self._clock = clock

    async def ListReviews(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.ListReviewsRequest, context: _Context
    ) -> stewardship_pb2.ListReviewsResponse:
        check_limit(request.limit, _MOST_REVIEWS)
        before = None
        if request.least_age_seconds:
            age = min(request.least_age_seconds, _MOST_AGE)
            before = self._clock.now() - datetime.timedelta(seconds=age)
        statuses = [STATUSES.get(each, "") for each in request.statuses] or ["open", "proposed"]
        question = Question(
            request.tenant,
            statuses,
            request.assignee,
            request.kind,
            before,
            request.least_bits if request.HasField("least_bits") else None,
        )
        found, total = await self._stewardship.find(question, request.limit)
        return stewardship_pb2.ListReviewsResponse(reviews=map(review_message, found), total=total)

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
        return both_sides_message(found)

    async def AssignReviews(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.AssignReviewsRequest, context: _Context
    ) -> stewardship_pb2.AssignReviewsResponse:
        check_reviews(request.review_ids)
        check_name(request.assignee, "assignee")
        if request.priority > 3:
            raise InvalidRequest("priority is 1 to 3, or 0 to leave it", location="priority")
        check_name(request.steward, "steward")
        order = Order(request.tenant, request.steward, "")
        assigned = await self._stewardship.assign(
            order, request.review_ids, request.assignee, request.priority
        )
        return stewardship_pb2.AssignReviewsResponse(assigned=assigned)

    async def DecideReviews(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.DecideReviewsRequest, context: _Context
    ) -> stewardship_pb2.DecideReviewsResponse:
        check_reviews(request.review_ids)
        ruling = RULINGS.get(request.verdict)
        if ruling is None:
            raise InvalidRequest("same, different or skip", location="verdict")
        order = order_of(request)
        if request.survivor_id and (ruling is not Ruling.SAME or len(request.review_ids) != 1):
            raise InvalidRequest("a survivor is for one review", location="survivor_id")
        survivor = person_of(request.survivor_id, "survivor_id") if request.survivor_id else None
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

    async def GetReport(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.GetReportRequest, context: _Context
    ) -> stewardship_pb2.GetReportResponse:
        found = await self._stewardship.report(request.tenant)
        return stewardship_pb2.GetReportResponse(**found._asdict())

    async def Merge(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.MergeRequest, context: _Context
    ) -> stewardship_pb2.MergeResponse:
        persons = (request.survivor_id, "survivor_id"), (request.person_id, "person_id")
        return stewardship_pb2.MergeResponse(result=await self._order(request, "merge", *persons))

    async def Link(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.LinkRequest, context: _Context
    ) -> stewardship_pb2.LinkResponse:
        persons = (request.person_id, "person_id"), (request.other_person_id, "other_person_id")
        return stewardship_pb2.LinkResponse(result=await self._order(request, "link", *persons))

    async def Unlink(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.UnlinkRequest, context: _Context
    ) -> stewardship_pb2.UnlinkResponse:
        persons = (request.person_id, "person_id"), (request.other_person_id, "other_person_id")
        return stewardship_pb2.UnlinkResponse(result=await self._order(request, "unlink", *persons))

    async def Split(  # noqa: N802 - the name in the contract
        self, request: stewardship_pb2.SplitRequest, context: _Context
    ) -> stewardship_pb2.SplitResponse:
        person = person_of(request.person_id, "person_id")
        made, returning = await self._splitter.split(order_of(request), person)
        if made.message_id:
            self._on_decided()
        return split_message(made, returning)

    async def _order(
        self,
        request: stewardship_pb2.MergeRequest
        | stewardship_pb2.LinkRequest
        | stewardship_pb2.UnlinkRequest,
        kind: str,
        one: tuple[str, str],
        other: tuple[str, str],
    ) -> stewardship_pb2.OrderResult:
        made = await self._orders.order(order_of(request), kind, person_of(*one), person_of(*other))
        if made.message_id:
            self._on_decided()
        return result_message(made)
