"""How far reading PEMS has come: `Cursor`, `read_cursor`, `save_cursor`; and the rows that it could not take in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.records import batches
from pfa_rpc.store.syncing.runs import Mode
from pfa_rpc.store.syncing.tables import sync_cursors, sync_rejected_rows

_KEYS: Final = ("organization_id", "row_key")
_IDS_A_QUERY: Final = 500


class KeyRange(NamedTuple):
    """A range of ids, in the order of PEMS, and how far it was read."""

    start: str | None
    """The id behind which it begins; None: at the first of all."""
    until: str | None
    """Its last id; None: to the last of all."""
    after_id: str | None = None
    """The id behind which reading it goes on; None: nothing of it was read."""
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far reading the rows of an organization has come."""

    stamp: datetime | None = None
    """Everything that PEMS stamped before it was read; None: nothing was read to its end yet."""
    swept_at: datetime | None = None
    """When the last sweep that was complete began."""
    seen_nonce: int = 0
    mode: Mode | None = None
    """The pull that is under way, or was stopped; None: none is."""
    since: datetime | None = None
    began_at: datetime | None = None
    after_id: str | None = None
    """The id behind which it goes on."""
    newest: datetime | None = None
    """The newest stamp that it has come across."""
    ranges: tuple[KeyRange, ...] = ()
    """The ranges that it reads at once, in place of `after_id`; empty where it reads everything in order."""

    @property
    def is_begun(self) -> bool:
        """Whether a part of a pull was read."""
        return self.after_id is not None or any(one.after_id is not None or one.is_done for one in self.ranges)


async def read_cursor(connection: AsyncConnection, organization_id: str) -> Cursor:
    """Return how far reading has come."""
    query = sa.select(sync_cursors).where(sync_cursors.c.organization_id == organization_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return Cursor()
    mode = None if row.mode is None else Mode(row.mode)
    ranges = tuple(KeyRange(*one) for one in json.loads(row.ranges or "[]"))
    return Cursor(
        row.stamp, row.swept_at, row.seen_nonce, mode, row.since, row.began_at, row.after_id, row.newest, ranges
    )


async def save_cursor(connection: AsyncConnection, organization_id: str, cursor: Cursor) -> None:
    """Store how far reading has come; the nonce of the rows seen is another's to change."""
    values = {
        "stamp": cursor.stamp,
        "swept_at": cursor.swept_at,
        "mode": None if cursor.mode is None else cursor.mode.value,
        "since": cursor.since,
        "began_at": cursor.began_at,
        "after_id": cursor.after_id,
        "newest": cursor.newest,
        "ranges": json.dumps(cursor.ranges) if cursor.ranges else None,
    }
    insert = insert_for(connection.dialect.name, sync_cursors).values(
        organization_id=organization_id, seen_nonce=0, **values
    )
    await connection.execute(insert.on_conflict_do_update(index_elements=("organization_id",), set_=values))


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of PEMS that cannot be taken in as it is now."""

    row_key: str
    pfa_id: str
    """Empty where it could not be told."""
    digest: bytes
    cells: dict[str, str]
    """Text by column of the grid."""
    faults: tuple[tuple[str, str, str], ...]
    """Column, value and reason of each fault."""
    stamp: datetime | None
    rejected_at: datetime
    run_id: str


async def save_rejected(connection: AsyncConnection, organization_id: str, rows: Sequence[RejectedRow]) -> None:
    """Store rows that cannot be taken in, in place of what was stored under their keys."""
    if not rows:
        return
    values = [
        {
            "organization_id": organization_id,
            "row_key": row.row_key,
            "pfa_id": row.pfa_id,
            "digest": row.digest,
            "cells": json.dumps(row.cells),
            "faults": json.dumps(row.faults),
            "stamp": row.stamp,
            "rejected_at": row.rejected_at,
            "run_id": row.run_id,
        }
        for row in rows
    ]
    insert = insert_for(connection.dialect.name, sync_rejected_rows)
    updated = {name: insert.excluded[name] for name in values[0] if name not in _KEYS}
    await connection.execute(insert.on_conflict_do_update(index_elements=_KEYS, set_=updated), values)


async def drop_rejected(connection: AsyncConnection, organization_id: str, row_keys: Sequence[str]) -> None:
    """Forget rows that were rejected: they can be taken in by now, or are gone."""
    table = sync_rejected_rows.c
    for part in batches(row_keys, _IDS_A_QUERY):
        where = table.organization_id == organization_id, table.row_key.in_(part)
        await connection.execute(sa.delete(sync_rejected_rows).where(*where))


async def rejected_keys(connection: AsyncConnection, organization_id: str) -> set[str]:
    """Return the keys of the rows that are rejected."""
    query = sa.select(sync_rejected_rows.c.row_key).where(sync_rejected_rows.c.organization_id == organization_id)
    return set(await connection.scalars(query))


async def list_rejected(
    connection: AsyncConnection, organization_id: str, *, limit: int, after: str = ""
) -> list[RejectedRow]:
    """Return rejected rows in the order of their keys, those behind a key."""
    table = sync_rejected_rows.c
    query = sa.select(sync_rejected_rows).where(table.organization_id == organization_id, table.row_key > after)
    return [_rejected(row) for row in await connection.execute(query.order_by(table.row_key).limit(limit))]


def _rejected(row: Any) -> RejectedRow:
    faults = tuple((column, value, reason) for column, value, reason in json.loads(row.faults))
    return RejectedRow(
        row.row_key, row.pfa_id, row.digest, json.loads(row.cells), faults, row.stamp, row.rejected_at, row.run_id
    )
