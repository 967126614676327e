"""SQL picks the records that a condition holds for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings

from nlq.filters.filter_text import MAX_COMPARISONS, parse_filter
from nlq.query import And, Comparison, Condition, Operator
from pfa_rpc.records.cost import costs_of
from pfa_rpc.schema import SCHEMA
from pfa_rpc.store.database import Database
from pfa_rpc.store.filters import where
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from pfa_rpc.store.tables import records
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.store.conftest import Filled, make_filled
from tests.integration.store.oracle import holds
from tests.integration.store.strategies import conditions
from tests.servers.stock import Stock


async def picked(database: Database, condition: Condition | None) -> set[str]:
    async with database.reading() as connection:
        query = sa.select(records.c.pfa_id).where(where("RIO", condition))
        return set((await connection.execute(query)).scalars())


def test_sql_and_plain_python_agree(database_kind: str, stock: Stock, tmp_path: Path) -> None:
    with stock.copy(database_kind, tmp_path, make_filled) as (url, (values, _)), asyncio.Runner() as runner:
        database = Database(url)

        @settings(max_examples=400, deadline=None)
        @given(conditions)
        def check(condition: Condition) -> None:
            expected = {record["pfa_id"] for record in values if holds(condition, record)}
            assert runner.run(picked(database, condition)) == expected

        try:
            check()
        finally:
            runner.run(database.close())


on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
"""These read SQLite's plans; those of PostgreSQL need many more records to be telling."""


@on_sqlite
@pytest.mark.parametrize(
    ("text", "index"),
    [
        ('category = "Cranes" AND source = RENTAL AND is_discontinued = false', "ix_records_category_source"),
        ('category = "Cranes" AND NOT is_discontinued = true', "ix_records_category_source"),
        (
            'area_silo = "Silo 4" AND source = RENTAL AND monthly_rate > 5000 AND is_discontinued = false',
            "ix_records_area_source_rate",
        ),
        ("forecast_start >= 2026-01-01 AND forecast_start < 2026-02-01", "ix_records_forecast_dates"),
        ("sync_state = MODIFIED", "ix_records_unsynced"),
        ("(sync_state = MODIFIED OR sync_state = PENDING_SYNC)", "ix_records_unsynced"),
        ('equipment = "EQ-2001"', "ix_records_equipment"),
        ('contract = "C-1001"', "ix_records_contract"),
        ('modified_at > "2026-01-01T00:00:00Z"', "ix_records_modified_at"),
        ('pfa_id = "17"', "ux_records_pfa_id"),
        ('(pfa_id = "17" OR pfa_id = "18")', "ux_records_pfa_id"),
    ],
)
async def test_an_index_serves_each_kind_of_filter(filled: Filled, text: str, index: str) -> None:
    query = sa.select(records.c.payload).where(where("RIO", parse_filter(text, SCHEMA)))
    assert index in await plan(filled.database, query)


@on_sqlite
@pytest.mark.parametrize(("name", "index"), [("position", "ux_records_position"), ("revision", "ix_records_revision")])
async def test_an_index_serves_streams_and_change_feeds(filled: Filled, name: str, index: str) -> None:
    column = records.c[name]
    query = sa.select(records.c.payload).where(records.c.organization_id == "RIO", column > 7).order_by(column)
    assert index in await plan(filled.database, query)


async def plan(database: Database, query: sa.Select[Any]) -> str:
    async with database.reading() as connection:
        compiled = query.compile(connection.sync_engine, compile_kwargs={"render_postcompile": True})
        statement = f"EXPLAIN QUERY PLAN {compiled}"
        parameters = tuple(compiled.params[name] for name in compiled.positiontup or ())
        rows = (await connection.exec_driver_sql(statement, parameters)).mappings()
        return " ".join(row["detail"] for row in rows)


def test_each_index_is_used_by_a_test() -> None:
    # Those that only PostgreSQL has are tested with its plans.
    tested = "".join(Path(__file__).with_name(name).read_text() for name in ("test_filters.py", "test_plans.py"))
    assert [index.name for index in records.indexes if str(index.name) not in tested] == []


async def test_the_longest_filter_is_answered(filled: Filled) -> None:
    condition = And(tuple(Comparison("monthly_rate", Operator.NE, number) for number in range(MAX_COMPARISONS)))
    assert len(await picked(filled.database, condition)) > 0


@pytest.mark.parametrize(
    "text",
    [
        "monthly_rate = purchase_price * 1.1",
        "monthly_rate > purchase_price * 1.1",
        "monthly_rate < purchase_price * 1.1",
        "monthly_rate = purchase_price * 1.1 + 0.0001",
        "monthly_rate != purchase_price * 1.1 - 0.0001",
        "forecast_cost < monthly_rate * 123456789012.123456 + 5",
    ],
)
async def test_the_largest_amounts_are_compared_to_the_last_digit(database: Database, text: str) -> None:
    prices = (909_090_909_090_891, 909_090_909_090_899, 909_090_909_090_890)
    stored = [
        make_values(f"{price}{off}", source="rental", monthly_rate=price * 11 // 10 + off, purchase_price=price)
        for price in prices
        for off in (0, 1)
    ]
    organization = await create_organization(database, "RIO")
    async with database.write("RIO", CAUSE) as write:
        await save_records(write, organization, [(None, new_record("RIO", v["pfa_id"], v)) for v in stored])
    condition = parse_filter(text, SCHEMA)
    assert condition is not None
    for values in stored:
        values.update(costs_of(values))
    assert await picked(database, condition) == {v["pfa_id"] for v in stored if holds(condition, v)}
