"""Consent as it runs, with a policy of its own.

It starts outside the watch for blocking calls: a service may read its files while it starts.
"""

import contextlib
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.local.postgres import Postgres
from plexus.service import Runtime
from plexus.testing import servers
from services.consent.app import wire
from services.consent.settings import ConsentSettings

DECISION_SECONDS = 0.05
POLICIES = """
policies:
  - name: treatment
    tenant: north
    purpose: TREAT
    recipient: ehr
    effect: permit
  - tenant: "*"
    purpose: HMARKT
    effect: deny
recipients:
  - name: ehr
    actors: [Organization/north]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def consent(
    grpc_library: None, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Runtime]:
    """Consent under `POLICIES`."""
    async with _running(tmp_path_factory.mktemp("consent"), POLICIES, postgres) as runtime:
        yield runtime


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def replica(
    consent: Runtime, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Runtime]:
    """A second one on the same database."""
    url = consent.settings.database_url.get_secret_value()
    async with _on(tmp_path_factory.mktemp("replica"), POLICIES, url) as runtime:
        yield runtime


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def consent_without_policies(
    grpc_library: None, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Runtime]:
    """Consent of a mesh document that says nothing of policies."""
    async with _running(tmp_path_factory.mktemp("consent"), "feeds: []\n", postgres) as runtime:
        yield runtime


@contextlib.asynccontextmanager
async def _running(
    folder: pathlib.Path, document: str, postgres: Postgres
) -> AsyncIterator[Runtime]:
    async with (
        servers.fresh_database(postgres) as dsn,
        _on(folder, document, dsn) as runtime,
    ):
        yield runtime


@contextlib.asynccontextmanager
async def _on(folder: pathlib.Path, document: str, dsn: str) -> AsyncIterator[Runtime]:
    """Consent on a database that may have others."""
    path = folder / "plexus.yaml"
    path.write_text(document)
    settings = ConsentSettings.model_validate(
        {"config": path, "database_url": dsn, "decision_seconds": DECISION_SECONDS}
    )
    async with Runtime("consent", settings).started(wire) as runtime:
        yield runtime
