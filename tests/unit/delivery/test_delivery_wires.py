"""What is not valid FHIR does not leave, whatever the kind of destination."""

import datetime
import pathlib

import pytest
from aiohttp import web

from plexus.codecs.fhir import Disclosure
from plexus.errors import InvalidMessage, Reason
from services.delivery.actors import Parcel
from services.delivery.actors.outcomes import parked
from services.delivery.edge import FhirWire, FolderWire
from tests.unit.delivery import delivery_material as material


def parcel(disclosure: Disclosure) -> Parcel:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return Parcel("m1", at, "", "north", disclosure)


async def test_a_folder_gets_what_is_valid_and_no_file_of_what_is_not(
    tmp_path: pathlib.Path,
) -> None:
    wire = FolderWire(tmp_path)
    with pytest.raises(InvalidMessage) as raised:
        await wire.send(parcel(material.must_not_leave()))
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - an empty folder of a test
    assert raised.value.reason == Reason.REASON_INVALID_OUTPUT
    await wire.send(parcel(material.sound()))
    assert (tmp_path / "2026-01-01" / "m1.ndjson").is_file()


async def test_a_server_gets_what_is_valid_and_no_request_of_what_is_not() -> None:
    got: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.read())
        return web.Response()

    application = web.Application()
    application.router.add_post("/fhir/", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    wire = FhirWire(f"http://{host}:{port}/fhir", timeout_seconds=5, token_file=None)
    try:
        with pytest.raises(InvalidMessage, match=r"Flag\.status: binding") as raised:
            await wire.send(parcel(material.must_not_leave()))
        assert got == []
        outcome = parked(material.item("m1"), raised.value)
        assert outcome.reason == Reason.REASON_INVALID_OUTPUT
        assert "Wick" not in outcome.detail
        await wire.send(parcel(material.sound()))
        assert len(got) == 1
    finally:
        await wire.close()
        await runner.cleanup()
