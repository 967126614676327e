"""PostgreSQL's driver under a connection: `driver_of` gives it, `fetch` reads rows by it, the shortest way there is.

SQLAlchemy's own handling of a small statement takes longer than the database does, and so does that of many rows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.direct import SmallRead

_text_of: Final = lru_cache(maxsize=64)(SmallRead)


@asynccontextmanager
async def driver_of(connection: AsyncConnection, doing: str) -> AsyncIterator[Any]:
    """Give the driver's connection; what it raises in the body is raised as SQLAlchemy would, and said of `doing`."""
    import asyncpg  # noqa: PLC0415 (only where PostgreSQL is used)

    driver = (await connection.get_raw_connection()).driver_connection
    if driver is None:
        raise TypeError("a connection in use has a driver connection")
    try:
        yield driver
    except asyncpg.IntegrityConstraintViolationError as error:
        raise sa.exc.IntegrityError(doing, None, error) from error
    except asyncpg.InternalClientError as error:
        # The server has just ended the connection: the driver can do nothing more with it, not even roll back.
        await connection.invalidate(error)
        raise sa.exc.OperationalError(doing, None, error, connection_invalidated=True) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise sa.exc.OperationalError(doing, None, error) from error


async def fetch(
    connection: AsyncConnection, statement: sa.Select[Any], parameters: Mapping[str, object]
) -> Sequence[Sequence[Any]]:
    """Return the rows of a statement that is made once, and whose values are as the driver gives them.

    In a transaction that has begun on PostgreSQL the driver itself is asked.
    """
    if connection.dialect.name == "postgresql":
        read = _text_of(statement)
        async with driver_of(connection, read.text) as driver:
            if driver.is_in_transaction():
                return cast("Sequence[Sequence[Any]]", await driver.fetch(read.text, *read.arguments(parameters)))
    return cast("Sequence[Sequence[Any]]", (await connection.execute(statement, parameters)).all())
