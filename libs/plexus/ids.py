"""Names for things: message ids, trace ids, and the keyed digest that orders a person's messages."""

import hashlib
import hmac
import os
import time
import uuid
from collections.abc import Callable
from typing import Protocol

__all__ = ["IdSource", "KeyDigest", "RandomIds", "resource_id", "shard_of"]

_NAMESPACE = uuid.UUID("0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11")


class IdSource(Protocol):
    """Where new ids come from; passed in, so that a test or a simulation can decide them."""

    def message_id(self) -> str:
        """A new UUID, version 7 (RFC 9562): sorts by time of making."""


class RandomIds:
    """Ids from the operating system's randomness."""

    def __init__(self, wall_ms: Callable[[], int] | None = None) -> None:
        self._wall_ms = wall_ms or (lambda: time.time_ns() // 1_000_000)

    def message_id(self) -> str:
        value = (self._wall_ms() << 80) | int.from_bytes(os.urandom(10))
        value = (value & ~(0xF << 76)) | (7 << 76)
        value = (value & ~(0x3 << 62)) | (0x2 << 62)
        return str(uuid.UUID(int=value))


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
    name = _NAMESPACE.bytes + f"{tenant}|{resource_type}|{key}".encode()
    # RFC 9562 section 5.5, as uuid.uuid5 does it but four times as fast: reports have dozens of ids.
    digits = hashlib.sha1(name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
