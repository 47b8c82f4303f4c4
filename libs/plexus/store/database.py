"""A pool of connections to PostgreSQL for one service, in a schema of its own.

Driver errors are translated at this boundary: what a retry can mend becomes `Unavailable`. Values
never reach an error text: PostgreSQL's messages are dropped, its SQLSTATE is kept.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import asyncpg.pool

from plexus.errors import ConfigurationError, DeadlineExceeded, PlexusError, Unavailable

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Record: TypeAlias = asyncpg.Record
    _Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy
    Record = asyncpg.Record
    _Pool = asyncpg.Pool

__all__ = ["Connection", "Database", "Record", "open_database", "translated"]

_COMMAND_SECONDS = 10.0
_ACQUIRE_SECONDS = 5.0

# What may go away by itself: connection failures (08), resources (53), operator intervention (57),
# and what two transactions do to each other (40, and 23505: both stored the same thing).
_WEATHER = re.compile(r"^(08|53|57|40|23505)")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors of a block into the project's own.

    Raises:
        Unavailable: a retry may help.
        PlexusError: the statement itself failed, a defect.
    """
    try:
        yield
    except asyncpg.PostgresError as exc:
        state = exc.sqlstate or ""
        if _WEATHER.match(state):
            raise Unavailable(f"PostgreSQL is not available (SQLSTATE {state})") from exc
        raise PlexusError(f"PostgreSQL refused a statement (SQLSTATE {state})") from exc
    except TimeoutError as exc:
        raise DeadlineExceeded("PostgreSQL did not answer in time") from exc
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        raise Unavailable("the connection to PostgreSQL is broken") from exc


class Database:
    """Connections to one service's schema."""

    def __init__(self, pool: _Pool, schema: str) -> None:
        self._pool = pool
        self.schema = schema

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection, outside a transaction. Driver errors of the block are translated."""
        with translated():
            async with self._pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection within a transaction (READ COMMITTED): all of the block, or nothing."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def check(self) -> None:
        """Raise Unavailable where PostgreSQL does not answer."""
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Close all connections; those in use get a moment to finish."""
        try:
            async with asyncio.timeout(3):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def _keep_session(_: object) -> None:
    """Nothing of ours changes a session, so there is nothing to reset: saves a round trip a use."""


async def open_database(url: str, *, schema: str, size: int) -> Database:
    """Connect to the schema of one service, which need not exist yet.

    Raises:
        ConfigurationError: the URL or the credentials are wrong.
        Unavailable: PostgreSQL cannot be reached.
    """
    if not re.fullmatch(r"[a-z_]{1,40}", schema):
        raise ConfigurationError(f"{schema} is no schema name")
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            command_timeout=_COMMAND_SECONDS,
            timeout=_ACQUIRE_SECONDS,
            max_inactive_connection_lifetime=300,
            reset=_keep_session,
            server_settings={
                "application_name": f"plexus-{schema}",
                "search_path": schema,
                # A plan that was kept from when the tables were empty reads whole tables ever
                # after. Statements work on batches, so planning each time costs little.
                "plan_cache_mode": "force_custom_plan",
                "jit": "off",
            },
        )
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as exc:
        raise ConfigurationError("PostgreSQL refuses PLEXUS_DATABASE_URL's credentials") from exc
    except asyncpg.InvalidCatalogNameError as exc:
        raise ConfigurationError("the database of PLEXUS_DATABASE_URL does not exist") from exc
    except ValueError as exc:  # the driver's own error for a bad URL is one, too
        raise ConfigurationError("PLEXUS_DATABASE_URL is no PostgreSQL URL") from exc
    except (asyncpg.PostgresError, OSError, TimeoutError, asyncpg.InterfaceError) as exc:
        raise Unavailable("PostgreSQL cannot be reached; check PLEXUS_DATABASE_URL") from exc
    return Database(pool, schema)
