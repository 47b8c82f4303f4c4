"""Counts of how well persons are matched."""

from typing import NamedTuple

from plexus.store import Connection

__all__ = ["Report", "read_report"]


class Report(NamedTuple):
    """See `GetReportResponse` of the contract."""

    persons: int
    merged_persons: int
    records: int
    auto_links: int
    auto_links_undone: int
    reviews: int
    open_reviews: int
    decided_same: int
    decided_different: int
    decided_as_scored: int


async def read_report(connection: Connection, tenant: str, middle_bits: float) -> Report:
    """The counts of a tenant. `middle_bits`: from there on a score leans towards one person."""
    row = await connection.fetchrow(
        "WITH p AS (SELECT count(*) FILTER (WHERE merged_into IS NULL) AS standing,"
        " count(*) FILTER (WHERE merged_into IS NOT NULL) AS merged FROM person WHERE tenant = $1),"
        " l AS (SELECT count(*) AS links, count(*) FILTER (WHERE EXISTS (SELECT FROM link_event u"
        " WHERE u.tenant = e.tenant AND u.authority = e.authority AND u.value = e.value"
        " AND u.kind = 'unmerge' AND u.seq > e.seq)) AS undone"
        " FROM link_event e WHERE tenant = $1 AND kind = 'auto_link'),"
        " r AS (SELECT count(*) AS raised,"
        " count(*) FILTER (WHERE status IN ('open', 'proposed')) AS open,"
        " count(*) FILTER (WHERE status = 'same' AND decided_by <> '') AS same,"
        " count(*) FILTER (WHERE status = 'different' AND decided_by <> '') AS different,"
        " count(*) FILTER (WHERE decided_by <> '' AND ((status = 'same') = (bits >= $2)))"
        " AS as_scored FROM review WHERE tenant = $1"
        " AND kind IN ('possible_match', 'two_matches', 'conflicting_member'))"
        " SELECT p.standing, p.merged,"
        " (SELECT count(*) FROM source_record WHERE tenant = $1), l.links, l.undone,"
        " r.raised, r.open, r.same, r.different, r.as_scored FROM p, l, r",
        tenant,
        middle_bits,
    )
    assert row is not None
    return Report(*row)
