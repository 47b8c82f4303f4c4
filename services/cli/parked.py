"""`plexus parked`: what waits for a person, why, and sending it on once the cause is mended.

A message parked on its way to a destination is tried again by delivery, from where it stands; one
parked before that is replayed by ingest, from its stored bytes, as another passage.
"""

import collections
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

import click

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.delivery.v1 import delivery_pb2, delivery_pb2_grpc
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import InvalidRequest
from services.cli.mesh import Mesh, data_option, load_mesh, operator, run_async
from services.cli.telling import (
    advice_on,
    ago,
    as_dict,
    count,
    disposition_name,
    echo_json,
    json_option,
    moment,
    plain,
    reason_name,
    stage_name,
    table,
)
from services.cli.why import find_message, gather, render, story_dict

__all__ = ["command"]

_SECONDS = 10.0
_MOST = 1000
_PARKED = audit_pb2.DISPOSITION_PARKED
_REJECTED = audit_pb2.DISPOSITION_REJECTED


@click.group()
def command() -> None:
    """List, show and replay parked messages.

    A parked message was acknowledged and cannot go on as it is. It is stored, and nothing of it is
    lost; a person mends the cause and replays it.
    """


@command.command("list")
@data_option
@click.option("--feed", default="", help="Only of this feed.")
@click.option("--destination", default="", help="Only on the way to this destination.")
@click.option("--rejected", is_flag=True, help="Messages refused at receipt as well.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=100,
    show_default=True,
    help="At most so many.",
)
@json_option
def _list(
    data: Any, feed: str, destination: str, rejected: bool, limit: int, as_json: bool
) -> None:
    """List parked messages, the newest first, and what to do about each reason."""
    states = [_PARKED, _REJECTED] if rejected else [_PARKED]
    found = run_async(_find(load_mesh(data), states, feed, destination, limit))
    if as_json:
        echo_json([as_dict(state) for state in found])
        return
    if not found:
        click.echo("Nothing is parked." if not rejected else "Nothing is parked or rejected.")
        return
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        [
            state.message_id,
            state.feed,
            plain(state.message_type),
            disposition_name(state.disposition),
            _place(state.last),
            ago(moment(state.last.at), now),
            reason_name(state.last.reason),
            plain(state.last.detail),
        ]
        for state in found
    ]
    headings = ["MESSAGE", "FEED", "TYPE", "STATE", "STAGE", "SINCE", "REASON", "DETAIL"]
    click.echo(table(headings, rows))
    click.echo()
    click.echo(_advice_table(found))
    click.echo("\n  plexus parked show MESSAGE    the whole story of one")
    if len(found) >= limit:
        click.echo(f"  These are the newest {limit:,}; there may be more: --limit, --feed")


@command.command("show")
@data_option
@click.argument("message_id")
@click.option(
    "--content",
    is_flag=True,
    help="Print the message itself. PATIENT DATA; audit records who has read it.",
)
@json_option
def _show(data: Any, message_id: str, content: bool, as_json: bool) -> None:
    """Tell the story of MESSAGE-ID, as `plexus why` does, and with --content its text."""
    mesh = load_mesh(data)

    async def gather_all() -> tuple[Any, bytes]:
        story = await gather(mesh, await find_message(mesh, message_id))
        return story, await _read_content(mesh, story.message_id) if content else b""

    story, raw = run_async(gather_all())
    now = datetime.datetime.now(datetime.UTC)
    text = _segments(raw)
    if as_json:
        told = story_dict(story, now)
        echo_json({**told, "content": text} if content else told)
        return
    click.echo(render(story, now))
    if content:
        click.echo("\nPATIENT DATA follows. Audit has recorded that you read it.", err=True)
        click.echo("\n" + "\n".join(text))


@command.command("replay")
@data_option
@click.argument("message_ids", nargs=-1, metavar="[MESSAGE-ID]...")
@click.option(
    "--all", "everything", is_flag=True, help="All parked messages, at most 1,000 a call."
)
@click.option("--feed", default="", help="Only of this feed, with --all.")
@click.option("--reason", required=True, help="Why it can succeed now; kept in the custody ledger.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
@json_option
@click.pass_context
def _replay(
    ctx: click.Context,
    data: Any,
    message_ids: tuple[str, ...],
    everything: bool,
    feed: str,
    reason: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Send parked messages on, in the order of their receipt. Mend the cause first.

    Either all that are named are replayed or, where one of them is not parked, none. Exit code 1
    where fewer were replayed than asked for.
    """
    if bool(message_ids) == everything:
        raise click.UsageError("Give either MESSAGE-IDs or --all.")
    if feed and not everything:
        raise click.UsageError("--feed goes with --all.")
    if not reason.strip():
        raise click.BadParameter("say why they can succeed now", param_hint="--reason")
    if len(message_ids) > _MOST:
        raise click.UsageError(f"At most {_MOST:,} messages a call.")
    mesh = load_mesh(data)
    found: list[audit_pb2.MessageState] = []
    if everything:
        found = run_async(_find(mesh, [_PARKED], feed, "", _MOST))
        if found and not yes:
            click.echo(_advice_table(found), err=True)
            if not click.confirm(f"Replay {count(len(found), 'message')}?", err=True):
                click.echo("Nothing was replayed.", err=True)
                ctx.exit(1)
        is_leg = {one.message_id: bool(one.last.destination) for one in found}
    else:
        is_leg = run_async(_read_legs(mesh, message_ids))
    legs = sorted(name for name, value in is_leg.items() if value)
    whole = sorted(is_leg.keys() - legs)
    replayed, retried = run_async(_send_on(mesh, whole, legs, reason))
    if as_json:
        echo_json({"asked": len(is_leg), "replayed": replayed, "retried": retried})
    elif not is_leg:
        click.echo("Nothing is parked.")
    else:
        click.echo(_sent(replayed, retried))
        if len(found) == _MOST:
            click.echo("There may be more: run it again.")
    if replayed < len(whole) or retried < len(legs):
        click.echo("Some are not parked any more: plexus parked list", err=True)
        ctx.exit(1)


async def _find(
    mesh: Mesh,
    states: Sequence[audit_pb2.Disposition.ValueType],
    feed: str,
    destination: str,
    limit: int,
) -> list[audit_pb2.MessageState]:
    async with mesh.peer("audit") as peer:
        list_messages = audit_pb2_grpc.AuditServiceStub(peer.channel).ListMessages
        found: list[audit_pb2.MessageState] = []
        for state in states:
            request = audit_pb2.ListMessagesRequest(
                feed=feed, destination=destination, disposition=state, limit=limit
            )
            answer = await peer.ask(list_messages, request, deadline_seconds=_SECONDS)
            found.extend(answer.messages)
    # Message ids sort by time.
    return sorted(found, key=lambda one: one.message_id, reverse=True)[:limit]


async def _read_legs(mesh: Mesh, texts: Sequence[str]) -> dict[str, bool]:
    """By message: True where it is parked towards destinations, False where it is as a whole.

    Raises:
        InvalidRequest: one of them is not parked.
    """
    names = [await find_message(mesh, text) for text in texts]
    is_leg: dict[str, bool] = {}
    problems: list[str] = []
    for name in dict.fromkeys(names):
        story = await gather(mesh, name)
        standing = story.standing
        if "audit" in story.silent:
            problems.append(f"{story.message_id}: audit did not answer: {story.silent['audit']}")
        elif standing.disposition != _PARKED:
            state = disposition_name(standing.disposition)
            problems.append(f"{story.message_id} is not parked; it is {state}")
        else:
            is_leg[story.message_id] = not standing.is_parked_by_stage
    if problems:
        raise InvalidRequest("nothing was replayed:\n  " + "\n  ".join(problems))
    return is_leg


async def _send_on(
    mesh: Mesh, whole: Sequence[str], legs: Sequence[str], reason: str
) -> tuple[int, int]:
    """Replay messages parked as a whole, retry those parked towards destinations.

    Returns how many messages were replayed, and how many deliveries are tried again.
    """
    replayed = retried = 0
    if whole:
        async with mesh.peer("ingest") as peer:
            answer = await peer.ask(
                ingest_pb2_grpc.IngestServiceStub(peer.channel).Replay,
                ingest_pb2.ReplayRequest(message_ids=whole, reason=reason),
                deadline_seconds=_SECONDS,
            )
        replayed = answer.replayed
    if legs:
        async with mesh.peer("delivery") as peer:
            done = await peer.ask(
                delivery_pb2_grpc.DeliveryServiceStub(peer.channel).Retry,
                delivery_pb2.RetryRequest(message_ids=legs),
                deadline_seconds=_SECONDS,
            )
        retried = done.retried
    return replayed, retried


async def _read_content(mesh: Mesh, message_id: str) -> bytes:
    """The message's bytes. Nothing is shown whose audit record is not stored: audit comes first.

    Raises:
        Unavailable: audit or ingest does not answer.
    """
    async with mesh.peer("ingest") as ingest, mesh.peer("audit") as audit:
        get = ingest_pb2_grpc.IngestServiceStub(ingest.channel).GetReceipt
        bare = ingest_pb2.GetReceiptRequest(message_id=message_id)
        tenant = (await ingest.ask(get, bare, deadline_seconds=_SECONDS)).receipt.tenant
        event = audit_pb2.AuditEvent(
            event_id=str(uuid.uuid4()),
            tenant=tenant,
            type="content-read",
            action="R",
            agent=operator(),
            message_id=message_id,
            outcome="success",
        )
        event.at.GetCurrentTime()
        await audit.ask(
            audit_pb2_grpc.AuditServiceStub(audit.channel).Append,
            audit_pb2.AppendRequest(events=[event]),
            deadline_seconds=_SECONDS,
        )
        request = ingest_pb2.GetReceiptRequest(message_id=message_id, with_content=True)
        return (await ingest.ask(get, request, deadline_seconds=_SECONDS)).content


def _segments(raw: bytes) -> list[str]:
    """One line a segment (HL7 v2.5.1 2.3); what a terminal would obey is shown escaped."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return [plain(line) for line in text.replace("\n", "\r").split("\r") if line]


def _place(last: audit_pb2.Custody) -> str:
    towards = f" to {last.destination}" if last.destination else ""
    return stage_name(last.stage) + towards


def _advice_table(found: Sequence[audit_pb2.MessageState]) -> str:
    counts = collections.Counter(one.last.reason for one in found)
    rows = [
        [reason_name(reason), f"{number:,}", advice_on(reason).words, advice_on(reason).next_step]
        for reason, number in counts.most_common()
    ]
    return table(["REASON", "MESSAGES", "MEANING", "WHAT TO DO"], rows, right={"MESSAGES"})


def _sent(replayed: int, retried: int) -> str:
    parts = []
    if replayed:
        parts.append(f"{count(replayed, 'message')} sent into the mesh again")
    if retried:
        noun = "delivery is" if retried == 1 else "deliveries are"
        parts.append(f"{retried:,} {noun} tried again")
    return f"{'; '.join(parts) or 'Nothing was replayed'}. See how it goes: plexus parked list"
