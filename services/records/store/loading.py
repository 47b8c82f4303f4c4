"""Reads the committed state of records, as far as a batch touches them.

All statements are set-based: a batch takes two reads, or four where records are taken over. Their plans
are kept, and made without knowing any size. `LATERAL (... OFFSET 0)` leaves the planner no choice: for each key that
is asked for, one look into the index.
"""

import dataclasses
import uuid
from collections.abc import Iterator, Mapping, Sequence

from plexus.store import Connection
from services.records.domain import PERSON, Golden, Record, Slot, references_of, referring_marks
from services.records.store.rows import COLUMNS, as_columns, key_digest, version_of
from services.records.store.splits import load_legacy, load_whole

__all__ = ["Need", "RecordKey", "load"]

RecordKey = tuple[str, str]
"""Tenant and person id."""


@dataclasses.dataclass(slots=True)
class Need:
    """What a batch needs of one record.

    Attributes:
        slots: resources that events touch, those of the person aside.
        accounts: True where the person is touched: then all accounts of it are needed.
        estates: records that may have to be taken over.
        referrers: keys of which all that refers to them is needed.
        legacies: persons that may have to be given back to.
        whole: True where all is needed.
    """

    slots: set[Slot] = dataclasses.field(default_factory=set)
    accounts: bool = False
    estates: set[str] = dataclasses.field(default_factory=set)
    referrers: set[str] = dataclasses.field(default_factory=set)
    legacies: set[str] = dataclasses.field(default_factory=set)
    whole: bool = False


async def load(
    connection: Connection,
    needs: Mapping[RecordKey, Need],
    at_hand: Mapping[RecordKey, Record],
) -> dict[RecordKey, Record]:
    """Records, as far as they are needed. One that is unknown is empty.

    What the golden persons point at is needed too, and added to `needs`.

    Args:
        connection: where to read.
        needs: of each record.
        at_hand: records that are as committed, if not as far as needed; only what lacks is read.
    """
    records = {key: at_hand.get(key) or Record(*key) for key in needs}
    if len(at_hand) < len(needs):
        await _load_people(connection, [key for key in needs if key not in at_hand], records)
    for key, record in records.items():
        if record.golden is not None:
            needs[key].slots.update(references_of(record.golden.content))
    await _load_resources(connection, needs, records)
    for key, need in needs.items():
        record = records[key]
        if need.referrers:
            await _load_referrers(connection, need.referrers, record)
        for person_id in sorted(need.legacies):
            record.legacies[person_id] = await load_legacy(connection, record, person_id)
        if need.whole and not record.is_whole:
            await load_whole(connection, record)
    heirs = [
        (*key, each)
        for key, need in needs.items()
        for each in sorted(need.estates - records[key].absorbed)
    ]
    if heirs:
        await _load_estates(connection, heirs, records)
    return records


async def _load_people(
    connection: Connection, keys: Sequence[RecordKey], records: Mapping[RecordKey, Record]
) -> None:
    people = await connection.fetch(
        "SELECT p.tenant, p.person_id, p.merged_into, p.golden, p.golden_version, p.linked"
        " FROM unnest($1::text[], $2::uuid[]) n (tenant, person_id), LATERAL"
        " (SELECT * FROM person x WHERE x.tenant = n.tenant AND x.person_id = n.person_id"
        " OFFSET 0) p",
        *as_columns(keys, 2),
    )
    for tenant, person_id, merged_into, golden, version, linked in people:
        record = records[tenant, str(person_id)]
        record.merged_into = str(merged_into) if merged_into else ""
        record.golden = None if golden is None else Golden.read(golden)
        record.golden_version = version
        record.linked = set(filter(None, linked.split(",")))
        record.is_changed = False


async def _load_resources(
    connection: Connection,
    needs: Mapping[RecordKey, Need],
    records: Mapping[RecordKey, Record],
) -> None:
    wanted = list(_wanted(needs, records))
    with_accounts = [
        key
        for key, need in needs.items()
        if (need.accounts or need.estates or need.legacies) and not records[key].knows_accounts
    ]
    if not wanted and not with_accounts:
        return
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM"
        " unnest($1::text[], $2::uuid[], $3::text[], $4::text[])"
        " n (tenant, person_id, types, key_digests), LATERAL"
        " unnest(string_to_array(n.types, ','), string_to_array(n.key_digests, ',')::uuid[])"
        " s (type, key_digest), LATERAL (SELECT * FROM resource x WHERE x.tenant = n.tenant"
        " AND x.person_id = n.person_id AND x.key_digest = s.key_digest AND x.type = s.type"
        " OFFSET 0) r"
        f" UNION ALL SELECT {COLUMNS} FROM unnest($5::text[], $6::uuid[]) n (tenant, person_id),"
        " LATERAL (SELECT * FROM resource x WHERE x.tenant = n.tenant"
        f" AND x.person_id = n.person_id AND x.type = '{PERSON}' OFFSET 0) r",
        *as_columns(wanted, 4),
        *as_columns(with_accounts, 2),
    )
    for row in rows:
        records[row["tenant"], str(row["person_id"])].restore(*version_of(row))
    for key in with_accounts:
        records[key].knows_accounts = True


async def _load_referrers(connection: Connection, keys: set[str], record: Record) -> None:
    """Load all that refers to keys, or is named within them. Rare: it reads the whole record."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM resource r WHERE r.tenant = $1 AND r.person_id = $2"
        f" AND r.type <> '{PERSON}' AND r.told_by = '' AND EXISTS"
        " (SELECT FROM unnest($3::bytea[]) AS m (mark) WHERE position(m.mark IN r.content) > 0)",
        record.tenant,
        uuid.UUID(record.person_id),
        [mark for key in sorted(keys) for mark in referring_marks(key)],
    )
    for row in rows:
        record.restore(*version_of(row))


def _wanted(
    needs: Mapping[RecordKey, Need], records: Mapping[RecordKey, Record]
) -> Iterator[tuple[str, str, str, str]]:
    """For each record that lacks any: tenant, person, types and key digests of the slots needed.

    The latter two are lists in one text: the driver takes its time over each value of an array.
    """
    for (tenant, person_id), need in needs.items():
        slots = need.slots.difference(records[tenant, person_id].held)
        if slots:
            types = ",".join([slot.type for slot in slots])
            digests = ",".join([key_digest(tenant, slot.key) for slot in slots])
            yield tenant, person_id, types, digests


async def _load_estates(
    connection: Connection,
    heirs: Sequence[tuple[str, str, str]],
    records: Mapping[RecordKey, Record],
) -> None:
    """Load what is left to the heirs (tenant, person, who went under), and what meets it there."""
    known = await connection.fetch(
        "SELECT a.tenant, a.person_id, a.from_person, a.released"
        " FROM unnest($1::text[], $2::uuid[], $3::uuid[]) n (tenant, person_id, from_person)"
        " JOIN absorbed a USING (tenant, person_id, from_person)",
        *as_columns(heirs, 3),
    )
    for tenant, person_id, from_person, is_released in known:
        record = records[tenant, str(person_id)]
        (record.released if is_released else record.absorbed).add(str(from_person))
    fresh = [
        (tenant, heir, left)
        for tenant, heir, left in heirs
        if left not in records[tenant, heir].absorbed
    ]
    if not fresh:
        return
    rows = await connection.fetch(
        "WITH l AS MATERIALIZED (SELECT n.heir, x.* FROM"
        " unnest($1::text[], $2::uuid[], $3::uuid[]) n (tenant, heir, person_id), LATERAL"
        " (SELECT * FROM resource x WHERE x.tenant = n.tenant AND x.person_id = n.person_id"
        " OFFSET 0) x)"
        f" SELECT r.heir, {COLUMNS} FROM l r"
        f" UNION ALL SELECT NULL, {COLUMNS} FROM l, LATERAL"
        " (SELECT * FROM resource x WHERE x.tenant = l.tenant AND x.person_id = l.heir"
        " AND x.key_digest = l.key_digest AND x.type = l.type"
        " OFFSET 0) r",
        *as_columns(fresh, 3),
    )
    for row in rows:
        slot, version = version_of(row)
        tenant, owner = row["tenant"], str(row["person_id"])
        if row["heir"] is None:
            records[tenant, owner].restore(slot, version)
        else:
            records[tenant, str(row["heir"])].estates.setdefault(owner, {})[slot] = version
