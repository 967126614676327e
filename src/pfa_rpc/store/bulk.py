"""Many rows at once, by the shortest way that the driver has: `insert_rows`, `update_rows`; upserts: `insert_for`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.remembered import Remembered
from pfa_rpc.store.binary_copy import in_parts, row_maker
from pfa_rpc.store.types import NameList

FEW: Final = 3
"""Rows up to which PostgreSQL is given them one by one: COPY and arrays take longer to begin with."""
_MOST_REMEMBERED: Final = 4_096

AT_ONCE: Final = 200
"""Rows that one statement takes as arrays: the driver puts them together in some 4 ms, while nothing else goes on."""


async def insert_rows(connection: AsyncConnection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that have a value for every column of a table, in the order of its columns.

    By COPY on PostgreSQL, which works on the first rows while the next are made. Elsewhere the statement is text, and
    values are handed to the driver as it takes them: SQLAlchemy's own handling of parameters would take as long as the
    database.
    """
    names = [column.name for column in table.columns]
    if connection.dialect.name == "postgresql":
        rows = iter(rows)
        first = list(itertools.islice(rows, FEW + 1))
        if len(first) <= FEW:
            await _insert_few(connection, table, first)
        else:
            await copy_rows(connection, table, names, map(row_maker(table), itertools.chain(first, rows)))
        return
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 (names of columns)
    await connection.exec_driver_sql(statement, list(map(_converter(table, connection.dialect), rows)))


async def insert_columns(connection: AsyncConnection, table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows given as columns, one for every column of a table in any order, by the driver's own parameters."""
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 (names of columns)
    processors = _processors(table, connection.dialect)
    made = [
        values if (process := processors.get(name)) is None else list(map(process, values))
        for name, values in columns.items()
    ]
    await connection.exec_driver_sql(statement, list(zip(*made, strict=True)))


async def update_rows(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]], *, organization_id: str
) -> None:
    """Write rows of one organization, found by `id`, over those that are there: every column but the keys.

    On PostgreSQL a statement takes each column as an array; elsewhere it is a statement a row.
    """
    keys = {column.name for column in table.primary_key}
    names = [column.name for column in table.columns if column.name not in keys]
    if connection.dialect.name == "postgresql" and len(rows) <= FEW:
        await _update_few(connection, table, rows, ("organization_id", "id", *names))
        return
    if connection.dialect.name == "postgresql":
        statement = _update_from_arrays(table, tuple(names), connection.dialect)
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            arrays = [_array(table.c[name], [row[name] for row in part]) for name in ("id", *names)]
            await connection.exec_driver_sql(statement, (organization_id, *arrays))
        return
    changes = ", ".join(f"{name} = ?" for name in names)
    statement = f"UPDATE {table.name} SET {changes} WHERE organization_id = ? AND id = ?"  # noqa: S608 (our own names)
    places = {column.name: place for place, column in enumerate(table.columns)}
    order = [places[name] for name in (*names, "organization_id", "id")]
    converted = map(_converter(table, connection.dialect), rows)
    await connection.exec_driver_sql(statement, [tuple(row[place] for place in order) for row in converted])


async def _insert_few(connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    places = ", ".join(f"${place}" for place in range(1, len(names) + 1))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 (names of columns)
    for values in map(_converter(table, connection.dialect), rows):
        await connection.exec_driver_sql(statement, values)


async def _update_few(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]], names: Sequence[str]
) -> None:
    """Write rows one by one; the first two names are those of the key."""
    of, key, *others = names
    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(others, start=3))
    statement = f"UPDATE {table.name} SET {changes} WHERE {of} = $1 AND {key} = $2"  # noqa: S608 (our own names)
    places = {column.name: place for place, column in enumerate(table.columns)}
    take = itemgetter(*(places[name] for name in names))
    for values in map(_converter(table, connection.dialect), rows):
        await connection.exec_driver_sql(statement, take(values))


def _array(column: sa.Column[Any], values: list[Any]) -> list[Any]:
    """Return the values of a column as an array parameter; an array in an array goes as text."""
    if not isinstance(column.type, NameList):
        return values
    return ["{" + ",".join(value) + "}" if value else None for value in values]


def text_array(texts: Sequence[str]) -> str:
    """Return texts, none missing, as the text of a PostgreSQL array of them, for a parameter that is cast to TEXT[].

    The driver looks at each element of an array several times to find out what it is: for thousands, 2 us each.
    """
    content = '","'.join(texts)
    if "\\" in content or content.count('"') != 2 * max(len(texts) - 1, 0):
        content = '","'.join([text.replace("\\", r"\\").replace('"', r"\"") for text in texts])
    return f'{{"{content}"}}' if texts else "{}"


@lru_cache(maxsize=16)
def _update_from_arrays(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> str:
    def sql_type(name: str) -> str:
        implementation = table.c[name].type.dialect_impl(dialect)
        return dialect.type_compiler_instance.process(implementation).removesuffix(' COLLATE "C"')

    types = {name: sql_type(name) for name in ("id", *names)}
    arrays = ", ".join(
        f"${place}::{'TEXT' if kind.endswith('[]') else kind}[]" for place, kind in enumerate(types.values(), start=2)
    )
    casts = {name: f"::{kind}" if kind.endswith("[]") else "" for name, kind in types.items()}
    changes = ", ".join(f"{name} = new.{name}{casts[name]}" for name in names)
    return (
        f"UPDATE {table.name} SET {changes} FROM unnest({arrays}) AS new({', '.join(types)}) "  # noqa: S608 (names of columns)
        f"WHERE {table.name}.organization_id = $1 AND {table.name}.id = new.id"
    )


async def copy_rows(
    connection: AsyncConnection, table: sa.Table, columns: Sequence[str], rows: Iterable[bytes]
) -> None:
    """Insert rows by PostgreSQL's COPY, each in the form that `binary_copy` gives, its columns in the order given."""
    import asyncpg  # noqa: PLC0415 (only where PostgreSQL is used)

    driver = (await connection.get_raw_connection()).driver_connection
    if driver is None:
        raise TypeError("a connection in use has a driver connection")
    try:
        await driver.copy_to_table(table.name, columns=columns, source=in_parts(rows), format="binary")
    except asyncpg.IntegrityConstraintViolationError as error:
        raise sa.exc.IntegrityError(f"COPY {table.name}", None, error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise sa.exc.OperationalError(f"COPY {table.name}", None, error) from error


def insert_for(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that takes ON CONFLICT, for a kind of database."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@lru_cache(maxsize=16)
def _converter(table: sa.Table, dialect: sa.Dialect) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Return what makes a row into the values of a table's columns, in their order, as the driver takes them."""
    names = tuple(column.name for column in table.columns)
    processors = _processors(table, dialect)
    converted = [(place, processors[name]) for place, name in enumerate(names) if name in processors]

    def convert(row: dict[str, Any]) -> tuple[Any, ...]:
        values = [row[name] for name in names]
        for place, process in converted:
            values[place] = process(values[place])
        return tuple(values)

    return convert


@lru_cache(maxsize=16)
def _processors(table: sa.Table, dialect: sa.Dialect) -> dict[str, Callable[[Any], Any]]:
    """Return column → what makes its values into those of the driver, where they differ."""
    found: dict[str, Callable[[Any], Any]] = {}
    for column in table.columns:
        process = column.type.dialect_impl(dialect).bind_processor(dialect)
        if process is not None:
            # Days and times come again and again: most conversions are remembered.
            made = Remembered(process, _MOST_REMEMBERED)
            made[None] = None
            found[column.name] = made.__getitem__
    return found
