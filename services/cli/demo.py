"""`plexus demo`: the whole mesh on sample messages, and what happened, told for people."""

import asyncio
import collections
import datetime
import pathlib
import sys
import time
from collections.abc import Sequence

import click

from plexus.errors import ConfigurationError
from services.cli.conservation import Report, in_flight, settle
from services.cli.local_mesh import LocalMesh
from services.cli.mesh import run_async
from services.cli.receiver import FhirReceiver
from services.cli.sample_mesh import SampleFeed, SampleMesh, empty, find_feeds
from services.cli.sending.channels import MllpChannel
from services.cli.sending.latency import percentiles_ms
from services.cli.sending.outgoing import read_files
from services.cli.sending.sender import Sent, send_all
from services.cli.telling import advice_on, disposition_name, paint, reason_name, table
from services.cli.why import gather, render

__all__ = ["command"]

_SAMPLES = pathlib.Path("tests/data/feeds")
_SETTLE_SECONDS = 45.0


@click.command()
@click.option(
    "--feed",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    help="Your own messages: a folder of HL7 v2 files, or of one folder per feed.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=pathlib.Path(".plexus/demo"),
    show_default=True,
    help="Data folder; what an earlier demo left there is removed.",
)
def command(feed: pathlib.Path | None, data: pathlib.Path) -> None:
    """Run the whole mesh on sample messages and tell what happened.

    Starts NATS, PostgreSQL and every service, sends each feed over its own MLLP connection, delivers
    FHIR R4 to a receiving server and to a folder, and tells per feed and destination what became of
    every message. Exit code 0 only if the conservation law holds and all that was delivered is valid.
    """
    samples = feed or _SAMPLES
    if not samples.is_dir():
        raise ConfigurationError(
            f"{samples} is missing: run the demo from the project's folder, or name your own"
            " messages with --feed"
        )
    sys.exit(0 if run_async(_Demo(samples, data).run()) else 1)


class _Demo:
    def __init__(self, samples: pathlib.Path, data: pathlib.Path) -> None:
        self._samples = samples
        self._data = data
        self._began = time.monotonic()

    async def run(self) -> bool:
        feeds = find_feeds(self._samples)
        files = sum(len(feed.files) for feed in feeds)
        empty(self._data)
        self._step(f"{files} files from {len(feeds)} sending systems in {self._samples}")
        receiver = FhirReceiver(validate=True)
        async with receiver:
            sample = SampleMesh.write(feeds, self._samples, self._data, receiver.url)
            self._step("starting NATS, PostgreSQL and every service, a process each")
            # Every message is traced here; a production mesh traces a share of them.
            trace = {"PLEXUS_TRACE_EXPORTER": "file", "PLEXUS_TRACE_RATIO": "1"}
            async with LocalMesh(self._data, sample.config, environment=trace) as mesh:
                await mesh.ready()
                self._step("ready: sending over MLLP, one connection per feed")
                histories = await asyncio.gather(*(self._send(feed, sample) for feed in feeds))
                self._step("all are answered; waiting until nothing is in flight")
                report = await settle(
                    mesh.mesh, _SETTLE_SECONDS, empty=True, on_progress=lambda _: None
                )
                self._step("done")
                sent = [one for history in histories for one in history]
                _tell_feeds(report, sent)
                _tell_reasons(report)
                _tell_destinations(report)
                sample_id = _interesting(sent, receiver)
                if sample_id:
                    click.echo(paint("\nOne message, told by `plexus why`:\n", "", bold=True))
                    story = await gather(mesh.mesh, sample_id)
                    click.echo(render(story, datetime.datetime.now(datetime.UTC)))
                self._step("stopping: what has begun is finished")
        good = self._tell_verdict(report, receiver, sent)
        self._tell_next(sample)
        return good

    async def _send(self, feed: SampleFeed, sample: SampleMesh) -> list[Sent]:
        port = sample.ports[feed.name]
        return await send_all(
            read_files(feed.files), lambda: MllpChannel("127.0.0.1", port), feed=feed.name
        )

    def _tell_verdict(self, report: Report, receiver: FhirReceiver, sent: Sequence[Sent]) -> bool:
        violations = report.violations
        flying = in_flight(report.ledger)
        unanswered = [one for one in sent if one.problem]
        resources = sum(len(one.touched) for one in receiver.transactions)
        invalid = sum(receiver.findings.values())
        click.echo()
        for one in violations:
            click.echo(paint(f"  LOST? {one.feed}: {one.text}", "red", bold=True))
        if unanswered:
            click.echo(paint(f"  {len(unanswered)} messages got no answer", "red", bold=True))
        if flying:
            click.echo(paint(f"  {flying} messages are still in flight", "red", bold=True))
        for finding, times in receiver.findings.most_common(5):
            click.echo(paint(f"  invalid FHIR, {times} times: {finding}", "red"))
        good = not (violations or flying or unanswered or invalid)
        law = "received = delivered + rejected + withheld + held + parked + in flight"
        verdict = "holds" if not (violations or flying) else "does NOT hold"
        click.echo(paint(f"  The conservation law {verdict}: {law}.", "green" if good else "red"))
        click.echo(
            f"  The FHIR server committed {len(receiver.transactions)} transactions with"
            f" {resources} resources; {invalid or 'none'} of them invalid by fhir.resources (R4B)."
        )
        return good

    def _tell_next(self, sample: SampleMesh) -> None:
        data = self._data
        click.echo(f"""
Where to look next
  {sample.config}  what this mesh does: feeds, destinations, policies
  {sample.archive}  what the folder destination got
  {data / "logs"}  logs of every process; {data / "spans"}  a trace of every message
  .venv/bin/plexus up --data {data} --config {sample.config}
      runs this mesh again, with what it has; then: plexus list, plexus why ID, plexus parked list,
      plexus conservation, each with --data {data}
""")

    def _step(self, text: str) -> None:
        click.echo(f"[{time.monotonic() - self._began:5.1f} s] {text}")


def _tell_feeds(report: Report, sent: Sequence[Sent]) -> None:
    waits: dict[str, list[float]] = collections.defaultdict(list)
    for one in sent:
        if not one.problem:
            waits[one.feed].append(one.latency_seconds)
    names = ("received", "delivered", "rejected", "withheld", "held", "parked", "in_flight")
    rows = []
    for feed in report.ledger.feeds:
        times = percentiles_ms(waits[feed.feed])
        rows.append([
            feed.feed,
            *(str(getattr(feed, name)) for name in names),
            str(feed.duplicates),
            f"{times.get('p50', 0):.0f}",
            f"{times.get('p99', 0):.0f}",
        ])  # fmt: skip
    every = percentiles_ms(wait for some in waits.values() for wait in some)
    rows.append([
        "all",
        *(str(sum(getattr(feed, name) for feed in report.ledger.feeds)) for name in names),
        str(sum(feed.duplicates for feed in report.ledger.feeds)),
        f"{every.get('p50', 0):.0f}",
        f"{every.get('p99', 0):.0f}",
    ])  # fmt: skip
    headings = ["FEED", *(name.upper().replace("_", " ") for name in names)]
    headings += ["RESENT", "ACK p50 ms", "p99 ms"]
    click.echo("\n" + table(headings, rows, right=headings[1:]))


def _tell_reasons(report: Report) -> None:
    rows = [
        [
            one.feed,
            disposition_name(one.disposition),
            str(one.messages),
            reason_name(one.reason),
            advice_on(one.reason).words,
        ]
        for one in report.ledger.reasons
    ]
    if rows:
        click.echo(
            "\n" + table(["FEED", "STATE", "MESSAGES", "REASON", ""], rows, right=["MESSAGES"])
        )


def _tell_destinations(report: Report) -> None:
    names = ("routed", "delivered", "withheld", "parked", "in_flight")
    headings = ["DESTINATION", *(name.upper().replace("_", " ") for name in names)]
    rows = [
        [one.destination, *(str(getattr(one, name)) for name in names)]
        for one in report.ledger.destinations
    ]
    click.echo("\n" + table(headings, rows, right=headings[1:]))


def _interesting(sent: Sequence[Sent], receiver: FhirReceiver) -> str:
    """A delivered message that touched much: the last transaction with the most resources."""
    if not sent or not receiver.transactions:
        return ""
    return max(receiver.transactions, key=lambda one: (len(one.touched), one.at)).message_id
