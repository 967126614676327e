"""Chunks of records through the cache: `RecordChunks` fetches them, `ChunkPairs` tells which there are.

`Fetching` fetches many, some while those before are used.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from pfa_rpc.cache.interface import CHUNKS, Cache
from pfa_rpc.cache.metrics import filling
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.reading.answers import Answer, Answers, Need
from pfa_rpc.services.reading.framing import frame_records
from pfa_rpc.store.chunk_reads import fetch_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.revisions import get_chunk_revisions


@dataclass(frozen=True, slots=True)
class Fetched:
    """Chunks, and what it took to get them."""

    framed: Mapping[int, bytes]
    """Chunk → its records, each framed as field 1, in the order that they were asked for."""
    read: Mapping[int, tuple[Revision, bytes]]
    """Chunk → the same and its pair, of those that had to be read from the database."""


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
        """Return chunks: cached where the pair is equal, else from the database. One without records is left out.

        Those that were read are not cached before `keep`: who sends them need not wait for that.
        """
        found = await self._cache.get_chunks(organization_id, pairs)
        missing = [number for number in pairs if number not in found]
        read: dict[int, tuple[Revision, bytes]] = {}
        if missing:
            with filling(CHUNKS):
                chunks = await fetch_chunks(self._database, organization_id, missing)
                read = {number: (chunk.revision, frame_records(chunk.payloads)) for number, chunk in chunks.items()}
        found = found | {number: framed for number, (_, framed) in read.items()}
        return Fetched({number: found[number] for number in pairs if number in found}, read)

    async def keep(self, organization_id: str, fetched: Fetched) -> None:
        """Put into the cache what had to be read."""
        if fetched.read:
            await self._cache.put_chunks(organization_id, fetched.read)


class Fetching:
    """Chunks that are fetched a window at a time: while those of one are used, those of the next are on their way.

    As a context it ends with nothing under way.
    """

    def __init__(self, chunks: RecordChunks, organization_id: str, windows: Iterable[Mapping[int, Revision]]) -> None:
        self._chunks = chunks
        self._organization_id = organization_id
        self._windows = iter(windows)
        self._task: asyncio.Task[Fetched] | None = None

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            # What it raises nobody waits for any more.
            await asyncio.gather(self._task, return_exceptions=True)

    async def next(self) -> Fetched | None:
        """Return the chunks of the next window, None after the last. Raises what fetching them raised."""
        if self._task is None:
            return None
        fetched = await self._task
        self._begin()
        return fetched

    def _begin(self) -> None:
        window = next(self._windows, None)
        fetching = None if window is None else self._chunks.fetch(self._organization_id, window)
        self._task = None if fetching is None else asyncio.create_task(fetching)
