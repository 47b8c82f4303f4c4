"""`plexus conservation`: was anything lost? Ingest's own count against the custody ledger's.

The law, per feed: received = delivered + rejected + withheld + held + parked + in flight. The ledger
counts by what the stages report; ingest counts receipts in its own tables. `check` holds one against
the other and is what the demo uses, too.
"""

import asyncio
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import Unavailable
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.telling import (
    advice_on,
    as_dict,
    count,
    disposition_name,
    echo_json,
    json_option,
    paint,
    reason_name,
    table,
)

__all__ = ["Report", "Violation", "check", "command", "in_flight", "read_report", "settle"]

_SECONDS = 10.0
# Evidence travels behind the messages; without --wait the ledger gets this long to catch up.
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.25
_STATES: Final = ("delivered", "rejected", "withheld", "held", "parked", "in_flight")

_Feeds = Sequence[ingest_pb2.Feed]


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One place where the law does not hold.

    Attributes:
        tenant, feed: whose messages.
        text: which numbers differ, and what that means.
        missing: messages that ingest has and the ledger does not; below zero for the other way.
            What is missing may be evidence that is still under way.
    """

    tenant: str
    feed: str
    text: str
    missing: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """The counts of one moment.

    Attributes:
        before, after: ingest's own counts, read before and after the ledger's.
        ledger: the ledger's.
    """

    before: _Feeds
    ledger: audit_pb2.GetConservationResponse
    after: _Feeds

    @property
    def violations(self) -> list[Violation]:
        """Where the law does not hold, while messages may flow."""
        return check(self.after, self.ledger, before=self.before)


def check(
    feeds: _Feeds, conservation: audit_pb2.GetConservationResponse, *, before: _Feeds | None = None
) -> list[Violation]:
    """Every place where the law does not hold, by tenant and feed; empty where it holds.

    Args:
        feeds: ingest's own counts.
        conservation: the ledger's counts.
        before: ingest's counts read before the ledger's, for a mesh in which messages flow: then the
            ledger must lie between `before` and `feeds`. None: the numbers must be equal.

    A feed that is no longer configured is not told by ingest; of it only the ledger's sum is checked.
    """
    ledger = {(one.tenant, one.feed): one for one in conservation.feeds}
    earlier = {(one.tenant, one.name): one for one in (feeds if before is None else before)}
    violations: list[Violation] = []
    for (tenant, name), told in sorted(ledger.items()):
        total = _sum(told)
        if told.received != total:
            text = f"the ledger received {told.received:,}, but its states add up to {total:,}"
            violations.append(Violation(tenant, name, text))
    for feed in sorted(feeds, key=lambda one: (one.tenant, one.name)):
        place = (feed.tenant, feed.name)
        told = ledger.get(place, audit_pb2.FeedCount())
        first = earlier.get(place, ingest_pb2.Feed())
        least, most = first.accepted + first.rejected, feed.accepted + feed.rejected
        for what, low, high, found in (
            ("received", least, most, _sum(told)),
            ("rejected", first.rejected, feed.rejected, told.rejected),
        ):
            if found < low:
                text = f"ingest has {low:,} {what}, the ledger knows {found:,}"
                violations.append(Violation(*place, text, low - found))
            elif found > high:
                text = f"ingest has {high:,} {what}, the ledger tells of {found:,}"
                violations.append(Violation(*place, text, high - found))
    return violations


def in_flight(conservation: audit_pb2.GetConservationResponse) -> int:
    """How many messages are on their way, over all feeds."""
    return sum(feed.in_flight for feed in conservation.feeds)


async def read_report(mesh: Mesh) -> Report:
    """Ask ingest, then audit, then ingest again. Raises PlexusError where one does not answer."""
    try:
        async with mesh.peer("ingest") as ingest, mesh.peer("audit") as audit:
            feeds = ingest_pb2_grpc.IngestServiceStub(ingest.channel).ListFeeds
            ledger = audit_pb2_grpc.AuditServiceStub(audit.channel).GetConservation
            request = ingest_pb2.ListFeedsRequest()
            before = await ingest.ask(feeds, request, deadline_seconds=_SECONDS)
            counts = await audit.ask(
                ledger, audit_pb2.GetConservationRequest(), deadline_seconds=_SECONDS
            )
            after = await ingest.ask(feeds, request, deadline_seconds=_SECONDS)
    except Unavailable as exc:
        raise Unavailable(
            f"the law cannot be checked: {exc.detail}. plexus list shows who is not ready",
            reason=exc.reason,
        ) from exc
    return Report(before.feeds, counts, after.feeds)


async def settle(
    mesh: Mesh, seconds: float, *, empty: bool, on_progress: Callable[[Report], None]
) -> Report:
    """Read until the law holds and, where `empty`, nothing is in flight; or until time is up.

    Returns the last report, whatever it says.
    """
    until = time.monotonic() + seconds
    while True:
        report = await read_report(mesh)
        is_done = not report.violations and not (empty and in_flight(report.ledger))
        if is_done or time.monotonic() >= until:
            return report
        on_progress(report)
        await asyncio.sleep(_POLL_SECONDS)


@click.command()
@data_option
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Wait this long until nothing is in flight; fail where something still is.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, data: Any, wait_seconds: float | None, as_json: bool) -> None:
    """Check that nothing was lost.

    Per feed: received = delivered + rejected + withheld + held + parked + in flight, where received
    is ingest's own count of receipts and the rest is what the custody ledger was told. Exit code 0
    only if that holds; with --wait, only if nothing is in flight any more as well.
    """
    progress = _Progress()
    seconds = _GRACE_SECONDS if wait_seconds is None else wait_seconds
    waits = wait_seconds is not None
    report = run_async(
        settle(load_mesh(data), seconds, empty=waits, on_progress=progress if waits else _silent)
    )
    progress.end()
    violations = report.violations
    flying = in_flight(report.ledger)
    if as_json:
        echo_json({
            "holds": not violations,
            "in_flight": flying,
            "violations": [dataclasses.asdict(one) for one in violations],
            "ingest": [as_dict(feed) for feed in report.after],
            "ledger": as_dict(report.ledger),
        })  # fmt: skip
    else:
        click.echo(_told(report, violations))
    if waits and flying and not violations:
        click.echo(
            f"{count(flying, 'message')} still in flight after {seconds:g} s."
            " plexus list shows which service or destination they wait for.",
            err=True,
        )
    if violations or (waits and flying):
        ctx.exit(1)


class _Progress:
    """One line on a terminal that is written over; elsewhere a line when the numbers change."""

    def __init__(self) -> None:
        self._last = ""
        self._began = time.monotonic()

    def __call__(self, report: Report) -> None:
        missing = sum(max(0, one.missing) for one in report.violations)
        text = f"waiting: {in_flight(report.ledger):,} in flight"
        if missing:
            text += f", {missing:,} not yet in the ledger"
        if sys.stderr.isatty():
            text = f"{text}, {time.monotonic() - self._began:.0f} s"
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
        elif text != self._last:
            click.echo(text, err=True)
        self._last = text

    def end(self) -> None:
        if self._last and sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)


def _silent(_: Report) -> None:
    """Nobody waits, so nobody is told."""


def _sum(feed: audit_pb2.FeedCount) -> int:
    return sum(getattr(feed, state) for state in _STATES)


def _told(report: Report, violations: Sequence[Violation]) -> str:
    parts = [_headline(report, violations), _feed_table(report, violations)]
    if report.ledger.destinations:
        names = ("routed", "delivered", "withheld", "parked", "in_flight")
        headings = ["DESTINATION", *(name.upper().replace("_", " ") for name in names)]
        rows = [
            [one.destination, *(f"{getattr(one, name):,}" for name in names)]
            for one in report.ledger.destinations
        ]
        parts.append(table(headings, rows, right=headings[1:]))
    reasons = [
        [
            one.feed,
            disposition_name(one.disposition),
            f"{one.messages:,}",
            reason_name(one.reason),
            advice_on(one.reason).words,
        ]
        for one in sorted(report.ledger.reasons, key=lambda one: (one.feed, -one.messages))
    ]
    parts.append(
        table(["FEED", "STATE", "MESSAGES", "REASON", "MEANING"], reasons, right={"MESSAGES"})
    )
    if any(feed.parked or feed.held for feed in report.ledger.feeds):
        parts.append("  plexus parked list    shows what waits for a person")
    return "\n\n".join(part for part in parts if part)


def _headline(report: Report, violations: Sequence[Violation]) -> str:
    received = sum(feed.received for feed in report.ledger.feeds)
    if not violations:
        flying = in_flight(report.ledger)
        rest = f"{flying:,} in flight" if flying else "nothing in flight"
        return paint(
            f"Nothing is lost: {count(received, 'message')} received, all accounted for, {rest}.",
            "green",
        )
    lines = [paint("The law does not hold:", "red", bold=True)]
    lines += [f"  {one.tenant}/{one.feed}: {one.text}" for one in violations]
    if any(one.missing > 0 for one in violations):
        lines.append(
            "What is missing in the ledger is stored at ingest; its evidence may be on the way."
            " Ask again with --wait 60; if it stays, see that audit and ingest are ready: plexus list"
        )
    return "\n".join(lines)


def _feed_table(report: Report, violations: Sequence[Violation]) -> str:
    ours = {(feed.tenant, feed.name): feed for feed in report.after}
    ledger = {(feed.tenant, feed.feed): feed for feed in report.ledger.feeds}
    wrong = {(one.tenant, one.feed) for one in violations}
    headings = ["FEED", "RECEIVED", *(one.upper().replace("_", " ") for one in _STATES)]
    rows: list[list[str]] = []
    totals = [0] * (len(_STATES) + 1)
    for name in sorted(ours.keys() | ledger.keys()):
        told = ledger.get(name, audit_pb2.FeedCount())
        feed = ours.get(name)
        received = feed.accepted + feed.rejected if feed else told.received
        numbers = [received, *(getattr(told, state) for state in _STATES)]
        totals = [a + b for a, b in zip(totals, numbers, strict=True)]
        verdict = paint("BROKEN", "red") if name in wrong else paint("ok", "green")
        if feed is None:
            verdict += " (no longer configured: the ledger's sum only)"
        rows.append([name[1], *(f"{number:,}" for number in numbers), verdict])
    if len(rows) > 1:
        rows.append(["all", *(f"{number:,}" for number in totals), ""])
    return table([*headings, "LAW"], rows, right=headings[1:]) or "  There are no feeds yet."
