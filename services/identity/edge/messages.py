"""Protobuf forms of what identity is asked and tells, and the checks on what comes in."""

import datetime
import json
import uuid
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.identity.v1 import identity_pb2, stewardship_pb2
from plexus.errors import InvalidRequest
from services.identity.actors import BothSides, Matched, Order, Outcome, Returning
from services.identity.domain import Ruling
from services.identity.store import Change, ReviewRow

__all__ = [
    "RULINGS",
    "STATUSES",
    "both_sides_message",
    "change_message",
    "check_limit",
    "check_name",
    "check_reviews",
    "match_message",
    "notice_message",
    "order_of",
    "person_of",
    "result_message",
    "review_message",
    "split_message",
]

_MOST_REVIEWS: Final = 1000
_MOST_REASON: Final = 1000
_MOST_NAME: Final = 100
STATUSES: Final = {
    stewardship_pb2.REVIEW_STATUS_OPEN: "open",
    stewardship_pb2.REVIEW_STATUS_PROPOSED: "proposed",
    stewardship_pb2.REVIEW_STATUS_SAME: "same",
    stewardship_pb2.REVIEW_STATUS_DIFFERENT: "different",
}
_STATUS_VALUES: Final = {text: value for value, text in STATUSES.items()}
RULINGS: Final = {
    stewardship_pb2.VERDICT_SAME: Ruling.SAME,
    stewardship_pb2.VERDICT_DIFFERENT: Ruling.DIFFERENT,
    stewardship_pb2.VERDICT_SKIP: Ruling.SKIP,
}


def check_limit(limit: int, most: int) -> None:
    """Raise InvalidRequest where a page is empty or too large."""
    if not 1 <= limit <= most:
        raise InvalidRequest(f"limit must be 1 to {most}", location="limit")


def order_of(request: Any) -> Order:
    """The order of a steward, with a reason. Raises InvalidRequest."""
    if not request.steward:
        raise InvalidRequest("who decides?", location="steward")
    check_name(request.steward, "steward")
    reason = request.reason
    if not reason.strip():
        raise InvalidRequest("a decision needs a reason", location="reason")
    if len(reason) > _MOST_REASON or "\0" in reason:
        raise InvalidRequest(f"at most {_MOST_REASON} characters", location="reason")
    return Order(request.tenant, request.steward, reason, request.is_dry_run)


def check_reviews(review_ids: Sequence[int]) -> None:
    """Raise InvalidRequest where there are none, or too many."""
    if not 1 <= len(review_ids) <= _MOST_REVIEWS:
        raise InvalidRequest(f"1 to {_MOST_REVIEWS} reviews", location="review_ids")


def check_name(name: str, location: str) -> None:
    """Raise InvalidRequest where a steward's name cannot be kept."""
    if len(name) > _MOST_NAME or "\0" in name:
        raise InvalidRequest(f"at most {_MOST_NAME} characters", location=location)


def person_of(text: str, location: str) -> uuid.UUID:
    """The id of a person. Raises InvalidRequest where it is none."""
    try:
        return uuid.UUID(text)
    except ValueError as exc:
        raise InvalidRequest(f"{location} is no UUID", location=location) from exc


def review_message(row: ReviewRow) -> stewardship_pb2.Review:
    """A review as it is told."""
    return stewardship_pb2.Review(
        review_id=row.review_id,
        kind=row.kind,
        person_id=str(row.person_id or ""),
        other_person_id=str(row.other_person or ""),
        bits=row.bits,
        status=_STATUS_VALUES[row.status],
        priority=row.priority,
        assignee=row.assignee,
        raised_at=_stamp(row.at),
        message_id=str(row.message_id),
        proposed_by=row.proposed_by,
        decided_by=row.decided_by,
        decided_at=None if row.decided_at is None else _stamp(row.decided_at),
        reason=row.reason,
    )


def both_sides_message(found: BothSides) -> stewardship_pb2.GetReviewResponse:
    """Both sides of a review as they are told."""
    why = json.loads(found.review.explanation)
    return stewardship_pb2.GetReviewResponse(
        review=review_message(found.review),
        rows=_rows(why.get("rows", ())),
        model=why.get("model", ""),
        fields=[stewardship_pb2.ComparedField(**each._asdict()) for each in found.fields],
        bits_now=found.bits,
        history=[
            stewardship_pb2.DecisionEntry(
                decision_id=each.decision_id,
                kind=each.kind,
                steward=each.steward,
                reason=each.reason,
                at=_stamp(each.at),
                message_id=each.message_id,
                is_applied=each.is_applied,
            )
            for each in found.history
        ],
        records=found.records,
    )


def _stamp(at: datetime.datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def result_message(made: Outcome) -> stewardship_pb2.OrderResult:
    """What became of an order, as it is told."""
    return stewardship_pb2.OrderResult(**made._asdict())


def split_message(made: Outcome, returning: Sequence[Returning]) -> stewardship_pb2.SplitResponse:
    """What became of a split, with its identifiers."""
    return stewardship_pb2.SplitResponse(
        result=result_message(made),
        identifiers=[
            stewardship_pb2.SplitIdentifier(
                authority=each.name.authority,
                value=each.name.value,
                goes_back=each.goes_back,
                is_newer=each.is_newer,
            )
            for each in returning
        ],
    )


def match_message(found: Matched) -> identity_pb2.Match:
    """A person that may be meant, as it is told."""
    return identity_pb2.Match(
        person_id=found.person_id,
        grade=identity_pb2.MatchGrade.ValueType(found.grade),
        bits=found.bits,
        score=found.score,
        rows=_rows(found.rows),
    )


def change_message(change: Change) -> identity_pb2.LinkChange:
    """A change of a link with all that is known of it."""
    why = json.loads(change.explanation) if change.explanation else {}
    return identity_pb2.LinkChange(
        seq=change.seq,
        kind=change.kind,
        at=_stamp(change.at),
        message_id=change.message_id,
        from_person_id=change.from_person,
        to_person_id=change.to_person,
        authority=change.authority,
        value=change.value,
        bits=why.get("bits"),
        rows=_rows(why.get("rows", ())),
        model=why.get("model", ""),
        steward=change.steward,
        reason=change.reason,
    )


def notice_message(change: Change) -> identity_pb2.WatchChangesResponse:
    """A change of a link without the identifier."""
    return identity_pb2.WatchChangesResponse(
        seq=change.seq,
        kind=change.kind,
        at=_stamp(change.at),
        message_id=change.message_id,
        from_person_id=change.from_person,
        to_person_id=change.to_person,
    )


def _rows(rows: Sequence[Sequence[Any]]) -> list[stewardship_pb2.ScoreRow]:
    return [
        stewardship_pb2.ScoreRow(what=what, level=level, bits=bits) for what, level, bits in rows
    ]
