"""A stream of a whole organization fetches, sends and caches its chunks at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from google.protobuf.message import Message

from pfa.v1.record_service_pb2 import StreamRecordsRequest, StreamRecordsResponse
from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.principal import LOCAL_ADMIN, Principal
from pfa_rpc.services.reading import chunk_reads, streams
from pfa_rpc.services.records import RecordService
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.chunk_reads import fetch_chunks
from pfa_rpc.store.chunks import Chunk
from pfa_rpc.store.database import Database
from tests.integration.store.conftest import database, fill
from tests.wire import until

__all__ = ["database"]  # a fixture

COUNT = 1_300
WHOLE = StreamRecordsRequest(organization_id="RIO")
SECONDS = 20.0


@dataclass
class SlowCall:
    """A call whose client takes a message when it is told to."""

    principal: Principal = LOCAL_ADMIN
    request_id: str = "test"
    peer: str = "test"
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    records: list[str] = field(default_factory=list)

    async def write(self, response: Message | bytes) -> None:
        """Take a message."""
        await self.takes.wait()
        assert isinstance(response, bytes)
        self.records += [record.pfa_id for record in StreamRecordsResponse.FromString(response).records]


class SlowCache(NoCache):
    """A cache that keeps what it is given when it is told to."""

    def __init__(self) -> None:
        self.keeps = asyncio.Event()
        self.kept: list[int] = []

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """Keep chunks."""
        await self.keeps.wait()
        self.kept += chunks


@pytest.fixture
async def large(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """RIO with three chunks, each of them fetched by itself."""
    monkeypatch.setattr(streams, "WINDOW", 1)
    await fill(database, "RIO", COUNT, seed=3)
    return database


def service(database: Database, cache: NoCache) -> RecordService:
    return RecordService(Sources.of(database, Tokens(b"k" * 16), cache))


async def test_what_was_read_is_sent_before_the_cache_has_it(large: Database) -> None:
    cache, call = SlowCache(), SlowCall()
    call.takes.set()
    streaming = asyncio.create_task(service(large, cache).stream_records(WHOLE, call))
    await until(lambda: len(call.records) >= 1_024)
    assert cache.kept == []
    cache.keeps.set()
    async with asyncio.timeout(SECONDS):
        await streaming
    assert cache.kept == [0, 1, 2]
    assert call.records == [str(number) for number in range(1, COUNT + 1)]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The chunks that are fetched from the database."""
    found: list[int] = []

    async def noted(database: Database, organization_id: str, numbers: list[int]) -> dict[int, Chunk]:
        chunks = await fetch_chunks(database, organization_id, numbers)
        found.extend(chunks)
        return chunks

    monkeypatch.setattr(chunk_reads, "fetch_chunks", noted)
    return found


async def test_the_next_chunk_is_fetched_while_one_is_sent_and_no_more(large: Database, fetched: list[int]) -> None:
    call = SlowCall()
    streaming = asyncio.create_task(service(large, NoCache()).stream_records(WHOLE, call))
    await until(lambda: len(fetched) >= 2)
    await asyncio.sleep(0.05)
    assert fetched == [0, 1]
    call.takes.set()
    async with asyncio.timeout(SECONDS):
        await streaming
    assert fetched == [0, 1, 2]
    assert call.records == [str(number) for number in range(1, COUNT + 1)]


async def test_a_client_who_leaves_ends_what_is_under_way(large: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slowly(database: Database, organization_id: str, numbers: list[int]) -> dict[int, Chunk]:
        if numbers != [0]:
            begun.set()
            try:
                await asyncio.sleep(SECONDS)
            finally:
                ended.set()
        return await fetch_chunks(database, organization_id, numbers)

    monkeypatch.setattr(chunk_reads, "fetch_chunks", slowly)
    streaming = asyncio.create_task(service(large, NoCache()).stream_records(WHOLE, SlowCall()))
    await asyncio.wait_for(begun.wait(), SECONDS)
    streaming.cancel()
    await asyncio.wait([streaming], timeout=SECONDS)
    assert streaming.cancelled()
    assert ended.is_set()


async def test_a_database_that_goes_away_ends_the_stream_with_its_error(
    large: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def once(database: Database, organization_id: str, numbers: list[int]) -> dict[int, Chunk]:
        if numbers != [0]:
            raise DatabaseUnavailable("gone")
        return await fetch_chunks(database, organization_id, numbers)

    monkeypatch.setattr(chunk_reads, "fetch_chunks", once)
    call = SlowCall()
    call.takes.set()
    with pytest.raises(DatabaseUnavailable):
        await service(large, NoCache()).stream_records(WHOLE, call)
    assert len(call.records) == 512
