"""Which identifiers are of two persons, as somebody has said."""

import datetime
from collections.abc import Collection, Mapping

from plexus.store import Connection
from services.identity.domain import Assertion, Assertions, Name, said
from services.identity.domain.normalisation import Features

__all__ = ["AssertionStore"]


class AssertionStore:
    """Assertions in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def among(self, names: Collection[Name]) -> Assertions:
        """What has been said of pairs of some names."""
        rows = await self._connection.fetch(
            "SELECT a.* FROM unnest($1::text[], $2::text[], $3::text[]) n (tenant, authority, value)"
            " JOIN assertion a USING (tenant, authority, value)",
            *_columns(names),
        )
        known = set(names)
        found = (
            Assertion(
                Name(row["tenant"], row["authority"], row["value"]),
                Name(row["tenant"], row["other_authority"], row["other_value"]),
                row["said"],
                row["other_said"],
            )
            for row in rows
        )
        return Assertions(each for each in found if each.other in known)

    async def keep_apart(
        self,
        ones: Collection[Name],
        others: Collection[Name],
        at: datetime.datetime,
        *,
        message_id: str | None = None,
        decision_id: int | None = None,
    ) -> None:
        """Note that all names of the one side are of another person than those of the other side.

        Args:
            ones: names of one tenant.
            others: names of the same tenant; a name of both sides says nothing.
            at: when it was said.
            message_id: of a source that says so.
            decision_id: of a steward who does.
        """
        says = await self._said({*ones, *others})
        pairs = sorted({(min(a, b), max(a, b)) for a in ones for b in others if a != b})
        await self._connection.execute(
            "INSERT INTO assertion SELECT n.*, $8, $9, $10 FROM unnest($1::text[], $2::text[],"
            " $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bytea[]) n"
            " ON CONFLICT (tenant, authority, value, other_authority, other_value) DO UPDATE SET"
            " said = excluded.said, other_said = excluded.other_said,"
            " message_id = excluded.message_id, decision_id = excluded.decision_id,"
            " at = excluded.at",
            [one.tenant for one, _ in pairs],
            [one.authority for one, _ in pairs],
            [one.value for one, _ in pairs],
            [other.authority for _, other in pairs],
            [other.value for _, other in pairs],
            [says[one] for one, _ in pairs],
            [says[other] for _, other in pairs],
            message_id,
            decision_id,
            at,
        )

    async def withdraw(self, ones: Collection[Name], others: Collection[Name]) -> None:
        """Take back what was said of names of the two sides: they are of one person."""
        pairs = sorted({(min(a, b), max(a, b)) for a in ones for b in others if a != b})
        await self._connection.execute(
            "DELETE FROM assertion a USING unnest($1::text[], $2::text[], $3::text[], $4::text[],"
            " $5::text[]) n (tenant, authority, value, other_authority, other_value)"
            " WHERE (a.tenant, a.authority, a.value, a.other_authority, a.other_value)"
            " = (n.tenant, n.authority, n.value, n.other_authority, n.other_value)",
            [one.tenant for one, _ in pairs],
            [one.authority for one, _ in pairs],
            [one.value for one, _ in pairs],
            [other.authority for _, other in pairs],
            [other.value for _, other in pairs],
        )

    async def _said(self, names: Collection[Name]) -> Mapping[Name, bytes]:
        rows = await self._connection.fetch(
            "SELECT r.tenant, r.authority, r.value, r.features"
            " FROM unnest($1::text[], $2::text[], $3::text[]) n (tenant, authority, value)"
            " JOIN source_record r USING (tenant, authority, value)",
            *_columns(names),
        )
        records: dict[Name, list[Features]] = {name: [] for name in names}
        for tenant, authority, value, text in rows:
            records[Name(tenant, authority, value)].append(Features.from_text(text))
        return {name: said(features) for name, features in records.items()}


def _columns(names: Collection[Name]) -> list[list[str]]:
    return [
        [name.tenant for name in names],
        [name.authority for name in names],
        [name.value for name in names],
    ]
