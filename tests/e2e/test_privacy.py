"""No patient data outside the data: marked values in good and bad messages, then everything searched.

Searched: logs of every process, of NATS and PostgreSQL; spans; metrics; subjects and headers of every
stream; custody, audit and what the command line prints; acknowledgements. Not searched: the stores and
the payloads themselves, which hold the data by design.
"""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import aiohttp
import nats
import pytest
import pytest_asyncio
from nats.js.api import RawStreamMsg

from plexus.bus import unpack
from plexus.bus.frames import FRAME_HEADER, unframed
from plexus.codecs.mllp import frame
from plexus.testing.waiting import eventually
from services.cli.sample_mesh import SampleFeed
from tests.e2e.running import TRACED, Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

FEED = "marked"
MARKS = ("Zyxqfamily", "Zyxqgiven", "ZYXQMRN77", "ZYXQSTREET", "ZYXQPHONE", "ZYXQTEXT", "19331122")
GOOD = (
    "MSH|^~\\&|APP|FAC|PLEXUS|HUB|20260601120000+0000||{type}|{control}|P|2.5.1\r"
    "EVN|A01|20260601120000+0000\r"
    "PID|1||ZYXQMRN77{n}^^^MARK&2.999.77&ISO^MR||Zyxqfamily^Zyxqgiven||19331122|F|||ZYXQSTREET 1"
    "^^Town||ZYXQPHONE\r"
    "PV1|1|I|W1^101^A\r"
    "ZPV|1|ZYXQTEXT\r"
)
RESULT = (
    "OBR|1|O{n}^X|F{n}^X|24323-8^Panel^LN|||20260601110000+0000\r"
    "OBX|1|TX|8251-1^Comment^LN||ZYXQTEXT note||||||F\r"
    "OBX|2|NM|2345-7^Glucose^LN||ZYXQTEXT|mg/dL|||||F\r"
    "OBX|3|NM|LOCAL1^Local test^99LAB||5|mg/dL|||||F\r"
    "OBX|4|NM|called ZYXQTEXT at noon||5|mg/dL|||||F\r"
    "OBX|5|CE|2345-7^Glucose^LN||Zyxqfamily^Zyxqgiven||||||F\r"
)


def _messages() -> list[bytes]:
    good = [GOOD.format(type="ADT^A01^ADT_A01", control=f"G{n}", n=n).encode() for n in range(3)]
    results = [
        (GOOD.format(type="ORU^R01^ORU_R01", control=f"R{n}", n=n) + RESULT.format(n=n)).encode()
        for n in range(3)
    ]
    bad = [
        GOOD.format(type="SIU^S12", control="B1", n=1).encode(),
        GOOD.format(type="ADT^A40^ADT_A39", control="B2", n=1).encode(),
        GOOD.format(type="ADT^A01", control="B3", n=1).replace("ZYXQMRN771", "").encode(),
        GOOD.format(type="ADT^A01", control="B4", n=1).replace("|2.5.1", "|9.9").encode(),
        GOOD.format(type="ADT^A01", control="B5", n=1)
        .replace("|2.5.1\r", "|2.5.1||||||UNICODE UTF-8\r")
        .encode()
        + b"NTE|1||ZYXQTEXT\xff\xfe\r",
        b"Zyxqfamily Zyxqgiven is no message",
        GOOD.format(type="ADT^A01", control="B6", n=1).encode() + b"ZZZ|" + b"ZYXQTEXT" * 1_000_000,
    ]
    return [*good, *results, *bad]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def marked() -> AsyncIterator[tuple[Running, bytes]]:
    feed = SampleFeed(FEED, pathlib.Path(), ())
    async with running_mesh([feed], sources=pathlib.Path("none"), environment=TRACED) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.sample.ports[FEED])
        answers = b""
        for message in _messages():
            writer.write(frame(message))
            await writer.drain()
            answers += await reader.readuntil(b"\x1c\r")
        writer.write(b"Zyxqfamily outside a frame")
        writer.write(b"\x0b" + _messages()[0][:200])
        writer.close()
        await writer.wait_closed()
        report = await running.settle()
        assert not report.violations
        assert sum(feed.delivered for feed in report.ledger.feeds) == 7
        yield running, answers


def _bodies(message: RawStreamMsg) -> list[bytes]:
    return unframed((message.headers or {}).get(FRAME_HEADER), message.data or b"")


def _marks_in(content: bytes) -> list[str]:
    return [mark for mark in MARKS if mark.encode() in content]


async def test_the_marks_are_where_they_belong(marked: tuple[Running, bytes]) -> None:
    running, _ = marked
    delivered = b"".join(path.read_bytes() for path in running.sample.archive.rglob("*.ndjson"))
    assert set(MARKS) - {"19331122"} <= set(_marks_in(delivered))


async def test_no_log_or_span_holds_patient_data(marked: tuple[Running, bytes]) -> None:
    running, _ = marked
    folder = running.mesh.folder
    files = [
        *(folder / "logs").rglob("*"),
        *(folder / "spans").rglob("*"),
        running.mesh.nats.log,
        running.mesh.postgres.log,
    ]
    searched = [path for path in files if path.is_file()]
    assert len(searched) > 10
    found = {str(path): marks for path in searched if (marks := _marks_in(path.read_bytes()))}
    assert not found


async def test_no_metric_holds_patient_data(marked: tuple[Running, bytes]) -> None:
    running, _ = marked
    async with aiohttp.ClientSession() as session:
        for address in running.mesh.mesh.admin.values():
            async with session.get(f"http://{address}/metrics") as answer:
                content = await answer.read()
            assert b"plexus_" in content
            assert not _marks_in(content)


async def test_no_subject_or_header_holds_patient_data(marked: tuple[Running, bytes]) -> None:
    running, _ = marked
    client = await nats.connect(running.mesh.nats.url)
    try:
        js = client.jetstream()
        for stream in ("raw", "canonical", "resolved", "changed", "audit"):
            state = (await js.stream_info(stream)).state
            assert state.messages
            for sequence in range(state.first_seq, state.last_seq + 1):
                message = await js.get_msg(stream, sequence)
                told = f"{message.subject} {message.headers}".encode()
                assert not _marks_in(told)
            payloads = [
                unpack(body).SerializeToString()
                for n in range(state.first_seq, state.last_seq + 1)
                for body in _bodies(await js.get_msg(stream, n))
            ]
            # Evidence is no place for patient data either, payload and all.
            assert bool(_marks_in(b"".join(payloads))) is (stream != "audit")
    finally:
        await client.close()


async def test_no_answer_or_command_shows_patient_data(marked: tuple[Running, bytes]) -> None:
    running, answers = marked
    assert answers.count(b"MSA|") == len(_messages())
    assert not _marks_in(answers)
    message = running.receiver.transactions[-1].message_id
    for command in (
        ("why", message),
        ("why", message, "--json"),
        ("parked", "list", "--rejected"),
        ("conservation", "--json"),
        ("list",),
    ):
        code, output = await running.plexus(*command)
        assert code == 0, output
        assert not _marks_in(output.encode())


async def test_the_worklist_of_unmapped_codes_holds_codes_and_nothing_that_was_typed(
    marked: tuple[Running, bytes],
) -> None:
    running, _ = marked

    async def is_written() -> bool:
        _, output = await running.plexus("terms", "unmapped", "--json")
        return "LOCAL1" in output

    await eventually(is_written, timeout_seconds=30)
    _, output = await running.plexus("terms", "unmapped", "--json")
    assert not _marks_in(output.encode())
    rows = await running.rows("SELECT u::text AS row FROM transform.unmapped_code u")
    assert not _marks_in("".join(row["row"] for row in rows).encode())


async def test_evidence_in_the_store_holds_no_patient_data(marked: tuple[Running, bytes]) -> None:
    running, _ = marked
    for table, body in (("custody", "entries"), ("message", "standing"), ("audit_event", "body")):
        rows = await running.rows(f"SELECT {body} AS body FROM audit.{table}")
        assert rows
        assert not _marks_in(b"".join(row["body"] for row in rows))
