"""gRPC of identity: who somebody is, and the models that say so. Answers from committed state only."""

import uuid
from collections.abc import Sequence
from typing import Final

import grpc.aio

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.identity.v1 import identity_pb2, identity_pb2_grpc
from plexus.errors import ConfigurationError, InvalidRequest, NotFound
from plexus.store import Database
from services.identity.domain import decide, identifying
from services.identity.domain.scoring import Model
from services.identity.store import IndexStore, ModelStore

__all__ = ["IdentityServicer"]

_Context = grpc.aio.ServicerContext[object, object]
_MOST_IDENTIFIERS: Final = 1000
_MOST_FEATURES: Final = 1000


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
        try:
            person_id = uuid.UUID(request.person_id)
        except ValueError as exc:
            raise InvalidRequest("person_id is no UUID", location="person_id") from exc
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
