"""All the wiring of transform, top to bottom."""

from plexus.actors import LeaseJournal
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.transform.v1 import transform_pb2_grpc
from plexus.service import Runtime, open_stage
from plexus.settings import load_document
from services.transform.domain import load_maps
from services.transform.flow import TransformStage
from services.transform.service import TransformServicer
from services.transform.settings import Source, TransformSettings

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = TransformSettings
SECTIONS = ("sources",)


async def wire(runtime: Runtime) -> None:
    """Connect transform to what it stands on."""
    sources = load_document(runtime.settings.config).sections("sources", Source)
    maps = load_maps()
    bus = await runtime.bus()
    open_stage(
        runtime,
        TransformStage(maps, {(source.tenant, source.name): source for source in sources}),
        stage_name=StageName.STAGE_TRANSFORM,
        stream="raw",
        bus=bus,
        journal=LeaseJournal(bus.leases, runtime.name, runtime.clock),
    )
    transform_pb2_grpc.add_TransformServiceServicer_to_server(
        TransformServicer(maps), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.transform.v1.TransformService")
