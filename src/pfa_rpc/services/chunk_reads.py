"""Chunks of records through the cache: `RecordChunks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pfa_rpc.cache.interface import CHUNKS, Cache
from pfa_rpc.cache.metrics import filling
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.framing import frame_records
from pfa_rpc.store.chunks import read_chunks
from pfa_rpc.store.database import Database


@dataclass(frozen=True, slots=True)
class Fetched:
    """Chunks, and what it took to get them."""

    framed: Mapping[int, bytes]
    """Chunk → its records, each framed as field 1, in the order that they were asked for."""
    filled: int
    """How many had to be read from the database."""
    filled_bytes: int


class RecordChunks:
    """Chunks of organizations."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def fetch(self, organization_id: str, pairs: Mapping[int, Revision]) -> Fetched:
        """Return chunks: cached where the pair is equal, else from the database. One without records is left out."""
        found = await self._cache.get_chunks(organization_id, pairs)
        missing = [number for number in pairs if number not in found]
        fresh: dict[int, tuple[Revision, bytes]] = {}
        if missing:
            with filling(CHUNKS):
                async with self._database.reading() as connection:
                    read = await read_chunks(connection, organization_id, missing)
                fresh = {number: (chunk.revision, frame_records(chunk.payloads)) for number, chunk in read.items()}
            await self._cache.put_chunks(organization_id, fresh)
        found = found | {number: framed for number, (_, framed) in fresh.items()}
        size = sum(len(framed) for _, framed in fresh.values())
        return Fetched({number: found[number] for number in pairs if number in found}, len(fresh), size)
