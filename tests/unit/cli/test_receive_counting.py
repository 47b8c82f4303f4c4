"""The server of a receiver that only counts, over HTTP and over bare bytes."""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import orjson
import pytest

from plexus.testing.waiting import eventually
from services.cli.receiver import Faults, FhirReceiver
from tests.unit.cli.test_receive import asking, bundle, patient

_POST = b"POST / HTTP/1.1\r\nHost: x\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b"


async def _talk(receiver: FhirReceiver, *pieces: bytes) -> bytes:
    """All that comes back for some bytes, until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_transaction_is_counted_by_its_request_id_without_a_look_at_it() -> None:
    async with asking(count_only=True) as client:
        for name in ("r1", "r2", "r1"):
            answer = await client.ask("POST", "/", b"{not json", **{"X-Request-Id": name})
            assert answer["status"] == 200
            assert answer["body"] == {"resourceType": "Bundle", "type": "transaction-response"}
            assert answer["headers"]["Content-Type"] == "application/fhir+json"
        stats = client.receiver.stats()
        assert (stats["transactions"], stats["distinct_messages"], stats["bytes"]) == (3, 2, 27)


async def test_what_has_no_request_id_is_counted_by_its_bundle_and_must_be_json() -> None:
    async with asking(count_only=True) as client:
        assert (await client.post(patient(), message="m7"))["status"] == 200
        assert (await client.ask("POST", "/", b"{not json"))["status"] == 400
        assert [one.message_id for one in client.receiver.transactions] == ["m7"]


async def test_nothing_is_counted_without_the_token() -> None:
    async with asking(count_only=True, bearer="s3cret") as client:
        headers = {"X-Request-Id": "r1"}
        assert (await client.ask("POST", "/", b"{}", **headers))["status"] == 401
        headers["Authorization"] = "Bearer s3cret"
        assert (await client.ask("POST", "/", b"{}", **headers))["status"] == 200
        assert client.receiver.stats()["transactions"] == 1


async def test_faults_on_purpose_are_those_of_the_usual_server() -> None:
    async with asking(count_only=True, faults=Faults(answer=503)) as client:
        made, headers = bundle(patient()), {"X-Request-Id": "r1"}
        assert (await client.ask("POST", "/", made, **headers))["status"] == 503
        client.receiver.faults = Faults(delay_seconds=0.01)
        assert (await client.ask("POST", "/", made, **headers))["status"] == 200
        assert client.receiver.stats()["failures"] == 1
        assert [one.message_id for one in client.receiver.transactions] == ["r1"]


async def test_what_is_counted_is_in_the_log_before_the_answer(tmp_path: pathlib.Path) -> None:
    async with asking(count_only=True, out=tmp_path) as client:
        await client.ask("POST", "/", bundle(patient()), **{"X-Request-Id": "r1"})
        (line,) = (tmp_path / "transactions.ndjson").read_bytes().splitlines()
        assert orjson.loads(line)["message"] == "r1"


async def test_requests_of_a_connection_are_answered_in_their_order() -> None:
    async with FhirReceiver(count_only=True) as receiver:
        answers = await _talk(
            receiver,
            b"GET /metadata HTTP/1.1\r\nHost: x\r\n\r\n" + _POST % (b"r1", 2, b"{}"),
            b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /_stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
    statuses = [part.split(b" ", 1)[0] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"405", b"200"]
    assert b"CapabilityStatement" in answers.split(b"HTTP/1.1 ")[1]
    assert answers.split(b"HTTP/1.1 ")[3].endswith(b"\r\n\r\n")  # HEAD has no body
    assert b'"transactions":1' in answers


async def test_a_body_in_chunks_or_byte_by_byte_is_read_whole() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"12345"

    async with asking(count_only=True) as client:
        answer = await client.ask_stream(body(), "r1")
        assert answer == 200
        whole = _POST.replace(b"Host: x", b"Connection: close") % (b"r2", 4, b"6789")
        assert b" 200 " in await _talk(
            client.receiver, *(whole[at : at + 1] for at in range(len(whole)))
        )
        assert client.receiver.stats()["bytes"] == 19


async def test_a_client_that_waits_to_be_told_is_told_to_go_on() -> None:
    async with FhirReceiver(count_only=True) as receiver:
        head = (
            b"POST / HTTP/1.1\r\nConnection: close\r\nX-Request-Id: r1\r\nExpect: 100-continue\r\n"
            b"Content-Length: 2\r\n\r\n"
        )
        answers = await _talk(receiver, head, b"{}")
    assert answers.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_stopping_answers_what_is_under_way_and_hangs_up() -> None:
    async with FhirReceiver(count_only=True, faults=Faults(delay_seconds=0.1)) as receiver:
        talking = asyncio.create_task(_talk(receiver, _POST % (b"r1", 2, b"{}")))
        await eventually(lambda: receiver.stats()["bytes"] == 2)
    assert (await talking).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"MSH|^~\\&|no HTTP\r", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n", b"415"),
        (b"POST / HTTP/1.1\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    sent: bytes, status: bytes
) -> None:
    async with FhirReceiver(count_only=True) as receiver:
        answer = await _talk(receiver, sent)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"OperationOutcome" in answer
        assert receiver.stats()["transactions"] == 0
