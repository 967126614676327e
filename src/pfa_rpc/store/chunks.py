"""Chunks of records: `mark_chunks` at every write, `read_chunks` for readers and their caches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.database import Write
from pfa_rpc.store.tables import record_chunks, records


@dataclass(slots=True)
class Chunk:
    """The records of a chunk, in order of insertion, and what they are at."""

    revision: Revision
    payloads: list[bytes] = field(default_factory=list)


async def mark_chunks(write: Write, chunks: Collection[int]) -> None:
    """Put chunks at the revision of a write, which changed records of theirs."""
    if not chunks:
        return
    insert = insert_for(write.connection.dialect.name, record_chunks)
    upsert = insert.on_conflict_do_update(
        index_elements=["organization_id", "chunk"],
        set_={"revision": insert.excluded.revision, "nonce": insert.excluded.nonce},
    )
    pair = {"revision": write.revision.number, "nonce": write.revision.nonce}
    rows = [{"organization_id": write.organization_id, "chunk": chunk, **pair} for chunk in sorted(chunks)]
    await write.connection.execute(upsert, rows)


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
        rows = await connection.execute(READ_ARRAYS, parameters)
        return {row.chunk: Chunk(Revision(row.revision, row.nonce), list(row.payloads)) for row in rows}
    return await _read_rows(connection, organization_id, chunks)


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
