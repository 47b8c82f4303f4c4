"""The directives of persons: filed, ended, and ready to decide with.

How many changes there were is read from PostgreSQL for every batch of decisions; after a new one it is
read whose they were. So every replica knows all persons who have said something, and looks only for
theirs. Compiled directives are kept in memory with the consent epoch that they are of, which is
read for every decision about such a person; another one makes them be read anew. So whatever replica
took a change, every decision after it sees it.
"""

import collections
import datetime
import uuid
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import orjson

from plexus.clock import Clock
from plexus.errors import InvalidRequest, NotFound
from plexus.ids import named_id
from plexus.store import Database
from plexus.telemetry.logs import get_log
from services.consent.domain import Directive, Directives, as_told_by, read_directive
from services.consent.store import DirectiveStore, PersonKey, Stored

__all__ = ["Registry", "Told"]

_log = get_log(__name__)

_NAMESPACE: Final = uuid.UUID("0f5d7a1c-54c2-5d0b-9b1e-6e1d2a7c9b41").bytes
_MOST_KEPT: Final = 20_000
_MOST_BYTES: Final = 1024 * 1024
_MOST_DIRECTIVES: Final = 1000
_MOST_TOLD: Final = 5
_AT_ONCE: Final = 10_000
_ENDED: Final = "inactive"
# An active directive that says nothing that can be understood.
_NOT_UNDERSTOOD: Final = {"resourceType": "Consent", "status": "active"}


class Told(NamedTuple):
    """What a source has said of a directive, and whom its person has taken over.

    Attributes:
        key: of the directive within the tenant; empty where only `absorbed` matters.
        message_id: that said so.
        content: the FHIR Consent, as JSON.
        is_deleted: the source has deleted it.
    """

    tenant: str
    person_id: str
    source: str
    key: str
    message_id: str
    content: bytes
    is_deleted: bool
    absorbed: Sequence[str]


class Registry:
    """All that was said, by whom."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        zone: datetime.tzinfo,
        known_actors: AbstractSet[str] = frozenset(),
    ) -> None:
        """`known_actors`: references of all that any recipient is."""
        self._database = database
        self._known_actors = known_actors
        self._clock = clock
        self._zone = zone
        # Hashes: 60 bytes a person. Where two persons share one, one look is in vain.
        self._known: set[int] = set()
        self._seen = 0
        self._kept: collections.OrderedDict[PersonKey, Directives] = collections.OrderedDict()

    async def directives(
        self,
        persons: Collection[PersonKey],
        absorbed: Mapping[PersonKey, Sequence[str]] | None = None,
        released: Mapping[PersonKey, str] | None = None,
    ) -> dict[PersonKey, Directives]:
        """What those persons have said who have said something, as of now.

        Args:
            persons: whom a decision is about.
            absorbed: whom some of them have taken over: their directives are carried over first.
            released: whom some of them had gone under, and have not any more: what was carried over is
                taken back first.

        Raises:
            Unavailable: PostgreSQL cannot be asked; then nothing may be disclosed.
        """
        for survivor, others in (absorbed or {}).items():
            async with self._database.transaction() as connection:
                await DirectiveStore(connection).adopt(survivor, others)
        for restored, other in (released or {}).items():
            async with self._database.transaction() as connection:
                await DirectiveStore(connection).release(restored, other)
        async with self._database.connection() as connection:
            store = DirectiveStore(connection)
            await self._catch_up(store)
            known = {person for person in persons if hash(person) in self._known}
            epochs = await store.epochs(known) if known else {}
            found: dict[PersonKey, Directives] = {}
            missing: list[PersonKey] = []
            for person, epoch in epochs.items():
                kept = self._kept.get(person)
                if kept is None or kept.epoch != epoch:
                    missing.append(person)
                else:
                    self._kept.move_to_end(person)
                    found[person] = kept
            if missing:
                for person, (epoch, stored) in (await store.current(missing)).items():
                    found[person] = self._keep(person, epoch, stored)
        return found

    async def _catch_up(self, store: DirectiveStore) -> None:
        """Know everybody about whom something was said up to now."""
        total = await store.total()
        # Another decision may catch up at the same time: then both learn the same.
        seen = self._seen
        while seen < total:
            rows = await store.changed(seen, _AT_ONCE)
            self._known.update(hash(person) for person, _ in rows)
            seen = rows[-1][1] if len(rows) == _AT_ONCE else total
        self._seen = max(self._seen, seen)

    def _keep(self, person: PersonKey, epoch: int, stored: Sequence[Stored]) -> Directives:
        read = [self.read(each) for each in stored]
        broken = sum(bool(each.matters and each.problems) for each in read)
        if broken:
            _log.error("directives that cannot be understood deny everything", count=broken)
        made = Directives(read, epoch)
        # An older state must not replace a newer one that another decision has read meanwhile.
        kept = self._kept.get(person)
        if kept is None or kept.epoch < epoch:
            self._kept[person] = made
            self._kept.move_to_end(person)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def read(self, stored: Stored) -> Directive:
        """Compile what is stored. What cannot be read at all has a problem, and denies."""
        try:
            content: Any = orjson.loads(stored.content)
        except orjson.JSONDecodeError:
            content = None
        directive = read_directive(content, self._zone, str(stored.version))
        if stored.source:
            directive = as_told_by(directive, stored.source, self._known_actors)
        return directive

    def understood(self, content: bytes) -> dict[str, Any]:
        """A directive that may be filed.

        Raises:
            InvalidRequest: it cannot be understood; the location is the first element that is wrong.
        """
        if len(content) > _MOST_BYTES:
            raise InvalidRequest("a directive has at most 1 MB", location="content")
        try:
            resource = orjson.loads(content)
        except orjson.JSONDecodeError as exc:
            raise InvalidRequest("content is no JSON", location="content") from exc
        problems = read_directive(resource, self._zone).problems
        if not isinstance(resource, dict) or resource.get("resourceType") != "Consent":
            raise InvalidRequest("content is no FHIR Consent", location="resourceType")
        if problems:
            told = "; ".join(str(each) for each in problems[:_MOST_TOLD])
            raise InvalidRequest(told, location=problems[0].path)
        return resource

    def proposed(
        self, stored: Sequence[Stored], resource: Mapping[str, Any], person: PersonKey
    ) -> Directives:
        """The directives as they would be with one more, or with a new version of one."""
        consent_id = _consent_id(resource, person)
        others = [self.read(each) for each in stored if each.consent_id != consent_id]
        own = dict(resource) | {"id": consent_id or "proposed"}
        return Directives([*others, read_directive(own, self._zone, "proposed")])

    async def file(self, person: PersonKey, content: bytes) -> tuple[str, int, int]:
        """Store a directive, or its next version: its id, the version, and the new epoch.

        Raises:
            InvalidRequest: it cannot be understood, or the person has too many.
        """
        resource = self.understood(content)
        async with self._database.transaction() as connection:
            store = DirectiveStore(connection)
            owner = await store.survivor(person)
            consent_id = _consent_id(resource, owner) or str(uuid.uuid4())
            epoch = await store.bump(owner)
            newest = await store.newest(owner, consent_id)
            if newest is None and len(await store.held(owner)) >= _MOST_DIRECTIVES:
                raise InvalidRequest(f"a person has at most {_MOST_DIRECTIVES} directives")
            version = newest.version + 1 if newest else 1
            await store.add(owner, self._stored(resource, consent_id, version))
        return consent_id, version, epoch

    async def take(self, told: Sequence[Told]) -> int:
        """Store what sources have said, in order: the number of versions that are new.

        A directive is stored whether it can be understood or not: one that cannot denies, and is
        logged as an error. What a message said before, or what stands already, is not stored again.
        """
        stored = 0
        for each in told:
            person = each.tenant, each.person_id
            async with self._database.transaction() as connection:
                store = DirectiveStore(connection)
                await store.hold_changes()
                if each.absorbed:
                    await store.adopt(person, each.absorbed)
                if each.key:
                    stored += await self._take(store, await store.survivor(person), each)
        return stored

    async def _take(self, store: DirectiveStore, owner: PersonKey, told: Told) -> int:
        consent_id = named_id(_NAMESPACE, f"{told.tenant}|told|{told.key}")
        newest = await store.newest(owner, consent_id)
        if newest is None and told.is_deleted:
            return 0
        if await store.has(owner, consent_id, told.message_id):
            return 0
        if told.is_deleted:
            assert newest is not None
            resource = _object(newest.content) | {"status": _ENDED}
        else:
            resource = _object(told.content)
        made = self._stored(resource, consent_id, newest.version + 1 if newest else 1)
        # A source that says again what it said before does not undo what a person has ended since.
        before = await store.newest(owner, consent_id, is_told=True)
        if before is not None and before.content == made.content:
            return 0
        await store.bump(owner)
        if newest is None and len(await store.held(owner)) >= _MOST_DIRECTIVES:
            # Not to be left out: so that nothing is disclosed until somebody has looked.
            made = self._stored(_NOT_UNDERSTOOD, consent_id, 1)
        await store.add(owner, made._replace(source=told.source, message_id=told.message_id))
        if self.read(made).problems:
            _log.error("a source's directive cannot be understood, and denies", source=told.source)
        return 1

    async def revoke(self, person: PersonKey, consent_id: str) -> tuple[int, int]:
        """End a directive: the number of the version that says so, and the new epoch.

        Ending it again changes nothing.

        Raises:
            NotFound: the person has no such directive.
        """
        async with self._database.transaction() as connection:
            store = DirectiveStore(connection)
            owner = await store.survivor(person)
            if await store.newest(owner, consent_id) is None:
                raise NotFound("the person has no such directive", location="consent_id")
            epoch = await store.bump(owner)
            newest = await store.newest(owner, consent_id)
            assert newest is not None
            if newest.status == _ENDED:
                return newest.version, epoch
            resource = _object(newest.content) | {"status": _ENDED}
            ended = self._stored(resource, consent_id, newest.version + 1)
            await store.add(owner, ended)
        return ended.version, epoch

    async def versions(self, person: PersonKey) -> tuple[int, list[Stored]]:
        """The epoch, and all versions of all directives of a person."""
        async with self._database.connection() as connection:
            store = DirectiveStore(connection)
            return await store.versions(await store.survivor(person))

    def _stored(self, resource: Mapping[str, Any], consent_id: str, version: int) -> Stored:
        content = orjson.dumps(dict(resource) | {"id": consent_id})
        status = str(resource.get("status", ""))
        return Stored(consent_id, version, status, content, self._clock.now(), is_current=True)


def _object(content: bytes) -> dict[str, Any]:
    """A directive as JSON; what is none is one that cannot be understood."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else dict(_NOT_UNDERSTOOD)


def _consent_id(resource: Mapping[str, Any], person: PersonKey) -> str:
    """Our name for a directive that has one of its own; empty for one that has none."""
    own = resource.get("id")
    if not isinstance(own, str) or not own:
        return ""
    try:
        return str(uuid.UUID(own))  # one that was filed before, told back
    except ValueError:
        return named_id(_NAMESPACE, "|".join((*person, own)))
