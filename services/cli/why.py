"""`plexus why`: the story of one message, from its receipt to every destination.

It is put together from what ingest (receipt), audit (custody, disclosures) and delivery (tries) say.
Whoever does not answer is named, and the rest is told. How the message stands is judged by the rule
that the conservation law counts by. `plexus parked` tells the same story.
"""

import asyncio
import dataclasses
import datetime
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import click

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.delivery.v1 import delivery_pb2, delivery_pb2_grpc
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import InvalidRequest, NotFound, PlexusError, Unavailable
from plexus.rpc import Peer
from services.audit.domain import LegState, Standing, deciding
from services.cli.mesh import Mesh, data_option, load_mesh, operator, run_async
from services.cli.telling import (
    advice_on,
    ago,
    as_dict,
    custody_text,
    disposition_name,
    duration,
    echo_json,
    event_text,
    issue_text,
    items_table,
    json_option,
    moment,
    names,
    paint,
    plain,
    receipt_lines,
    stage_name,
    table,
    why_text,
)

__all__ = [
    "Story",
    "command",
    "find_message",
    "gather",
    "headline",
    "next_steps",
    "render",
    "story_dict",
]

_SECONDS = 5.0
_MOST = 1000
_WAITS = delivery_pb2.ITEM_STATE_PENDING
_PREFIX: Final = re.compile(r"[0-9a-f-]{8,35}")
# Receivers know a part of a message by the message id and its number.
_PART: Final = re.compile(r"(?<=[0-9a-f]{12})\.[0-9]+$")
_Disposition = audit_pb2.Disposition
_COLOURS: Final[dict[int, str]] = {
    audit_pb2.DISPOSITION_DELIVERED: "green",
    audit_pb2.DISPOSITION_IN_FLIGHT: "cyan",
    audit_pb2.DISPOSITION_PARKED: "red",
    audit_pb2.DISPOSITION_REJECTED: "red",
    audit_pb2.DISPOSITION_HELD: "yellow",
}


@dataclasses.dataclass(slots=True)
class Story:
    """What the services know of one message.

    Attributes:
        message_id: the message.
        duplicate_id: the duplicate that was asked for, whose first receipt this is; else empty.
        receipt: what ingest holds.
        repeats: receipts of the same control id on the same feed: duplicates and conflicts.
        custody: the trail, the oldest first.
        events: audit events, the oldest first.
        items: where it stands towards each destination.
        silent: services that did not answer, and why.
    """

    message_id: str
    duplicate_id: str = ""
    receipt: ingest_pb2.Receipt | None = None
    repeats: list[ingest_pb2.Receipt] = dataclasses.field(default_factory=list)
    custody: list[audit_pb2.Custody] = dataclasses.field(default_factory=list)
    events: list[audit_pb2.AuditEvent] = dataclasses.field(default_factory=list)
    items: list[delivery_pb2.Item] = dataclasses.field(default_factory=list)
    silent: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def standing(self) -> Standing:
        """How the message stands by its custody."""
        standing = Standing()
        for entry in self.custody:
            standing.tell(entry)
        return standing

    @property
    def received_at(self) -> datetime.datetime | None:
        """When it was received."""
        if self.receipt is not None:
            return moment(self.receipt.received_at)
        return self.standing.received_at

    @property
    def is_known(self) -> bool:
        """Somebody has heard of it."""
        return bool(self.receipt or self.custody or self.events or self.items)


async def gather(mesh: Mesh, message_id: str) -> Story:
    """Ask all who may know. A duplicate is answered by the story of its first receipt.

    Raises:
        NotFound: everybody has answered, and nobody knows it.
        Unavailable: nobody who has answered knows it, but somebody has not.
    """
    story = Story(message_id)
    await asyncio.gather(
        _ask(mesh, story, "ingest", _ask_ingest),
        _ask(mesh, story, "audit", _ask_audit),
        _ask(mesh, story, "delivery", _ask_delivery),
    )
    if not story.is_known:
        silent = "; ".join(f"{name} did not answer ({why})" for name, why in story.silent.items())
        if silent:
            raise Unavailable(f"nobody who answered knows message {message_id}, but {silent}")
        raise NotFound(f"message {message_id} is not known here: it was never received")
    first = story.receipt.message_id if story.receipt else ""
    if not first:
        first = next((e.facts["first"] for e in story.custody if "first" in e.facts), "")
    if first and first != message_id:
        story = await gather(mesh, first)
        story.duplicate_id = message_id
    return story


async def _ask(
    mesh: Mesh, story: Story, service: str, ask: Callable[[Peer, Story], Awaitable[None]]
) -> None:
    try:
        async with mesh.peer(service) as peer:
            await ask(peer, story)
    except NotFound:
        return
    except PlexusError as exc:
        story.silent[service] = exc.detail


async def _ask_ingest(peer: Peer, story: Story) -> None:
    stub = ingest_pb2_grpc.IngestServiceStub(peer.channel)
    answer = await peer.ask(
        stub.GetReceipt,
        ingest_pb2.GetReceiptRequest(message_id=story.message_id),
        deadline_seconds=_SECONDS,
    )
    story.receipt = answer.receipt
    if answer.receipt.control_id:
        feed, control_id = answer.receipt.feed, answer.receipt.control_id
        alike = ingest_pb2.ListReceiptsRequest(feed=feed, control_id=control_id)
        same = await peer.ask(stub.ListReceipts, alike, deadline_seconds=_SECONDS)
        duplicate = ingest_pb2.RECEIPT_OUTCOME_DUPLICATE
        story.repeats = [
            one
            for one in reversed(same.receipts)
            if one.outcome == duplicate or one.message_id != answer.receipt.message_id
        ]


async def _ask_audit(peer: Peer, story: Story) -> None:
    stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    trail = await peer.ask(
        stub.GetCustody,
        audit_pb2.GetCustodyRequest(message_id=story.message_id),
        deadline_seconds=_SECONDS,
    )
    story.custody = list(trail.entries)
    query = audit_pb2.QueryRequest(message_id=story.message_id, limit=_MOST, reader=operator())
    found = await peer.ask(stub.Query, query, deadline_seconds=_SECONDS)
    story.events = list(reversed(found.events))


async def _ask_delivery(peer: Peer, story: Story) -> None:
    answer = await peer.ask(
        delivery_pb2_grpc.DeliveryServiceStub(peer.channel).ListItems,
        delivery_pb2.ListItemsRequest(message_id=story.message_id, limit=_MOST),
        deadline_seconds=_SECONDS,
    )
    story.items = sorted(answer.items, key=lambda item: (item.destination, item.part))


async def find_message(mesh: Mesh, text: str) -> str:
    """The message id that `text` is, or is the only one of the newest to start with.

    Raises:
        InvalidRequest: it is no message id, or several start with it.
        NotFound: none of the newest starts with it.
    """
    try:
        return str(uuid.UUID(_PART.sub("", text)))
    except ValueError:
        prefix = text.lower()
    if not _PREFIX.fullmatch(prefix):
        raise InvalidRequest(
            f"{plain(text)} is no message id: give it whole, or at least its first 8 characters"
        )
    request = ingest_pb2.ListReceiptsRequest(limit=_MOST)
    return await _find_receipt(mesh, request, f"starts with {prefix}", prefix)


async def _find_receipt(
    mesh: Mesh, request: ingest_pb2.ListReceiptsRequest, what: str, prefix: str = ""
) -> str:
    async with mesh.peer("ingest") as peer:
        method = ingest_pb2_grpc.IngestServiceStub(peer.channel).ListReceipts
        answer = await peer.ask(method, request, deadline_seconds=_SECONDS)
    ids = list(dict.fromkeys(one.message_id for one in answer.receipts))
    found = [one for one in ids if one.startswith(prefix)]
    if not found:
        raise NotFound(f"no message among the newest {_MOST:,} {what}")
    if len(found) > 1:
        shown = "\n  ".join(found[:10])
        more = f"\n  and {len(found) - 10} more" if len(found) > 10 else ""
        raise InvalidRequest(f"more than one message {what}; choose:\n  {shown}{more}")
    return found[0]


def headline(story: Story, now: datetime.datetime) -> str:
    """How the message stands, in one sentence."""
    standing = story.standing
    disposition = standing.disposition
    if not disposition:
        return _headline_without_custody(story, now)
    entry = deciding(story.custody, disposition)
    assert entry is not None
    towards = standing.destinations
    at = moment(entry.at)
    since = ago(at, now)
    why = why_text(standing.reason, entry.detail)
    match disposition:
        case _Disposition.DISPOSITION_DELIVERED:
            done = [name for name, state in towards.items() if state == LegState.DELIVERED]
            kept = [name for name, state in towards.items() if state == LegState.WITHHELD]
            after = ""
            if at is not None and story.received_at is not None:
                after = f", {duration((at - story.received_at).total_seconds())} after receipt"
            rest = f"; withheld from {', '.join(sorted(kept))}" if kept else ""
            return f"Delivered to {names(done)}{after}{rest}."
        case _Disposition.DISPOSITION_IN_FLIGHT:
            if waiting := [name for name, state in towards.items() if state == LegState.PENDING]:
                return f"On its way: waits for {names(waiting)}."
            last = stage_name(standing.last_stage)
            return f"On its way: {last} was the last to report, {since}."
        case _Disposition.DISPOSITION_REJECTED:
            answer = story.receipt.ack_code if story.receipt else entry.facts.get("ack", "")
            return f"Refused at receipt with {plain(answer) or 'an error'}: {why}."
        case _Disposition.DISPOSITION_WITHHELD:
            whom = ", ".join(sorted(towards)) or "all destinations"
            return f"Withheld from {whom}: {why}."
        case _:
            where = f" on the way to {entry.destination}" if entry.destination else ""
            if entry.part:
                where = f", part {entry.part},{where}"
            state = disposition_name(disposition).capitalize()
            return f"{state} at {stage_name(entry.stage)}{where} {since}: {why}."


def _headline_without_custody(story: Story, now: datetime.datetime) -> str:
    receipt = story.receipt
    if receipt is not None and receipt.outcome == ingest_pb2.RECEIPT_OUTCOME_REJECTED:
        why = issue_text(receipt.issues[0]) if receipt.issues else "no reason given"
        return f"Refused at receipt with {plain(receipt.ack_code)}: {why}."
    since = f" {ago(story.received_at, now)}" if receipt is not None else ""
    if "audit" in story.silent:
        return f"Received{since}; how it stands is not known, because audit did not answer."
    return f"Received{since}; no stage has reported yet."


def next_steps(story: Story) -> list[str]:
    """What a person may do now; empty where nothing is to be done."""
    standing = story.standing
    match standing.disposition:
        case _Disposition.DISPOSITION_UNSPECIFIED | _Disposition.DISPOSITION_DELIVERED:
            return []
        case _Disposition.DISPOSITION_IN_FLIGHT:
            failing = {item.reason for item in story.items if item.reason and item.state == _WAITS}
            return [advice_on(reason).next_step for reason in sorted(failing)]
        case _:
            return [advice_on(standing.reason).next_step]


def _timeline(story: Story) -> str:
    moments: list[tuple[datetime.datetime, int, str, str]] = []
    unknown = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    for entry in story.custody:
        place = (moment(entry.at) or unknown, entry.attempt * 10 + entry.stage)
        moments.append((*place, stage_name(entry.stage), custody_text(entry)))
    if story.receipt and not story.custody:
        text = f"received, answered {plain(story.receipt.ack_code)}"
        moments.append((moment(story.receipt.received_at) or unknown, 0, "ingest", text))
    moments.extend(
        (moment(event.at) or unknown, 99, "audit", event_text(event)) for event in story.events
    )
    for again in story.repeats:
        text = "the same message came again"
        if again.message_id != story.message_id:
            text = f"another message has the same control id: {again.message_id}"
        moments.append((moment(again.received_at) or unknown, 99, "ingest", text))
    began = story.received_at
    rows = [
        [
            at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}",
            f"+{duration(max(0.0, (at - began).total_seconds()))}" if began else "",
            who,
            text,
        ]
        for at, _, who, text in sorted(moments)
    ]
    return table(["TIME (UTC)", "AFTER", "WHO", "WHAT"], rows, right={"AFTER"})


def render(story: Story, now: datetime.datetime) -> str:
    """The whole story for people."""
    colour = _COLOURS.get(story.standing.disposition, "")
    lines = [f"Message {story.message_id}"]
    if story.duplicate_id:
        lines.append(f"{story.duplicate_id} is a duplicate of it; this is the first one's story.")
    lines += ["", paint(headline(story, now), colour, bold=True)]
    lines += [f"What to do: {step}." for step in next_steps(story)]
    lines += [
        paint(f"{name} did not answer, what it knows is missing here: {why}", "yellow")
        for name, why in story.silent.items()
    ]
    if story.receipt:
        lines += ["", *receipt_lines(story.receipt)]
    trace = next((e.trace_id for e in story.custody if e.trace_id), "")
    if trace := (story.receipt.trace_id if story.receipt else "") or trace:
        lines.append(f"  trace    {trace}")
    lines += ["", _timeline(story)]
    if items := items_table(story.items, now):
        lines += ["", items]
    return "\n".join(lines)


def story_dict(story: Story, now: datetime.datetime) -> dict[str, Any]:
    """The whole story for JSON."""
    return {
        "message_id": story.message_id,
        "duplicate_id": story.duplicate_id,
        "disposition": disposition_name(story.standing.disposition).replace(" ", "_"),
        "headline": headline(story, now),
        "next_steps": next_steps(story),
        "receipt": as_dict(story.receipt) if story.receipt else None,
        "custody": [as_dict(entry) for entry in story.custody],
        "audit_events": [as_dict(event) for event in story.events],
        "destinations": [as_dict(item) for item in story.items],
        "same_control_id": [as_dict(receipt) for receipt in story.repeats],
        "did_not_answer": story.silent,
    }


@click.command()
@data_option
@click.argument("message_id", required=False, default="")
@click.option("--control-id", default="", help="Find it by the control id (MSH-10) instead.")
@click.option("--feed", default="", help="Only on this feed, with --control-id.")
@json_option
def command(data: Any, message_id: str, control_id: str, feed: str, as_json: bool) -> None:
    """Tell the story of the message MESSAGE-ID.

    When it came, what each stage made of it, what consent decided, and what became of it at every
    destination. The first 8 or more characters of the id are enough where no other message of the
    newest 1,000 starts with them. No patient data is shown.
    """
    if bool(message_id) == bool(control_id):
        raise click.UsageError("Give either a MESSAGE-ID or --control-id.")
    mesh = load_mesh(data)

    async def find_and_gather() -> Story:
        if control_id:
            at = f" on feed {feed}" if feed else ""
            request = ingest_pb2.ListReceiptsRequest(feed=feed, control_id=control_id, limit=_MOST)
            what = f"has control id {plain(control_id)}{at}"
            return await gather(mesh, await _find_receipt(mesh, request, what))
        return await gather(mesh, await find_message(mesh, message_id))

    story = run_async(find_and_gather())
    now = datetime.datetime.now(datetime.UTC)
    if as_json:
        echo_json(story_dict(story, now))
    else:
        click.echo(render(story, now))
