"""Which index of PostgreSQL serves each kind of question, on 200,000 records, with a plan made for any parameters."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.filters.filter_text import parse_filter
from nlq.query import Sort
from pfa_rpc.schema import SCHEMA
from pfa_rpc.store.chunks import READ_ARRAYS
from pfa_rpc.store.database import Database
from pfa_rpc.store.drafts.drafts import FIRST_POSITION, Draft, create_draft, drop_draft
from pfa_rpc.store.drafts.view import DraftView, see
from pfa_rpc.store.filters import where
from pfa_rpc.store.history.feed import NEWS
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import list_organizations
from pfa_rpc.store.reads import get_payload, list_page, read_stretch
from pfa_rpc.store.tables import not_in_pems, record_chunks, records
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
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE records")
    await connection.close()


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


async def test_an_index_counts_the_records_that_pems_does_not_have(large: tuple[Database, str]) -> None:
    database, organization_id = large
    query = sa.select(sa.func.count()).where(records.c.organization_id == organization_id, not_in_pems())
    assert "ix_records_not_in_pems" in await plan(database, query)


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
    asked = {index for _, index in FILTERS} | {"ux_records_position", "ix_records_revision", "ix_records_not_in_pems"}
    assert asked == {str(index.name) for index in records.indexes if re.match(r"[iu]x_", str(index.name))}


async def test_news_of_commits_are_read_by_the_index_of_revisions(large: tuple[Database, str]) -> None:
    database, organization_id = large
    parameters = {"organization_id": organization_id, "since": 100, "limit": 101}
    assert "ix_records_revision" in await plan(database, NEWS.statement.params(parameters))


@pytest.fixture
async def draft(large: tuple[Database, str]) -> AsyncIterator[DraftView]:
    """A draft that changes 1,000 records of the organization, of which the database has no statistics yet."""
    database, organization_id = large
    now = datetime.now(UTC)
    draft = Draft(organization_id, str(uuid.uuid4()), "maria", "", now, now, 10**6, FIRST_POSITION)
    async with database.writing() as connection:
        await create_draft(connection, draft)
        names = ", ".join(column.name for column in records.columns)
        # Every tenth record as it is.
        copied = sa.text(
            f"INSERT INTO draft_records (draft_id, is_created, edited_revision, old, new, {names}) "  # noqa: S608 (our own)
            f"SELECT :draft, false, 1, '', '', {names} FROM records WHERE organization_id = :of AND position % 10 = 0 "
            "LIMIT 1000"
        )
        await connection.execute(copied, {"draft": draft.draft_id, "of": organization_id})
    yield DraftView(organization_id, draft.draft_id)
    async with database.writing() as connection:
        await drop_draft(connection, draft)


async def drafted_plan(database: Database, view: DraftView, read: Callable[[AsyncConnection], Awaitable[Any]]) -> str:
    """Return the plan of the statement that a read through a draft sends."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    async with database.reading() as connection:
        await see(connection, view)
        sa.event.listen(database._engine.sync_engine, "before_cursor_execute", note)
        await read(connection)
        sa.event.remove(database._engine.sync_engine, "before_cursor_execute", note)
        [(statement, parameters)] = sent
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        return "\n".join(row[0] for row in await driver.fetch(f"EXPLAIN {statement}", *parameters))


@pytest.mark.parametrize(
    ("text", "sort", "index"),
    [
        ("", (), "ux_records_position"),
        ("source = RENTAL", (), "ux_records_position"),
        ("", (Sort("forecast_start"),), "ix_records_forecast_dates"),
        ('contract = "C-1001"', (), "ix_records_contract"),
    ],
)
async def test_a_page_of_a_draft_is_read_by_the_indexes_of_both_tables(
    large: tuple[Database, str], draft: DraftView, text: str, sort: tuple[Sort, ...], index: str
) -> None:
    database, organization_id = large
    condition = parse_filter(text, SCHEMA)
    found = await drafted_plan(
        database, draft, lambda connection: list_page(connection, organization_id, condition, sort=sort, limit=100)
    )
    assert index in found
    assert "Seq Scan on records" not in found
    assert "Merge Append" in found


async def test_the_next_records_of_a_draft_come_in_the_order_of_the_indexes(
    large: tuple[Database, str], draft: DraftView
) -> None:
    database, organization_id = large
    found = await drafted_plan(
        database, draft, lambda connection: read_stretch(connection, organization_id, None, after=5_000, limit=1_000)
    )
    assert "ux_records_position" in found
    assert "Merge Append" in found
    assert "Sort  (" not in found, "of the records that the draft leaves alone"


@pytest.mark.parametrize(("name", "value"), [("id", "x"), ("pfa_id", "17")])
async def test_one_record_of_a_draft_is_found_by_its_key(
    large: tuple[Database, str], draft: DraftView, name: str, value: str
) -> None:
    database, organization_id = large
    found = await drafted_plan(
        database, draft, lambda connection: get_payload(connection, organization_id, name, value)
    )
    assert "Seq Scan on records" not in found
