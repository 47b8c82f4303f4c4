"""gRPC of transform: convert a message for a person to look at, and list the maps."""

import grpc.aio

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition, RecordedResource
from plexus.api.transform.v1 import transform_pb2, transform_pb2_grpc
from plexus.codecs.fhir import bundle_bytes
from services.transform.domain import Maps, SourceContext, convert

__all__ = ["TransformServicer"]

_Context = grpc.aio.ServicerContext[object, object]


class TransformServicer(transform_pb2_grpc.TransformServiceServicer):
    """Answers from the loaded maps; stores nothing."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps

    async def Convert(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ConvertRequest, context: _Context
    ) -> transform_pb2.ConvertResponse:
        event = convert(
            self._maps,
            request.content,
            SourceContext(
                tenant="preview",
                source=request.source or "preview",
                message_id="preview",
                time_zone=request.time_zone,
            ),
        )
        return transform_pb2.ConvertResponse(
            event=event,
            maps_version=self._maps.version,
            fhir_bundle=bundle_bytes(_preview(event), tenant="preview", message_id="preview"),
        )

    async def ListMaps(  # noqa: N802 - the name in the contract
        self, request: transform_pb2.ListMapsRequest, context: _Context
    ) -> transform_pb2.ListMapsResponse:
        maps = [transform_pb2.Map(name=name, rules=rules) for name, rules in self._maps.names()]
        return transform_pb2.ListMapsResponse(maps_version=self._maps.version, maps=maps)


def _preview(event: CanonicalEvent) -> ChangedEvent:
    """The event as if a record held just this, to show it in a destination's dialect."""
    changed = ChangedEvent(
        person_id="preview", trigger=event.trigger, kind=event.kind, event_time=event.event_time
    )
    for resource in event.resources:
        recorded = RecordedResource(
            resource=resource, version=1, disposition=Disposition.DISPOSITION_CREATED
        )
        if resource.WhichOneof("content") == "person":
            changed.person.CopyFrom(recorded)
        else:
            changed.resources.append(recorded)
    return changed
