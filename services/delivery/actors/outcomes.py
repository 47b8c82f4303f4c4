"""What became of a try, as the journal and the custody ledger keep it. Neighbour: `destination`."""

from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1.audit_pb2 import Custody
from plexus.api.audit.v1.audit_pb2 import Outcome as CustodyOutcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.delivery.v1.delivery_pb2 import ItemState
from plexus.errors import PlexusError
from plexus.store import Done, Entry
from plexus.telemetry.tracing import trace_id_of
from services.delivery.actors.gate import Passed
from services.delivery.store import Item, Outcome

__all__ = ["OUTCOME_KIND", "entry_of", "parked", "rule_of"]

OUTCOME_KIND: Final = 1000
"""Kind under which the journal keeps a destination's outcome of a message."""

# Looking a protobuf enum's value up costs as much as setting it.
_STAGE: Final = StageName.STAGE_DELIVERY
_CUSTODY: Final = {
    ItemState.ITEM_STATE_DELIVERED: CustodyOutcome.OUTCOME_DELIVERED,
    ItemState.ITEM_STATE_WITHHELD: CustodyOutcome.OUTCOME_WITHHELD,
    ItemState.ITEM_STATE_PARKED: CustodyOutcome.OUTCOME_PARKED,
}


def entry_of(outcome: Outcome, unit: str, number: int, now: Timestamp) -> Entry:
    """The journal entry of a final outcome: the `number`-th of its destination's unit."""
    item = outcome.item
    custody = Custody(
        message_id=item.message_id,
        tenant=item.tenant,
        feed=item.feed,
        stage=_STAGE,
        at=now,
        outcome=_CUSTODY[outcome.state],
        attempt=item.attempt,
        destination=item.destination,
        reason=outcome.reason,
        detail=outcome.detail,
        trace_id=trace_id_of(item.traceparent),
        decision_id=outcome.decision_id,
        message_type=item.message_type,
        origin=item.origin,
        part=item.part,
    )
    return Entry(
        Done(item.message_id, OUTCOME_KIND, item.destination, item.part),
        item.attempt,
        unit,
        number,
        (),
        custody.SerializeToString(),
    )


def parked(item: Item, error: PlexusError) -> Outcome:
    """The outcome of a message that can never be brought as it is."""
    where = f" at {error.location}" if error.location else ""
    detail = f"{error.detail.rstrip('.')}{where}"
    return Outcome(item, ItemState.ITEM_STATE_PARKED, error.reason, detail)


def rule_of(passed: Passed) -> str:
    """The rule that decided, and how much of the message it keeps back, for the custody entry."""
    rule = f"rule {passed.decision.rule}" if passed.decision.rule else "no rule covers it"
    count = passed.disclosure.withheld
    return f"{rule}; {count} resource{'s' * (count != 1)} withheld" if count else rule
