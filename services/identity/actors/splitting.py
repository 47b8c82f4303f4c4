"""A merge is taken back: which identifiers return, which came later and whose those are.

What the merge has moved goes back. What came to the person since is compared with the records of both
sides, and goes to whom it resembles more. The rest follows from the events of the mesh: see `index`.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.clock import Clock
from plexus.errors import NotFound
from plexus.ids import IdSource
from plexus.store import Connection, Database
from services.identity.actors.orders import Order, Outcome
from services.identity.domain import Linker, Name, NoDecision, RecordKey, best_pair, decision_event
from services.identity.domain.normalisation import Features
from services.identity.domain.stewardship import SPLIT
from services.identity.store import (
    AssertionStore,
    Decision,
    DecisionStore,
    IndexStore,
    RecordStore,
    ReviewStore,
)

__all__ = ["Returning", "Splitter"]

_NOT_MERGED: Final = Outcome("not_merged")
_NOT_DIRECT: Final = Outcome("not_direct")


class Returning(NamedTuple):
    """What becomes of an identifier. Holds patient data.

    Attributes:
        goes_back: to the person that stands again.
        is_newer: it came after the merge, and its record says to whom it belongs.
    """

    name: Name
    goes_back: bool
    is_newer: bool


class Splitter:
    """Takes merges back, whoever made them."""

    def __init__(self, database: Database, linker: Linker, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._linker = linker
        self._ids = ids
        self._clock = clock

    async def split(self, order: Order, person_id: uuid.UUID) -> tuple[Outcome, list[Returning]]:
        """Let a person that went under stand again.

        Raises:
            NotFound: the person is unknown.
        """
        async with self._database.transaction() as connection:
            index, tenant = IndexStore(connection), order.tenant
            survivor = await index.root(tenant, person_id)
            if survivor is None:
                raise NotFound("nobody is known by that person_id")
            if survivor == person_id:
                return _NOT_MERGED, []
            if await index.survivor(tenant, person_id) != survivor:
                return _NOT_DIRECT, []
            returning = await self._returning(connection, tenant, person_id, survivor)
            back = {each.name for each in returning if each.goes_back}
            staying = {each.name for each in returning if not each.goes_back}
            if not back or not staying:
                return Outcome(NoDecision.NOBODY_LEFT.value), returning
            if await DecisionStore(connection).is_pending(tenant, [survivor, person_id]):
                return Outcome(NoDecision.PENDING.value), returning
            records = await ReviewStore(connection).records_of(tenant, [survivor])
            told = [each for each in returning if each.goes_back or each.is_newer]
            if order.is_dry_run:
                return Outcome("split", records=records), told
            message_id = await self._decide(
                connection, order, (survivor, staying), (person_id, back)
            )
            return Outcome("split", message_id, records), told

    async def _decide(
        self,
        connection: Connection,
        order: Order,
        survivor: tuple[uuid.UUID, Collection[Name]],
        restored: tuple[uuid.UUID, Collection[Name]],
    ) -> str:
        """Commit what is decided: the split, and that the survivor is told anew behind it."""
        now = self._clock.now()
        (stays, staying), (returns, back) = survivor, restored
        split = decision_event(EventKind.EVENT_KIND_SPLIT, SPLIT, staying, back, now)
        again = decision_event(EventKind.EVENT_KIND_UPSERT, SPLIT, staying, (), now)
        made = Decision(
            order.tenant, now, "split", None, str(stays), str(returns), order.steward, order.reason
        )
        decisions, message_id = DecisionStore(connection), self._ids.message_id()
        number = await decisions.add(
            made._replace(message_id=message_id, event=split.SerializeToString())
        )
        await decisions.add(
            made._replace(
                kind="retell",
                message_id=self._ids.message_id(),
                event=again.SerializeToString(),
            )
        )
        await AssertionStore(connection).keep_apart(back, staying, now, decision_id=number)
        await ReviewStore(connection).settle_pair(
            order.tenant, (stays, returns), "different", (order.steward, order.reason, now)
        )
        return message_id

    async def _returning(
        self, connection: Connection, tenant: str, person_id: uuid.UUID, survivor: uuid.UUID
    ) -> list[Returning]:
        store = IndexStore(connection)
        links = await store.load((), members_of=[(tenant, str(survivor))])
        names = links.names(tenant, str(survivor))
        moved, newer = await store.since_merge(tenant, person_id, survivor)
        moved &= names
        newer = (newer & names) - moved
        features, _ = await RecordStore(connection).members({(tenant, str(survivor))})
        sides = (
            _of(features, moved),
            _of(features, names - moved - newer),
        )
        return [
            Returning(
                name,
                name in moved or (name in newer and self._resembles(tenant, features, name, sides)),
                name in newer,
            )
            for name in sorted(names)
        ]

    def _resembles(
        self,
        tenant: str,
        features: Mapping[RecordKey, Features],
        name: Name,
        sides: tuple[list[Features], list[Features]],
    ) -> bool:
        """Whether what is said of a name resembles the person that returns more than the one that stays."""
        matching, own = self._linker.matching(tenant), _of(features, {name})
        back, stay = (best_pair(own, side, matching.model, matching.thresholds) for side in sides)
        return back is not None and (stay is None or back[2].bits > stay[2].bits)


def _of(features: Mapping[RecordKey, Features], names: Collection[Name]) -> list[Features]:
    return [each for key, each in sorted(features.items()) if key.name in names]
