"""The embedded NATS server: kept address and store, faults, and what it refuses to start."""

import asyncio
import json
import os
import pathlib
import signal
import socket
import stat
import urllib.parse

import nats
import nats.errors
import pytest
from nats.aio.client import Client

from plexus.errors import ConfigurationError, Unavailable
from plexus.local.nats_server import NatsServer, find_nats_server
from plexus.testing.waiting import eventually


async def test_clients_publish_to_jetstream_with_the_url(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    stream = client.jetstream()
    await stream.add_stream(name="S", subjects=["s.>"])
    acknowledged = await stream.publish("s.a", b"one")
    await client.close()
    assert (acknowledged.stream, acknowledged.seq) == ("S", 1)


async def ignore(_: Exception) -> None:
    """Errors are looked at where they are raised."""


async def test_clients_without_the_password_are_refused(nats_server: NatsServer) -> None:
    address = urllib.parse.urlsplit(nats_server.url)
    client = Client()
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await client.connect(
            f"nats://plexus:wrong@127.0.0.1:{address.port}", allow_reconnect=False, error_cb=ignore
        )
    await client.close()


@pytest.mark.parametrize("way_down", ["stop", "kill"])
async def test_a_restart_keeps_the_address_and_what_was_stored(
    nats_server: NatsServer, way_down: str
) -> None:
    url, pid = nats_server.url, nats_server.pid
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="S", subjects=["s.>"])
    await client.jetstream().publish("s.a", b"one")
    await client.close()
    await getattr(nats_server, way_down)()
    assert nats_server.pid is None
    again = NatsServer(nats_server.folder)
    await again.start()
    try:
        assert again.url == url
        assert again.pid != pid
        client = await nats.connect(again.url)
        message = await client.jetstream().get_msg("S", seq=1)
        await client.close()
        assert message.data == b"one"
    finally:
        await again.stop()


async def test_a_wiped_store_has_no_streams(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    await client.jetstream().add_stream(name="S", subjects=["s.>"])
    await client.close()
    with pytest.raises(ConfigurationError):
        await nats_server.wipe_store()
    await nats_server.stop()
    await nats_server.wipe_store()
    await nats_server.start()
    client = await nats.connect(nats_server.url)
    assert await client.jetstream().streams_info() == []
    await client.close()


async def test_it_is_healthy_only_while_it_runs(nats_server: NatsServer) -> None:
    assert await nats_server.is_healthy()
    await nats_server.kill()
    assert not await nats_server.is_healthy()
    assert await nats_server.wait() == -signal.SIGKILL


async def test_only_its_owner_reads_the_password(nats_server: NatsServer) -> None:
    for name in ("password", "nats-server.conf", "nats-server.log"):
        assert stat.S_IMODE((nats_server.folder / name).stat().st_mode) == 0o600


async def test_a_kept_port_that_another_program_holds_is_told(server_folder: pathlib.Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = {"client": other.getsockname()[1], "monitor": 10_001}
        (server_folder / "ports.json").write_text(json.dumps(ports))
        server = NatsServer(server_folder)
        with pytest.raises(Unavailable, match=r"ports\.json"):
            await server.start(deadline_seconds=1.0)
        assert server.pid is None


async def test_a_configuration_the_server_refuses_is_told(server_folder: pathlib.Path) -> None:
    server = NatsServer(server_folder, configuration="no_such_field: 1")
    with pytest.raises(ConfigurationError, match="no_such_field"):
        await server.start()


async def test_an_old_server_is_refused(
    server_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = server_folder / "nats-server"
    old.write_text("#!/bin/sh\necho 'nats-server: v2.9.10'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PLEXUS_NATS_SERVER", str(old))
    with pytest.raises(ConfigurationError, match=r"2\.9.*2\.14"):
        await NatsServer(server_folder / "data").start()


def test_a_named_program_that_is_missing_is_not_replaced_by_another() -> None:
    with pytest.raises(ConfigurationError, match="PLEXUS_NATS_SERVER"):
        find_nats_server({"PLEXUS_NATS_SERVER": "/nowhere/nats-server"})


def test_the_program_of_the_wheel_is_found_without_a_path() -> None:
    assert os.access(find_nats_server({}), os.X_OK)


async def test_many_start_at_once_without_meeting(server_folder: pathlib.Path) -> None:
    many = [NatsServer(server_folder / str(number)) for number in range(5)]
    try:
        await asyncio.gather(*(server.start() for server in many))
        assert len({server.url for server in many}) == len(many)
        await eventually(lambda: all(server.pid for server in many))
    finally:
        await asyncio.gather(*(server.kill() for server in many))
