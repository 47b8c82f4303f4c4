"""All the wiring of identity, top to bottom."""

import pathlib

from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.errors import ConfigurationError
from plexus.ids import KeyDigest
from plexus.service import Runtime, open_stage
from plexus.settings import load_document
from plexus.store import PostgresJournal
from services.identity.domain import Linker, Matching
from services.identity.domain.scoring import Thresholds
from services.identity.flow import IdentityStage
from services.identity.service import IdentityServicer
from services.identity.settings import IdentitySettings, MatchingSection

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = IdentitySettings
SECTIONS = ("matching",)


async def wire(runtime: Runtime) -> None:
    """Connect identity to what it stands on."""
    digest = KeyDigest(runtime.settings.secret())
    database = await runtime.database("services.identity")
    bus = await runtime.bus()
    open_stage(
        runtime,
        IdentityStage(runtime.ids, digest, _linker(runtime.settings.config)),
        stage_name=StageName.STAGE_IDENTITY,
        stream="canonical",
        bus=bus,
        journal=PostgresJournal(database),
    )
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(
        IdentityServicer(database), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.identity.v1.IdentityService")


def _linker(config: pathlib.Path) -> Linker:
    """Matches as the mesh document says. Raises ConfigurationError."""
    found: dict[str, Matching] = {}
    for section in load_document(config).sections("matching", MatchingSection):
        if section.tenant in found:
            raise ConfigurationError(f"{config}: matching names tenant {section.tenant} twice")
        thresholds = Thresholds(section.match_bits, section.review_bits)
        found[section.tenant] = Matching(section.enabled, thresholds)
    return Linker(found, Matching())
