"""The history of records as the write path keeps it: `record_history`, within each write.

A write is one row of `organization_commits`, which `Database.write` makes. What it changed of records that were there
is kept here, field by field; records that it inserted are told by their positions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pfa_rpc.records.deltas import differences, encode_partial
from pfa_rpc.records.encode import Values
from pfa_rpc.store.bulk import insert_rows
from pfa_rpc.store.database import Write
from pfa_rpc.store.tables import record_changes

ROWS_AT_ONCE: Final = 200
"""Rows that are made before other calls get their turn: some 4 ms."""


async def record_history(write: Write, currency: str, changes: Iterable[tuple[Values, Values]]) -> None:
    """Keep what a write changes of records, given as (values before, values after), costs included."""
    rows: list[dict[str, Any]] = []
    for row in _rows(write, currency, changes):
        rows.append(row)
        if len(rows) % ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
    write.changed += len(rows)
    if rows:
        await insert_rows(write.connection, record_changes, rows)


def _rows(write: Write, currency: str, changes: Iterable[tuple[Values, Values]]) -> Iterator[dict[str, Any]]:
    for before, after in changes:
        fields = differences(before, after)
        if fields:
            yield {
                "organization_id": write.organization_id,
                "record_id": after["id"],
                "revision": write.revision.number,
                "fields": fields,
                "old": encode_partial(before, fields, currency),
                "new": encode_partial(after, fields, currency),
            }
