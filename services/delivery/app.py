"""All the wiring of delivery, top to bottom."""

import asyncio
import datetime
import random
import ssl
from collections.abc import Sequence

from plexus.actors import Turn
from plexus.actors.outbox import Outbox, evidence
from plexus.api.audit.v1.audit_pb2 import Custody
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.delivery.v1 import delivery_pb2_grpc
from plexus.bus import Ownership
from plexus.codecs.fhir.validation import prepare
from plexus.codecs.hl7v2.rendering import Header
from plexus.errors import ConfigurationError, Transient
from plexus.service import Runtime, open_stage
from plexus.settings import load_document
from plexus.store import Done, PostgresJournal
from services.delivery.actors import DestinationActor, Gate, Sampler, Wire
from services.delivery.actors.destination import OUTCOME_KIND
from services.delivery.domain import Route, Router
from services.delivery.edge import FhirWire, FolderWire, MllpWire
from services.delivery.flow import RoutingStage
from services.delivery.service import DeliveryServicer
from services.delivery.settings import DeliverySettings, Destination, Hl7v2
from services.delivery.store import ItemStore, NewItem

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = DeliverySettings
SECTIONS = ("destinations",)

_PURGE_SECONDS = 3600.0


async def wire(runtime: Runtime) -> None:
    """Connect delivery to what it stands on."""
    settings = runtime.settings
    assert isinstance(settings, DeliverySettings)
    document = load_document(settings.config)
    destinations = document.sections("destinations", Destination)
    if len({destination.name for destination in destinations}) != len(destinations):
        raise ConfigurationError(f"{settings.config}: two destinations have the same name")
    await asyncio.to_thread(prepare)
    database = await runtime.database("services.delivery")
    items = ItemStore(database)
    journal = PostgresJournal(database)
    bus = await runtime.bus()
    consent = runtime.peer(settings.consent_address)
    audit = runtime.peer(settings.audit_address)
    ownership = Ownership(
        bus.leases,
        stage="destinations",
        instance=settings.instance,
        units=[destination.name for destination in destinations],
        lease_seconds=settings.lease_seconds,
        clock=runtime.clock,
    )
    sampler = Sampler(
        settings.judge_one_in,
        random.Random(),  # noqa: S311 - picks samples, guards nothing
        runtime.clock,
    )
    actors = {
        destination.name: DestinationActor(
            destination,
            settings,
            wire=_wire_of(destination),
            gate=Gate(destination, consent, audit, runtime.clock),
            items=items,
            journal=journal,
            outbox=Outbox(
                bus,
                service=runtime.name,
                ids=runtime.ids,
                clock=runtime.clock,
                tracing=runtime.tracing,
            ),
            ownership=ownership,
            clock=runtime.clock,
            tracing=runtime.tracing,
            sampler=sampler,
        )
        for destination in destinations
    }

    def on_routed(routed: Sequence[NewItem]) -> None:
        items_of: dict[str, list[NewItem]] = {}
        for item in routed:
            items_of.setdefault(item.destination, []).append(item)
        for name, own in items_of.items():
            actors[name].expect(own)

    async def on_repeated(turns: Sequence[Turn]) -> None:
        """Report again what became of messages that come again: the report may have been lost."""
        wanted = [
            Done(turn.envelope.message_id, OUTCOME_KIND, name, turn.envelope.part)
            for turn in turns
            for name in actors
        ]
        async with journal.transaction({}) as transaction:
            known = await transaction.seen(wanted)
        if known:
            custody = [Custody.FromString(entry.custody) for entry in known.values()]
            await bus.publish([evidence(runtime.name, runtime.ids.message_id(), custody)])

    async def purge() -> None:
        while True:
            await runtime.clock.sleep(_PURGE_SECONDS)
            keep = datetime.timedelta(hours=settings.journal_hours)
            try:
                await items.purge(runtime.clock.now() - keep)
            except Transient:
                continue

    owning = runtime.run(ownership.run(), "destinations")
    tasks = [runtime.run(actor.run(), f"destination {name}") for name, actor in actors.items()]
    runtime.run(purge(), "purge items")
    judging = runtime.run(sampler.run(), "judge samples")

    async def drain() -> None:
        owning.cancel()
        judging.cancel()
        for actor in actors.values():
            actor.stop()
        for task in tasks:
            await task
        await ownership.resign()

    runtime.on_stop(drain)
    router = Router(
        [
            Route(
                destination.name,
                destination.tenant,
                destination.subscription.events,
                destination.subscription.sources,
            )
            for destination in destinations
        ]
    )
    open_stage(
        runtime,
        RoutingStage(router, document.version, on_routed),
        stage_name=StageName.STAGE_DELIVERY,
        stream="changed",
        bus=bus,
        journal=journal,
        on_repeated=on_repeated,
    )
    delivery_pb2_grpc.add_DeliveryServiceServicer_to_server(
        DeliveryServicer(actors, items), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.delivery.v1.DeliveryService")


def _wire_of(destination: Destination) -> Wire:
    if destination.kind == "folder":
        assert destination.path is not None
        return FolderWire(destination.path, destination.provenance)
    if destination.kind == "mllp":
        told = destination.hl7v2
        return MllpWire(
            destination.url,
            Header(told.sending, told.receiving, told.charset, told.processing_id),
            timeout_seconds=destination.timeout_seconds,
            connections=told.connections,
            on_error=told.on_error,
            tls=_tls(told) if destination.url.startswith("mllps") else None,
        )
    return FhirWire(
        destination.url,
        timeout_seconds=destination.timeout_seconds,
        token_file=destination.token_file,
        provenance=destination.provenance,
    )


def _tls(told: Hl7v2) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=told.ca_file)
        if told.cert_file is not None:
            context.load_cert_chain(told.cert_file)
    except OSError as exc:  # SSLError is one
        raise ConfigurationError("ca_file or cert_file of a destination cannot be read") from exc
    return context
