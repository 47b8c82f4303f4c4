"""What stewards decide, committed: the queue, the log, the assertion, and the message that follows.

A merge is not made here. It becomes a message that identity itself works off, in order with the data and
under the locks of the index, exactly as one that a source has sent (`flow.decisions` puts it on the stream).
"Different" and "skip" change nothing for others and are done when they are committed.
"""

import datetime
import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.clock import Clock
from plexus.errors import InvalidRequest
from plexus.ids import IdSource
from plexus.store import Connection, Database
from services.identity.actors.orders import Order, Outcome, Pair, find_pair
from services.identity.domain import (
    ComparedField,
    Linker,
    NoDecision,
    Ruling,
    best_pair,
    decision_event,
    needs_another,
    side_by_side,
)
from services.identity.domain.stewardship import MERGE
from services.identity.store import (
    AssertionStore,
    Decision,
    DecisionStore,
    Logged,
    Question,
    RecordStore,
    Report,
    ReviewRow,
    ReviewStore,
    read_report,
)

__all__ = ["BothSides", "Stewardship"]

_UNDECIDED: Final = frozenset({"open", "proposed"})


class BothSides(NamedTuple):
    """Both sides of a review. Holds patient data.

    Attributes:
        fields: of the two records that agree best now; none where one side has no record.
        bits: their score now.
        history: what was done with the review.
        records: source records of both.
    """

    review: ReviewRow
    fields: Sequence[ComparedField]
    bits: float
    history: Sequence[Logged]
    records: int


class Stewardship:
    """Takes the orders of stewards."""

    def __init__(
        self,
        database: Database,
        linker: Linker,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._database = database
        self._linker = linker
        self._ids = ids
        self._clock = clock

    async def find(self, question: Question, limit: int) -> tuple[list[ReviewRow], int]:
        """The queue, and how many there are in all."""
        async with self._database.connection() as connection:
            return await ReviewStore(connection).find(question, limit)

    async def report(self, tenant: str) -> Report:
        """How well a tenant's persons are matched."""
        thresholds = self._linker.matching(tenant).thresholds
        middle = (thresholds.match + thresholds.review) / 2
        async with self._database.connection() as connection:
            return await read_report(connection, tenant, middle)

    async def both_sides(self, tenant: str, review_id: int) -> BothSides | None:
        """Both sides of a review; None where there is none."""
        async with self._database.connection() as connection:
            reviews = ReviewStore(connection)
            row = await reviews.get(tenant, review_id)
            if row is None:
                return None
            history = await DecisionStore(connection).history(review_id)
            persons = [each for each in (row.person_id, row.other_person) if each is not None]
            features, links = await RecordStore(connection).members(
                {(tenant, str(person)) for person in persons}
            )
            records = await reviews.records_of(tenant, persons)
        ones, others = (
            [features[key] for key in sorted(features) if links[key.name].person_id == str(person)]
            for person in (row.person_id, row.other_person)
        )
        matching = self._linker.matching(tenant)
        best = best_pair(ones, others, matching.model, matching.thresholds)
        fields = [] if best is None else side_by_side(*best)
        return BothSides(row, fields, 0.0 if best is None else best[2].bits, history, records)

    async def assign(
        self, order: Order, review_ids: Sequence[int], assignee: str, priority: int
    ) -> int:
        """Give reviews to a steward; returns how many were undecided."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            given = await ReviewStore(connection).assign(
                order.tenant, review_ids, assignee, priority
            )
            decisions = DecisionStore(connection)
            for row in given:
                said = f"to {assignee or 'nobody'}" + (f", priority {priority}" if priority else "")
                await decisions.add(self._decision("assign", order, row, now)._replace(reason=said))
        return len(given)

    async def decide(
        self, order: Order, review_id: int, ruling: Ruling, survivor: uuid.UUID | None = None
    ) -> Outcome:
        """Decide one review.

        Raises:
            InvalidRequest: `survivor` is none of the two.
        """
        async with self._database.transaction() as connection:
            row = await ReviewStore(connection).get(order.tenant, review_id, locks=True)
            if row is None:
                return Outcome(NoDecision.NOT_FOUND.value)
            if row.status not in _UNDECIDED:
                return Outcome(NoDecision.ALREADY_DECIDED.value)
            if ruling is Ruling.SKIP:
                return await self._skip(connection, order, row)
            pair = await find_pair(connection, order.tenant, row.person_id, row.other_person)
            if isinstance(pair, Outcome):
                if pair.outcome == "already_one" and not order.is_dry_run:
                    await self._settle(connection, order, row, "same")
                return pair
            if ruling is Ruling.DIFFERENT:
                return await self._keep_apart(connection, order, row, pair)
            return await self._merge(connection, order, row, pair, survivor)

    async def _skip(self, connection: Connection, order: Order, row: ReviewRow) -> Outcome:
        if not order.is_dry_run:
            now = self._clock.now()
            await ReviewStore(connection).defer(row.review_id, order.reason, now)
            await DecisionStore(connection).add(self._decision("skip", order, row, now))
        return Outcome("skipped")

    async def _keep_apart(
        self, connection: Connection, order: Order, row: ReviewRow, pair: Pair
    ) -> Outcome:
        if not order.is_dry_run:
            now = self._clock.now()
            number = await DecisionStore(connection).add(
                self._decision("different", order, row, now)
            )
            await AssertionStore(connection).keep_apart(
                pair.names[str(pair.one)], pair.names[str(pair.other)], now, decision_id=number
            )
            await self._settle(connection, order, row, "different")
        return Outcome("different", records=pair.records)

    async def _merge(
        self,
        connection: Connection,
        order: Order,
        row: ReviewRow,
        pair: Pair,
        survivor: uuid.UUID | None,
    ) -> Outcome:
        stays = survivor or row.survivor or min(pair.one, pair.other)
        if stays not in {pair.one, pair.other}:
            if survivor is not None:
                raise InvalidRequest("the survivor is none of the two", location="survivor_id")
            stays = min(pair.one, pair.other)  # the proposed one has gone under meanwhile
        goes = pair.other if stays == pair.one else pair.one
        limit = self._linker.matching(order.tenant).four_eyes_records
        now = self._clock.now()
        if needs_another(pair.records, limit):
            if row.proposed_by == order.steward:
                return Outcome(
                    NoDecision.SECOND_STEWARD_NEEDED.value,
                    records=pair.records,
                    review_id=row.review_id,
                )
            if not row.proposed_by:
                if not order.is_dry_run:
                    await ReviewStore(connection).propose(
                        row.review_id, stays, order.steward, order.reason
                    )
                    await DecisionStore(connection).add(self._decision("propose", order, row, now))
                return Outcome("proposed", records=pair.records, review_id=row.review_id)
        if await DecisionStore(connection).is_pending(order.tenant, [pair.one, pair.other]):
            return Outcome(NoDecision.PENDING.value, records=pair.records)
        if order.is_dry_run:
            return Outcome("merged", records=pair.records)
        event = decision_event(
            EventKind.EVENT_KIND_MERGE, MERGE, pair.names[str(stays)], pair.names[str(goes)], now
        )
        message_id = self._ids.message_id()
        await DecisionStore(connection).add(
            self._decision("same", order, row, now)._replace(
                person_id=str(stays),
                other_person=str(goes),
                message_id=message_id,
                event=event.SerializeToString(),
            )
        )
        await AssertionStore(connection).withdraw(
            pair.names[str(pair.one)], pair.names[str(pair.other)]
        )
        await self._settle(connection, order, row, "same")
        return Outcome("merged", message_id, pair.records)

    async def _settle(
        self, connection: Connection, order: Order, row: ReviewRow, status: str
    ) -> None:
        await ReviewStore(connection).settle(
            row.review_id, status, order.steward, order.reason, self._clock.now()
        )

    @staticmethod
    def _decision(kind: str, order: Order, row: ReviewRow, at: datetime.datetime) -> Decision:
        return Decision(
            order.tenant,
            at,
            kind,
            row.review_id,
            str(row.person_id),
            str(row.other_person or ""),
            order.steward,
            order.reason,
        )
