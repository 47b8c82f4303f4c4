"""All the wiring of audit, top to bottom."""

import asyncio

from plexus.api.audit.v1 import audit_pb2_grpc
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.bus import Bus
from plexus.service import Runtime, open_stage
from plexus.store import Database, PostgresJournal
from plexus.telemetry.logs import get_log
from services.audit.actors import Anchor, Sealer, Signers
from services.audit.edge import FolderAnchor, NatsAnchor, WebhookAnchor
from services.audit.flow import AuditStage
from services.audit.service import AuditServicer
from services.audit.settings import AuditSettings, read_seeds
from services.audit.store import Ledger, Log, Sealing

__all__ = ["SECTIONS", "SETTINGS", "wire"]

_log = get_log(__name__)

SETTINGS = AuditSettings
SECTIONS: tuple[str, ...] = ()

# All stages of a message report within a moment; what is told together changes its row once.
_PACE_SECONDS = 0.8


async def wire(runtime: Runtime) -> None:
    """Connect audit to what it stands on."""
    settings = runtime.settings
    assert isinstance(settings, AuditSettings)
    signers = Signers(settings.audit_origin, await asyncio.to_thread(read_seeds, settings))
    database = await runtime.database("services.audit")
    ledger = Ledger(database)
    log = Log(database)
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
        AuditServicer(ledger, log, signers, runtime.clock, runtime.ids), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.audit.v1.AuditService")
    if signers.can_sign:
        runtime.run(_sealer(runtime, settings, signers, database, log, bus).run(), "sealer")
    else:
        _log.warning("audit events are not sealed: set PLEXUS_AUDIT_KEY_FILE")


def _sealer(
    runtime: Runtime,
    settings: AuditSettings,
    signers: Signers,
    database: Database,
    log: Log,
    bus: Bus,
) -> Sealer:
    anchors: list[Anchor] = []
    if settings.audit_anchor_folder is not None:
        anchors.append(FolderAnchor(settings.audit_anchor_folder))
    if settings.audit_anchor_nats:
        anchors.append(NatsAnchor(bus.leases))
    if settings.audit_anchor_url:
        webhook = WebhookAnchor(settings.audit_anchor_url)
        runtime.on_stop(webhook.close)
        anchors.append(webhook)
    return Sealer(
        Sealing(database, signers.sign, runtime.ids),
        log,
        anchors,
        runtime.clock,
        seconds=settings.audit_seal_seconds,
        batch=settings.audit_seal_batch,
    )
