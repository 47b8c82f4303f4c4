"""How the commands tell things: tables, times, sizes, colour, and what to do about a reason.

Readers are people on call. So: aligned plain text, the same everywhere; colour only on a terminal, and
not where NO_COLOR (no-color.org) is set; and each reason comes with words and a next step. Every
command can also say the same as JSON.
"""

import dataclasses
import datetime
import json
import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody, Disposition, Outcome, Stage
from plexus.api.canonical.v1.event_pb2 import Issue, Severity
from plexus.api.delivery.v1.delivery_pb2 import Item, ItemState
from plexus.api.ingest.v1.ingest_pb2 import Receipt
from plexus.errors import Reason

__all__ = [
    "Advice",
    "advice_on",
    "ago",
    "as_dict",
    "count",
    "custody_text",
    "disposition_name",
    "duration",
    "echo_json",
    "event_text",
    "issue_text",
    "items_table",
    "json_option",
    "moment",
    "names",
    "outcome_name",
    "paint",
    "plain",
    "reason_name",
    "receipt_lines",
    "size",
    "stage_name",
    "table",
    "until",
    "uses_colour",
    "why_text",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Advice:
    """A reason for people.

    Attributes:
        words: what it means, as a part of a sentence.
        next_step: what a person does about it.
    """

    words: str
    next_step: str


# Reason, what it means as a part of a sentence, and what a person does about it.
_ADVICE_TEXT: Final = """
UNSPECIFIED | no reason was given | A defect of who reported it: keep the message id and the trace id
INVALID_FRAME | the MLLP frame is broken | Look at the network of the feed, then call its sender
TOO_LARGE | larger than the feed allows | Ask the sender what it sends; max_frame_bytes of the feed can be raised
UNKNOWN_CHARSET | MSH-18 names a character set that cannot be read | Call the sender, or set default_charset of the feed
UNDECODABLE | the bytes are not text in the declared character set | Often Latin-1 declared as UTF-8: call the sender, or set default_charset of the feed
UNREADABLE | it is no HL7 v2 message: no MSH segment | Something else talks to this port: find it and stop it at its end
SEGMENT_SEQUENCE | a required segment is missing or stands in the wrong place | The sender knows, it was answered so. Many of one feed at once: its sender was changed, call it
REQUIRED_FIELD_MISSING | a required field is missing | The sender knows, it was answered so. Many of one feed at once: its sender was changed, call it
DATA_TYPE | a value does not fit its data type | The sender knows, it was answered so. Many of one feed at once: its sender was changed, call it
TABLE_VALUE | a code is not in its table | The sender knows, it was answered so. Many of one feed at once: its sender was changed, call it
UNSUPPORTED_MESSAGE_TYPE | the message type is not supported | Nothing is lost; ask the sender to filter it; a parked one can be replayed once there is a map
UNSUPPORTED_EVENT | the event is not supported | Nothing is lost; ask the sender to filter it; a parked one can be replayed once there is a map
UNSUPPORTED_PROCESSING_ID | the processing id (MSH-11) is not accepted | A test system may be connected to production: call the sender
UNSUPPORTED_VERSION | the HL7 version (MSH-12) is not supported | Call the sender
INVALID_MERGE | the merge names itself or would close a circle | Nothing was merged; the sender's registration desk must look at it
CONTROL_ID_CONFLICT | the control id came before with other content | It was accepted. Many of them: the sender has reset its counter, tell it
DUPLICATE | the same message came before; its first receipt stands | Nothing. Very many: the sender does not see our answers, look at the network
BATCH_TOTAL | the batch does not hold as many as its trailer tells | Messages may be lost before they came. Ask the sender to send the batch again
PROFILE | it breaks the profile of its source | Call the sender, or widen the profile; then plexus parked replay
INVALID_ARGUMENT | a field is missing or malformed | Mend the request
NOT_FOUND | it does not exist | Check the id
PERMISSION_DENIED | the caller may not do this | Check which identity the caller uses
CONFIGURATION | the configuration is wrong | plexus config verify; go back to the last configuration that passed
DEADLINE_EXCEEDED | no answer in time | It is tried again by itself; plexus list shows who does not answer
OVERLOADED | a queue is full | It is tried again by itself; plexus list shows who does not answer
UNAVAILABLE | it cannot be reached | It is tried again by itself; plexus list shows who does not answer
FENCED | another owner has taken over | Nothing after a restart. Again and again: two replicas use one instance name
INTERNAL | a defect in Plexus | If it came with a release, go back to the one before, then replay; keep the trace id
MAPPING_FAILED | the maps could not turn it into an event | If a release broke the map, go back; then plexus parked replay
IDENTIFIER_CONFLICT | its identifiers belong to different persons | Do not replay: the registration desk must say who it is, then the sender merges
NO_IDENTIFIER | it names no usable identifier of a person | Check default_authority of the source in the mesh document; then plexus parked replay
RENDERING_FAILED | it could not be rendered for the destination | Other destinations have got it. If a release broke it, go back; then plexus parked replay
DESTINATION_REFUSED | the destination refused the content | Call the owner of the destination; when it is mended, plexus parked replay
RETRIES_EXHAUSTED | the destination could not be reached for too long | See with plexus list that the destination is up again, then plexus parked replay
CONSENT_DENIED | consent does not permit it | Nothing: a result, not a fault. Never work around it
NO_SUBSCRIPTION | no destination wants it | Nothing. If one should want it, look at its subscription in the mesh document
NO_POLICY | no policy covers it, so it is denied | A new destination without a policy? plexus config verify
INVALID_OUTPUT | what was rendered for the destination is not valid FHIR R4 | A defect in Plexus, told by place and rule. If a release broke it, go back; then plexus parked replay
DISCARDED | a person set it aside | Nothing: custody says who and why
"""


def _read_advice() -> dict[int, Advice]:
    rows = [line.split(" | ") for line in _ADVICE_TEXT.strip().splitlines()]
    return {Reason.Value(f"REASON_{name}"): Advice(words, step) for name, words, step in rows}


_ADVICE: Final = _read_advice()
_DONE: Final[dict[int, str]] = {
    Stage.STAGE_TRANSFORM: "became a canonical event",
    Stage.STAGE_IDENTITY: "person found",
    Stage.STAGE_RECORDS: "record brought up to date",
}
_PENDING: Final = ItemState.ITEM_STATE_PENDING

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON."
)


def advice_on(reason: int) -> Advice:
    """Words and next step for a reason; for one of a newer release, only its number."""
    known = _ADVICE.get(reason)
    return known or Advice(f"reason {reason}", "Look it up in docs/errors.md of the newer release")


def reason_name(reason: int) -> str:
    """A reason in short, for example MAPPING_FAILED; empty for none."""
    return _short(Reason, reason, "REASON_") if reason else ""


def stage_name(stage: int) -> str:
    """A stage as people call it, for example transform."""
    return _short(Stage, stage, "STAGE_").lower()


def outcome_name(outcome: int) -> str:
    """An outcome in words, for example parked."""
    return _short(Outcome, outcome, "OUTCOME_").lower().replace("_", " ")


def disposition_name(disposition: int) -> str:
    """A state of the conservation law in words, for example in flight."""
    return _short(Disposition, disposition, "DISPOSITION_").lower().replace("_", " ")


def _short(enum: Any, number: int, prefix: str) -> str:
    # A newer service may use a number that this release does not know.
    known = number in enum.values()
    return str(enum.Name(number)).removeprefix(prefix) if known else str(number)


def moment(stamp: Timestamp) -> datetime.datetime | None:
    """The time in UTC; None where none is set."""
    return stamp.ToDatetime(datetime.UTC) if stamp.seconds or stamp.nanos else None


def duration(seconds: float) -> str:
    """A span of time in two or three digits: 340 ms, 1.2 s, 5 min, 3.5 h, 12 d."""
    magnitude = abs(seconds)
    if magnitude < 0.000_000_5:
        return "0 s"
    if magnitude < 0.0005:
        return f"{seconds * 1e6:.0f} µs"
    if magnitude < 0.01:
        return f"{seconds * 1e3:.1f} ms"
    if magnitude < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if magnitude < 9.95:
        return f"{seconds:.1f} s"
    for limit, divisor, unit in ((119.5, 1, "s"), (7170.0, 60, "min"), (171_000.0, 3600, "h")):
        if magnitude < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def ago(then: datetime.datetime | None, now: datetime.datetime) -> str:
    """How long ago; "never" for None, "now" below a second or where clocks disagree."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    return "now" if seconds < 1 else f"{duration(seconds)} ago"


def until(then: datetime.datetime | None, now: datetime.datetime) -> str:
    """How long until something happens; "now" where it is due or no time is set."""
    seconds = (then - now).total_seconds() if then is not None else 0.0
    return "now" if seconds < 1 else f"in {duration(seconds)}"


def size(number_bytes: int) -> str:
    """A length in bytes: 812 B, 1.4 kB, 3.0 MB."""
    if number_bytes < 1000:
        return f"{number_bytes} B"
    if number_bytes < 1_000_000:
        return f"{number_bytes / 1000:.1f} kB"
    return f"{number_bytes / 1_000_000:.1f} MB"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 message, 1,200 messages."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def plain(text: str) -> str:
    """Text that a sender chose, safe for a terminal: control characters are shown, not obeyed."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def uses_colour() -> bool:
    """True on a terminal that has not asked for none (NO_COLOR, TERM=dumb)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def paint(text: str, colour: str, *, bold: bool = False) -> str:
    """The text in a colour (empty: the usual one), where colours are used. It adds nothing to the words."""
    return click.style(text, fg=colour or None, bold=bold) if uses_colour() else text


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    indent: str = "  ",
) -> str:
    """Rows below headings, columns aligned, two blanks between; empty text where there are no rows.

    Args:
        headings: one a column.
        rows: cells, as many as headings; may be painted.
        right: headings of columns of numbers.
        indent: before each line.
    """
    if not rows:
        return ""
    cells = [list(headings), *(list(row) for row in rows)]
    widths = [max(_width(row[place]) for row in cells) for place in range(len(headings))]
    lines: list[str] = []
    for row in cells:
        parts: list[str] = []
        for heading, cell, width in zip(headings, row, widths, strict=True):
            gap = " " * (width - _width(cell))
            parts.append(gap + cell if heading in right else cell + gap)
        lines.append((indent + "  ".join(parts)).rstrip())
    return "\n".join(lines)


def _width(cell: str) -> int:
    return len(click.unstyle(cell))


def names(destinations: Collection[str]) -> str:
    """Destinations by name, and how many where they are several."""
    listed = ", ".join(sorted(destinations))
    number = len(destinations)
    return listed if number == 1 else f"{count(number, 'destination')} ({listed})"


def why_text(reason: int, detail: str) -> str:
    """A reason with the detail that goes with it; with its own words where there is none."""
    told = plain(detail).rstrip(".")
    if not reason:
        return told or "no reason given"
    return (
        f"{reason_name(reason)}: {told}"
        if told
        else f"{reason_name(reason)}, {advice_on(reason).words}"
    )


def issue_text(issue: Issue) -> str:
    """An issue of a receipt: severity, place, reason, words."""
    severity = _short(Severity, issue.severity, "SEVERITY_").lower()
    where = f" at {issue.location}" if issue.location else ""
    return f"{severity}{where}: {why_text(issue.reason, issue.detail)}"


def custody_text(entry: Custody) -> str:
    """What a custody entry says, as one line."""
    reason = why_text(entry.reason, entry.detail) if entry.reason or entry.detail else ""
    match entry.outcome:
        case Outcome.OUTCOME_RECEIVED | Outcome.OUTCOME_REJECTED:
            text = f"{outcome_name(entry.outcome)}, answered {plain(entry.facts.get('ack', ''))}"
        case Outcome.OUTCOME_PASSED:
            text = _DONE.get(entry.stage, "passed")
        case Outcome.OUTCOME_ROUTED if entry.destinations:
            text = f"routed to {', '.join(entry.destinations)}"
        case Outcome.OUTCOME_ROUTED:
            text = "routed to nobody"
        case Outcome.OUTCOME_REPLAYED:
            text = "sent into the mesh again"
        case _:
            text = outcome_name(entry.outcome)
    if entry.destination:
        towards = {Outcome.OUTCOME_WITHHELD: "from", Outcome.OUTCOME_DELIVERED: "to"}
        text += f" {towards.get(entry.outcome, 'on the way to')} {entry.destination}"
    notes = [
        f"{name} {plain(value)}" for name, value in sorted(entry.facts.items()) if name != "ack"
    ]
    if entry.version:
        kind = {Stage.STAGE_TRANSFORM: "maps", Stage.STAGE_DELIVERY: "routes"}
        notes.append(f"{kind.get(entry.stage, 'version')} {entry.version[:12]}")
    if entry.decision_id:
        notes.append(f"decision {entry.decision_id}")
    if entry.duration_us:
        notes.append(duration(entry.duration_us / 1e6))
    if entry.attempt > 1:
        notes.append(f"passage {entry.attempt}")
    if entry.parts:
        notes.append(f"{entry.parts} parts")
    if entry.part:
        notes.append(f"part {entry.part}")
    text += f" ({', '.join(notes)})" if notes else ""
    return f"{text}: {reason}" if reason else text


def event_text(event: AuditEvent) -> str:
    """What an audit event says, as one line."""
    if event.type != "disclosure":
        return f"{event.type} by {plain(event.agent)}: {event.outcome}"
    verdict = "permits" if event.outcome == "permit" else "denies"
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(event.resource_counts.items()))
    what = f", {kinds}" if kinds else ""
    return (
        f"consent {verdict} {event.purpose} to {event.destination}"
        f" (decision {event.decision_id}{what}, person {event.person_id})"
    )


def receipt_lines(receipt: Receipt) -> list[str]:
    """What a receipt says: where it came from, what it is, and what was wrong with it."""
    kind, control_id = plain(receipt.message_type), plain(receipt.control_id)
    about = f"{kind}, control id {control_id}, {size(receipt.size_bytes)}"
    lines = [
        f"  feed     {receipt.feed} of {receipt.tenant}, source {receipt.source}",
        f"  message  {about}, receipt number {receipt.origin}",
    ]
    if receipt.control_id_conflict:
        lines.append("  note     the same control id came with other content before")
    return lines + [f"  issue    {issue_text(issue)}" for issue in receipt.issues]


def items_table(items: Sequence[Item], now: datetime.datetime) -> str:
    """Where a message stands towards each destination; empty text where nothing is known."""
    rows = [
        [
            f"{item.destination}, part {item.part}" if item.part else item.destination,
            _short(ItemState, item.state, "ITEM_STATE_").lower(),
            str(item.tries),
            until(moment(item.next_try_at), now) if item.state == _PENDING else "",
            why_text(item.reason, item.detail) if item.reason else "",
        ]
        for item in items
    ]
    return table(["DESTINATION", "STATE", "TRIES", "NEXT TRY", "LAST FAILURE"], rows)


def as_dict(message: Message) -> dict[str, Any]:
    """A protobuf message for JSON: names as in the contract, zero values included."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def echo_json(content: Any, *, compact: bool = False) -> None:
    """Print JSON; compact puts it on one line."""
    click.echo(json.dumps(content, indent=None if compact else 2, ensure_ascii=False))
