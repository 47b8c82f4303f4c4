"""Rows that go over by COPY, on a real PostgreSQL. Speed is out of scope."""

import datetime
import uuid

from plexus.store import open_database
from plexus.store.copying import (
    bytes_field,
    copy_rows,
    int_field,
    text_field,
    time_field,
    uuid_field,
)

AT = datetime.datetime(2026, 3, 1, 12, 30, 0, 1, tzinfo=datetime.UTC)
_COLUMNS = ("word", "number", "small", "middle", "blob", "at", "name")


async def test_every_kind_of_value_comes_back_as_it_was(database: str) -> None:
    rows: list[tuple[object, ...]] = []
    copied: list[bytes] = []
    for number, word in enumerate(("", "a\tb\\N\n", "Grüße \N{SNOWMAN}")):
        name = uuid.UUID(int=number + (1 << 127))
        rows.append((word, -(1 << 62) + number, -number, 1 << 30, b"\x00\xff", AT, name))
        copied.append(
            b"".join(
                [
                    text_field(word),
                    int_field(-(1 << 62) + number, 8),
                    int_field(-number, 2),
                    int_field(1 << 30, 4),
                    bytes_field(b"\x00\xff"),
                    time_field(AT),
                    uuid_field(str(name) if number else name.hex),
                ]
            )
        )
    store = await open_database(database, schema="stage", size=1)
    async with store.transaction() as connection:
        await connection.execute(
            "CREATE TEMPORARY TABLE copied (seq bigint GENERATED ALWAYS AS IDENTITY, name uuid,"
            " word text, number bigint, small smallint, middle integer, blob bytea,"
            " at timestamptz)"
        )
        await copy_rows(connection, "copied", _COLUMNS, copied)
        await copy_rows(connection, "copied", _COLUMNS, [])
        found = await connection.fetch(f"SELECT {', '.join(_COLUMNS)} FROM copied ORDER BY seq")
    await store.close()
    assert [tuple(row) for row in found] == rows
