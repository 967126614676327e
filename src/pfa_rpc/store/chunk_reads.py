"""Chunks out of the database by the shortest way there is: `fetch_chunks`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pfa_rpc.store.chunks import READ_ARRAYS, Chunk, chunks_of, read_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.direct import SmallRead

FEW: Final = 2
"""Chunks that are read over a direct connection, as after an edit: some 400 KB, for which other reads hardly wait."""
_FEW: Final = SmallRead(READ_ARRAYS)


async def fetch_chunks(database: Database, organization_id: str, chunks: Collection[int]) -> dict[int, Chunk]:
    """Return what `read_chunks` does, of a snapshot of its own."""
    if len(chunks) <= FEW and database.dialect == "postgresql":
        return chunks_of(await database.read_small(_FEW, organization_id, chunks=sorted(chunks)))
    async with database.reading() as connection:
        return await read_chunks(connection, organization_id, chunks)
