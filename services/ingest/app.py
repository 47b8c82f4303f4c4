"""All the wiring of ingest, top to bottom."""

import asyncio
import contextlib

from plexus.api.ingest.v1 import ingest_pb2_grpc
from plexus.bus import Bus
from plexus.errors import ConfigurationError, Transient
from plexus.ids import KeyDigest
from plexus.service import Runtime
from plexus.settings import load_document
from services.ingest.actors import Committer, FeedActor
from services.ingest.edge.mllp import MllpListener
from services.ingest.flow import Custodian, Relay, Sweeper
from services.ingest.service import IngestServicer
from services.ingest.settings import Feed, IngestSettings
from services.ingest.store import ReceiptStore

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = IngestSettings
SECTIONS = ("feeds",)


async def wire(runtime: Runtime) -> None:
    """Connect ingest to what it stands on. It takes messages in even while NATS is down."""
    settings = runtime.settings
    assert isinstance(settings, IngestSettings)
    feeds = load_document(settings.config).sections("feeds", Feed)
    if len({feed.name for feed in feeds}) != len(feeds):
        raise ConfigurationError(f"{settings.config}: two feeds have the same name")
    digest = KeyDigest(settings.secret())
    database = await runtime.database("services.ingest")
    store = ReceiptStore(database)
    writer = await store.claim(settings.instance)
    buses: list[Bus] = []

    async def connect() -> None:
        while not buses:
            try:
                bus = await runtime.connect_bus()
            except Transient:
                await runtime.clock.sleep(0.5)
            else:
                runtime.attach_bus(bus)
                buses.append(bus)

    custodian = Custodian(runtime.peer(settings.audit_address))
    relay = Relay(
        store,
        writer,
        custodian,
        connect=lambda: buses[0] if buses else None,
        last_origin=lambda: committer.last_origin,
        ids=runtime.ids,
        clock=runtime.clock,
        tracing=runtime.tracing,
        pace_seconds=settings.pace_seconds,
    )
    committer = Committer(
        store,
        lambda: relay.writer,
        relay.offer,
        relay.doubt,
        batch=settings.commit_batch,
        pending=settings.pending_receipts,
        receipt_seconds=settings.receipt_seconds,
    )
    actors = {
        feed.name: FeedActor(
            feed,
            committer=committer,
            digest=digest,
            ids=runtime.ids,
            clock=runtime.clock,
            tracing=runtime.tracing,
            receipt_seconds=settings.receipt_seconds,
        )
        for feed in feeds
    }
    runtime.run(connect(), "connect")
    relaying = runtime.run(relay.run(), "relay")
    runtime.run(committer.run(), "committer")
    runtime.run(Sweeper(store, relay, custodian, settings, runtime.clock).run(), "sweeper")

    async def drain() -> None:
        relay.stop()
        with contextlib.suppress(Transient, TimeoutError):
            async with asyncio.timeout(settings.drain_seconds / 2):
                await relaying

    runtime.on_stop(drain)
    for actor in actors.values():
        if actor.feed.listen:
            listener = MllpListener(actor)
            await listener.start()
            runtime.on_stop(listener.stop)
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(
        IngestServicer(actors, store, relay, runtime.clock), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.ingest.v1.IngestService")
