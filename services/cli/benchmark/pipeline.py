"""One run: a mesh of its own, warm-up, latency at a steady rate, intake flat out, sustained delivery, proof.

Everything but this process is what production runs: the services as `plexus run` starts them, over
durable PostgreSQL and NATS with its store. The receiver answers transactions and only counts them; it
and the load generator take their share of the same machine.
"""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self

import aiohttp
import yaml

from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.local.data_folder import kept_ports
from plexus.local.supervisor import Event, EventKind, ProcessSpec
from services.cli.benchmark.load_control import LoadProcess
from services.cli.benchmark.profiling import profile_environment
from services.cli.benchmark.usage import Usage, UsageSampler
from services.cli.conservation import Report, settle
from services.cli.local_mesh import LocalMesh
from services.cli.sending.latency import percentiles_ms

__all__ = ["FEEDS", "MOST_ON_THEIR_WAY", "Plan", "Run", "run_pipeline"]

FEEDS: Final = ("bench-1", "bench-2", "bench-3", "bench-4")
_TENANT = "bench"
_RECEIVER = "receiver"
_READY_SECONDS = 120.0
_POLL_SECONDS = 0.5
_TELL_SECONDS = 5.0
_SETTLE_SECONDS = 60.0
# At the rates of the bar about a second's worth: enough for every stage to have a batch to work on.
MOST_ON_THEIR_WAY: Final = 300
# ListReceipts gives no more of a feed.
_MOST_RECEIPTS = 1000
_ASK_SECONDS = 30.0

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        seconds: of sustained delivery.
        intake_seconds: flat out.
        warmup_seconds: at the steady rate, before anything counts.
        latency_seconds: at the steady rate.
        rate_per_second: the steady rate.
        connections: at once, spread over four feeds.
        people: how many persons the messages are about.
        drain_seconds: how long the mesh may take to bring what it has taken.
        profile: a service to profile, or None.
    """

    seconds: float = 60.0
    intake_seconds: float = 20.0
    warmup_seconds: float = 5.0
    latency_seconds: float = 15.0
    rate_per_second: float = 100.0
    connections: int = 16
    people: int = 2000
    drain_seconds: float = 1800.0
    profile: str | None = None


@dataclasses.dataclass(slots=True)
class Run:
    """What was measured.

    Attributes:
        steady: the load generator's result of the latency phase.
        e2e_ms: percentiles from when a message was due to its commit at the receiver.
        e2e_samples: how many messages these are of.
        intake: the load generator's result of the intake phase.
        delivered_meanwhile: commits at the receiver while the intake phase lasted.
        sustained: the load generator's result of the sustained phase.
        delivered: commits at the receiver while the sustained phase lasted.
        usage: by process, from the begin of the sustained phase to its last commit.
        accepted: all messages of the run that were answered AA.
        stats: of the receiver, at the end.
        report: the conservation report, at the end.
        restarts: processes that ended and were started again; empty in a sound run.
    """

    steady: dict[str, Any]
    e2e_ms: dict[str, float]
    e2e_samples: int
    intake: dict[str, Any]
    delivered_meanwhile: int
    sustained: dict[str, Any]
    delivered: int
    usage: dict[str, Usage]
    accepted: int
    stats: dict[str, Any]
    report: Report
    restarts: list[str]

    @property
    def lost(self) -> int:
        """Messages answered AA that the receiver never got."""
        return max(0, self.accepted - int(self.stats["distinct_messages"]))

    @property
    def duplicated(self) -> int:
        """Transactions at the receiver beyond one a message."""
        return int(self.stats["transactions"]) - int(self.stats["distinct_messages"])

    @property
    def is_sound(self) -> bool:
        """Nothing was lost, brought twice or left on the way, and nothing had to be restarted."""
        return not (self.lost or self.duplicated or self.report.violations or self.restarts)


async def run_pipeline(plan: Plan, profile_folder: pathlib.Path, tell: Tell) -> Run:
    """Do a run.

    Raises:
        PlexusError: the mesh did not start, or the load could not be sent.
    """
    restarts: list[str] = []

    def on_event(event: Event) -> None:
        if event.kind in {EventKind.ENDED, EventKind.FAILED}:
            restarts.append(str(event))
            tell(str(event))

    with _folder(tell) as folder:
        ports = kept_ports(folder / "bench-ports.json", [*FEEDS, _RECEIVER])
        environment = profile_environment(profile_folder, plan.profile) if plan.profile else {}
        mesh = LocalMesh(
            folder / "mesh", _document(folder, ports), on_event=on_event, environment=environment
        )
        listen = f"127.0.0.1:{ports[_RECEIVER]}"
        receive = [
            sys.executable,
            "-m",
            "services.cli",
            "receive",
            "--count-only",
            "--listen",
            listen,
        ]
        mesh.supervisor.add(ProcessSpec(_RECEIVER, receive))
        tell("starting the mesh")
        async with mesh, _Receiver(f"http://{listen}") as receiver:
            await mesh.ready(_READY_SECONDS)
            feed_ports = [ports[name] for name in FEEDS]
            async with LoadProcess(
                feed_ports, connections=plan.connections, people=plan.people
            ) as load:
                run = await _Phases(plan, mesh, receiver, load, tell).run()
        run.restarts = restarts
        return run


class _Phases:
    """The phases over a mesh that is ready."""

    def __init__(
        self, plan: Plan, mesh: LocalMesh, receiver: "_Receiver", load: LoadProcess, tell: Tell
    ) -> None:
        self._plan = plan
        self._mesh = mesh
        self._receiver = receiver
        self._load = load
        self._tell = tell
        self._accepted = 0

    async def run(self) -> Run:
        plan = self._plan
        self._tell(f"warming up: {plan.rate_per_second:g}/s for {plan.warmup_seconds:g} s")
        self._count(await self._load.open_loop(plan.rate_per_second, plan.warmup_seconds))
        before = (await self._drained())["transactions"]

        self._tell(f"latency: {plan.rate_per_second:g}/s for {plan.latency_seconds:g} s")
        steady = await self._load.open_loop(plan.rate_per_second, plan.latency_seconds)
        self._count(steady)
        await self._drained()
        e2e = await self._end_to_end(steady, before)

        self._tell(f"intake: {plan.connections} connections flat out for {plan.intake_seconds:g} s")
        before = (await self._receiver.stats())["transactions"]
        intake = await self._load.closed_loop(plan.intake_seconds, self._tell_progress())
        meanwhile = (await self._receiver.stats())["transactions"] - before
        self._count(intake)
        self._tell("draining")
        before = (await self._drained())["transactions"]

        self._tell(
            f"sustained delivery: at most {MOST_ON_THEIR_WAY} messages on their way,"
            f" for {plan.seconds:g} s"
        )
        sampler = UsageSampler({**self._mesh.supervisor.pids(), "load": self._load.pid})
        await sampler.start()
        sustained = await self._load.sustained(
            plan.seconds, MOST_ON_THEIR_WAY, self._receiver.stats_url, self._tell_progress()
        )
        delivered = (await self._receiver.stats())["transactions"] - before
        self._count(sustained)
        await self._drained()
        usage = await sampler.stop()
        report = await settle(
            self._mesh.mesh, _SETTLE_SECONDS, empty=True, on_progress=lambda _: None
        )
        return Run(
            steady=steady,
            e2e_ms=percentiles_ms(e2e),
            e2e_samples=len(e2e),
            intake=intake,
            delivered_meanwhile=meanwhile,
            sustained=sustained,
            delivered=delivered,
            usage=usage,
            accepted=self._accepted,
            stats=await self._receiver.stats(),
            report=report,
            restarts=[],
        )

    def _count(self, result: Mapping[str, Any]) -> None:
        self._accepted += result["codes"].get("AA", 0)

    def _tell_progress(self) -> Callable[[int], None]:
        told = 0

        def progress(answers: int) -> None:
            nonlocal told
            told += 1
            if told % int(_TELL_SECONDS) == 0:
                self._tell(f"  {answers:,} messages answered")

        return progress

    async def _drained(self) -> dict[str, Any]:
        """Wait until the receiver has what was accepted, or until it takes too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._plan.drain_seconds
        next_telling = loop.time() + _TELL_SECONDS
        while True:
            stats = await self._receiver.stats()
            if stats["distinct_messages"] >= self._accepted or loop.time() > until:
                return stats
            if loop.time() > next_telling:
                next_telling += _TELL_SECONDS
                waiting = self._accepted - stats["distinct_messages"]
                self._tell(f"  {waiting:,} messages on their way")
            await asyncio.sleep(_POLL_SECONDS)

    async def _end_to_end(self, steady: Mapping[str, Any], before: int) -> list[float]:
        """Seconds from due to committed, for the messages whose receipts are still at hand."""
        due_at = dict(steady["samples"])
        message_ids: dict[str, str] = {}
        async with self._mesh.mesh.peer("ingest") as peer:
            stub = ingest_pb2_grpc.IngestServiceStub(peer.channel)
            for feed in FEEDS:
                answer = await peer.ask(
                    stub.ListReceipts,
                    ingest_pb2.ListReceiptsRequest(feed=feed, limit=_MOST_RECEIPTS),
                    deadline_seconds=_ASK_SECONDS,
                )
                message_ids.update((one.message_id, one.control_id) for one in answer.receipts)
        seconds: dict[str, float] = {}
        for at, message_id in await self._receiver.transactions(before):
            control_id = message_ids.get(message_id, "")
            if control_id in due_at:
                seconds.setdefault(control_id, at - due_at[control_id])
        return list(seconds.values())


class _Receiver:
    """Asks the receiver what it has."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_ASK_SECONDS), raise_for_status=True
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def stats_url(self) -> str:
        return f"{self._url}/_stats"

    async def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._get("/_stats")
        return found

    async def transactions(self, after: int) -> list[tuple[float, str]]:
        return [(at, name) for at, name in await self._get(f"/_transactions?after={after}")]

    async def _get(self, path: str) -> Any:
        assert self._session is not None
        async with self._session.get(self._url + path) as answer:
            return await answer.json()


def _document(folder: pathlib.Path, ports: Mapping[str, int]) -> pathlib.Path:
    document = {
        "sources": [{"tenant": _TENANT, "name": name, "time_zone": "UTC"} for name in FEEDS],
        "feeds": [
            {"name": name, "tenant": _TENANT, "listen": f"127.0.0.1:{ports[name]}"}
            for name in FEEDS
        ],
        "destinations": [
            {
                "name": "ehr",
                "tenant": _TENANT,
                "kind": "fhir",
                "url": f"http://127.0.0.1:{ports[_RECEIVER]}",
                "purpose": "TREAT",
            }
        ],
        "policies": [
            {
                "name": "treatment",
                "tenant": _TENANT,
                "purpose": "TREAT",
                "recipient": "*",
                "effect": "permit",
            }
        ],
    }
    path = folder / "plexus.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@contextlib.contextmanager
def _folder(tell: Tell) -> Iterator[pathlib.Path]:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="plexus-bench-"))
    if os.geteuid() == 0:
        # PostgreSQL runs as another user then, who has to get in.
        folder.chmod(0o711)
    try:
        yield folder
    except BaseException:
        tell(f"the logs of this run are in {folder / 'mesh' / 'logs'}")
        raise
    # As root the database may lie elsewhere; the note in the folder says where.
    for note in folder.rglob("data-lies-at"):
        shutil.rmtree(note.read_text(encoding="utf-8").splitlines()[0], ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
