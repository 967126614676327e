"""Which index of PostgreSQL serves each kind of question, on 200,000 records, with a plan made for any parameters."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from nlq.filters.filter_text import parse_filter
from pfa_rpc.schema import SCHEMA
from pfa_rpc.store.chunks import READ_ARRAYS
from pfa_rpc.store.database import Database
from pfa_rpc.store.filters import where
from pfa_rpc.store.history.feed import NEWS
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import list_organizations
from pfa_rpc.store.tables import record_chunks, records
from pfa_rpc.store.upkeep.generating import generate
from tests.servers.postgresql import Administrator

RECORDS = 200_000


@pytest.fixture(scope="module")
def large_url(postgresql_server: Administrator) -> Iterator[str]:
    """A database of 200,000 records in 30 organizations."""
    with postgresql_server.new_database() as url:
        asyncio.run(_fill(url))
        yield url


async def _fill(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()
    await generate(url, records=RECORDS, organizations=30, seed=1, processes=2)


@pytest.fixture
async def large(large_url: str) -> Any:
    """The database, and the code of its largest organization."""
    database = Database(large_url)
    async with database.reading() as connection:
        found = await list_organizations(connection, limit=100)
    yield database, max(found, key=lambda item: item.record_count).organization_id
    await database.close()


async def plan(database: Database, query: sa.Select[Any]) -> str:
    """Return the plan that PostgreSQL makes without looking at the parameters."""
    async with database.reading() as connection:
        compiled = query.compile(connection.sync_engine, compile_kwargs={"render_postcompile": True})
        names = compiled.positiontup or ()
        arguments = ", ".join(literal(compiled.params[name]) for name in names)
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("SET plan_cache_mode = force_generic_plan")
        await driver.execute(f"PREPARE asked AS {compiled}")
        try:
            rows = await driver.fetch(f"EXPLAIN EXECUTE asked({arguments})" if names else "EXPLAIN EXECUTE asked")
        finally:
            await driver.execute("DEALLOCATE asked")
        return "\n".join(row[0] for row in rows)


def literal(value: object) -> str:
    match value:
        case bool() | int():
            return str(value)
        case date() | datetime():
            return f"'{value.isoformat()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


FILTERS = [
    ('category = "Cranes" AND source = RENTAL AND is_discontinued = false', "ix_records_category_source"),
    ('category = "Cranes" AND NOT is_discontinued = true', "ix_records_category_source"),
    (
        'area_silo = "Silo 4" AND source = RENTAL AND monthly_rate > 5000 AND is_discontinued = false',
        "ix_records_area_source_rate",
    ),
    ("forecast_start >= 2026-03-01 AND forecast_start < 2026-03-08", "ix_records_forecast_dates"),
    ("forecast_start < 2026-04-01 AND forecast_end >= 2026-03-01", "ix_records_forecast_dates"),
    ("sync_state = MODIFIED", "ix_records_unsynced"),
    ("(sync_state = MODIFIED OR sync_state = PENDING_SYNC)", "ix_records_unsynced"),
    ('modified_at >= "2026-03-01T00:00:00Z"', "ix_records_modified_at"),
    ('modified_fields:"forecast_start"', "ix_records_modified_fields"),
    ('equipment = "EQ-2001"', "ix_records_equipment"),
    ('contract = "C-1001"', "ix_records_contract"),
    ('pfa_id = "17"', "ux_records_pfa_id"),
]


@pytest.mark.parametrize(("text", "index"), FILTERS)
async def test_an_index_serves_each_kind_of_filter(large: tuple[Database, str], text: str, index: str) -> None:
    database, organization_id = large
    query = sa.select(records.c.payload).where(where(organization_id, parse_filter(text, SCHEMA)))
    assert index in await plan(database, query)


@pytest.mark.parametrize(("name", "index"), [("position", "ux_records_position"), ("revision", "ix_records_revision")])
async def test_an_index_serves_streams_and_change_feeds(large: tuple[Database, str], name: str, index: str) -> None:
    database, organization_id = large
    column = records.c[name]
    query = (
        sa.select(records.c.payload)
        .where(records.c.organization_id == organization_id, column > 100)
        .order_by(column)
        .limit(2_000)
    )
    assert index in await plan(database, query)


async def test_the_pairs_of_the_chunks_are_a_small_read(large: tuple[Database, str]) -> None:
    database, organization_id = large
    query = sa.select(record_chunks.c.chunk).where(record_chunks.c.organization_id == organization_id)
    assert "record_chunks" in await plan(database, query)


async def test_reading_chunks_touches_their_records_only(large: tuple[Database, str]) -> None:
    database, organization_id = large
    text = (
        str(READ_ARRAYS).replace(":organization_id", f"'{organization_id}'").replace(":chunks", "ARRAY[1, 3]::BIGINT[]")
    )
    async with database.reading() as connection:
        rows = (await connection.exec_driver_sql(f"EXPLAIN ANALYZE {text}")).scalars().all()
    scans = [row for row in rows if "ux_records_position" in row]
    assert len(scans) == 1
    assert "loops=2" in scans[0]
    assert re.search(r"rows=512(\.00)? loops=2", scans[0])


async def test_a_record_takes_at_most_1200_bytes_with_all_its_indexes(large: tuple[Database, str]) -> None:
    database, _ = large
    async with database.reading() as connection:
        size = await connection.scalar(sa.text("SELECT pg_total_relation_size('records')"))
        counted = await connection.scalar(sa.text("SELECT count(*) FROM records"))
    assert counted == RECORDS
    assert size / counted <= 1_200, f"{size / counted:.0f} bytes a record"


def test_every_index_is_asked_for() -> None:
    asked = {index for _, index in FILTERS} | {"ux_records_position", "ix_records_revision"}
    assert asked == {str(index.name) for index in records.indexes if re.match(r"[iu]x_", str(index.name))}


async def test_news_of_commits_are_read_by_the_index_of_revisions(large: tuple[Database, str]) -> None:
    database, organization_id = large
    parameters = {"organization_id": organization_id, "since": 100, "limit": 101}
    assert "ix_records_revision" in await plan(database, NEWS.statement.params(parameters))
