"""All the wiring of identity, top to bottom."""

import pathlib
from collections.abc import Mapping

from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.identity.v1 import identity_pb2_grpc, stewardship_pb2_grpc
from plexus.errors import ConfigurationError
from plexus.ids import KeyDigest
from plexus.service import Runtime, open_stage
from plexus.settings import load_document
from plexus.store import PostgresJournal
from services.identity.actors import (
    AuditedReadings,
    PersonOrders,
    Seeker,
    Splitter,
    Stewardship,
)
from services.identity.domain import Linker, Matching
from services.identity.domain.scoring import Model, Thresholds, shipped_model
from services.identity.flow import DecisionRelay, IdentityStage
from services.identity.service import IdentityServicer, StewardshipServicer
from services.identity.settings import IdentitySettings, MatchingSection
from services.identity.store import ModelStore

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = IdentitySettings
SECTIONS = ("matching",)


async def wire(runtime: Runtime) -> None:
    """Connect identity to what it stands on."""
    settings = runtime.settings
    assert isinstance(settings, IdentitySettings)
    digest = KeyDigest(settings.secret())
    database = await runtime.database("services.identity")
    bus = await runtime.bus()
    async with database.connection() as connection:
        models = await ModelStore(connection).active()
    linker = _linker(settings.config, models)
    open_stage(
        runtime,
        IdentityStage(runtime.ids, digest, linker),
        stage_name=StageName.STAGE_IDENTITY,
        stream="canonical",
        bus=bus,
        journal=PostgresJournal(database),
    )
    relay = DecisionRelay(database, bus, runtime.ids, digest, runtime.clock)
    runtime.run(relay.run(), "decisions")
    readings = AuditedReadings(runtime.peer(settings.audit_address), runtime.clock)
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(
        IdentityServicer(database, Seeker(database, linker), readings, runtime.clock),
        runtime.rpc.grpc_server,
    )
    runtime.rpc.serves("plexus.api.identity.v1.IdentityService")
    stewardship_pb2_grpc.add_StewardshipServiceServicer_to_server(
        StewardshipServicer(
            Stewardship(database, linker, runtime.ids, runtime.clock),
            PersonOrders(database, linker, runtime.ids, runtime.clock),
            Splitter(database, linker, runtime.ids, runtime.clock),
            readings,
            relay.wake,
            runtime.clock,
        ),
        runtime.rpc.grpc_server,
    )
    runtime.rpc.serves("plexus.api.identity.v1.StewardshipService")


def _linker(config: pathlib.Path, models: Mapping[str, Model]) -> Linker:
    """Matches as the mesh document says, by the models that tenants have trained.

    Raises:
        ConfigurationError: the document is wrong, or names a tenant twice.
    """
    found = {tenant: Matching(model=model) for tenant, model in models.items()}
    seen: set[str] = set()
    for section in load_document(config).sections("matching", MatchingSection):
        if section.tenant in seen:
            raise ConfigurationError(f"{config}: matching names tenant {section.tenant} twice")
        seen.add(section.tenant)
        found[section.tenant] = Matching(
            section.enabled,
            Thresholds(section.match_bits, section.review_bits),
            models.get(section.tenant) or shipped_model().for_population(section.population),
            section.four_eyes_records,
        )
    return Linker(found, Matching())
