"""What every bus promises (plexus.bus.contract), on each bus there is."""

import asyncio
import itertools

import pytest

from plexus.bus import Bus, Consumer, ConsumerLost, Incoming, Outgoing
from plexus.errors import Unavailable
from plexus.ids import KeyDigest, shard_of
from plexus.testing.waiting import eventually
from tests.contract.conftest import SHARDS, BusWorld

ALL = range(SHARDS)
_DIGEST = KeyDigest(b"a secret for tests only")
KEYS = tuple(_DIGEST.key("t", str(number)) for number in range(12))


def item(number: int, key: str = KEYS[0], stream: str = "s", name: str = "") -> Outgoing:
    return Outgoing(stream, key, name or f"m{number}", f"{key} {number}".encode())


def items(count: int, start: int = 1) -> list[Outgoing]:
    """Messages of all keys in turn."""
    keys = itertools.cycle(KEYS)
    return [item(number, next(keys)) for number in range(start, start + count)]


async def read(consumer: Consumer, count: int, limit: int = 64) -> list[Incoming]:
    """The next `count` messages; fails where they do not come."""
    found: list[Incoming] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await consumer.next_batch(limit, 0.2)
    return found


async def read_all(bus: Bus, count: int) -> list[Incoming]:
    consumer = await bus.consume("s", ALL, 0, "test")
    found = await read(consumer, count)
    assert await consumer.next_batch(64, 0.05) == []
    await consumer.close()
    return found


def data(found: list[Incoming]) -> list[bytes]:
    return [incoming.data for incoming in found]


def data_of(sent: list[Outgoing]) -> list[bytes]:
    return [outgoing.data for outgoing in sent]


async def test_each_key_keeps_its_order_and_its_shard(bus_world: BusWorld) -> None:
    sent = items(60)
    await bus_world.bus.state("s")
    await bus_world.bus.publish(sent)
    found = await read_all(bus_world.bus, 60)
    for key in KEYS:
        of_key = [one for one in found if one.data.startswith(key.encode())]
        assert data(of_key) == [one.data for one in sent if one.key == key]
        assert {one.shard for one in of_key} == {shard_of(key, SHARDS)}


async def test_sequences_rise_from_nothing_to_the_streams_last(bus_world: BusWorld) -> None:
    assert (await bus_world.bus.state("s")).last_sequence == 0
    await bus_world.bus.publish(items(10))
    sequences = [one.sequence for one in await read_all(bus_world.bus, 10)]
    assert sequences == sorted(set(sequences))
    assert 0 < sequences[0] <= sequences[-1] <= (await bus_world.bus.state("s")).last_sequence


async def test_the_first_of_two_with_one_id_is_kept_in_each_stream(bus_world: BusWorld) -> None:
    bus = bus_world.bus
    for stream in ("s", "other"):
        await bus.state(stream)
    for number in (1, 2):
        await bus.publish([item(number, name="x")])
        await bus.publish([item(3, stream="other", name="x")])
    await bus.publish([item(5)])
    assert data(await read_all(bus, 2)) == [item(1).data, item(5).data]
    consumer = await bus.consume("other", ALL, 0, "test")
    assert data(await read(consumer, 1)) == [item(3).data]
    assert await consumer.next_batch(64, 0.05) == []
    await consumer.close()


async def test_a_list_that_is_published_again_is_kept_once(bus_world: BusWorld) -> None:
    await bus_world.bus.state("s")
    for _ in range(2):
        await bus_world.bus.publish(items(300))
    found = await read_all(bus_world.bus, 300)
    assert sorted(data(found)) == sorted(one.data for one in items(300))


async def test_a_stream_that_nobody_has_asked_for_is_made_by_publishing(
    bus_world: BusWorld,
) -> None:
    async def published() -> bool:
        try:
            await bus_world.bus.publish([item(1)])
        except Unavailable:
            return False
        return True

    await eventually(published)
    assert data(await read_all(bus_world.bus, 1)) == [item(1).data]


async def test_reading_begins_after_the_mark(bus_world: BusWorld) -> None:
    await bus_world.bus.state("s")
    await bus_world.bus.publish(items(40))
    every = await read_all(bus_world.bus, 40)
    for seen in (0, 1, 7, 39):
        after = every[seen].sequence
        consumer = await bus_world.bus.consume("s", ALL, after, "test")
        assert await read(consumer, 39 - seen) == every[seen + 1 :]
        await consumer.close()
    await bus_world.bus.publish(items(1, start=41))
    consumer = await bus_world.bus.consume("s", ALL, every[-1].sequence, "test")
    assert data(await read(consumer, 1)) == data_of(items(1, start=41))
    await consumer.close()


async def test_readers_of_different_shards_share_the_stream_without_gaps_or_repeats(
    bus_world: BusWorld,
) -> None:
    bus = bus_world.bus
    await bus.state("s")
    await bus.publish(items(700))
    of_shard = {
        shard: [one.data for one in items(700) if shard_of(one.key, SHARDS) == shard]
        for shard in ALL
    }
    for shards in ((0, 2), (1, 3)):
        consumer = await bus.consume("s", shards, 0, "test")
        found = await read(consumer, sum(len(of_shard[shard]) for shard in shards), limit=7)
        await consumer.close()
        for shard in shards:
            assert [one.data for one in found if one.shard == shard] == of_shard[shard]
        assert {one.shard for one in found} <= set(shards)


async def test_a_batch_is_no_larger_than_its_limit(bus_world: BusWorld) -> None:
    await bus_world.bus.state("s")
    await bus_world.bus.publish(items(20))
    consumer = await bus_world.bus.consume("s", ALL, 0, "test")
    await eventually(lambda: _has_some(consumer, 3))
    await consumer.close()


async def _has_some(consumer: Consumer, limit: int) -> bool:
    batch = await consumer.next_batch(limit, 0.2)
    assert len(batch) <= limit
    return len(batch) == limit


async def test_pending_falls_to_nothing_for_this_reader(bus_world: BusWorld) -> None:
    bus = bus_world.bus
    await bus.state("s")
    await bus.publish(items(24))
    shard = shard_of(KEYS[0], SHARDS)
    mine = [one for one in items(24) if shard_of(one.key, SHARDS) == shard]
    consumer = await bus.consume("s", [shard], 0, "test")
    found = await read(consumer, len(mine))
    pending = [one.pending for one in found]
    assert pending == sorted(pending, reverse=True)
    assert pending[0] < len(mine)
    assert pending[-1] == 0
    await consumer.close()


async def test_nothing_is_read_where_nothing_arrives(bus_world: BusWorld) -> None:
    consumer = await bus_world.bus.consume(
        "s", ALL, (await bus_world.bus.state("s")).last_sequence, "t"
    )
    assert await consumer.next_batch(10, 0.01) == []
    await consumer.close()


async def test_what_one_member_publishes_another_one_reads(bus_world: BusWorld) -> None:
    await bus_world.bus.state("s")
    consumer = await (await bus_world.another()).consume("s", ALL, 0, "test")
    await bus_world.bus.publish([item(1)])
    assert data(await read(consumer, 1)) == [item(1).data]
    await consumer.close()


async def _is_lost(consumer: Consumer) -> bool:
    """What had come before the connection was lost may be read until the loss is known."""
    try:
        await consumer.next_batch(10, 0.1)
    except ConsumerLost:
        return True
    return False


async def test_a_lost_store_is_another_incarnation_and_loses_the_readers(
    bus_world: BusWorld,
) -> None:
    bus = bus_world.bus
    before = await bus.state("s")
    await bus.publish(items(5))
    consumer = await bus.consume("s", ALL, 0, "test")
    connections = bus.connections
    await bus_world.lose_store()
    assert bus.connections > connections
    await eventually(lambda: _is_lost(consumer))
    await consumer.close()
    after = await bus.state("s")
    assert after.incarnation != before.incarnation
    assert after.last_sequence == 0
    await bus.publish(items(3))  # the same ids: another stream does not know them
    assert sorted(data(await read_all(bus, 3))) == sorted(data_of(items(3)))


async def test_a_new_connection_loses_the_readers_and_nothing_else(bus_world: BusWorld) -> None:
    bus = bus_world.bus
    before = await bus.state("s")
    await bus.publish(items(5))
    consumer = await bus.consume("s", ALL, 0, "test")
    await bus_world.go_down()
    await bus_world.come_back()
    await eventually(lambda: _is_lost(consumer))
    await consumer.close()
    assert (await bus.state("s")).incarnation == before.incarnation
    every = await read_all(bus, 5)
    fresh = await bus.consume("s", ALL, every[2].sequence, "test")
    await bus.publish(items(2, start=6))
    found = data(await read(fresh, 4))
    assert found[:2] == data(every[3:])
    assert sorted(found[2:]) == sorted(data_of(items(2, start=6)))
    await fresh.close()


async def test_what_failed_is_published_again_without_doubles(bus_world: BusWorld) -> None:
    bus = bus_world.bus
    await bus.state("s")
    await bus.publish(items(8))
    await bus_world.go_down()
    assert not bus.connected
    with pytest.raises(Unavailable):
        await bus.publish(items(8))
    await bus_world.come_back()
    await bus.publish(items(8))
    assert sorted(data(await read_all(bus, 8))) == sorted(data_of(items(8)))


async def test_who_asks_while_the_bus_is_down_is_told(bus_world: BusWorld) -> None:
    await bus_world.bus.state("s")
    await bus_world.go_down()
    with pytest.raises(Unavailable):
        await bus_world.bus.state("s")
    with pytest.raises(Unavailable):
        await bus_world.bus.consume("s", ALL, 0, "test")
    with pytest.raises(Unavailable):
        await bus_world.bus.leases.heartbeat("stage", "a")
