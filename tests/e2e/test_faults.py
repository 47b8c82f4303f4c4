"""kill -9 of every process in turn while messages flow, and a NATS store that is lost.

Promises P1 to P3: what was answered AA arrives exactly once, each patient's messages in order, and the
mesh is back to normal within 15 seconds. The checker is plexus.testing.history.
"""

import asyncio
import itertools
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.testing.history import Accepted, Committed, check_history
from plexus.testing.waiting import eventually
from services.cli.sample_mesh import SampleFeed
from services.cli.sending.generator import TrafficGenerator
from services.cli.sending.sender import Sent
from services.registry import SERVICES
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

FEED = "busy"
RECOVERY_SECONDS = 15.0
MOST_IN_FLIGHT = 120
"""The traffic waits at this many: a machine slower than the sender would measure its queue, not recovery."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    feed = SampleFeed(FEED, pathlib.Path(), ())
    async with running_mesh([feed], sources=pathlib.Path("none")) as running:
        yield running


_prefixes = itertools.count(1)


def traffic() -> TrafficGenerator:
    """Messages about the same forty patients, under control ids of their own."""
    return TrafficGenerator(prefix=f"F{next(_prefixes)}-", people=range(40))


async def send_until(running: Running, stopped: asyncio.Event, history: list[Sent]) -> None:
    """Send until told to stop, each message until it is answered, never far ahead of the receiver."""
    messages = traffic()
    arrived_before = arrived(running)

    def may_go_on() -> bool:
        in_flight = len(history) - (arrived(running) - arrived_before)
        return stopped.is_set() or in_flight < MOST_IN_FLIGHT

    while not stopped.is_set():
        history += await running.send(
            FEED, list(itertools.islice(messages, 24)), connections=4, tries=40
        )
        await eventually(may_go_on, timeout_seconds=60)


def arrived(running: Running) -> int:
    """How many messages the receiver has got."""
    return len({one.message_id for one in running.receiver.transactions})


async def check_promises(running: Running, history: list[Sent]) -> None:
    report = await running.settle(90)
    assert not report.violations, report.violations
    counts = report.ledger.feeds[0]
    assert counts.in_flight == counts.parked == 0
    receipts = await running.rows(
        "SELECT control_id, message_id::text AS message_id, key, origin FROM ingest.receipt"
        " WHERE outcome = 1 ORDER BY origin"
    )
    by_control = {row["control_id"]: row for row in receipts}
    accepted = [
        Accepted(row["message_id"], row["key"], row["origin"])
        for sent in history
        if sent.code == "AA"
        for row in [by_control[sent.control_id]]
    ]
    assert accepted
    told = {one.message for one in accepted}
    unknown = [row["message_id"] for row in receipts if row["message_id"] not in told]
    committed = [Committed(t.message_id, t.has_effect) for t in running.receiver.transactions]
    violations = check_history(accepted, committed, unknown=unknown)
    assert not violations, violations
    # Each sender waits for its answer, so receipts of one patient stand in the order of sending.
    newest: dict[str, int] = {}
    for sent in history:
        if sent.code == "AA":
            origin = by_control[sent.control_id]["origin"]
            assert origin > newest.get(sent.patient, 0)
            newest[sent.patient] = origin


async def one_comes_through(running: Running) -> None:
    """Send one more message and wait until it has arrived."""
    probe = list(itertools.islice(traffic(), 1))
    async with asyncio.timeout(RECOVERY_SECONDS):
        sent = await running.send(FEED, probe, tries=100)
        assert sent[0].code == "AA"
        rows = await running.rows(
            "SELECT message_id::text AS id FROM ingest.receipt WHERE control_id = $1",
            sent[0].control_id,
        )

        def has_arrived() -> bool:
            return any(t.message_id == rows[0]["id"] for t in running.receiver.transactions)

        await eventually(has_arrived, timeout_seconds=RECOVERY_SECONDS)


@pytest.mark.parametrize("victim", [*SERVICES, "nats", "postgres"])
async def test_kill_of_one_process_loses_nothing(mesh: Running, victim: str) -> None:
    history: list[Sent] = []
    stopped = asyncio.Event()
    sending = asyncio.create_task(send_until(mesh, stopped, history))
    try:
        await eventually(lambda: len(history) >= 24, timeout_seconds=20)
        await mesh.mesh.supervisor.kill(victim)
        await one_comes_through(mesh)
    finally:
        stopped.set()
        await sending
    await check_promises(mesh, history)


async def test_a_nats_store_that_is_lost_costs_time_and_no_message(mesh: Running) -> None:
    history: list[Sent] = []
    stopped = asyncio.Event()
    sending = asyncio.create_task(send_until(mesh, stopped, history))
    nats = mesh.mesh.nats
    start, wipes = nats.start, []

    async def wipe_and_start(*, deadline_seconds: float = 30.0) -> None:
        await nats.wipe_store()
        wipes.append(1)
        await start(deadline_seconds=deadline_seconds)

    try:
        await eventually(lambda: len(history) >= 24, timeout_seconds=20)
        nats.start = wipe_and_start  # type: ignore[method-assign]  # deleted while it is down
        await mesh.mesh.supervisor.kill("nats")
        await eventually(lambda: bool(wipes), timeout_seconds=10)
        nats.start = start  # type: ignore[method-assign]
        await one_comes_through(mesh)
    finally:
        stopped.set()
        await sending
    await check_promises(mesh, history)
