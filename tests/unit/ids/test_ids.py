"""Names: UUIDs that sort by time, keys that tell nothing, shards as the server computes them."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.ids import KeyDigest, RandomIds, resource_id, shard_of

SECRET = b"a secret of tests"


@given(st.integers(0, 2**48 - 1))
def test_a_message_id_is_a_uuid_of_version_7_that_tells_its_time(milliseconds: int) -> None:
    made = uuid.UUID(RandomIds(lambda: milliseconds).message_id())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == milliseconds


def test_message_ids_differ_and_sort_by_time() -> None:
    times = iter([1, 1, 2, 3])
    ids = RandomIds(lambda: next(times))
    made = [ids.message_id() for _ in range(4)]
    assert len(set(made)) == 4
    assert sorted(made[1:]) == made[1:]


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_a_key_belongs_to_its_tenant_and_parts(tenant: str, first: str, second: str) -> None:
    digest = KeyDigest(SECRET)
    key = digest.key(tenant, first, second)
    assert key == KeyDigest(SECRET).key(tenant, first, second)
    assert len(key) == 16
    assert int(key, 16) >= 0
    assert key != KeyDigest(b"another secret of tests").key(tenant, first, second)
    assert key != digest.key(tenant + "x", first, second)


def test_parts_do_not_run_into_each_other() -> None:
    digest = KeyDigest(SECRET)
    assert digest.key("t", "ab", "c") != digest.key("t", "a", "bc")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        KeyDigest(b"x" * 15)


@pytest.mark.parametrize(
    ("text", "digest"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)]
)
def test_the_shard_is_the_published_fnv_1a(text: str, digest: int) -> None:
    # Test vectors of http://www.isthe.com/chongo/tech/comp/fnv; the contract test of the bus holds it
    # against the server's own `partition`.
    assert shard_of(text, 2**32) == digest
    assert shard_of(text, 8) == digest % 8


@given(st.text(), st.text(), st.text())
def test_a_resource_id_is_the_uuid_5_of_its_name(tenant: str, kind: str, key: str) -> None:
    namespace = uuid.UUID("0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11")
    assert resource_id(tenant, kind, key) == str(uuid.uuid5(namespace, f"{tenant}|{kind}|{key}"))
