"""All the wiring of transform, top to bottom."""

from plexus.actors import LeaseJournal
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.transform.v1 import transform_pb2_grpc
from plexus.ids import KeyDigest
from plexus.service import Runtime, open_stage
from services.transform.domain import Accounts, Coders
from services.transform.flow import Agreed, Preview, Reloader, TransformStage, Worklist, read_agreed
from services.transform.service import TransformServicer
from services.transform.settings import TransformSettings
from services.transform.store import UnmappedStore

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = TransformSettings
SECTIONS = ("sources", "tenants")


async def wire(runtime: Runtime) -> None:
    """Connect transform to what it stands on."""
    settings = runtime.settings
    assert isinstance(settings, TransformSettings)
    agreed = read_agreed(settings.config)
    maps = agreed.maps
    coders = Coders(maps, agreed.code_maps)
    accounts = Accounts()
    worklist = Worklist(coders, runtime.clock, keep_days=settings.unmapped_days, accounts=accounts)
    digest = KeyDigest(settings.secret())
    stage = TransformStage(maps, agreed.sources, coders, agreed.profiles, accounts, digest=digest)

    def use(anew: Agreed) -> None:
        maps.take(anew.maps)
        coders.use(anew.code_maps)
        stage.use(anew.sources, anew.profiles)

    async def keep_worklist() -> None:
        """Messages never wait for PostgreSQL, so neither does the start."""
        database = await runtime.database("services.transform", is_needed=False)
        worklist.open(UnmappedStore(database))
        runtime.on_stop(worklist.flush)
        await worklist.run()

    reloader = Reloader(
        settings.config, agreed, use, clock=runtime.clock, every_seconds=settings.reload_seconds
    )
    if settings.reload_seconds:
        runtime.run(reloader.run(), "reload")
    runtime.run(keep_worklist(), "worklist")
    bus = await runtime.bus()
    open_stage(
        runtime,
        stage,
        stage_name=StageName.STAGE_TRANSFORM,
        stream="raw",
        bus=bus,
        journal=LeaseJournal(bus.leases, runtime.name, runtime.clock),
    )
    transform_pb2_grpc.add_TransformServiceServicer_to_server(
        TransformServicer(
            maps,
            coders,
            Preview(maps, coders, stage),
            worklist,
            settings.terminology_folder,
        ),
        runtime.rpc.grpc_server,
    )
    runtime.rpc.serves("plexus.api.transform.v1.TransformService")
