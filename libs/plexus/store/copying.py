"""Many rows into one table by COPY, in PostgreSQL's binary format.

An INSERT of as many rows builds each of them several times on its way through the executor, and the driver
looks at each value of each array. Here a column that many rows share is written once, as bytes, and a
row is a join of such pieces. It takes plain tables only: no conflict is handled, no row is given back.

Format: PostgreSQL 18, "COPY", Binary Format. A row is the number of its fields, then for each the
length and the value as the type's `send` function writes it.
"""

import datetime
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from plexus.store.database import Connection

__all__ = ["bytes_field", "copy_rows", "int_field", "text_field", "time_field", "uuid_field"]

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER: Final = struct.pack(">h", -1)
_EPOCH: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_UUID_LENGTH: Final = struct.pack(">i", 16)


def bytes_field(value: bytes) -> bytes:
    """A value of type bytea."""
    return len(value).to_bytes(4) + value


def text_field(value: str) -> bytes:
    """A value of type text."""
    return bytes_field(value.encode())


def uuid_field(value: str) -> bytes:
    """A value of type uuid, from its digits, with or without hyphens."""
    return _UUID_LENGTH + bytes.fromhex(value.replace("-", ""))


def int_field(value: int, size: int) -> bytes:
    """A value of type smallint, integer or bigint: of 2, 4 or 8 bytes."""
    return size.to_bytes(4) + value.to_bytes(size, signed=True)


def time_field(value: datetime.datetime) -> bytes:
    """A value of type timestamptz."""
    return int_field((value - _EPOCH) // _MICROSECOND, 8)


async def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]
) -> None:
    """Add rows, each the fields of `columns` in that order."""
    head = len(columns).to_bytes(2)
    content = bytearray(_HEADER)
    for row in rows:
        content += head
        content += row
    content += _TRAILER
    source = _at_once(bytes(content))
    await connection.copy_to_table(table, source=source, columns=columns, format="binary")


async def _at_once(content: bytes) -> AsyncIterator[bytes]:
    yield content
