"""After a restore nothing that a cache kept is taken for what the database holds."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa

from pfa.v1.cache_service_pb2 import GetCacheStatusRequest
from pfa.v1.cache_service_pb2_grpc import CacheServiceStub
from pfa.v1.record_service_pb2 import ListRecordsRequest, StreamRecordsRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main
from pfa_rpc.records.revision import Revision
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.revisions import get_chunk_revisions
from pfa_rpc.store.tables import organization_commits, organization_revisions
from pfa_rpc.store.upkeep.doctor import examine
from pfa_rpc.store.upkeep.restored import renew
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled, database, fill, filled

__all__ = ["database", "filled"]  # fixtures

Pairs = tuple[Revision, dict[int, Revision]]


async def pairs(database: Database, organization_id: str) -> Pairs:
    """Return what an organization and its chunks are at."""
    revision, chunks = await get_chunk_revisions(database, organization_id)
    return revision, dict(chunks)


async def test_an_organization_and_each_of_its_chunks_get_one_new_pair(filled: Filled) -> None:
    await fill(filled.database, "LONG", 1_025, seed=3)
    before, others = await pairs(filled.database, "LONG"), await pairs(filled.database, "RIO")
    made, count = await renew(filled.database, "LONG")
    after, chunks = await pairs(filled.database, "LONG")
    assert after == made
    assert after.number == before[0].number + 1
    assert after.nonce != before[0].nonce
    assert count == 3
    assert chunks == {0: made, 1: made, 2: made}
    assert await pairs(filled.database, "RIO") == others
    assert not {"chunk", "revision"} & set((await examine(filled.database, "LONG")).counts)


async def test_an_organization_without_records_gets_a_new_pair_too(database: Database) -> None:
    created = await create_organization(database, "EMPTY")
    made, count = await renew(database, "EMPTY")
    assert (count, made.nonce == created.revision.nonce) == (0, False)


async def make_two(url: str) -> tuple[Pairs, Pairs]:
    """Fill an empty database with RIO and RIO2; return what they are at."""
    database = Database(url)
    await migrate(database)
    await fill(database, "RIO", 600, seed=1)
    await fill(database, "RIO2", 20, seed=2)
    await database.close()
    return await both(url)


async def both(url: str) -> tuple[Pairs, Pairs]:
    """Return what RIO and RIO2 are at."""
    database = Database(url)
    found = await pairs(database, "RIO"), await pairs(database, "RIO2")
    await database.close()
    return found


def test_the_command_renews_every_organization_or_those_named(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = asyncio.run(make_two(database_url))
    assert main(["restored", "--database", database_url]) == exits.OK
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines()] == ["organization", "RIO", "RIO2", "2"]
    after = asyncio.run(both(database_url))
    assert all(one[0] != other[0] for one, other in zip(before, after, strict=True))
    assert main(["restored", "--database", database_url, "-o", "RIO", "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out) == {"RIO": {"revision": str(after[0][0].number + 1), "chunks": 2}}
    again = asyncio.run(both(database_url))
    assert again[0] != after[0]
    assert again[1] == after[1]


def test_an_organization_or_database_that_is_not_there_is_told(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(make_two(database_url))
    assert main(["restored", "--database", database_url, "-o", "NOPE"]) == exits.NOT_FOUND
    assert "there is no organization 'NOPE'" in capsys.readouterr().err
    assert main(["restored", "--database", f"sqlite:///{tmp_path / 'absent.sqlite3'}"]) != exits.OK
    assert not (tmp_path / "absent.sqlite3").exists()


async def test_a_server_that_runs_meanwhile_believes_no_cache(database_url: str, redis_url: str) -> None:
    await make_two(database_url)
    database = Database(database_url)
    settings = Settings.load(database_url=database_url, listen="127.0.0.1:0", redis_url=redis_url)
    asked = ListRecordsRequest(organization_id="RIO")
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        records, caches = RecordServiceStub(channel), CacheServiceStub(channel)

        async def streamed() -> int:
            return sum([len(part.records) async for part in records.StreamRecords(whole)])

        async def stale() -> list[int]:
            status = await caches.GetCacheStatus(GetCacheStatusRequest(organization_id="RIO"))
            return [layer.stale for layer in status.layers]

        whole = StreamRecordsRequest(organization_id="RIO")
        await records.ListRecords(asked)
        assert await streamed() == 600
        assert (await records.ListRecords(asked)).HasField("age")
        assert await stale() == [0, 0]
        await renew(database, "RIO")
        assert not (await records.ListRecords(asked)).HasField("age")
        assert await streamed() == 600
        assert await stale() == [3, 3], "the page and both chunks, in the process and in Redis"
    await database.close()


async def test_a_token_counts_in_its_own_history_only(database_url: str, redis_url: str) -> None:
    """What a cache kept from before a restore has a higher number than what is written after it."""
    await make_two(database_url)
    database = Database(database_url)
    settings = Settings.load(
        database_url=database_url, listen="127.0.0.1:0", redis_url=redis_url, cache_process_bytes=0
    )
    asked = ListRecordsRequest(organization_id="RIO", filter='area_silo = "Dock 9"')

    async def put_in(area: str, pfa_id: str) -> None:
        async with database.write("RIO", CAUSE) as write:
            organization = await get_organization(write.connection, "RIO")
            before = (await read_for_write(write, [pfa_id]))[pfa_id]
            after = before.copy()
            after.values["area_silo"] = area
            await save_records(write, organization, [(before, after)])

    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        records = RecordServiceStub(channel)

        async def listed(token: str = "") -> list[str]:
            asked.consistency.at_least_revision_token = token
            request = asked if token else ListRecordsRequest(organization_id="RIO", filter=asked.filter)
            return [record.pfa_id for record in (await records.ListRecords(request)).records]

        async def token() -> str:
            return (await records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1))).revision_token

        await put_in("Dock 9", "1")
        lost = await token()
        for area in ("Dock 8", "Dock 9", "Dock 8", "Dock 9"):
            await put_in(area, "1")
        assert await listed(lost) == ["1"], "kept at a high number"

        # A backup from the beginning comes back, and the first write after it is of a lower number.
        async with database.writing() as connection:
            await connection.execute(sa.update(organization_revisions).values(revision=1))
            await connection.execute(sa.delete(organization_commits).where(organization_commits.c.revision > 1))
        await renew(database, "RIO")
        await put_in("Dock 9", "2")
        new = await token()
        assert await listed(new) == ["1", "2"], "no answer from before the restore is newer than this token"

        # And the other way: numbers of today that are higher than those of a token from before it.
        for _ in range(10):
            await put_in("Dock 9", "3")
            await put_in("Dock 8", "3")
        assert await listed() == ["1", "2"]
        await put_in("Dock 9", "3")
        assert await listed(lost) == ["1", "2", "3"], "a fresh answer, whatever was kept with a higher number"
        assert await listed(new) == ["1", "2", "3"]
    await database.close()


async def test_writes_stay_in_a_history_until_the_command_begins_another(database: Database) -> None:
    created = (await create_organization(database, "RIO")).revision
    seen = [created]
    for _ in range(3):
        async with database.write("RIO", CAUSE) as write:
            seen.append(write.revision)
    for one, other in itertools.pairwise(seen):
        assert other.shows(one)
        assert not one.shows(other)
        assert other.nonce != one.nonce
    renewed, _ = await renew(database, "RIO")
    assert renewed.number == seen[-1].number + 1
    assert not any(renewed.shows(one) or one.shows(renewed) for one in seen)
    assert renewed.shows(renewed)
    assert await pairs(database, "RIO") == (renewed, {})
