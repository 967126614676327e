"""The rows and pages of PEMS as they came last, as they are stored: `SeenCopies` of a process, `forget_rows`.

A process that keeps a copy of them compares its nonce with the stored one, which every change of the rows draws anew.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_for, text_array
from pfa_rpc.store.records import batches
from pfa_rpc.store.syncing.tables import sync_cursors, sync_rejected_rows, sync_seen_pages, sync_seen_rows
from pfa_rpc.sync.pems.row_reader import DIGEST_SIZE
from pfa_rpc.sync.pems.seen import SeenPage, SeenRows

_IDS_A_QUERY: Final = 500
_ROWS_AT_ONCE: Final = 5_000
"""Rows that are learned before other calls get their turn: some 3 ms."""
_PARTS: Final = {
    "postgresql": "SELECT json_agg(pfa_id)::TEXT, string_agg(digest, ''::BYTEA), max(pfa_id) FROM ("
    "SELECT pfa_id, digest FROM sync_seen_rows WHERE organization_id = $1 AND pfa_id > $2 ORDER BY pfa_id LIMIT $3"
    ") AS part",
    "sqlite": "SELECT json_group_array(pfa_id), group_concat(hex(digest), ''), max(pfa_id) FROM ("
    "SELECT pfa_id, digest FROM sync_seen_rows WHERE organization_id = ? AND pfa_id > ? ORDER BY pfa_id LIMIT ?)",
}
"""The next rows behind an id as one: a row for each would take a process that was just started five times as long."""


async def learn_rows(connection: AsyncConnection, organization_id: str, rows: Sequence[tuple[str, bytes]]) -> None:
    """Store (pfa_id, digest) of rows that were taken in, in place of what is known of them."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        digests = [digest for _, digest in rows]
        # One statement for all of them: a statement a row takes ten times as long.
        await connection.exec_driver_sql(
            "INSERT INTO sync_seen_rows (organization_id, pfa_id, digest) "
            "SELECT $1, new.pfa_id, substring($3::BYTEA FROM (new.number::INTEGER - 1) * $4 + 1 FOR $4) "
            "FROM unnest(($2::TEXT)::TEXT[]) WITH ORDINALITY AS new(pfa_id, number) "
            "ON CONFLICT (organization_id, pfa_id) DO UPDATE SET digest = excluded.digest",
            (organization_id, text_array([pfa_id for pfa_id, _ in rows]), b"".join(digests), DIGEST_SIZE),
        )
        return
    # Text, and values as the driver takes them: SQLAlchemy's own handling would take as long as the database.
    await connection.exec_driver_sql(
        "INSERT INTO sync_seen_rows (organization_id, pfa_id, digest) VALUES (?, ?, ?) "
        "ON CONFLICT (organization_id, pfa_id) DO UPDATE SET digest = excluded.digest",
        [(organization_id, pfa_id, digest) for pfa_id, digest in rows],
    )


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


async def seen_nonce(connection: AsyncConnection, organization_id: str) -> int:
    """Return the nonce of the rows that are stored; 0 where there are none."""
    query = sa.select(sync_cursors.c.seen_nonce).where(sync_cursors.c.organization_id == organization_id)
    return await connection.scalar(query) or 0


@dataclass(slots=True)
class SeenCopy:
    """A process's copy of the rows of one organization, for one run at a time."""

    rows: SeenRows
    nonce: int
    """Of the rows that it is a copy of."""
    pages: set[bytes] = field(default_factory=set)
    """Keys of the pages that were stored when it was loaded."""
    is_current: bool = True
    """Whether it holds what is stored; not so once somebody else has changed that."""

    async def store(self, connection: AsyncConnection, organization_id: str, rows: Sequence[tuple[str, bytes]]) -> int:
        """Store rows that were taken in, in a transaction that holds the organization; return the nonce from then on.

        Once it is committed, tell `learned`.
        """
        if self.nonce != await seen_nonce(connection, organization_id):
            self.is_current = False
        await learn_rows(connection, organization_id, rows)
        return await change_nonce(connection, organization_id)

    def learned(self, nonce: int, rows: Iterable[tuple[str, bytes]]) -> None:
        """Remember rows that are stored by now."""
        self.nonce = nonce
        pairs = dict(rows)
        self.rows.learn_all(list(pairs), list(pairs.values()))

    async def store_pages(self, connection: AsyncConnection, organization_id: str, keys: Iterable[bytes]) -> None:
        """Store the pages that a full pull came across, in place of those of the one before."""
        found = {key: page for key in keys if (page := self.rows.page(key)) is not None}
        if found.keys() == self.pages:
            return
        table = sync_seen_pages.c
        where = table.organization_id == organization_id, table.page_key.not_in(found)
        await connection.execute(sa.delete(sync_seen_pages).where(*where))
        insert = insert_for(connection.dialect.name, sync_seen_pages)
        insert = insert.on_conflict_do_nothing(index_elements=("organization_id", "page_key"))
        for key, page in found.items():
            if key not in self.pages:
                values = {"digests": b"".join(page.digests), "tail": page.tail, "last_id": page.last_id}
                await connection.execute(insert.values(organization_id=organization_id, page_key=key, **values))
        self.pages = set(found)


async def load_seen(connection: AsyncConnection, organization_id: str) -> SeenCopy:
    """Return a copy of every row that need not be looked at when it comes again, rejected ones among them."""
    copy = SeenCopy(SeenRows(), await seen_nonce(connection, organization_id))
    async for pfa_ids, digests in _stored_rows(connection, organization_id):
        copy.rows.learn_all(pfa_ids, digests)
        await asyncio.sleep(0)
    table = sync_rejected_rows.c
    query = sa.select(table.pfa_id, table.digest).where(table.organization_id == organization_id, table.pfa_id != "")
    for pfa_id, digest in await connection.execute(query):
        copy.rows.learn(pfa_id, digest)
    pages = await connection.stream(
        sa.select(sync_seen_pages).where(sync_seen_pages.c.organization_id == organization_id)
    )
    async for row in pages:
        copy.rows.learn_page(row.page_key, SeenPage(tuple(_parted(row.digests)), row.tail, row.last_id))
        copy.pages.add(row.page_key)
        await asyncio.sleep(0)
    return copy


async def _stored_rows(
    connection: AsyncConnection, organization_id: str
) -> AsyncIterator[tuple[list[str], list[bytes]]]:
    """Yield ids and digests of rows that were taken in, some thousand at a time."""
    dialect, last = connection.dialect.name, ""
    while True:
        result = await connection.exec_driver_sql(_PARTS[dialect], (organization_id, last, _ROWS_AT_ONCE))
        found: Sequence[Any] = result.one()
        pfa_ids, digests, last = found
        if last is None:
            return
        yield json.loads(pfa_ids), _parted(bytes.fromhex(digests) if dialect == "sqlite" else digests)


def _parted(digests: bytes) -> list[bytes]:
    return [digests[start : start + DIGEST_SIZE] for start in range(0, len(digests), DIGEST_SIZE)]


class SeenCopies:
    """The copies that a process keeps between runs, as many rows as it may."""

    def __init__(self, most_rows: int = 200_000) -> None:
        self._most_rows = most_rows
        self._copies: OrderedDict[str, SeenCopy] = OrderedDict()

    async def take(self, connection: AsyncConnection, organization_id: str) -> SeenCopy:
        """Return the copy of an organization's rows, loaded anew where it is old; give it back by `keep`."""
        copy = self._copies.pop(organization_id, None)
        if copy is not None and copy.nonce == await seen_nonce(connection, organization_id):
            return copy
        return await load_seen(connection, organization_id)

    def keep(self, organization_id: str, copy: SeenCopy) -> None:
        """Keep a copy for the next run; the ones used longest ago make place for it."""
        if not copy.is_current:
            return
        self._copies[organization_id] = copy
        while sum(len(kept.rows) for kept in self._copies.values()) > self._most_rows:
            self._copies.popitem(last=False)
