"""All the wiring of audit, top to bottom."""

from plexus.api.audit.v1 import audit_pb2_grpc
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.service import Runtime, open_stage
from plexus.store import PostgresJournal
from services.audit.flow import AuditStage
from services.audit.service import AuditServicer
from services.audit.settings import AuditSettings
from services.audit.store import Ledger

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = AuditSettings
SECTIONS: tuple[str, ...] = ()

# All stages of a message report within a moment; what is told together changes its row once.
_PACE_SECONDS = 0.8


async def wire(runtime: Runtime) -> None:
    """Connect audit to what it stands on."""
    database = await runtime.database("services.audit")
    ledger = Ledger(database)
    bus = await runtime.bus()
    open_stage(
        runtime,
        AuditStage(ledger),
        stage_name=StageName.STAGE_UNSPECIFIED,
        stream="audit",
        bus=bus,
        journal=PostgresJournal(database),
        journals_turns=False,
        pace_seconds=_PACE_SECONDS,
    )
    audit_pb2_grpc.add_AuditServiceServicer_to_server(
        AuditServicer(ledger), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.audit.v1.AuditService")
