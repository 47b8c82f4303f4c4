"""Names for things: message ids, trace ids, and the keyed digest that orders a person's messages."""

import hashlib
import hmac
import os
import time
import uuid
from collections.abc import Callable
from typing import Final, Protocol

__all__ = [
    "STEWARDSHIP",
    "IdSource",
    "KeyDigest",
    "RandomIds",
    "named_id",
    "part_id",
    "part_name",
    "random_digits",
    "resource_id",
    "shard_of",
]

STEWARDSHIP: Final = "stewardship"
"""Source and feed of the messages by which the mesh carries out what people decide about who is who. No
feed of the mesh document may be called so."""

_POOL_BYTES = 4096
_NAMESPACE = uuid.UUID("0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11")


class _Pool:
    """Randomness of the operating system, fetched for many names at once: each fetch is a call."""

    def __init__(self) -> None:
        self._digits = ""
        self._used = 0
        # A child of a fork must not give the names that its parent gives.
        os.register_at_fork(after_in_child=self._drop)

    def take(self, count: int) -> str:
        start, end = self._used, self._used + count
        if end > len(self._digits):
            self._digits = os.urandom(max(_POOL_BYTES, count)).hex()
            start, end = 0, count
        self._used = end
        return self._digits[start:end]

    def _drop(self) -> None:
        self._digits = ""
        self._used = 0


_pool = _Pool()


def random_digits(count: int) -> str:
    """That many random hexadecimal digits, for names. Not for secrets."""
    return _pool.take(count)


class IdSource(Protocol):
    """Where new ids come from; passed in, so that a test or a simulation can decide them."""

    def message_id(self) -> str:
        """A new UUID, version 7 (RFC 9562): sorts by time of making."""


class RandomIds:
    """Ids from the operating system's randomness."""

    def __init__(self, wall_ms: Callable[[], int] | None = None) -> None:
        self._wall_ms = wall_ms or (lambda: time.time_ns() // 1_000_000)

    def message_id(self) -> str:
        time_digits = f"{self._wall_ms():012x}"
        digits = _pool.take(19)
        variant = "89ab"[int(digits[0], 16) & 3]
        return f"{time_digits[:8]}-{time_digits[8:]}-7{digits[1:4]}-{variant}{digits[4:7]}-{digits[7:]}"


class KeyDigest:
    """Makes ordering keys: 16 hexadecimal digits of HMAC-SHA-256 under the mesh's secret.

    Keyed, so that nobody can find a person by hashing likely identifiers.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the key secret needs at least 16 bytes")
        self._mac = hmac.new(secret, digestmod=hashlib.sha256)

    def key(self, tenant: str, *parts: str) -> str:
        """The key of `parts` within `tenant`."""
        mac = self._mac.copy()
        mac.update("\x1f".join((tenant, *parts)).encode())
        return mac.hexdigest()[:16]


def shard_of(key: str, shards: int) -> int:
    """The shard that JetStream's `partition(shards, 1)` gives `key`: FNV-1a, 32 bits."""
    digest = 0x811C9DC5
    for byte in key.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest % shards


def resource_id(tenant: str, resource_type: str, key: str) -> str:
    """The FHIR id of a canonical resource: the same for every message about it (UUID 5)."""
    return named_id(_NAMESPACE.bytes, f"{tenant}|{resource_type}|{key}")


def part_name(message_id: str, part: int) -> str:
    """What names a part of a message to people and receivers: its id alone where it is all of it."""
    return f"{message_id}.{part}" if part else message_id


def part_id(message_id: str, part: int) -> str:
    """What names a part of a message where a UUID has to: the message id where it is all of it."""
    return named_id(_NAMESPACE.bytes, f"{message_id}|{part}") if part else message_id


def named_id(namespace: bytes, name: str) -> str:
    """The UUID, version 5, of a name (RFC 9562 5.5).

    As uuid.uuid5 does it but four times as fast: a report has dozens of ids.
    """
    digits = hashlib.sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
