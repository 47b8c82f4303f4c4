"""Trained models, and the features that they are trained on."""

from typing import NamedTuple

from plexus.errors import ConfigurationError
from plexus.store import Connection
from plexus.telemetry.logs import get_log
from services.identity.domain.scoring import Model

__all__ = ["ModelStore", "StoredModel"]

_log = get_log(__name__)


class StoredModel(NamedTuple):
    """A version, without its content."""

    version: str
    trained_on: int
    is_active: bool


class ModelStore:
    """Models in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def active(self) -> dict[str, Model]:
        """The model of each tenant that has one.

        One that this release cannot read, since it compares at other levels, is left out with a
        warning: the shipped one scores until the tenant has trained again.
        """
        rows = await self._connection.fetch("SELECT tenant, content FROM model WHERE is_active")
        found: dict[str, Model] = {}
        for tenant, content in rows:
            try:
                found[tenant] = Model.from_text(content)
            except ConfigurationError as exc:
                _log.warning(
                    "a trained model cannot be used; the shipped one is", exc, tenant=tenant
                )
        return found

    async def put(self, tenant: str, model: Model, *, is_active: bool) -> None:
        """Store a version; the active one takes the place of the one before. Idempotent.

        Call within a transaction.
        """
        if is_active:
            await self._connection.execute(
                "UPDATE model SET is_active = false"
                " WHERE tenant = $1 AND is_active AND version <> $2",
                tenant,
                model.version,
            )
        await self._connection.execute(
            "INSERT INTO model AS m (tenant, version, content, trained_on, is_active)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, version)"
            " DO UPDATE SET is_active = m.is_active OR excluded.is_active",
            tenant,
            model.version,
            model.to_text(),
            model.trained_on,
            is_active,
        )

    async def versions(self, tenant: str) -> list[StoredModel]:
        """The latest hundred versions, the newest first."""
        rows = await self._connection.fetch(
            "SELECT version, trained_on, is_active FROM model WHERE tenant = $1"
            " ORDER BY stored_at DESC, version LIMIT 100",
            tenant,
        )
        return [StoredModel(*row) for row in rows]

    async def features(self, tenant: str, after: int, limit: int) -> list[tuple[int, str, str]]:
        """Number, features and person of records in the order of their numbers, beginning behind `after`."""
        rows = await self._connection.fetch(
            "SELECT r.record_id, r.features, i.person_id::text FROM"
            " (SELECT * FROM source_record WHERE tenant = $1 AND record_id > $2"
            " ORDER BY record_id LIMIT $3) r"
            " JOIN identifier i USING (tenant, authority, value) ORDER BY r.record_id",
            tenant,
            after,
            limit,
        )
        return [(number, text, person) for number, text, person in rows]
