"""Engines: `create_engine` makes the one that a database URL names, set up alike for SQLite and PostgreSQL.

Transactions begin as `BEGIN_READ` and `BEGIN_WRITE` say: a read sees one snapshot and cannot write, a write takes its
locks in an order in which writers wait for each other instead of failing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pfa_rpc.errors import SetupError
from pfa_rpc.store.limits import Limits, without_password

BUSY_SECONDS: Final = 10.0
"""How long a statement waits for the lock of another writer (SQLite)."""
STATEMENT_CACHES: Final = ("statement_cache_size", "prepared_statement_cache_size")
"""Words in the query of a PostgreSQL URL: how many statements the driver, and SQLAlchemy above it, keep prepared."""
CACHE_KIB: Final = 16_384
"""Pages that a connection keeps, in KiB (SQLite): a write touches every index, in places all over."""
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}

BEGIN_READ: Final[dict[str, Any]] = {
    "sqlite": {"pfa_begin": "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
BEGIN_WRITE: Final[dict[str, Any]] = {
    # The lock is taken at the start: a transaction that reads first and then writes could only fail.
    "sqlite": {"pfa_begin": "BEGIN IMMEDIATE"},
    # What is read after the organization's row was locked is what the writer before it committed.
    "postgresql": {"isolation_level": "READ COMMITTED"},
}


def create_engine(url: str, limits: Limits) -> AsyncEngine:
    """Return the engine of a database. SetupError where the URL names none that could be used."""
    try:
        parsed = sa.make_url(url)
    except (SQLAlchemyError, ValueError) as error:  # the latter for a port that is no number
        raise SetupError(
            f"{without_password(url)!r} is not a database URL; write sqlite:////absolute/path.sqlite3 or postgresql://USER@HOST/NAME"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed.set(drivername=_DRIVERS[backend]), limits)
    if backend == "postgresql":
        return _postgresql(parsed.set(drivername=_DRIVERS[backend]), limits)
    raise SetupError(f"the database URL names {backend!r}; write sqlite:///PATH or postgresql://USER@HOST/NAME")


def _pool(limits: Limits) -> dict[str, Any]:
    return {"pool_size": limits.pool_size, "max_overflow": 0, "pool_timeout": limits.pool_seconds}


def _postgresql(url: sa.URL, limits: Limits) -> AsyncEngine:
    return create_async_engine(
        url.difference_update_query(STATEMENT_CACHES),
        **_pool(limits),
        connect_args={**_connect_arguments(limits), **_statement_caches(url)},
    )


def direct_arguments(url: str, limits: Limits) -> dict[str, Any] | None:
    """Return what asyncpg.connect takes to reach a database as the engine does; None for another kind of database."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return None
    plain = parsed.set(drivername=_DRIVERS["postgresql"]).difference_update_query(STATEMENT_CACHES)
    _, arguments = plain.get_dialect()().create_connect_args(plain)
    caches = _statement_caches(parsed)
    if caches:
        arguments["statement_cache_size"] = caches["statement_cache_size"]
    return {**arguments, **_connect_arguments(limits), "target_session_attrs": "read-write"}


def _connect_arguments(limits: Limits) -> dict[str, Any]:
    settings = {
        "application_name": "pfa",
        "statement_timeout": str(int(limits.statement_seconds * 1000)),
        "lock_timeout": str(int(limits.lock_seconds * 1000)),
        # A process that hangs in a transaction would hold its organization's row for ever.
        "idle_in_transaction_session_timeout": str(int(2 * limits.statement_seconds * 1000)),
        "jit": "off",  # compiling a plan takes longer than these short statements run
    }
    return {
        "server_settings": settings,
        "timeout": limits.pool_seconds,
        **({"target_session_attrs": "read-write"} if limits.primary_only else {}),
    }


def _statement_caches(url: sa.URL) -> dict[str, int]:
    """Return how many statements stay prepared, for both caches where the URL names either; {} where it names none.

    Either alone would be of no use: behind a pooler that changes servers between transactions, a statement that one
    of them kept is not there the next time.
    """
    given = [str(url.query[name]) for name in STATEMENT_CACHES if name in url.query]
    for text in given:
        if not (text.isascii() and text.isdigit()):
            raise SetupError(
                f"statement_cache_size in the database URL is {text[:100]!r}; write a number, 0 behind PgBouncer"
            )
    return dict.fromkeys(STATEMENT_CACHES, min(map(int, given))) if given else {}


def _sqlite(url: sa.URL, limits: Limits) -> AsyncEngine:
    in_memory = url.database in (None, "", ":memory:")
    if not in_memory and url.database is not None and not Path(url.database).parent.is_dir():
        raise SetupError(f"the folder {Path(url.database).parent} of the database does not exist; create it first")
    # In memory, each further connection would be an empty database of its own.
    options: dict[str, Any] = {"poolclass": sa.StaticPool} if in_memory else _pool(limits)
    engine = create_async_engine(url, **options)
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
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("pfa_begin", "BEGIN"))
