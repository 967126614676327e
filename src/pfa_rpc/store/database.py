"""The one door to the database: `Database` gives connections for reading, and `write`, the only way to change anything.

Every failure of a driver becomes one error here: DatabaseUnavailable, with a sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pfa_rpc.errors import DatabaseUnavailable, OrganizationNotFound, SetupError
from pfa_rpc.store.tables import organization_revisions

BUSY_SECONDS: Final = 10.0
"""How long a statement waits for the lock of another writer (SQLite)."""
POOL_SECONDS: Final = 10.0
"""How long a call waits for a connection."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What an organization's data is at: equal pairs mean equal data."""

    number: int
    nonce: int


@dataclass(slots=True)
class Write:
    """A write transaction that holds its organization: everything it does commits as one revision."""

    connection: AsyncConnection
    organization_id: str
    revision: Revision
    next_position: int
    _reserved: int = 0

    def reserve_positions(self, count: int) -> int:
        """Return the first of `count` new positions."""
        first = self.next_position + self._reserved
        self._reserved += count
        return first

    @property
    def reserved(self) -> int:
        """How many positions this write has taken."""
        return self._reserved


class Database:
    """A database, by its URL: `sqlite:///PATH` or `sqlite://` (in memory, for tests)."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = url
        self._engine = _create_engine(url, pool_size)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @property
    def dialect(self) -> str:
        """Name of the database's kind: sqlite or postgresql."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection whose statements see one snapshot, and which cannot write."""
        with _driver_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(pfa_begin="BEGIN")
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def migration_connection(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that may change the schema. One caller at a time gets it."""
        with _driver_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(pfa_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a write transaction outside any organization's revisions: organizations themselves, instance keys."""
        async with self.migration_connection() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, organization_id: str) -> AsyncIterator[Write]:
        """Take the organization's revision row, bump it, and commit what the body writes as that revision.

        The row is held to the commit, so that the order of commits is the order of revisions. A body that turns out to
        change nothing raises `NothingChanged`: then nothing is committed and no revision is used. Raises
        OrganizationNotFound.
        """
        try:
            async with self.writing() as connection:
                write = await _take_revision(connection, organization_id)
                yield write
                await _store_position(write)
        except NothingChanged:
            return


class NothingChanged(Exception):
    """The body of a write found nothing to change."""


async def _take_revision(connection: AsyncConnection, organization_id: str) -> Write:
    table = organization_revisions
    nonce = secrets.randbits(63)
    row = (
        await connection.execute(
            sa.update(table)
            .where(table.c.organization_id == organization_id)
            .values(revision=table.c.revision + 1, nonce=nonce)
            .returning(table.c.revision, table.c.next_position)
        )
    ).one_or_none()
    if row is None:
        raise OrganizationNotFound(
            f"there is no organization {organization_id!r}", metadata={"organization_id": organization_id}
        )
    return Write(connection, organization_id, Revision(row.revision, nonce), row.next_position)


async def _store_position(write: Write) -> None:
    if write.reserved:
        table = organization_revisions
        await write.connection.execute(
            sa.update(table)
            .where(table.c.organization_id == write.organization_id)
            .values(next_position=write.next_position + write.reserved)
        )


def _create_engine(url: str, pool_size: int) -> AsyncEngine:
    try:
        parsed = sa.make_url(url)
    except SQLAlchemyError as error:
        raise SetupError(f"{url!r} is not a database URL; write sqlite:////absolute/path.sqlite3") from error
    if parsed.get_backend_name() != "sqlite":
        raise SetupError(
            f"the database URL names {parsed.get_backend_name()!r}; this version speaks to SQLite: sqlite:///PATH"
        )
    in_memory = parsed.database in (None, "", ":memory:")
    if not in_memory and parsed.database is not None and not Path(parsed.database).parent.is_dir():
        raise SetupError(f"the folder {Path(parsed.database).parent} of the database does not exist; create it first")
    options: dict[str, Any] = (
        {"poolclass": sa.StaticPool}  # one connection: each further one would be an empty database of its own
        if in_memory
        else {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": POOL_SECONDS}
    )
    engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), **options)
    sa.event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and leave DDL and the first SELECT outside of them.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A write takes its lock at the start: a transaction that reads first and then writes could only fail.
    connection.exec_driver_sql(connection.get_execution_options().get("pfa_begin", "BEGIN"))


_ADVICE: Final = {
    "locked": "another process is writing to it; try again",
    "readonly": "it can only be read; check the permissions of the file and its folder",
    "read-only": "it can only be read; check the permissions of the file and its folder",
    "full": "the disk is full; free some space",
    "unable to open": "it cannot be opened; check that the folder exists and may be written to",
    "not a database": "the file is not an SQLite database; name another file",
    "malformed": "the file is damaged; restore it from a backup",
    "disk I/O": "the disk fails to read or write, or is full",
}


class _driver_errors:  # noqa: N801 (used as a context manager, like a function)
    """Turns what a driver raises into DatabaseUnavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (asyncio.TimeoutError, sa.exc.TimeoutError)):
            raise DatabaseUnavailable(f"no database connection came free within {POOL_SECONDS:.0f} s") from error
        if isinstance(error, DBAPIError) and not isinstance(error, (sa.exc.IntegrityError, sa.exc.ProgrammingError)):
            text = str(error.orig)
            advice = next((advice for word, advice in _ADVICE.items() if word in text), "see the server's log")
            raise DatabaseUnavailable(f"the database cannot be used: {advice}") from error
