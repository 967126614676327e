"""Chunks of records: `leave_marks` at every write, `read_chunks` for readers and their caches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.store.ending import Ending
from pfa_rpc.store.tables import record_chunks, records


@dataclass(slots=True)
class Chunk:
    """The records of a chunk, in order of insertion, and what they are at."""

    revision: Revision
    payloads: list[bytes] = field(default_factory=list)


_COLUMNS: Final = "record_chunks (organization_id, revision, nonce, chunk)"
_UPSERT: Final = (
    "ON CONFLICT (organization_id, chunk) DO UPDATE SET revision = excluded.revision, nonce = excluded.nonce"
)
_MARK_ONE: Final = f"INSERT INTO {_COLUMNS} VALUES (?, ?, ?, ?) {_UPSERT}"  # noqa: S608 (text of our own)
_MARK_ARRAY: Final = (
    f"INSERT INTO {_COLUMNS} SELECT $1::text, $2::bigint, $3::bigint, chunk "  # noqa: S608 (text of our own)
    f"FROM unnest($4::bigint[]) AS marked (chunk) {_UPSERT}"
)


def leave_marks(ending: Ending, organization_id: str, revision: Revision, chunks: Collection[int]) -> None:
    """Leave it to the end of a write to put chunks at its revision."""
    if ending.dialect.name == "postgresql":
        ending.run(_MARK_ARRAY, (organization_id, *revision, sorted(chunks)))
    else:
        ending.run(_MARK_ONE, *((organization_id, *revision, chunk) for chunk in sorted(chunks)))


READ_ARRAYS: Final = sa.text(
    "SELECT c.chunk, c.revision, c.nonce, ARRAY("  # noqa: S608 (a number of our own is put in)
    "  SELECT r.payload FROM records r WHERE r.organization_id = c.organization_id"
    f"  AND r.position >= c.chunk * {CHUNK_RECORDS} AND r.position < (c.chunk + 1) * {CHUNK_RECORDS}"
    "  ORDER BY r.position) AS payloads "
    "FROM record_chunks c WHERE c.organization_id = :organization_id AND c.chunk = ANY(:chunks)"
).bindparams(sa.bindparam("chunks", type_=postgresql.ARRAY(sa.BigInteger())))
"""Chunks on PostgreSQL: a range of the index and one row for each, where a join would read the whole organization."""


async def read_chunks(connection: AsyncConnection, organization_id: str, chunks: Collection[int]) -> dict[int, Chunk]:
    """Return some chunks with what they are at.

    One statement reads both: with two, records could be filed under a revision that is not theirs.
    """
    if connection.dialect.name == "postgresql":
        parameters = {"organization_id": organization_id, "chunks": sorted(chunks)}
        return chunks_of(await connection.execute(READ_ARRAYS, parameters))
    return await _read_rows(connection, organization_id, chunks)


def chunks_of(rows: Iterable[Sequence[Any]]) -> dict[int, Chunk]:
    """Return chunks from the rows of READ_ARRAYS."""
    return {chunk: Chunk(Revision(number, nonce), list(payloads)) for chunk, number, nonce, payloads in rows}


async def _read_rows(connection: AsyncConnection, organization_id: str, chunks: Collection[int]) -> dict[int, Chunk]:
    first = record_chunks.c.chunk * CHUNK_RECORDS
    query = (
        sa.select(record_chunks.c.chunk, record_chunks.c.revision, record_chunks.c.nonce, records.c.payload)
        .join_from(
            record_chunks,
            records,
            sa.and_(
                records.c.organization_id == record_chunks.c.organization_id,
                records.c.position >= first,
                records.c.position < first + CHUNK_RECORDS,
            ),
        )
        .where(record_chunks.c.organization_id == organization_id, record_chunks.c.chunk.in_(sorted(chunks)))
        .order_by(records.c.position)
    )
    found: dict[int, Chunk] = {}
    for number, revision, nonce, payload in await connection.execute(query):
        chunk = found.get(number)
        if chunk is None:
            chunk = found[number] = Chunk(Revision(revision, nonce))
        chunk.payloads.append(payload)
    return found
