"""All the wiring of records, top to bottom."""

from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.records.v1 import records_pb2_grpc
from plexus.ids import KeyDigest
from plexus.service import Runtime, open_stage
from plexus.store import PostgresJournal
from services.records.flow import ConsentTeller, RecordsStage
from services.records.service import RecordsServicer
from services.records.settings import RecordsSettings

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = RecordsSettings
SECTIONS = ()


async def wire(runtime: Runtime) -> None:
    """Connect records to what it stands on."""
    settings = runtime.settings
    assert isinstance(settings, RecordsSettings)
    digest = KeyDigest(settings.secret())
    database = await runtime.database("services.records")
    bus = await runtime.bus()
    open_stage(
        runtime,
        RecordsStage(
            digest,
            tells_residue=settings.tells_residue,
            consent=ConsentTeller(runtime.peer(settings.consent_address)),
        ),
        stage_name=StageName.STAGE_RECORDS,
        stream="resolved",
        bus=bus,
        journal=PostgresJournal(database, keeps_plans=True),
    )
    records_pb2_grpc.add_RecordsServiceServicer_to_server(
        RecordsServicer(database), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.records.v1.RecordsService")
