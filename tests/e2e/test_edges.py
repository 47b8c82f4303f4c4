"""Bad bytes at the door of a running mesh: each is answered and kept, and harms nobody else."""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.codecs.mllp import frame
from plexus.testing.waiting import eventually
from services.cli.sample_mesh import SampleFeed
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

FEED = "door"
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    feed = SampleFeed(FEED, pathlib.Path(), ())
    async with running_mesh([feed], sources=pathlib.Path("none")) as running:
        yield running


def message(control: str, extra: str = "") -> bytes:
    return (
        f"MSH|^~\\&|A|B|C|D|20260601120000+0000||ADT^A08^ADT_A01|{control}|P|2.5.1{extra}\r"
        f"EVN|A08|20260601120000+0000\rPID|1||{control}^^^DOOR||Test^Person\r"
    ).encode()


async def connected(running: Running) -> Wire:
    return await asyncio.open_connection("127.0.0.1", running.sample.ports[FEED])


async def answered(wire: Wire, content: bytes) -> bytes:
    wire[1].write(content)
    await wire[1].drain()
    async with asyncio.timeout(10):
        return await wire[0].readuntil(b"\x1c\r")


async def kept(running: Running, reason: str, bytes_at_least: int) -> bool:
    rows = await running.rows(
        "SELECT length(r.content) AS size FROM ingest.receipt r JOIN audit.message m"
        " USING (message_id) WHERE r.outcome = 2 AND m.reason = $1"
        " ORDER BY r.origin DESC LIMIT 1",
        {"INVALID_FRAME": 1, "TOO_LARGE": 2}[reason],
    )
    return bool(rows) and rows[0]["size"] >= bytes_at_least


async def test_bytes_outside_a_frame_are_refused_and_the_next_message_is_taken(
    mesh: Running,
) -> None:
    wire = await connected(mesh)
    first = await answered(wire, b"no frame at all" + frame(message("E1")))
    second = await wire[0].readuntil(b"\x1c\r")
    assert b"MSA|A" in first
    assert b"MSA|AA|E1" not in first
    assert b"MSA|AA|E1" in second
    await eventually(lambda: kept(mesh, "INVALID_FRAME", 15))
    wire[1].close()


async def test_an_oversized_frame_is_refused_and_the_connection_goes_on(mesh: Running) -> None:
    wire = await connected(mesh)
    beside = await connected(mesh)
    large = asyncio.create_task(
        answered(wire, frame(message("E2") + b"NTE|1||" + b"x" * 5 * 1024 * 1024))
    )
    assert b"MSA|AA|E3" in await answered(beside, frame(message("E3")))
    refused = await large
    assert b"|E2" in refused
    assert b"MSA|AA" not in refused
    assert b"MSA|AA|E4" in await answered(wire, frame(message("E4")))
    await eventually(lambda: kept(mesh, "TOO_LARGE", 100))
    wire[1].close()
    beside[1].close()


async def test_a_sender_that_stops_within_a_frame_harms_nobody_and_is_kept(mesh: Running) -> None:
    wire = await connected(mesh)
    beside = await connected(mesh)
    wire[1].write(b"\x0b" + message("E5")[:60])
    await wire[1].drain()
    assert b"MSA|AA|E6" in await answered(beside, frame(message("E6")))
    wire[1].close()
    await eventually(lambda: kept(mesh, "INVALID_FRAME", 60))
    assert b"MSA|AA|E7" in await answered(beside, frame(message("E7")))
    beside[1].close()


async def test_enhanced_mode_is_answered_with_commit_codes(mesh: Running) -> None:
    wire = await connected(mesh)
    assert b"MSA|CA|E8" in await answered(wire, frame(message("E8", "|||AL|NE")))
    wire[1].close()


async def test_the_same_bytes_again_are_answered_again_and_counted_once(mesh: Running) -> None:
    wire = await connected(mesh)
    for _ in range(3):
        assert b"MSA|AA|E9" in await answered(wire, frame(message("E9")))
    wire[1].close()
    rows = await mesh.rows("SELECT outcome FROM ingest.receipt WHERE control_id = 'E9'")
    assert sorted(row["outcome"] for row in rows) == [1, 3, 3]


async def test_a_batch_in_one_frame_is_answered_as_a_batch_and_each_message_has_a_receipt(
    mesh: Running,
) -> None:
    wire = await connected(mesh)
    batch = b"BHS|^~\\&|A|B|C|D|2026||||B1\r" + message("E20") + message("E21") + b"BTS|3\r"
    reply = await answered(wire, frame(batch))
    assert reply.count(b"MSA|AA|") == 2
    assert b"BTS|2|BTS-1 tells 3 messages; there are 2." in reply
    wire[1].close()
    rows = await mesh.rows("SELECT outcome FROM ingest.receipt WHERE control_id IN ('E20', 'E21')")
    assert [row["outcome"] for row in rows] == [1, 1]


async def test_many_connections_at_once_are_all_served(mesh: Running) -> None:
    wires = await asyncio.gather(*(connected(mesh) for _ in range(100)))
    replies = await asyncio.gather(
        *(answered(wire, frame(message(f"M{n}"))) for n, wire in enumerate(wires))
    )
    assert all(f"MSA|AA|M{n}".encode() in reply for n, reply in enumerate(replies))
    for _, writer in wires:
        writer.close()
    report = await mesh.settle()
    assert not report.violations
