"""`plexus audit query`, `disclosures` and `export`: what the audit log says, for people and for machines."""

import datetime
import pathlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import click
import orjson

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.rpc import Peer
from services.audit.domain.leaves import decode_leaf
from services.cli.auditing.asking import ask_audit, tenant_of
from services.cli.auditing.fhir_events import audit_event
from services.cli.auditing.sources import SECONDS, log_line, origin_in, read_leaves
from services.cli.auditing.syslog_lines import syslog_line
from services.cli.mesh import data_option, load_mesh, operator
from services.cli.telling import as_dict, echo_json, json_option, table

__all__ = ["disclosures", "export", "query"]

_PAGE: Final = 1000
_TIME: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])
# HIPAA 164.528: an accounting covers six years.
_YEARS: Final = 6
_Option = Callable[[Callable[..., Any]], Callable[..., Any]]
since_option: _Option = click.option("--since", type=_TIME, help="Not before; UTC.")
until_option: _Option = click.option("--until", type=_TIME, help="Before; UTC.")
limit_option: _Option = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="At most."
)


@click.command("query")
@click.option("--tenant", default="", help="Of this tenant only.")
@click.option("--person", default="", help="About this person (golden id).")
@click.option("--agent", default="", help="Done by this user or service.")
@click.option("--destination", default="", help="What this destination got or was denied.")
@click.option("--message", default="", help="About this message.")
@click.option("--type", "kind", default="", help="Of this type, for example disclosure.")
@click.option("--outcome", default="", help="permit, deny, success or failure.")
@since_option
@until_option
@limit_option
@data_option
@json_option
def query(
    tenant: str,
    person: str,
    agent: str,
    destination: str,
    message: str,
    kind: str,
    outcome: str,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    limit: int,
    data: pathlib.Path,
    as_json: bool,
) -> None:
    """Find audit events, the newest first. The question itself is recorded.

    All about a person: --person. All that a user did: --agent. All that a client received: --destination,
    --outcome permit. Why something was withheld: --person or --message, --outcome deny; `plexus why` tells
    the rule of consent. A limit on --outcome alone is slow: name something else too.
    """
    request = audit_pb2.QueryRequest(
        tenant=tenant,
        person_id=person,
        agent=agent,
        destination=destination,
        message_id=message,
        type=kind,
        outcome=outcome,
        reader=operator(),
    )
    _tell(_ask(request, since, until, limit, data), as_json=as_json)


@click.command("disclosures")
@click.argument("person")
@click.option("--tenant", default="", help="Of this tenant only.")
@since_option
@until_option
@limit_option
@data_option
@json_option
def disclosures(
    person: str,
    tenant: str,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    limit: int,
    data: pathlib.Path,
    as_json: bool,
) -> None:
    """Account for what was disclosed of PERSON (golden id): when, to whom, what, and for which purpose.

    As HIPAA 164.528 wants it: of the six years before today unless --since says otherwise.
    """
    if since is None:
        now = datetime.datetime.now(datetime.UTC)
        since = now - datetime.timedelta(days=366 * _YEARS)
    request = audit_pb2.QueryRequest(
        tenant=tenant, person_id=person, type="disclosure", outcome="permit", reader=operator()
    )
    _tell(_ask(request, since, until, limit, data), as_json=as_json)


@click.command("export")
@click.option("--tenant", default="", help="Whose log; needed where there is more than one.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["log", "fhir", "syslog", "leaves"]),
    default="log",
    show_default=True,
    help="log: for `plexus audit verify --offline`; fhir: AuditEvent R4 (BALP) as NDJSON; syslog: RFC"
    " 5424; leaves: the leaves alone, whose root `plexus audit root` tells.",
)
@click.option("--from", "start", type=click.IntRange(0), default=0, help="First sequence.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="To a file.")
@data_option
def export(
    tenant: str, kind: str, start: int, out: pathlib.Path | None, data: pathlib.Path
) -> None:
    """Write a tenant's log to a file, up to its latest checkpoint. The reading is recorded.

    Each line of log, fhir and syslog carries sequence and hash of its leaf. Format log ends with the
    checkpoint and the keys that the log tells itself.
    """
    mesh = load_mesh(data)
    tenant = tenant_of(mesh, tenant)

    async def ask(peer: Peer) -> int:
        told = await peer.ask(
            audit_pb2_grpc.AuditServiceStub(peer.channel).GetCheckpoint,
            audit_pb2.GetCheckpointRequest(tenant=tenant),
            deadline_seconds=SECONDS,
        )
        note, end = told.checkpoint.note, told.checkpoint.size
        written = 0
        with _opened(out) as file:
            async for entries, _ in read_leaves(peer, tenant, start, end, operator()):
                for entry in entries:
                    file.write(_line(kind, entry, origin_in(note)))
                written += len(entries)
            if kind == "log":
                file.write(orjson.dumps({"checkpoint": note}) + b"\n")
                for key in told.keys:
                    file.write(orjson.dumps({"key": key}) + b"\n")
        return written

    written = ask_audit(mesh, ask)
    click.echo(f"wrote {written:,} events", err=True)


def _line(kind: str, entry: audit_pb2.LogEntry, site: str) -> bytes:
    if kind == "log":
        return log_line(entry)
    if kind == "leaves":
        return entry.leaf + b"\n"
    try:
        event = decode_leaf(entry.leaf)
    except ValueError:
        event = audit_pb2.AuditEvent(event_id=entry.event_id, type="unreadable", outcome="failure")
    if kind == "syslog":
        line = syslog_line(event, entry.sequence, entry.leaf, entry.hash, site.partition("/")[0])
        return line.encode() + b"\n"
    return orjson.dumps(audit_event(event, entry.sequence, entry.hash, site)) + b"\n"


def _opened(out: pathlib.Path | None) -> Any:
    return click.open_file("-" if out is None else str(out), "wb")


def _ask(
    request: audit_pb2.QueryRequest,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    limit: int,
    data: pathlib.Path,
) -> list[audit_pb2.AuditEvent]:
    if since is not None:
        getattr(request, "from").FromDatetime(_in_utc(since))
    if until is not None:
        request.until.FromDatetime(_in_utc(until))

    async def ask(peer: Peer) -> list[audit_pb2.AuditEvent]:
        return [event async for event in _pages(peer, request, limit)]

    return ask_audit(load_mesh(data), ask)


async def _pages(
    peer: Peer, request: audit_pb2.QueryRequest, limit: int
) -> AsyncIterator[audit_pb2.AuditEvent]:
    stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    while limit:
        request.limit = min(limit, _PAGE)
        answer = await peer.ask(stub.Query, request, deadline_seconds=SECONDS)
        for event in answer.events:
            yield event
        limit -= len(answer.events)
        request.page_token = answer.next_page_token
        if not answer.next_page_token:
            return


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _tell(events: Sequence[audit_pb2.AuditEvent], *, as_json: bool) -> None:
    if as_json:
        echo_json([as_dict(event) for event in events])
        return
    if not events:
        click.echo("There is no such event.", file=sys.stdout)
        return
    headings = ["AT", "TYPE", "OUTCOME", "BY", "TO", "PERSON", "PURPOSE", "WHAT", "EVENT"]
    click.echo(table(headings, [_row(event) for event in events]))


def _row(event: audit_pb2.AuditEvent) -> list[str]:
    counts = " ".join(f"{name} {n}" for name, n in sorted(event.resource_counts.items()))
    return [
        event.at.ToDatetime().isoformat(" ", "seconds"),
        event.type,
        event.outcome,
        event.agent,
        event.destination,
        event.person_id,
        event.purpose,
        counts or event.query or event.message_id,
        event.event_id,
    ]
