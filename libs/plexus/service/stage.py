"""Wires a flow into a runtime: ownership of its shards, its journal, and an orderly end."""

from collections.abc import Awaitable, Callable, Sequence

from plexus.actors import Flow, Stage, Turn
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.bus import Bus, Ownership
from plexus.service.runtime import Runtime
from plexus.store import Journal

__all__ = ["open_stage"]


def open_stage(
    runtime: Runtime,
    stage: Stage,
    *,
    stage_name: StageName.ValueType,
    stream: str,
    bus: Bus,
    journal: Journal,
    journals_turns: bool = True,
    pace_seconds: float | None = None,
    on_repeated: Callable[[Sequence[Turn]], Awaitable[None]] | None = None,
) -> Flow:
    """Work off `stream` for as long as the service runs, on the shards that it owns.

    Args:
        runtime: of the service.
        stage: what takes the turns.
        stage_name: how custody calls the stage.
        stream: the stream on its left.
        bus: carries the stream and the leases.
        journal: keeps marks, outbox and fences.
        journals_turns: False for a stage whose own state already tells repeats apart.
        pace_seconds: batches begin no closer together; None is what the settings say.
        on_repeated: told of messages that were worked off before.
    """
    settings = runtime.settings
    ownership = Ownership(
        bus.leases,
        stage=runtime.name,
        instance=settings.instance,
        units=[str(shard) for shard in range(settings.shards)],
        lease_seconds=settings.lease_seconds,
        clock=runtime.clock,
    )
    flow = Flow(
        stage,
        name=runtime.name,
        stage_name=stage_name,
        stream=stream,
        bus=bus,
        journal=journal,
        ownership=ownership,
        ids=runtime.ids,
        clock=runtime.clock,
        tracing=runtime.tracing,
        batch=settings.batch,
        park_limit_per_minute=settings.park_limit_per_minute,
        journals_turns=journals_turns,
        pace_seconds=settings.pace_seconds if pace_seconds is None else pace_seconds,
        on_repeated=on_repeated,
    )
    owning = runtime.run(ownership.run(), "ownership")
    task = runtime.run(flow.run(), f"flow {stream}")
    runtime.purge(journal)

    async def drain() -> None:
        owning.cancel()
        flow.stop()
        await task
        await ownership.resign()

    runtime.on_stop(drain)
    return flow
