"""gRPC of transform: looks at messages, which `flow.preview` takes; the maps; unmapped codes and fields."""

import asyncio
import contextlib
import pathlib
from collections.abc import Sequence

import grpc.aio

from plexus.api.transform.v1 import transform_pb2, transform_pb2_grpc
from plexus.codecs.terminology import ICD10CM, LOINC, RXNORM, SNOMED
from plexus.codecs.terminology.index import Index, Likely
from plexus.errors import InvalidRequest
from services.transform.domain import Coders, SourceMaps
from services.transform.flow import Preview, Worklist
from services.transform.store import UnmappedCode

__all__ = ["TransformServicer"]

_Context = grpc.aio.ServicerContext[object, object]

_USUAL_LIMIT = 100
_MOST = 1000
# Looking for like names takes some milliseconds a code.
_MOST_SUGGESTED = 100
# Where a place is usually coded in a standard; elsewhere all that is loaded is looked through.
_STANDARDS = {
    "OBX-3": (LOINC,),
    "OBR-4": (LOINC,),
    "AL1-3": (RXNORM, SNOMED),
    "DG1-3": (ICD10CM, SNOMED),
    "RXA-5": (RXNORM,),
}


class TransformServicer(transform_pb2_grpc.TransformServiceServicer):
    """Answers from the loaded maps and the worklist."""

    def __init__(
        self,
        maps: SourceMaps,
        coders: Coders,
        preview: Preview,
        worklist: Worklist,
        terminology_folder: pathlib.Path,
    ) -> None:
        self._maps = maps
        self._preview = preview
        self._coders = coders
        self._worklist = worklist
        self._folder = terminology_folder

    async def Convert(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ConvertRequest, context: _Context
    ) -> transform_pb2.ConvertResponse:
        return await asyncio.to_thread(self._preview.convert, request)

    async def Validate(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ValidateRequest, context: _Context
    ) -> transform_pb2.ValidateResponse:
        return await asyncio.to_thread(self._preview.validate, request)

    async def Explain(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ExplainRequest, context: _Context
    ) -> transform_pb2.ExplainResponse:
        return await asyncio.to_thread(self._preview.explain, request)

    async def ListMaps(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ListMapsRequest, context: _Context
    ) -> transform_pb2.ListMapsResponse:
        maps = [
            transform_pb2.Map(name=name, rules=rules) for name, rules in self._maps.base.names()
        ]
        return transform_pb2.ListMapsResponse(maps_version=self._maps.base.version, maps=maps)

    async def ListUnmappedCodes(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ListUnmappedCodesRequest, context: _Context
    ) -> transform_pb2.ListUnmappedCodesResponse:
        limit = _limit(request.limit)
        # What a code map of now decides may have been counted before there was one.
        rows = [
            row
            for row in await self._worklist.find(request.tenant, request.source, _MOST)
            if not self._coders.of(row.tenant, row.source).decides(row.place, row.system, row.code)
        ][:limit]
        likely: Sequence[Sequence[Likely]] = ()
        if not request.without_suggestions:
            likely = await asyncio.to_thread(_suggest, self._folder, rows[:_MOST_SUGGESTED])
        answer = transform_pb2.ListUnmappedCodesResponse()
        for at, row in enumerate(rows):
            code = answer.codes.add(
                tenant=row.tenant,
                source=row.source,
                place=row.place,
                system=row.system,
                code=row.code,
                display=row.display,
                count=row.count,
                message_id=row.message_id,
            )
            code.first_at.FromDatetime(row.first_at)
            code.last_at.FromDatetime(row.last_at)
            for one in likely[at] if at < len(likely) else ():
                code.suggestions.add(
                    system=one.system, code=one.code, display=one.display, likeness=one.likeness
                )
        return answer

    async def ListUnmappedFields(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ListUnmappedFieldsRequest, context: _Context
    ) -> transform_pb2.ListUnmappedFieldsResponse:
        answer = transform_pb2.ListUnmappedFieldsResponse()
        limit = _limit(request.limit)
        for seen in await self._worklist.fields(request.tenant, request.source, limit):
            told = answer.fields.add(**seen.field._asdict())
            told.first_at.FromDatetime(seen.first_at)
        return answer


def _limit(asked: int) -> int:
    if asked > _MOST:
        raise InvalidRequest(f"limit is at most {_MOST}")
    return asked or _USUAL_LIMIT


def _suggest(folder: pathlib.Path, rows: Sequence[UnmappedCode]) -> list[list[Likely]]:
    """Codes of loaded releases with a name like that of each row. Blocks."""
    with contextlib.closing(Index(folder)) as index:
        return [
            index.suggest(row.display or row.code, _STANDARDS.get(row.place, ())) for row in rows
        ]
