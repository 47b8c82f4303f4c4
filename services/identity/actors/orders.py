"""Orders of stewards that no review has asked for: merge, link, unlink. And what all orders share."""

import datetime
import uuid
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.clock import Clock
from plexus.errors import NotFound
from plexus.ids import IdSource
from plexus.store import Connection, Database
from services.identity.domain import (
    Linker,
    Name,
    NoDecision,
    decision_event,
    needs_another,
)
from services.identity.domain.stewardship import LINK, MERGE, UNLINK
from services.identity.store import Decision, DecisionStore, IndexStore, ReviewStore

__all__ = ["Order", "Outcome", "Pair", "PersonOrders", "find_pair"]

_KINDS: Final = {
    "merge": (EventKind.EVENT_KIND_MERGE, MERGE, "merged"),
    "link": (EventKind.EVENT_KIND_LINK, LINK, "linked"),
    "unlink": (EventKind.EVENT_KIND_UNLINK, UNLINK, "unlinked"),
}


class Order(NamedTuple):
    """What a steward orders.

    Attributes:
        tenant: whose persons.
        steward: who.
        reason: why.
        is_dry_run: nothing is written.
    """

    tenant: str
    steward: str
    reason: str
    is_dry_run: bool = False


class Outcome(NamedTuple):
    """What became of one order.

    Attributes:
        outcome: merged, different, skipped, proposed, already_one, or the value of a `NoDecision`.
        message_id: carries it through the mesh; empty where nothing changes for others.
        records: source records that a merge concerns.
        review_id: the review that a proposal waits in; 0 for none.
    """

    outcome: str
    message_id: str = ""
    records: int = 0
    review_id: int = 0


class Pair(NamedTuple):
    """Two persons that stand.

    Attributes:
        names: the identifiers of each, by person.
        records: source records of both.
    """

    one: uuid.UUID
    other: uuid.UUID
    names: Mapping[str, Collection[Name]]
    records: int


async def find_pair(
    connection: Connection, tenant: str, one: uuid.UUID | None, other: uuid.UUID | None
) -> Pair | Outcome:
    """Two persons that stand now; or why there are no two."""
    if one is None or other is None:
        return Outcome(NoDecision.NOBODY_LEFT.value)
    if one == other:
        return Outcome("already_one")
    index = await IndexStore(connection).load(
        (), members_of=[(tenant, str(one)), (tenant, str(other))]
    )
    names = {str(each): index.names(tenant, str(each)) for each in (one, other)}
    if not all(names.values()):
        return Outcome(NoDecision.NOBODY_LEFT.value)
    records = await ReviewStore(connection).records_of(tenant, [one, other])
    return Pair(one, other, names, records)


class PersonOrders:
    """Takes orders about persons."""

    def __init__(self, database: Database, linker: Linker, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._linker = linker
        self._ids = ids
        self._clock = clock

    async def order(self, order: Order, kind: str, one: uuid.UUID, other: uuid.UUID) -> Outcome:
        """Merge, link or unlink two persons.

        Args:
            order: of the steward.
            kind: merge, link or unlink.
            one: the person that it is about; of a merge the one that stays.
            other: the other one.

        Raises:
            NotFound: one of them is unknown.
        """
        async with self._database.transaction() as connection:
            index = IndexStore(connection)
            roots = [await index.root(order.tenant, each) for each in (one, other)]
            if None in roots:
                raise NotFound("nobody is known by that person_id")
            pair = await find_pair(connection, order.tenant, *roots)
            if isinstance(pair, Outcome):
                return pair
            limit = self._linker.matching(order.tenant).four_eyes_records
            if kind == "merge" and needs_another(pair.records, limit):
                return await self._propose(connection, order, pair)
            event_kind, trigger, outcome = _KINDS[kind]
            if await DecisionStore(connection).is_pending(order.tenant, [pair.one, pair.other]):
                return Outcome(NoDecision.PENDING.value, records=pair.records)
            if order.is_dry_run:
                return Outcome(outcome, records=pair.records)
            now, message_id = self._clock.now(), self._ids.message_id()
            event = decision_event(
                event_kind, trigger, pair.names[str(pair.one)], pair.names[str(pair.other)], now
            )
            await DecisionStore(connection).add(
                _decision(kind, order, pair, now)._replace(
                    message_id=message_id, event=event.SerializeToString()
                )
            )
            return Outcome(outcome, message_id, pair.records)

    async def _propose(self, connection: Connection, order: Order, pair: Pair) -> Outcome:
        """A review asks a second steward, as any other review asks the first."""
        review = 0
        if not order.is_dry_run:
            now = self._clock.now()
            reviews = ReviewStore(connection)
            review = await reviews.request(
                order.tenant, pair.one, pair.other, self._ids.message_id(), now
            )
            await reviews.propose(review, pair.one, order.steward, order.reason)
            await DecisionStore(connection).add(
                _decision("propose", order, pair, now)._replace(review_id=review)
            )
        return Outcome("proposed", records=pair.records, review_id=review)


def _decision(kind: str, order: Order, pair: Pair, at: datetime.datetime) -> Decision:
    return Decision(
        order.tenant,
        at,
        kind,
        None,
        str(pair.one),
        str(pair.other),
        order.steward,
        order.reason,
    )
