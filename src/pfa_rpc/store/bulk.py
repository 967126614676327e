"""Many rows at once, by the shortest way that the driver has: `insert_rows`; and upserts: `insert_for`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_rows(connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that have a value for every column of a table, in the order of its columns.

    By COPY on PostgreSQL. Elsewhere the statement is text, and values are handed to the driver as it takes them:
    SQLAlchemy's own handling of parameters would take as long as the database.
    """
    if connection.dialect.name == "postgresql":
        await _copy(connection, table, rows)
        return
    statement, convert = _plan(table, connection.dialect)
    await connection.exec_driver_sql(statement, [convert(row) for row in rows])


async def _copy(connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    driver = (await connection.get_raw_connection()).driver_connection
    if driver is None:
        raise TypeError("a connection in use has a driver connection")
    await driver.copy_records_to_table(
        table.name, columns=names, records=[tuple(row[name] for name in names) for row in rows]
    )


def insert_for(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that takes ON CONFLICT, for a kind of database."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@lru_cache(maxsize=16)
def _plan(table: sa.Table, dialect: sa.Dialect) -> tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]:
    """Return the statement, and what makes a row into its parameters."""
    compiled = sa.insert(table).compile(dialect=dialect)
    names = tuple(compiled.positiontup or ())
    processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    # Days and times come again and again: most conversions are remembered.
    converted = [(place, lru_cache(4_096)(process)) for place, process in enumerate(processors) if process is not None]

    def convert(row: dict[str, Any]) -> tuple[Any, ...]:
        values = [row[name] for name in names]
        for place, process in converted:
            if values[place] is not None:
                values[place] = process(values[place])
        return tuple(values)

    return str(compiled), convert
