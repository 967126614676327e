"""Entries of Redis that do not say what the database says are found, whatever they are, and dropped."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from pfa.v1.cache_service_pb2 import WarmCacheRequest
from pfa.v1.cache_service_pb2_grpc import CacheServiceStub
from pfa.v1.query_service_pb2 import AskRequest
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_service_pb2 import AggregateRecordsRequest, GetRecordRequest, ListRecordsRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa.v1.revision_pb2 import Consistency
from pfa_rpc.cache.entries import EntryFormat, place
from pfa_rpc.cache.factory import SCHEMA_FINGERPRINT
from pfa_rpc.cache.inspection import Inspection, Kept, RedisAway
from pfa_rpc.cache.interface import CHUNKS, MAX_PARTS
from pfa_rpc.cache.redis_keys import key_name, part_field
from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.cache_doctor import CacheReport, examine_cache
from pfa_rpc.services.reading.answers import key_of
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from pfa_rpc.store.upkeep.generating import generate
from pfa_rpc.store.upkeep.restored import renew
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.store.conftest import database_kind, fill
from tests.servers.redis import Redis
from tests.servers.stock import Stock

__all__ = ["database_kind"]  # a fixture: tables split by organization too

FAMILIES = {"records", "query", "modified", "vocabulary"}


@pytest.fixture(params=["single", "cluster"])
def shared_url(request: pytest.FixtureRequest) -> str:
    """An empty Redis, a single one or a cluster."""
    if request.param == "single":
        return str(request.getfixturevalue("redis_url"))
    nodes: list[Redis] = request.getfixturevalue("redis_cluster")
    return nodes[0].url.replace("redis://", "redis+cluster://").removesuffix("/0")


async def make(url: str) -> None:
    """Fill a database: RIO has small chunks, DELTA a chunk that is kept in parts."""
    database = Database(url)
    await migrate(database)
    await fill(database, "RIO", 1_100, seed=1)
    organization = await create_organization(database, "DELTA")
    texts = [f"{number} " + "a long description " * 150 for number in range(512)]
    records = [
        new_record("DELTA", str(number), make_values(str(number), description=text, sync_state="modified"))
        for number, text in enumerate(texts)
    ]
    async with database.write("DELTA", CAUSE) as write:
        await save_records(write, organization, [(None, record) for record in records])
    await database.close()


@pytest.fixture
def filled_url(database_kind: str, stock: Stock, tmp_path: Path) -> Any:
    """The URL of such a database, of each kind."""
    with stock.copy(database_kind, tmp_path, make) as (url, _):
        yield url


@asynccontextmanager
async def examined(url: str, redis_url: str) -> AsyncIterator[tuple[Database, Inspection]]:
    """Give the database, and a Redis that a server has filled with all that it keeps."""
    settings = Settings.load(database_url=url, listen="127.0.0.1:0", redis_url=redis_url)
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        records = RecordServiceStub(channel)
        for code in ("RIO", "DELTA"):
            await CacheServiceStub(channel).WarmCache(WarmCacheRequest(organization_id=code))
        masked = {"paths": ["pfa_id", "forecast"]}
        for options in (
            {"page_size": 5},
            {"page_size": 7, "skip": 3},
            {"page_size": 5, "order_by": "monthly_rate desc, pfa_id", "read_mask": masked},
        ):
            request = ListRecordsRequest(organization_id="RIO", filter="source = RENTAL", **options)
            token = (await records.ListRecords(request)).next_page_token
            request.page_token = token
            await records.ListRecords(request)
        any_age = Consistency(minimize_latency=True)
        for name in ("1", "none"):
            with contextlib.suppress(grpc.aio.AioRpcError):
                await records.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id=name, consistency=any_age))
        for groups in ([], ["category"], ["area_silo", "forecast_start.month"]):
            await records.AggregateRecords(AggregateRecordsRequest(organization_id="RIO", group_by=groups))
        for question in ("rentals", "how many cranes are there per area?", "total forecast cost by category"):
            asking = QueryServiceStub(channel).Ask(AskRequest(organization_id="RIO", question=question))
            assert [part async for part in asking]
    database, inspection = Database(url), Inspection(redis_url)
    try:
        yield database, inspection
    finally:
        await inspection.close()
        await database.close()


async def kept(inspection: Inspection, code: str) -> list[Kept]:
    return [entry async for entry in inspection.entries(code)]


async def damage(inspection: Inspection, code: str, entry: Kept) -> None:
    """Put other bytes in place of an entry, with a checksum that belongs to them."""
    value = entry.value[:-1] + bytes([entry.value[-1] ^ 1])
    where = place(code, entry.family, entry.key)
    parts = EntryFormat(SCHEMA_FINGERPRINT).pack(where, entry.revision, value, 1_000.0, MAX_PARTS)
    if entry.family == "query":
        await inspection._do("SET", key_name(code, entry.family, entry.key), parts[0])
        return
    number = int(entry.key) if entry.family == CHUNKS else 0
    for part, packed in enumerate(parts):
        await inspection._do("HSET", key_name(code, entry.family), part_field(number, part), packed)


async def test_what_a_server_keeps_is_what_the_database_says(filled_url: str, shared_url: str) -> None:
    async with examined(filled_url, shared_url) as (database, inspection):
        for code, least in (("RIO", 3 + 2 + 6 + 2 + 3 + 2), ("DELTA", 1 + 2)):
            report = await examine_cache(database, inspection, code)
            entries = await kept(inspection, code)
            assert (report.damaged, report.outdated) == ([], 0)
            assert report.examined == len(entries) >= least
            assert {entry.family for entry in entries} == FAMILIES


async def test_every_kind_of_entry_is_found_wrong_and_dropped(filled_url: str, shared_url: str) -> None:
    async with examined(filled_url, shared_url) as (database, inspection):
        for code in ("RIO", "DELTA"):
            entries = await kept(inspection, code)
            for entry in entries:
                await damage(inspection, code, entry)
            report = await examine_cache(database, inspection, code)
            assert len(report.damaged) == report.examined == len(entries)
            assert await examine_cache(database, inspection, code, drop=True) == report
            assert await kept(inspection, code) == []
            assert await examine_cache(database, inspection, code) == CacheReport()


async def test_an_answer_in_the_place_of_another_is_wrong(filled_url: str, redis_url: str) -> None:
    async with examined(filled_url, redis_url) as (database, inspection):
        entry = next(one for one in await kept(inspection, "RIO") if one.family == "query")
        where = place("RIO", "query", key_of("else"))
        (packed,) = EntryFormat(SCHEMA_FINGERPRINT).pack(where, entry.revision, entry.value, 1_000.0)
        await inspection._do("SET", key_name("RIO", "query", key_of("else")), packed)
        report = await examine_cache(database, inspection, "RIO", drop=True)
        assert [key_of("else") in told for told in report.damaged] == [True]
        assert (await examine_cache(database, inspection, "RIO")).damaged == []


async def test_entries_of_another_revision_and_garbage_are_left_alone(filled_url: str, redis_url: str) -> None:
    async with examined(filled_url, redis_url) as (database, inspection):
        entries = await kept(inspection, "RIO")
        for entry in entries:
            await damage(inspection, "RIO", entry)
        await inspection._do("SET", "pfa:{RIO}:query:garbage", b"garbage")
        await inspection._do("HSET", "pfa:{RIO}:records", "garbage", b"garbage")
        await inspection._do("SET", "pfa:{RIO}:other", b"of somebody else")
        await renew(database, "RIO")
        report = await examine_cache(database, inspection, "RIO", drop=True)
        assert (report.examined, report.outdated, report.damaged) == (0, len(entries), [])
        assert len(await kept(inspection, "RIO")) == len(entries)


async def test_a_redis_that_is_away_is_told(filled_url: str, own_redis: Redis) -> None:
    async with examined(filled_url, own_redis.url) as (database, inspection):
        own_redis.stop()
        with pytest.raises(RedisAway):
            await examine_cache(database, inspection, "RIO")


async def test_the_command_tells_drops_and_looks_again(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/sound.sqlite3"
    database, inspection = Database(url), Inspection(redis_url)
    await migrate(database)
    await database.close()
    await generate(url, records=600, organizations=1, seed=1)
    settings = Settings.load(database_url=url, listen="127.0.0.1:0", redis_url=redis_url)
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        await CacheServiceStub(channel).WarmCache(WarmCacheRequest(organization_id="GEN01"))
    chunk = next(one for one in await kept(inspection, "GEN01") if one.family == CHUNKS)
    await damage(inspection, "GEN01", chunk)
    await inspection.close()
    monkeypatch.setenv("PFA_REDIS_URL", redis_url)
    command = ["doctor", "--database", url]
    capsys.readouterr()
    assert await asyncio.to_thread(main, command) == exits.DAMAGED
    assert f"chunk {chunk.key}, revision {chunk.revision.number}" in " ".join(capsys.readouterr().out.split())
    assert await asyncio.to_thread(main, [*command, "--repair", "--json"]) == exits.OK
    told = json.loads(capsys.readouterr().out)["GEN01"]
    assert (told["found"], told["left"], told["cached"]) == ({"cache": 1}, {}, {"compared": 6, "outdated": 0})
    assert await asyncio.to_thread(main, command) == exits.OK
    assert "600 records and 5 cached entries, everything is right" in capsys.readouterr().out
    monkeypatch.setenv("PFA_REDIS_URL", "redis://127.0.0.1:1/0")
    assert await asyncio.to_thread(main, command) == exits.OK
    assert "Redis does not answer" in capsys.readouterr().err
