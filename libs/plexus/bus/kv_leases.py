"""Leases in NATS key-value buckets: members that live, units that are owned, marks that are kept.

Members expire by the bucket's age; ownership does not, but the owner of a unit who is no longer among
the members may be replaced, by an update at the last revision, so only one replacer wins. Members and
owners are in memory: a restarted NATS forgets them and they are taken again, under new fences.
"""

from collections.abc import Callable

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from plexus.bus.contract import Leases
from plexus.errors import Unavailable

__all__ = ["KvLeases"]

_MEMBERS = "$KV.plexus_members"
_FAILURES = (nats.js.errors.Error, nats.errors.Error, TimeoutError)


class KvLeases(Leases):
    """Leases of one mesh."""

    def __init__(
        self,
        js: JetStreamContext,
        check_connected: Callable[[], None],
        *,
        lease_seconds: float,
        create: bool,
    ) -> None:
        self._js = js
        self._check_connected = check_connected
        self._create = create
        self._configs = {
            "plexus_members": KeyValueConfig(
                bucket="plexus_members", ttl=lease_seconds, storage=StorageType.MEMORY
            ),
            "plexus_owners": KeyValueConfig(bucket="plexus_owners", storage=StorageType.MEMORY),
            "plexus_marks": KeyValueConfig(bucket="plexus_marks", storage=StorageType.FILE),
        }
        self._buckets: dict[str, KeyValue] = {}

    async def heartbeat(self, stage: str, instance: str) -> None:
        try:
            await (await self._bucket("plexus_members")).put(f"{stage}.{instance}", b"1")
        except _FAILURES as exc:
            raise self._lost(exc) from exc

    async def resign(self, stage: str, instance: str) -> None:
        try:
            await self._bucket("plexus_members")
            # Not the bucket's own delete, whose marker would stay and look like a member.
            await self._js.purge_stream(
                "KV_plexus_members", subject=f"{_MEMBERS}.{stage}.{instance}"
            )
        except _FAILURES as exc:
            raise self._lost(exc) from exc

    async def alive(self, stage: str) -> set[str]:
        try:
            await self._bucket("plexus_members")
            # One question. The bucket's own list of keys makes a consumer each time, leaves it behind
            # for minutes, and waits without end where the connection breaks.
            info = await self._js.stream_info(
                "KV_plexus_members", subjects_filter=f"{_MEMBERS}.{stage}.*"
            )
        except _FAILURES as exc:
            raise self._lost(exc) from exc
        return {subject.rsplit(".", 1)[1] for subject in info.state.subjects or {}}

    async def owner(self, stage: str, unit: str) -> tuple[str, int]:
        try:
            entry = await (await self._bucket("plexus_owners")).get(f"{stage}.{unit}")
        except nats.js.errors.KeyNotFoundError:
            return "", 0
        except _FAILURES as exc:
            raise self._lost(exc) from exc
        return (entry.value or b"").decode(), entry.revision or 0

    async def take(self, stage: str, unit: str, instance: str, revision: int) -> int | None:
        try:
            bucket = await self._bucket("plexus_owners")
            return await bucket.update(f"{stage}.{unit}", instance.encode(), last=revision)
        except nats.js.errors.KeyWrongLastSequenceError:
            return None
        except _FAILURES as exc:
            raise self._lost(exc) from exc

    async def load_mark(self, stage: str, unit: str) -> str:
        try:
            entry = await (await self._bucket("plexus_marks")).get(f"{stage}.{unit}")
        except nats.js.errors.KeyNotFoundError:
            return ""
        except _FAILURES as exc:
            raise self._lost(exc) from exc
        return (entry.value or b"").decode()

    async def save_mark(self, stage: str, unit: str, mark: str) -> None:
        try:
            await (await self._bucket("plexus_marks")).put(f"{stage}.{unit}", mark.encode())
        except _FAILURES as exc:
            raise self._lost(exc) from exc

    async def _bucket(self, name: str) -> KeyValue:
        self._check_connected()
        bucket = self._buckets.get(name)
        if bucket is None:
            try:
                bucket = await self._js.key_value(name)
            except nats.js.errors.NotFoundError:
                if not self._create:
                    raise
                bucket = await self._js.create_key_value(self._configs[name])
            self._buckets[name] = bucket
        return bucket

    def _lost(self, _: BaseException) -> Unavailable:
        # The buckets may have gone with their server: look them up, or make them, next time.
        self._buckets.clear()
        return Unavailable("NATS cannot be asked about leases")
