"""Frames: what goes in comes out, in order within each shard. Not here: the broker (contract tests)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.bus import Outgoing
from plexus.bus.frames import FRAME_HEADER, PLACES, framed, last_of, unframed
from plexus.ids import shard_of

SHARDS = 4
_SAMPLED = f"00-{'a' * 32}-{'b' * 16}-01"
_UNSAMPLED = f"00-{'a' * 32}-{'b' * 16}-00"

outgoing = st.builds(
    Outgoing,
    stream=st.sampled_from(["s", "t"]),
    key=st.sampled_from([f"{n:016x}" for n in range(6)]),
    dedupe_id=st.text("ab", min_size=1, max_size=3),
    data=st.binary(max_size=40),
    traceparent=st.sampled_from(["", _UNSAMPLED, _SAMPLED]),
)


@given(st.lists(outgoing, max_size=200))
def test_each_shard_gets_its_messages_in_order(items: list[Outgoing]) -> None:
    got: dict[tuple[str, int], list[bytes]] = {}
    for subject, headers, body in framed(items, SHARDS):
        stream, key = subject.split(".")
        bodies = unframed(headers.get(FRAME_HEADER), body)
        assert 1 <= len(bodies) <= PLACES
        got.setdefault((stream, shard_of(key, SHARDS)), []).extend(bodies)
    wanted: dict[tuple[str, int], list[bytes]] = {}
    for item in items:
        wanted.setdefault((item.stream, shard_of(item.key, SHARDS)), []).append(item.data)
    assert got == wanted


@given(st.lists(outgoing, max_size=200))
def test_a_traced_message_travels_alone_with_its_context(items: list[Outgoing]) -> None:
    alone = [
        body
        for _, headers, body in framed(items, SHARDS)
        if headers.get("traceparent") == _SAMPLED and FRAME_HEADER not in headers
    ]
    assert sorted(alone) == sorted(one.data for one in items if one.traceparent == _SAMPLED)


def test_the_same_list_has_the_same_names() -> None:
    items = [Outgoing("s", f"{n % 3:016x}", f"m{n}", b"x" * 3000) for n in range(400)]
    names = [headers["Nats-Msg-Id"] for _, headers, _ in framed(items, SHARDS)]
    assert names == [headers["Nats-Msg-Id"] for _, headers, _ in framed(items, SHARDS)]
    assert len(set(names)) == len(names) < len(items)


def test_no_frame_outgrows_its_bytes() -> None:
    items = [Outgoing("s", "0" * 16, f"m{n}", b"x" * 100_000) for n in range(10)]
    assert all(len(body) <= 300_000 for _, _, body in framed(items, SHARDS))


@pytest.mark.parametrize(
    ("count", "body"),
    [
        ("2", b"\1\0\0\0a"),
        ("1", b"\1\0\0\0ab"),
        ("1", b"\5\0\0\0a"),
        ("x", b"\0\0\0\0"),
        ("0", b"a"),
    ],
)
def test_a_broken_frame_is_told(count: str, body: bytes) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        unframed(count, body)


def test_places_rise_with_the_brokers_sequence() -> None:
    assert last_of(0) == 0
    assert last_of(2) - last_of(1) == PLACES
