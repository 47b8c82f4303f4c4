"""The bus on NATS, beyond what every bus promises: connecting, large messages, and a server that dies."""

import asyncio
import contextlib
import re

import pytest

from plexus.bus import Consumer, JetStreamBus, Outgoing, connect_bus
from plexus.errors import ConfigurationError, Unavailable
from plexus.local.nats_server import NatsServer
from plexus.testing.waiting import eventually

SHARDS = 4
KEY = "0000000000000000"


async def connected(url: str, *, create_streams: bool = True) -> JetStreamBus:
    return await connect_bus(
        url, name="test", shards=SHARDS, create_streams=create_streams, lease_seconds=5.0
    )


def items(count: int, size: int) -> list[Outgoing]:
    return [
        Outgoing("s", KEY, f"m{number}", number.to_bytes(4) + b"x" * (size - 4))
        for number in range(count)
    ]


async def read(consumer: Consumer, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [one.data for one in await consumer.next_batch(100, 0.5)]
    return found


async def test_refused_credentials_are_the_configurations_fault(nats_server: NatsServer) -> None:
    with pytest.raises(ConfigurationError, match="credentials") as caught:
        await connected(re.sub(r":[^:@]+@", ":wrong@", nats_server.url))
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("url", ["nats://[", "nats://127.0.0.1:port"])
async def test_an_address_that_is_none_is_the_configurations_fault(url: str) -> None:
    with pytest.raises(ConfigurationError, match="PLEXUS_NATS_URL"):
        await connected(url)


async def test_a_server_that_is_not_there_is_told_and_not_waited_for() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="PLEXUS_NATS_URL"):
            await connected("nats://127.0.0.1:1")


async def test_who_may_not_make_streams_waits_for_them(nats_server: NatsServer) -> None:
    bus = await connected(nats_server.url, create_streams=False)
    with pytest.raises(Unavailable, match="may not be made"):
        await bus.state("s")
    with pytest.raises(Unavailable):
        await bus.publish(items(1, 10))
    maker = await connected(nats_server.url)
    await maker.state("s")
    await bus.publish(items(1, 10))
    assert (await bus.state("s")).last_sequence > 0
    await maker.close()
    await bus.close()


async def test_two_members_make_a_missing_stream_together(nats_server: NatsServer) -> None:
    buses = [await connected(nats_server.url) for _ in range(3)]
    states = await asyncio.gather(*(bus.state("s") for bus in buses))
    assert len({state.incarnation for state in states}) == 1
    for bus in buses:
        await bus.close()


async def test_the_largest_messages_arrive(nats_server: NatsServer) -> None:
    bus = await connected(nats_server.url)
    await bus.state("s")
    large = items(3, 8 * 1024 * 1024 - 1024)
    await bus.publish([*large, Outgoing("s", KEY, "last", b"last")])
    consumer = await bus.consume("s", range(SHARDS), 0, "test")
    assert await read(consumer, 4) == [*(item.data for item in large), b"last"]
    await consumer.close()
    await bus.close()


async def test_much_at_once_is_published_in_order(nats_server: NatsServer) -> None:
    bus = await connected(nats_server.url)
    await bus.state("s")
    many = items(1500, 4000)
    await bus.publish(many)
    consumer = await bus.consume("s", range(SHARDS), 0, "test")
    assert await read(consumer, 1500) == [item.data for item in many]
    await consumer.close()
    await bus.close()


async def test_a_server_that_is_killed_while_publishing_breaks_no_order(
    nats_server: NatsServer,
) -> None:
    bus = await connected(nats_server.url)
    await bus.state("s")
    many = items(600, 50_000)  # more than the client buffers
    publishing = asyncio.create_task(bus.publish(many))

    async def begun() -> bool:
        return (await bus.state("s")).last_sequence > 0

    with contextlib.suppress(Unavailable):
        await eventually(begun)
    await nats_server.kill()
    await nats_server.start()
    with contextlib.suppress(Unavailable):
        await publishing

    async def published() -> bool:
        with contextlib.suppress(Unavailable):
            await bus.publish(many)
            return True
        return False

    await eventually(published, timeout_seconds=20)
    consumer = await bus.consume("s", range(SHARDS), 0, "test")
    found: list[bytes] = []

    async def all_found() -> bool:
        found.extend(one.data for one in await consumer.next_batch(100, 1.0))
        return len(set(found)) == len(many)

    await eventually(all_found, timeout_seconds=20)
    # Doubles may come where the server has forgotten ids; first appearances keep the order.
    assert list(dict.fromkeys(found)) == [item.data for item in many]
    await consumer.close()
    await bus.close()


async def test_leaving_a_bus_that_is_down_is_no_error(nats_server: NatsServer) -> None:
    bus = await connected(nats_server.url)
    await bus.state("s")
    consumer = await bus.consume("s", [0], 0, "test")
    await nats_server.kill()
    await eventually(lambda: not bus.connected)
    await consumer.close()
    await bus.close()


async def test_many_failures_leave_room_to_publish(nats_server: NatsServer) -> None:
    bus = await connected(nats_server.url)
    await bus.state("s")
    too_large = Outgoing("s", KEY, "large", b"x" * (9 * 1024 * 1024))
    for number in range(20):
        window = [Outgoing("s", KEY, f"{number}.{place}", b"y") for place in range(400)]
        with pytest.raises(Unavailable):
            await bus.publish([*window, too_large])
    # The client allows 4,000 unanswered publications: none may be left over.
    async with asyncio.timeout(10):
        await bus.publish([Outgoing("s", KEY, f"last.{place}", b"z") for place in range(400)])
    await bus.close()
