"""Each chunk says what its records are at: a reader that knows a pair knows the records."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from pfa_rpc.records.encode import decode
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision, chunk_of
from pfa_rpc.store.chunk_reads import fetch_chunks
from pfa_rpc.store.chunks import read_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.revisions import get_chunk_revisions
from pfa_rpc.store.tables import records
from tests.causes import CAUSE
from tests.integration.store.conftest import fill

COUNT = 2 * CHUNK_RECORDS + 100


@pytest.fixture
async def large(database: Database) -> Database:
    """RIO with three chunks, the last not full, and RIO2 with one."""
    await fill(database, "RIO", COUNT, seed=3)
    await fill(database, "RIO2", 10, seed=4)
    return database


async def pairs_of(database: Database, organization_id: str = "RIO") -> dict[int, Revision]:
    return dict((await get_chunk_revisions(database, organization_id))[1])


async def test_chunks_hold_all_records_in_order_of_insertion(large: Database) -> None:
    async with large.reading() as connection:
        found = await read_chunks(connection, "RIO", [0, 1, 2, 3])
        other = await read_chunks(connection, "RIO2", [0])
    assert [len(chunk.payloads) for chunk in found.values()] == [CHUNK_RECORDS, CHUNK_RECORDS, 100]
    ids = [decode(payload)["pfa_id"] for chunk in found.values() for payload in chunk.payloads]
    assert ids == [str(number) for number in range(1, COUNT + 1)]
    assert [len(chunk.payloads) for chunk in other.values()] == [10]
    assert {number: chunk.revision for number, chunk in found.items()} == await pairs_of(large)


async def test_few_chunks_and_many_are_fetched_alike(large: Database) -> None:
    async with large.reading() as connection:
        expected = await read_chunks(connection, "RIO", [0, 1, 2])
    for numbers in ([0], [2], [1, 2], [0, 1, 2]):
        assert await fetch_chunks(large, "RIO", numbers) == {number: expected[number] for number in numbers}
    assert await fetch_chunks(large, "RIO", [3]) == {}
    assert await fetch_chunks(large, "NONE", [0]) == {}


async def test_an_edit_moves_its_own_chunk_alone(large: Database) -> None:
    before = await pairs_of(large)
    async with large.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        record = (await read_for_write(write, [str(CHUNK_RECORDS + 1)]))[str(CHUNK_RECORDS + 1)]
        changed = record.copy()
        changed.values["area_silo"] = "Silo 99"
        await save_records(write, organization, [(record, changed)])
    after = await pairs_of(large)
    assert [number for number in before if before[number] != after[number]] == [1]
    assert after[1] == write.revision
    assert await pairs_of(large, "RIO2") != {}


async def test_no_record_is_newer_than_its_chunk(large: Database) -> None:
    pairs = await pairs_of(large)
    async with large.reading() as connection:
        query = sa.select(records.c.position, records.c.revision).where(records.c.organization_id == "RIO")
        for row in await connection.execute(query):
            assert row.revision <= pairs[chunk_of(row.position)].number
