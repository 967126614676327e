"""The rows of PEMS as they came last, as they are stored: `learn_rows`, `forget_rows`, `load_seen`.

A process that keeps a copy of them compares its nonce with the stored one, which every change of them draws anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.records import batches
from pfa_rpc.store.sync_tables import sync_cursors, sync_rejected_rows, sync_seen_rows

_IDS_A_QUERY: Final = 500


async def learn_rows(connection: AsyncConnection, organization_id: str, rows: Sequence[tuple[str, bytes]]) -> None:
    """Store (pfa_id, digest) of rows that were taken in, in place of what is known of them."""
    if not rows:
        return
    keys = ("organization_id", "pfa_id")
    if connection.dialect.name == "postgresql":
        # One statement with arrays: a statement a row takes ten times as long.
        await connection.exec_driver_sql(
            "INSERT INTO sync_seen_rows (organization_id, pfa_id, digest) "
            "SELECT $1, new.pfa_id, new.digest FROM unnest($2::TEXT[], $3::BYTEA[]) AS new(pfa_id, digest) "
            "ON CONFLICT (organization_id, pfa_id) DO UPDATE SET digest = excluded.digest",
            (organization_id, [pfa_id for pfa_id, _ in rows], [digest for _, digest in rows]),
        )
        return
    insert = insert_for(connection.dialect.name, sync_seen_rows)
    statement = insert.on_conflict_do_update(index_elements=keys, set_={"digest": insert.excluded.digest})
    values = [{"organization_id": organization_id, "pfa_id": pfa_id, "digest": digest} for pfa_id, digest in rows]
    await connection.execute(statement, values)


async def forget_rows(connection: AsyncConnection, organization_id: str, pfa_ids: Sequence[str]) -> None:
    """Let rows be looked at when they come again, whatever they hold."""
    table = sync_seen_rows.c
    for part in batches(pfa_ids, _IDS_A_QUERY):
        where = table.organization_id == organization_id, table.pfa_id.in_(part)
        await connection.execute(sa.delete(sync_seen_rows).where(*where))
    await change_nonce(connection, organization_id)


async def change_nonce(connection: AsyncConnection, organization_id: str) -> int:
    """Tell the processes that keep a copy of the rows that it is old; return the nonce from now on."""
    nonce = secrets.randbits(63)
    insert = insert_for(connection.dialect.name, sync_cursors).values(organization_id=organization_id, seen_nonce=nonce)
    statement = insert.on_conflict_do_update(index_elements=("organization_id",), set_={"seen_nonce": nonce})
    await connection.execute(statement)
    return nonce


async def load_seen(connection: AsyncConnection, organization_id: str) -> tuple[list[tuple[str, bytes]], int]:
    """Return (pfa_id, digest) of every row that need not be looked at, rejected ones among them, and their nonce."""
    nonce = await connection.scalar(
        sa.select(sync_cursors.c.seen_nonce).where(sync_cursors.c.organization_id == organization_id)
    )
    rows: list[tuple[str, bytes]] = []
    for table in (sync_seen_rows, sync_rejected_rows):
        rows += await _digests(connection, table, organization_id)
    return rows, nonce or 0


async def _digests(connection: AsyncConnection, table: sa.Table, organization_id: str) -> Iterable[Any]:
    query = sa.select(table.c.pfa_id, table.c.digest).where(table.c.organization_id == organization_id)
    return [(pfa_id, digest) for pfa_id, digest in await connection.execute(query)]
