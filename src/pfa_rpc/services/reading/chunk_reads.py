"""Chunks of records through the cache: `RecordChunks` fetches them, `ChunkPairs` tells which there are."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pfa_rpc.cache.interface import CHUNKS, Cache
from pfa_rpc.cache.metrics import filling
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.reading.answers import Answer, Answers, Need
from pfa_rpc.services.reading.framing import frame_records
from pfa_rpc.store.chunks import read_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.revisions import get_chunk_revisions


@dataclass(frozen=True, slots=True)
class Fetched:
    """Chunks, and what it took to get them."""

    framed: Mapping[int, bytes]
    """Chunk → its records, each framed as field 1, in the order that they were asked for."""
    filled: int
    """How many had to be read from the database."""
    filled_bytes: int


_PAIR: Final = struct.Struct(">qqq")
_PAIRS: Final = json.dumps(["chunks"])


class ChunkPairs:
    """The chunks of organizations, and what each is at."""

    def __init__(self, database: Database, answers: Answers) -> None:
        self._database = database
        self._answers = answers

    async def get(self, organization_id: str, need: Need) -> tuple[Answer, Mapping[int, Revision]]:
        """Return what they are made from, and chunk → what that is at, in order. Raises OrganizationNotFound."""
        known = await self._answers.known(organization_id, _PAIRS, need)
        if known is not None:
            pairs = {chunk: Revision(number, nonce) for chunk, number, nonce in _PAIR.iter_unpack(known.value)}
            return known, pairs
        revision, read = await get_chunk_revisions(self._database, organization_id)
        if not need.is_fresh:
            value = b"".join(_PAIR.pack(chunk, *pair) for chunk, pair in read.items())
            await self._answers.keep(organization_id, _PAIRS, revision, value)
        return Answer(revision, b""), read


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
