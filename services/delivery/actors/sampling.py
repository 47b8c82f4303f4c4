"""Samples of what was delivered, judged in a process of their own.

Everything that leaves is held against the schema. Invariants, references and terminology take a
thousand times as long, so they are looked at in samples: what is found counts in a metric and is
told in the log, and stops nothing. While one sample is judged the next ones are passed over.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import multiprocessing
import random
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import orjson

from plexus.clock import Clock
from plexus.codecs.fhir import Disclosure
from plexus.codecs.fhir.judge import judge
from plexus.errors import InvalidMessage
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import JUDGE_FINDINGS, JUDGED
from services.delivery.store import Item

__all__ = ["Sampler"]

_log = get_log(__name__)

_TOLD = 5
_REST_SECONDS = 5.0


class _Sample(NamedTuple):
    item: Item
    bundle: bytes


class Sampler:
    """Picks deliveries at random and has them judged."""

    def __init__(self, one_in: int, chance: random.Random, clock: Clock) -> None:
        """Judge one delivery in `one_in`; none where that is 0."""
        self._one_in = one_in
        self._chance = chance
        self._clock = clock
        self._waiting: asyncio.Queue[_Sample] = asyncio.Queue(1)

    def offer(self, item: Item, disclosure: Disclosure) -> None:
        """Have this judged, if it is picked and nothing else waits."""
        if not self._one_in or self._waiting.full() or self._chance.randrange(self._one_in):
            return
        # It has left already: what goes wrong here must not undo that.
        with contextlib.suppress(InvalidMessage):
            bundle = disclosure.bundle_bytes(message_id=item.name)
            self._waiting.put_nowait(_Sample(item, bundle))

    async def run(self) -> None:
        """Judge what is picked, until cancelled. Does nothing where nothing is to be picked."""
        while self._one_in:
            pool = None
            try:
                pool = await asyncio.to_thread(_ready_pool)
                while True:
                    await self._judge(pool, await self._waiting.get())
            except BrokenProcessPool:
                _log.warning("the process that judges samples ended; another one starts")
                await self._clock.sleep(_REST_SECONDS)
            finally:
                if pool is not None:
                    await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def _judge(self, pool: concurrent.futures.Executor, sample: _Sample) -> None:
        item = sample.item
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(pool, _findings, sample.bundle)
        except BrokenProcessPool:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, deliveries go on
            JUDGED.labels(outcome="failed").inc()
            _log.warning("a delivery was not judged", exc, message_id=item.message_id)
            return
        JUDGED.labels(outcome="invalid" if found else "valid").inc()
        for kind, count in collections.Counter(kind for kind, _ in found).items():
            JUDGE_FINDINGS.labels(kind=kind).inc(count)
        if found:
            _log.warning(
                "a delivery is not valid",
                destination=item.destination,
                message_id=item.message_id,
                detail="; ".join(text for _, text in found[:_TOLD]),
            )


def _ready_pool() -> concurrent.futures.ProcessPoolExecutor:
    """A process that has loaded what it needs: that takes a second or two."""
    pool = concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    )
    pool.submit(_findings, b'{"resourceType":"Patient"}').result()
    return pool


def _findings(bundle: bytes) -> list[tuple[str, str]]:
    """Kind and text of each finding."""
    return [(finding.kind, str(finding)) for finding in judge(orjson.loads(bundle))]
