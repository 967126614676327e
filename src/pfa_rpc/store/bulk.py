"""Many rows at once, by the shortest way that the driver has; upserts: `insert_for`.

`insert_rows` takes rows, `insert_columns` and `update_columns` take columns, which are made in less time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.remembered import Remembered
from pfa_rpc.store.binary_copy import in_parts, row_maker, rows_of_columns
from pfa_rpc.store.driver import driver_of
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
            await _insert_each(connection, table, first)
        else:
            await copy_rows(connection, table, names, map(row_maker(table), itertools.chain(first, rows)))
        return
    await _insert_each(connection, table, rows)


async def insert_columns(connection: AsyncConnection, table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows given as columns, one for every column of a table in any order; as `insert_rows` does."""
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql and len(next(iter(columns.values()))) > FEW:
        await copy_rows(connection, table, list(columns), rows_of_columns(table, columns))
        return
    statement = insert_text(table, tuple(columns), connection.dialect.paramstyle)
    await _execute_each(connection, statement, as_parameters(table, connection.dialect, columns))


@lru_cache(maxsize=16)
def insert_text(table: sa.Table, names: tuple[str, ...], paramstyle: str) -> str:
    """Return the statement that inserts columns of one row."""
    filled = ", ".join(places(len(names), paramstyle))
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({filled})"  # noqa: S608 (names of columns)


async def _execute_each(connection: AsyncConnection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute a statement for each row; PostgreSQL is given few of them, and keeps what it prepared for one."""
    if connection.dialect.name == "postgresql":
        for row in rows:
            await connection.exec_driver_sql(statement, row)
    else:
        await connection.exec_driver_sql(statement, list(rows))


def as_parameters(table: sa.Table, dialect: sa.Dialect, columns: Mapping[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return rows of a table, given as columns, as the driver takes them."""
    processors = _processors(table, dialect)
    made = [
        values if (process := processors.get(name)) is None else map(process, values)
        for name, values in columns.items()
    ]
    return list(zip(*made, strict=True))


def parameters_of(table: sa.Table, dialect: sa.Dialect, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return some columns of a row of a table as the driver takes them."""
    processors = _processors(table, dialect)
    return tuple(value if (process := processors.get(name)) is None else process(value) for name, value in row.items())


async def update_columns(
    connection: AsyncConnection, table: sa.Table, columns: Mapping[str, Sequence[Any]], *, organization_id: str
) -> None:
    """Write columns of some rows of one organization, found by their `id`, over those that are there.

    On PostgreSQL a statement takes each column as an array, or as one value where all rows get the same; elsewhere, and
    for few rows, it is a statement a row.
    """
    ids = columns["id"]
    changed = {name: values for name, values in columns.items() if name != "id"}
    if connection.dialect.name == "postgresql" and len(ids) > FEW:
        await _update_from_arrays(connection, table, ids, changed, organization_id)
        return
    keys = {"organization_id": [organization_id] * len(ids), "id": ids}
    statement = update_text(table, tuple(changed), connection.dialect.paramstyle, tuple(keys))
    await _execute_each(connection, statement, as_parameters(table, connection.dialect, changed | keys))


@lru_cache(maxsize=64)
def update_text(table: sa.Table, names: tuple[str, ...], paramstyle: str, keys: tuple[str, ...]) -> str:
    """Return the statement that writes columns of one row; the values of its keys are the last parameters."""
    filled = places(len(names) + len(keys), paramstyle)
    pairs = [f"{name} = {place}" for name, place in zip((*names, *keys), filled, strict=True)]
    changes, found = pairs[: len(names)], pairs[len(names) :]
    return f"UPDATE {table.name} SET {', '.join(changes)} WHERE {' AND '.join(found)}"  # noqa: S608 (names of columns)


def places(number: int, paramstyle: str) -> list[str]:
    """Return what stands for parameters in a statement of a driver."""
    return ["?"] * number if paramstyle == "qmark" else [f"${place}" for place in range(1, number + 1)]


async def _update_from_arrays(
    connection: AsyncConnection,
    table: sa.Table,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    organization_id: str,
) -> None:
    for start in range(0, len(ids), AT_ONCE):
        part = {name: values[start : start + AT_ONCE] for name, values in columns.items()}
        keys = ids[start : start + AT_ONCE]
        same = {name: values[0] for name, values in part.items() if _are_same(values)}
        arrays = [_array(table.c[name], values) for name, values in part.items() if name not in same]
        varying = tuple(name for name in part if name not in same)
        statement = _update_of_arrays(table, varying, tuple(same), connection.dialect)
        alike = [list(value) or None if isinstance(value, tuple) else value for value in same.values()]
        await connection.exec_driver_sql(statement, (organization_id, keys, *arrays, *alike))


def _are_same(values: Sequence[Any]) -> bool:
    first = values[0]
    return values[-1] == first and values.count(first) == len(values)


async def _insert_each(connection: AsyncConnection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    names = tuple(column.name for column in table.columns)
    statement = insert_text(table, names, connection.dialect.paramstyle)
    await _execute_each(connection, statement, list(map(_converter(table, connection.dialect), rows)))


def _array(column: sa.Column[Any], values: Sequence[Any]) -> Sequence[Any]:
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


@lru_cache(maxsize=128)
def _update_of_arrays(table: sa.Table, varying: tuple[str, ...], same: tuple[str, ...], dialect: sa.Dialect) -> str:
    """Return the statement that writes columns of rows: those that vary from arrays, those that do not as they are."""

    def sql_type(name: str) -> str:
        implementation = table.c[name].type.dialect_impl(dialect)
        return dialect.type_compiler_instance.process(implementation).removesuffix(' COLLATE "C"')

    types = {name: sql_type(name) for name in ("id", *varying)}
    arrays = ", ".join(
        f"${place}::{'TEXT' if kind.endswith('[]') else kind}[]" for place, kind in enumerate(types.values(), start=2)
    )
    casts = {name: f"::{kind}" if kind.endswith("[]") else "" for name, kind in types.items()}
    changes = [f"{name} = new.{name}{casts[name]}" for name in varying]
    changes += [f"{name} = ${place}" for place, name in enumerate(same, start=len(types) + 2)]
    return (
        f"UPDATE {table.name} SET {', '.join(changes)} FROM unnest({arrays}) AS new({', '.join(types)}) "  # noqa: S608 (names of columns)
        f"WHERE {table.name}.organization_id = $1 AND {table.name}.id = new.id"
    )


async def copy_rows(
    connection: AsyncConnection, table: sa.Table, columns: Sequence[str], rows: Iterable[bytes]
) -> None:
    """Insert rows by PostgreSQL's COPY, each in the form that `binary_copy` gives, its columns in the order given."""
    async with driver_of(connection, f"COPY {table.name}") as driver:
        await driver.copy_to_table(table.name, columns=columns, source=in_parts(rows), format="binary")


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
