"""A condition holds for a record at hand just where SQL picks the record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings

from nlq.query import Condition
from pfa_rpc.records.matching import matcher
from pfa_rpc.store.database import Database
from pfa_rpc.store.filters import where
from pfa_rpc.store.tables import records
from tests.integration.store.conftest import make_filled
from tests.integration.store.strategies import conditions
from tests.servers.stock import Stock


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_sql_and_matchers_agree(database_kind: str, stock: Stock, tmp_path: Path) -> None:
    with stock.copy(database_kind, tmp_path, make_filled) as (url, (values, _)), asyncio.Runner() as runner:
        database = Database(url)

        async def picked(condition: Condition) -> set[str]:
            async with database.reading() as connection:
                query = sa.select(records.c.pfa_id).where(where("RIO", condition))
                return set((await connection.execute(query)).scalars())

        @settings(max_examples=400, deadline=None)
        @given(conditions)
        def check(condition: Condition) -> None:
            holds = matcher(condition)
            assert {record["pfa_id"] for record in values if holds(record)} == runner.run(picked(condition))

        try:
            check()
        finally:
            runner.run(database.close())
