"""Copies what an organization has beside its records: every table that is not copied in a way of its own, row by row.

A table that is added to the schema is copied, and compared, without a word about it here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_rows
from pfa_rpc.store.database import Database
from pfa_rpc.store.syncing.tables import sync_leases
from pfa_rpc.store.tables import (
    instance_keys,
    metadata,
    organization_revisions,
    organizations,
    record_chunks,
    records,
)
from pfa_rpc.store.types import NameList

ROWS_AT_ONCE: Final = 2_000
_OTHERWISE: Final = (organizations, organization_revisions, records, record_chunks, instance_keys)
_NOT: Final = (sync_leases,)
"""What holds for the processes of one database only."""
TABLES: Final = tuple(table for table in metadata.sorted_tables if table not in (*_OTHERWISE, *_NOT))
"""What is copied here; the key of each begins with organization_id."""


async def copy_tables(reader: AsyncConnection, target: Database, code: str) -> None:
    """Make an organization's rows of TABLES at the target those of the source, in transactions of bounded size.

    One that is stopped is begun again from the start: the rows that are there are dropped first.
    """
    for table in TABLES:
        async with target.writing() as writer:
            await writer.execute(sa.delete(table).where(table.c.organization_id == code))
        async for rows in table_rows(reader, table, code):
            async with target.writing() as writer:
                await insert_rows(writer, table, rows)


async def table_rows(connection: AsyncConnection, table: sa.Table, code: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield an organization's rows of a table, in the order of its key, some at a time."""
    names = tuple(column.name for column in table.columns)
    lists = [column.name for column in table.columns if isinstance(column.type, NameList)]
    key = tuple(column for column in table.primary_key if column.name != "organization_id")
    last: tuple[Any, ...] | None = None
    while True:
        query = sa.select(table).where(table.c.organization_id == code).order_by(*key).limit(ROWS_AT_ONCE)
        if key and last is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last)))
        rows = [dict(zip(names, row, strict=True)) for row in await connection.execute(query)]
        for row in rows:
            for name in lists:  # an empty list is stored as missing
                row[name] = row[name] or None
        if rows:
            yield rows
        if len(rows) < ROWS_AT_ONCE:
            return
        last = tuple(rows[-1][column.name] for column in key)


async def tables_digest(connection: AsyncConnection, code: str) -> str:
    """Return what is equal for equal rows of an organization in all of TABLES."""
    digest = blake2b(digest_size=16)
    for table in TABLES:
        digest.update(table.name.encode())
        async for rows in table_rows(connection, table, code):
            for row in rows:
                digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()
