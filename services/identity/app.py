"""All the wiring of identity, top to bottom."""

from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.ids import KeyDigest
from plexus.service import Runtime, open_stage
from plexus.store import PostgresJournal
from services.identity.flow import IdentityStage
from services.identity.service import IdentityServicer
from services.identity.settings import IdentitySettings

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = IdentitySettings
SECTIONS = ()


async def wire(runtime: Runtime) -> None:
    """Connect identity to what it stands on."""
    digest = KeyDigest(runtime.settings.secret())
    database = await runtime.database("services.identity")
    bus = await runtime.bus()
    open_stage(
        runtime,
        IdentityStage(runtime.ids, digest),
        stage_name=StageName.STAGE_IDENTITY,
        stream="canonical",
        bus=bus,
        journal=PostgresJournal(database),
    )
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(
        IdentityServicer(database), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.identity.v1.IdentityService")
