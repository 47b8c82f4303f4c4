"""gRPC of records: what a record holds and held. Answers from committed state only."""

import uuid
from typing import Final

import grpc.aio

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1 import records_pb2, records_pb2_grpc
from plexus.errors import InvalidRequest, NotFound
from plexus.store import Database
from services.records.domain import PERSON, type_of
from services.records.store import RecordReader

__all__ = ["RecordsServicer"]

_Context = grpc.aio.ServicerContext[object, object]
_MOST_RESOURCES: Final = 1000


class RecordsServicer(records_pb2_grpc.RecordsServiceServicer):
    """Answers questions about records; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetRecord(  # noqa: N802 - the name in the contract
        self, request: records_pb2.GetRecordRequest, context: _Context
    ) -> records_pb2.GetRecordResponse:
        try:
            person_id = uuid.UUID(request.person_id)
        except ValueError as exc:
            raise InvalidRequest("person_id is no UUID", location="person_id") from exc
        async with self._database.transaction() as connection:
            reader = RecordReader(connection)
            found = await reader.standing(request.tenant, person_id)
            if found is None:
                raise NotFound("there is no record of that person_id")
            standing, golden, version = found
            has_person = bool(golden) and request.type in {"", PERSON}
            resources, is_truncated = await reader.resources(
                request.tenant, standing, request.type, _MOST_RESOURCES - has_person
            )
        if has_person:
            recorded = records_pb2.RecordedResource(
                resource=Resource.FromString(golden), version=version
            )
            place = next(
                (at for at, each in enumerate(resources) if type_of(each.resource) > PERSON),
                len(resources),
            )
            resources.insert(place, recorded)
        return records_pb2.GetRecordResponse(
            person_id=str(standing), resources=resources, truncated=is_truncated
        )

    async def GetHistory(  # noqa: N802 - the name in the contract
        self, request: records_pb2.GetHistoryRequest, context: _Context
    ) -> records_pb2.GetHistoryResponse:
        if not request.resource_key:
            raise InvalidRequest("resource_key is missing", location="resource_key")
        async with self._database.connection() as connection:
            versions = await RecordReader(connection).history(request.tenant, request.resource_key)
        if not versions:
            raise NotFound("there is no resource of that key")
        return records_pb2.GetHistoryResponse(versions=versions)
