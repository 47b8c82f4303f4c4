"""Source records, their blocking keys, and the pairs of persons that somebody should look at.

All statements are set-based and bounded: a block gives at most `MOST_PER_KEY` records, a person at most
fifty.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from plexus.store import Connection
from services.identity.domain import (
    MOST_PER_KEY,
    Held,
    Link,
    Name,
    Population,
    RecordKey,
    Review,
    Saved,
)
from services.identity.domain.normalisation import Features

__all__ = ["Blocks", "RecordStore"]

_MOST_RECORDS: Final = 50
"""A person with more identifiers or records is compared by as many; it is a mistake by itself."""


class Blocks(NamedTuple):
    """What is found by blocking keys.

    Attributes:
        records: numbers of the records by key.
        large: keys with more records than a block may have; they find nobody.
    """

    records: Mapping[int, Sequence[int]]
    large: frozenset[int]


class RecordStore:
    """Source records in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def held(self, keys: Collection[RecordKey]) -> dict[RecordKey, Held]:
        """What is stored of some records, without their features."""
        rows = await self._connection.fetch(
            "SELECT r.tenant, r.authority, r.value, r.source, r.digest, r.is_registered"
            " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])"
            " n (tenant, authority, value, source)"
            " JOIN source_record r USING (tenant, authority, value, source)",
            [key.name.tenant for key in keys],
            [key.name.authority for key in keys],
            [key.name.value for key in keys],
            [key.source for key in keys],
        )
        return {
            RecordKey(Name(tenant, authority, value), source): Held(digest, is_registered)
            for tenant, authority, value, source, digest, is_registered in rows
        }

    async def blocks(self, keys: Collection[int]) -> Blocks:
        """The records under some blocking keys."""
        rows = await self._connection.fetch(
            "SELECT q.key, b.records FROM unnest($1::bigint[]) q (key) CROSS JOIN LATERAL"
            " (SELECT array_agg(record_id) AS records FROM"
            " (SELECT record_id FROM blocking_key WHERE key = q.key LIMIT $2) k) b"
            " WHERE b.records IS NOT NULL",
            list(keys),
            MOST_PER_KEY + 1,
        )
        large = frozenset(key for key, records in rows if len(records) > MOST_PER_KEY)
        return Blocks({key: records for key, records in rows if key not in large}, large)

    async def read(
        self, record_ids: Collection[int]
    ) -> tuple[dict[int, RecordKey], dict[RecordKey, Features], dict[Name, Link]]:
        """Records by number, what they say, and whose their identifiers are."""
        rows = await self._connection.fetch(
            f"SELECT r.record_id, {_RECORD} FROM source_record r"
            " JOIN identifier i USING (tenant, authority, value) WHERE r.record_id = ANY($1::bigint[])",
            list(record_ids),
        )
        numbered = {row[0]: _key(row[1:5]) for row in rows}
        return numbered, *_read([tuple(row)[1:] for row in rows])

    async def members(
        self, persons: Collection[tuple[str, str]]
    ) -> tuple[dict[RecordKey, Features], dict[Name, Link]]:
        """All records of some persons (tenant, person), and their identifiers."""
        rows = await self._connection.fetch(
            f"SELECT {_MEMBER} FROM unnest($1::text[], $2::uuid[]) p (tenant, person_id)"
            " CROSS JOIN LATERAL (SELECT * FROM identifier i WHERE i.tenant = p.tenant"
            " AND i.person_id = p.person_id LIMIT $3) i"
            " LEFT JOIN source_record r ON r.tenant = i.tenant AND r.authority = i.authority"
            " AND r.value = i.value",
            [tenant for tenant, _ in persons],
            [person_id for _, person_id in persons],
            _MOST_RECORDS,
        )
        return _read([tuple(row) for row in rows])

    async def save(self, population: Population) -> None:
        """Write what a batch has changed. The identifiers of the records must be there."""
        if population.saved:
            await self._save(list(population.saved.values()))
        if population.reviews:
            await self._add_reviews(population.reviews)

    async def _save(self, saved: Sequence[Saved]) -> None:
        keys = [each.evidence.key for each in saved]
        rows = await self._connection.fetch(
            "INSERT INTO source_record AS r (tenant, authority, value, source, features, digest,"
            " is_registered, message_id, at)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
            " $6::bytea[], $7::boolean[], $8::uuid[], $9::timestamptz[])"
            " ON CONFLICT (tenant, authority, value, source) DO UPDATE SET"
            " features = excluded.features, digest = excluded.digest,"
            " is_registered = excluded.is_registered, message_id = excluded.message_id,"
            " at = excluded.at"
            " RETURNING record_id, tenant, authority, value, source, (r.xmax <> 0)",
            [key.name.tenant for key in keys],
            [key.name.authority for key in keys],
            [key.name.value for key in keys],
            [key.source for key in keys],
            [each.evidence.features.to_text() for each in saved],
            [each.evidence.digest for each in saved],
            [each.evidence.is_registered for each in saved],
            [each.told.message_id for each in saved],
            [each.told.at for each in saved],
        )
        numbers = {_key(row[1:5]): row[0] for row in rows}
        if updated := [row[0] for row in rows if row[5]]:
            await self._connection.execute(
                "DELETE FROM blocking_key WHERE record_id = ANY($1::bigint[])", updated
            )
        blocked = [(key.number, numbers[each.evidence.key]) for each in saved for key in each.keys]
        await self._connection.execute(
            "INSERT INTO blocking_key (key, record_id)"
            " SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING",
            [key for key, _ in blocked],
            [record_id for _, record_id in blocked],
        )

    async def _add_reviews(self, raised: Sequence[Review]) -> None:
        pairs: dict[tuple[str, frozenset[str]], Review] = {}
        for each in raised:
            pair = each.told.tenant, frozenset((each.person_id, each.other_person))
            pairs.setdefault(pair, each)
        reviews = list(pairs.values())
        await self._connection.execute(
            # A pair is raised once, whichever of the two is named first; what was decided stays so.
            "INSERT INTO review AS r (tenant, person_id, other_person, kind, bits, explanation,"
            " message_id, at, priority)"
            " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[],"
            " $5::double precision[], $6::jsonb[], $7::uuid[], $8::timestamptz[], $9::smallint[])"
            " n (tenant, person_id, other_person, kind, bits, explanation, message_id, at, priority)"
            " WHERE NOT EXISTS (SELECT FROM review x WHERE x.tenant = n.tenant"
            " AND x.person_id = n.other_person AND x.other_person = n.person_id"
            " AND x.status <> 'different')"
            " ON CONFLICT (tenant, person_id, other_person) DO UPDATE SET"
            " kind = excluded.kind, bits = excluded.bits, explanation = excluded.explanation,"
            " message_id = excluded.message_id, at = excluded.at, priority = excluded.priority,"
            " status = 'open', assignee = '', deferred_at = NULL, proposed_by = '', survivor = NULL,"
            " decided_by = '', decided_at = NULL, reason = ''"
            # Whoever said so is asked again only by records that say something else by now.
            " WHERE r.status = 'different' AND r.at < excluded.at",
            [each.told.tenant for each in reviews],
            [each.person_id for each in reviews],
            [each.other_person for each in reviews],
            [each.kind for each in reviews],
            [each.bits for each in reviews],
            [each.explanation for each in reviews],
            [each.told.message_id for each in reviews],
            [each.told.at for each in reviews],
            [each.priority for each in reviews],
        )


_RECORD: Final = (
    "r.tenant, r.authority, r.value, r.source, r.features, i.person_id, i.universal_id, i.came_with"
)
_MEMBER: Final = (
    "i.tenant, i.authority, i.value, r.source, r.features, i.person_id, i.universal_id, i.came_with"
)


def _key(row: Sequence[str]) -> RecordKey:
    tenant, authority, value, source = row
    return RecordKey(Name(tenant, authority, value), source)


def _read(
    rows: Iterable[Sequence[Any]],
) -> tuple[dict[RecordKey, Features], dict[Name, Link]]:
    features: dict[RecordKey, Features] = {}
    links: dict[Name, Link] = {}
    for tenant, authority, value, source, text, person_id, universal_id, came_with in rows:
        name = Name(tenant, authority, value)
        links[name] = Link(str(person_id), universal_id, str(came_with or ""))
        if source is not None:
            features[RecordKey(name, source)] = Features.from_text(text)
    return features, links
