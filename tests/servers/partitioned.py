"""A database whose tables are split by organization: `make_partitioned` makes one, `plain_index_names` reads its plans.

Partitions behave in one process as tables spread over servers do in many: a statement has to say which organization it
is for, and no key reaches beyond one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from tests.servers.postgresql import STATEMENT_SECONDS

PARTITIONS: Final = 4
"""Of each table; RIO and RIO2, of which many tests hold both, lie in different ones."""

_DISTRIBUTED: Final = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
_CONSTRAINTS: Final = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = $1::text::regclass AND contype = ANY($2::text[]) ORDER BY conname
"""
_INDEXES: Final = """
SELECT pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = $1::text::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1
"""
_CHILD_INDEXES: Final = """
SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits
JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind = 'i'
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as the migrations made it."""

    name: str
    keys: Sequence[tuple[str, str]]
    """Name and definition of its primary key and its unique constraints."""
    references: Sequence[tuple[str, str]]
    """The same of its foreign keys."""
    indexes: Sequence[str]
    """Statements that make the others."""


async def make_partitioned(url: str) -> None:
    """Bring an empty database of PostgreSQL to the newest schema, with every table that has organizations split."""
    database = Database(url)
    await migrate(database)
    await database.close()
    connection = await asyncpg.connect(url, timeout=STATEMENT_SECONDS)
    try:
        async with connection.transaction():
            await _partition(connection)
    finally:
        await connection.close(timeout=STATEMENT_SECONDS)


async def plain_index_names(connection: asyncpg.Connection) -> dict[str, str]:
    """Return index of a partition → the index of the whole table, by which the schema calls it."""
    return {row[0]: row[1] for row in await connection.fetch(_CHILD_INDEXES)}


async def _partition(connection: asyncpg.Connection) -> None:
    tables = [await _read(connection, row[0]) for row in await connection.fetch(_DISTRIBUTED)]
    for table in tables:
        await connection.execute(f'ALTER TABLE "{table.name}" RENAME TO "{table.name}_plain"')
    for table in tables:
        await _create(connection, table)
    for table in tables:  # a reference needs the other table's key
        await connection.execute(f'DROP TABLE "{table.name}_plain" CASCADE')
        await _add(connection, table.name, table.keys)
        for index in table.indexes:
            await connection.execute(index)
    for table in tables:
        await _add(connection, table.name, table.references)


async def _read(connection: asyncpg.Connection, name: str) -> _Table:
    keys = [(row[0], row[1]) for row in await connection.fetch(_CONSTRAINTS, name, ["p", "u", "x"])]
    references = [(row[0], row[1]) for row in await connection.fetch(_CONSTRAINTS, name, ["f"])]
    return _Table(name, keys, references, [row[0] for row in await connection.fetch(_INDEXES, name)])


async def _create(connection: asyncpg.Connection, table: _Table) -> None:
    """Create a table with the columns of the plain one, its partitions, and what the migrations put into it."""
    await connection.execute(
        f'CREATE TABLE "{table.name}" (LIKE "{table.name}_plain" INCLUDING ALL EXCLUDING INDEXES) '
        "PARTITION BY HASH (organization_id)"
    )
    for number in range(PARTITIONS):
        await connection.execute(
            f'CREATE TABLE "{table.name}_part{number}" PARTITION OF "{table.name}" '
            f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        )
    await connection.execute(f'INSERT INTO "{table.name}" SELECT * FROM "{table.name}_plain"')  # noqa: S608


async def _add(connection: asyncpg.Connection, table: str, constraints: Sequence[tuple[str, str]]) -> None:
    for name, definition in constraints:
        await connection.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition}')
