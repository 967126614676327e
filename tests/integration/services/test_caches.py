"""The cache is filled, looked at and cleared through its own service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from pfa.v1.cache_service_pb2 import ClearCacheRequest, GetCacheStatusRequest, WarmCacheRequest, WarmCacheResponse
from pfa.v1.cache_service_pb2_grpc import CacheServiceStub
from pfa.v1.query_service_pb2 import InterpretRequest
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    ListRecordsRequest,
    StreamRecordsRequest,
)
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.cache.process import ProcessCache
from pfa_rpc.errors import PermissionDenied
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.caches import CacheService
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.reading import chunk_reads
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store import chunks, reads
from pfa_rpc.store.chunk_reads import fetch_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.services.conftest import failure
from tests.integration.services.test_permissions import RecordedCall
from tests.integration.store.conftest import Filled, database, fill, filled
from tests.servers.redis import Redis

__all__ = ["database", "filled"]  # fixtures

RIO_CHUNKS = 3


class Site:
    """A server with RIO and RIO2, and a second door to its database."""

    def __init__(self, database: Database, channel: grpc.aio.Channel) -> None:
        self.database = database
        self.caches = CacheServiceStub(channel)
        self.records = RecordServiceStub(channel)
        self.questions = QueryServiceStub(channel)

    async def warm(self, organization_id: str = "RIO", **options: Any) -> WarmCacheResponse:
        """Warm an organization."""
        request = WarmCacheRequest(organization_id=organization_id, **options)
        response: WarmCacheResponse = await self.caches.WarmCache(request)
        return response

    async def entries(self, organization_id: str = "RIO") -> list[int]:
        """Return how many entries each layer has."""
        response = await self.caches.GetCacheStatus(GetCacheStatusRequest(organization_id=organization_id))
        return [layer.entries for layer in response.layers]

    async def touch(self, pfa_id: str) -> None:
        """Change a record as another process would."""
        async with self.database.write("RIO", CAUSE) as write:
            organization = await get_organization(write.connection, "RIO")
            before = (await read_for_write(write, [pfa_id]))[pfa_id]
            after = before.copy()
            after.values["area_silo"] = "Dock 9"
            await save_records(write, organization, [(before, after)])


@pytest.fixture(params=["process", "redis"])
def cached(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with the cache in the process alone, and with Redis below it."""
    if request.param == "process":
        return settings
    url = request.getfixturevalue("redis_url")
    return Settings.load(database_url=settings.database_url, listen="127.0.0.1:0", redis_url=url)


@pytest.fixture
async def site(cached: Settings) -> AsyncIterator[Site]:
    """A running server and the second door."""
    database = Database(cached.database_url)
    await migrate(database)
    await fill(database, "RIO", 1_100, seed=1)
    await fill(database, "RIO2", 20, seed=2)
    async with running(cached) as up, grpc.aio.insecure_channel(up.target) as channel:
        yield Site(database, channel)
    await database.close()


async def test_what_a_client_asks_first_comes_from_a_warm_cache(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.warm()
    for module, name in (
        (reads, "list_page"),
        (reads, "count"),
        (reads, "read_vocabulary"),
        (reads, "read_unsynced"),
        (chunks, "read_chunks"),
        (chunk_reads, "fetch_chunks"),
    ):
        monkeypatch.setattr(module, name, None, raising=False)  # a read of the records would fail
    page = await site.records.ListRecords(
        ListRecordsRequest(organization_id="RIO", page_size=1_000, include_total_size=True)
    )
    assert (page.total_size, page.HasField("age")) == (1_100, True)
    sums = [
        Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field=name)
        for name in ("plan_cost", "forecast_cost", "actual_cost")
    ]
    count = Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_COUNT)
    figures = await site.records.AggregateRecords(
        AggregateRecordsRequest(organization_id="RIO", aggregations=[count, *sums])
    )
    assert (figures.matched, figures.HasField("age")) == (1_100, True)
    stream = site.records.StreamRecords(StreamRecordsRequest(organization_id="RIO"))
    assert sum([len(batch.records) async for batch in stream]) == 1_100
    assert (await site.questions.Interpret(InterpretRequest(organization_id="RIO", question="rentals"))).interpretation


async def test_warming_tells_what_was_there_and_what_was_filled(site: Site) -> None:
    first = await site.warm()
    assert (first.chunks, first.chunks_cached, first.chunks_filled) == (RIO_CHUNKS, 0, RIO_CHUNKS)
    assert (first.answers_filled, first.vocabulary_prepared) == (2, True)
    assert first.filled_bytes > 100_000
    assert first.modified_records > 100
    assert first.elapsed.ToMicroseconds() > 0
    second = await site.warm()
    assert (second.chunks, second.chunks_cached, second.chunks_filled) == (RIO_CHUNKS, RIO_CHUNKS, 0)
    assert (second.answers_filled, second.vocabulary_prepared, second.filled_bytes) == (0, False, 0)
    assert second.revision_token == first.revision_token


async def test_after_an_edit_only_its_chunk_is_filled(site: Site) -> None:
    first = await site.warm()
    await site.touch("700")
    second = await site.warm()
    assert (second.chunks_cached, second.chunks_filled, second.answers_filled) == (RIO_CHUNKS - 1, 1, 2)
    assert second.revision_token != first.revision_token


async def test_warming_stops_after_the_chunks_that_were_asked_for(site: Site) -> None:
    answer = await site.warm(max_chunks=1)
    assert (answer.chunks, answer.chunks_filled) == (RIO_CHUNKS, 1)


async def test_status_tells_the_layers_and_clearing_empties_one_organization(site: Site) -> None:
    await site.warm()
    await site.warm("RIO2")
    response = await site.caches.GetCacheStatus(GetCacheStatusRequest(organization_id="RIO"))
    assert [layer.name for layer in response.layers] in (["process"], ["process", "redis"])
    for layer in response.layers:
        assert layer.reachable
        assert (layer.entries, layer.errors) == (RIO_CHUNKS + 4, 0)
        assert layer.bytes > 100_000
        assert layer.misses > 0
        counted = {family.name: family.entries for family in layer.families}
        assert counted == {"records": RIO_CHUNKS, "query": 2, "modified": 1, "vocabulary": 1}
        assert all(family.bytes > 0 for family in layer.families)
    other = await site.entries("RIO2")
    cleared = await site.caches.ClearCache(ClearCacheRequest(organization_id="RIO"))
    assert cleared.entries == (RIO_CHUNKS + 4) * len(response.layers)
    assert set(await site.entries("RIO")) == {0}
    assert await site.entries("RIO2") == other


async def test_redis_that_is_away_is_told_and_warming_goes_on_without(settings: Settings, own_redis: Redis) -> None:
    database = Database(settings.database_url)
    await migrate(database)
    await fill(database, "RIO", 20, seed=1)
    served = Settings.load(database_url=settings.database_url, listen="127.0.0.1:0", redis_url=own_redis.url)

    async def reachable() -> dict[str, bool]:
        response = await alone.caches.GetCacheStatus(GetCacheStatusRequest(organization_id="RIO"))
        return {layer.name: layer.reachable for layer in response.layers}

    async with running(served) as up, grpc.aio.insecure_channel(up.target) as channel:
        alone = Site(database, channel)
        assert await reachable() == {"process": True, "redis": True}
        own_redis.stop()
        assert await reachable() == {"process": True, "redis": False}
        assert (await alone.warm()).chunks_filled == 1
        assert (await alone.warm()).chunks_cached == 1
    await database.close()


async def test_an_organization_that_is_not_there_is_not_found(site: Site) -> None:
    for call in (
        site.caches.WarmCache(WarmCacheRequest(organization_id="RIO3")),
        site.caches.GetCacheStatus(GetCacheStatusRequest(organization_id="RIO3")),
        site.caches.ClearCache(ClearCacheRequest(organization_id="RIO3")),
    ):
        assert (await failure(call)).reason == "ORGANIZATION_NOT_FOUND"


async def test_chunks_out_of_range_are_refused(site: Site) -> None:
    for number in (-1, 20_001):
        told = await failure(site.caches.WarmCache(WarmCacheRequest(organization_id="RIO", max_chunks=number)))
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert "max_chunks" in told.message


def service(filled: Filled) -> CacheService:
    """The service without a server."""

    async def prepare(_: str) -> bool:
        return True

    return CacheService(Sources.of(filled.database, Tokens(b"k" * 16), ProcessCache(1 << 26)), prepare)


async def test_two_who_warm_at_once_share_the_work(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0

    async def counting(*arguments: Any) -> Any:
        nonlocal counted
        counted += 1
        await asyncio.sleep(0.05)
        return await fetch_chunks(*arguments)

    monkeypatch.setattr(chunk_reads, "fetch_chunks", counting)
    warming, call = service(filled), RecordedCall()
    both = [warming.warm_cache(WarmCacheRequest(organization_id="RIO"), call) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert counted == 1
    assert first == second


async def test_nobody_goes_on_warming_for_a_caller_who_left(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(*_: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    monkeypatch.setattr(chunk_reads, "fetch_chunks", endless)
    task = asyncio.create_task(service(filled).warm_cache(WarmCacheRequest(organization_id="RIO"), RecordedCall()))
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    await asyncio.wait([task])
    assert ended.is_set()


async def test_readers_warm_and_look_but_only_an_admin_clears(filled: Filled) -> None:
    warming, viewer = service(filled), RecordedCall()
    assert (await warming.warm_cache(WarmCacheRequest(organization_id="RIO"), viewer)).chunks_filled == 1
    assert (await warming.get_cache_status(GetCacheStatusRequest(organization_id="RIO"), viewer)).layers[0].entries == 4
    with pytest.raises(PermissionDenied, match="'admin'"):
        await warming.clear_cache(ClearCacheRequest(organization_id="RIO"), viewer)
    admin = RecordedCall(Principal("admin", frozenset({"RIO"}), frozenset({Permission.ADMIN})))
    assert (await warming.clear_cache(ClearCacheRequest(organization_id="RIO"), admin)).entries == 4
    for attempt in (
        warming.warm_cache(WarmCacheRequest(organization_id="RIO2"), viewer),
        warming.get_cache_status(GetCacheStatusRequest(organization_id="RIO2"), viewer),
        warming.clear_cache(ClearCacheRequest(organization_id="RIO2"), admin),
    ):
        with pytest.raises(PermissionDenied, match="may not use organization 'RIO2'"):
            await attempt


async def test_a_vocabulary_is_read_once_for_all_processes(
    settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(settings.database_url)
    await migrate(database)
    await fill(database, "RIO", 50, seed=1)
    served = Settings.load(database_url=settings.database_url, listen="127.0.0.1:0", redis_url=redis_url)
    question = InterpretRequest(organization_id="RIO", question="pumps")
    async with running(served) as up, grpc.aio.insecure_channel(up.target) as channel:
        first = await QueryServiceStub(channel).Interpret(question)
    async with running(served) as up, grpc.aio.insecure_channel(up.target) as channel:
        monkeypatch.setattr(reads, "read_vocabulary", None)  # another read would fail
        second = await QueryServiceStub(channel).Interpret(question)
    assert second.interpretation == first.interpretation
    assert first.interpretation.complete
    await database.close()


@pytest.mark.parametrize("size", [100, 3_000])
async def test_chunks_of_long_descriptions_are_cached_too(
    settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    database = Database(settings.database_url)
    await migrate(database)
    organization = await create_organization(database, "RIO")
    texts = [f"{number} " + "long and unlike " * (size // 16) for number in range(600)]
    records = [
        new_record("RIO", str(number), make_values(str(number), description=text)) for number, text in enumerate(texts)
    ]
    async with database.write("RIO", CAUSE) as write:
        await save_records(write, organization, [(None, record) for record in records])
    await database.close()
    served = Settings.load(
        database_url=settings.database_url, listen="127.0.0.1:0", redis_url=redis_url, cache_process_bytes=0
    )

    async def streamed() -> list[str]:
        call = RecordServiceStub(channel).StreamRecords(StreamRecordsRequest(organization_id="RIO"))
        return [record.description async for batch in call for record in batch.records]

    async with running(served) as up, grpc.aio.insecure_channel(up.target) as channel:
        assert await streamed() == texts
        monkeypatch.setattr(chunk_reads, "fetch_chunks", None)  # a read of the records would fail
        assert await streamed() == texts
