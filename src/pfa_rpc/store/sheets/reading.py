"""Sheets of records as a connection sees them: `read_sheet` of some positions, through `KeptSheets` of whole chunks.

A chunk that is kept is as good as the database while it is at the same revision, as everywhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.records.sheets import Sheet, joined
from pfa_rpc.records.vectors import Array
from pfa_rpc.store.drafts.view import view_of
from pfa_rpc.store.driver import fetch
from pfa_rpc.store.filters import Expression
from pfa_rpc.store.sheets.rows import read_chunks, read_drafted, read_positions
from pfa_rpc.store.statements import execute
from pfa_rpc.store.tables import record_chunks, records

KEPT_BYTES: Final = 64 << 20
"""Most bytes of sheets that a process keeps: of some million records."""
_OPTION: Final = "pfa_sheets"
_WASTE: Final = 4
"""Records of chunks that are read for each that is wanted, at most, to have the chunks for the next time."""
_SPARE: Final = 2_048
"""Records that are read so in any case."""
_AT_ONCE: Final = 20_000
"""Positions that one statement reads where chunks are not read as a whole."""

_PAIRS: Final = sa.select(record_chunks.c.chunk, record_chunks.c.revision, record_chunks.c.nonce).where(
    record_chunks.c.organization_id == sa.bindparam("organization_id", type_=sa.Text),
    record_chunks.c.chunk.between(sa.bindparam("first"), sa.bindparam("last")),
)


class KeptSheets:
    """Sheets of chunks, those used last, within bounds. For one event loop."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[tuple[str, int], tuple[Revision, Sheet]] = OrderedDict()
        self.size = 0
        """How many bytes are kept."""

    def get(self, organization_id: str, chunk: int, revision: Revision) -> Sheet | None:
        """Return the sheet of a chunk at a revision; None where it is not kept, or at another one."""
        found = self._kept.get((organization_id, chunk))
        if found is None or found[0] != revision:
            return None
        self._kept.move_to_end((organization_id, chunk))
        return found[1]

    def keep(self, organization_id: str, chunk: int, revision: Revision, sheet: Sheet) -> None:
        """Keep a sheet in place of the chunk's last; those that were used longest ago make room."""
        before = self._kept.pop((organization_id, chunk), None)
        self._kept[organization_id, chunk] = revision, sheet
        self.size += sheet.size - (before[1].size if before else 0)
        while self.size > self._most:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.size -= dropped.size


def reading_through(sheets: KeptSheets) -> dict[str, Any]:
    """Return the options of a connection that keeps the sheets that it reads, and looks there first."""
    return {_OPTION: sheets}


def _kept_by(connection: AsyncConnection) -> KeptSheets:
    options = connection.sync_connection.get_execution_options() if connection.sync_connection else {}
    kept: KeptSheets | None = options.get(_OPTION)
    return KeptSheets() if kept is None else kept


async def matching_positions(
    connection: AsyncConnection, organization_id: str, condition: Condition | None, most: int
) -> Array:
    """Return the positions of the records that a condition holds for, ascending; of more than `most`, one more."""
    is_joined = connection.dialect.name == "postgresql"

    def positions(matching: Expression) -> sa.Select[Any]:
        some = sa.select(records.c.position).where(matching).limit(most + 1)
        if not is_joined:
            return some
        packed = sa.func.int8send(some.subquery().c.position)
        return sa.select(sa.func.string_agg(packed, sa.text("''::bytea"), type_=sa.types.NULLTYPE))

    result = await execute(connection, organization_id, condition, positions)
    if is_joined:
        return np.sort(np.frombuffer(result.scalar_one() or b"", ">i8").astype(np.int64))
    return np.sort(np.array(result.scalars().all(), np.int64))


async def read_sheet(connection: AsyncConnection, organization_id: str, positions: Array) -> Sheet:
    """Return the sheet of the records at some positions, which are there, ascending, as the connection sees them."""
    view = view_of(connection)
    if view is None:
        return await _committed(connection, organization_id, positions)
    drafted = await read_drafted(connection, view)
    is_drafted = np.isin(positions, drafted.positions, assume_unique=True)
    left_alone = await _committed(connection, organization_id, positions[~is_drafted])
    return joined([left_alone, drafted.at(positions[is_drafted])])


async def _committed(connection: AsyncConnection, organization_id: str, positions: Array) -> Sheet:
    """Return the same of the records as they are."""
    if not len(positions):
        return joined(())
    chunks = positions // CHUNK_RECORDS
    wanted, counts = np.unique(chunks, return_counts=True)
    kept = _kept_by(connection)
    pairs = await _pairs(connection, organization_id, wanted)
    found = {chunk: sheet for chunk, pair in pairs.items() if (sheet := kept.get(organization_id, chunk, pair))}
    is_missing = ~np.isin(wanted, list(found))
    lacking = int(counts[is_missing].sum())
    if int(is_missing.sum()) * CHUNK_RECORDS > lacking * _WASTE + _SPARE:
        is_there = np.isin(chunks, list(found))
        of_kept = joined(found.values()).at(positions[is_there])
        return joined([of_kept, *[await _at(connection, organization_id, positions[~is_there])]])
    missing = {chunk: pairs[chunk] for chunk in wanted[is_missing].tolist()}
    for chunk, sheet in (await read_chunks(connection, organization_id, missing)).items():
        found[chunk] = sheet
        kept.keep(organization_id, chunk, missing[chunk], sheet)
    return joined(found.values()).at(positions)


async def _pairs(connection: AsyncConnection, organization_id: str, chunks: Array) -> Mapping[int, Revision]:
    """Return what chunks are at."""
    parameters = {"organization_id": organization_id, "first": int(chunks[0]), "last": int(chunks[-1])}
    wanted = set(chunks.tolist())
    rows = await fetch(connection, _PAIRS, parameters)
    return {chunk: Revision(number, nonce) for chunk, number, nonce in rows if chunk in wanted}


async def _at(connection: AsyncConnection, organization_id: str, positions: Array) -> Sheet:
    parts = [positions[start : start + _AT_ONCE].tolist() for start in range(0, len(positions), _AT_ONCE)]
    return joined([await read_positions(connection, organization_id, part) for part in parts])
