"""All the wiring of transform, top to bottom."""

import pathlib
from collections.abc import Sequence

from plexus.actors import LeaseJournal
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.transform.v1 import transform_pb2_grpc
from plexus.service import Runtime, open_stage
from plexus.settings import load_document
from services.transform.domain import CodeMap, Coders, load_maps, read_code_map
from services.transform.flow import TransformStage, Worklist
from services.transform.service import TransformServicer
from services.transform.settings import Source, TransformSettings, load_profile
from services.transform.store import UnmappedStore

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = TransformSettings
SECTIONS = ("sources",)


async def wire(runtime: Runtime) -> None:
    """Connect transform to what it stands on."""
    settings = runtime.settings
    assert isinstance(settings, TransformSettings)
    listed = load_document(settings.config).sections("sources", Source)
    sources = {(source.tenant, source.name): source for source in listed}
    profiles = {
        (source.tenant, source.name): load_profile(settings.config.parent / source.profile)
        for source in listed
        if source.profile
    }
    maps = load_maps()
    coders = Coders(maps.version, _read_code_maps(listed, settings.config.parent))
    worklist = Worklist(coders, runtime.clock, keep_days=settings.unmapped_days)

    async def keep_worklist() -> None:
        """Messages never wait for PostgreSQL, so neither does the start."""
        database = await runtime.database("services.transform", is_needed=False)
        worklist.open(UnmappedStore(database))
        runtime.on_stop(worklist.flush)
        await worklist.run()

    runtime.run(keep_worklist(), "worklist")
    bus = await runtime.bus()
    open_stage(
        runtime,
        TransformStage(maps, sources, coders, profiles),
        stage_name=StageName.STAGE_TRANSFORM,
        stream="raw",
        bus=bus,
        journal=LeaseJournal(bus.leases, runtime.name, runtime.clock),
    )
    transform_pb2_grpc.add_TransformServiceServicer_to_server(
        TransformServicer(maps, coders, worklist, settings.terminology_folder),
        runtime.rpc.grpc_server,
    )
    runtime.rpc.serves("plexus.api.transform.v1.TransformService")


def _read_code_maps(
    sources: Sequence[Source], folder: pathlib.Path
) -> dict[tuple[str, str], list[CodeMap]]:
    """The code maps by source. Raises ConfigurationError where a file is wrong."""
    return {
        (source.tenant, source.name): [read_code_map(folder / path) for path in source.code_maps]
        for source in sources
    }
