"""Many texts as one parameter, and columns of many rows, arrive as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.store.bulk import AT_ONCE, FEW, copy_rows, text_array, update_columns
from pfa_rpc.store.database import Database
from pfa_rpc.store.tables import records
from tests.integration.store.conftest import Filled

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@example(texts=[])
@example(texts=[""])
@example(texts=['"', "\\", "a,b", "{}", "NULL", " ", '","'])
@given(texts=TEXTS)
async def test_texts_are_the_array_that_they_are_written_as(postgresql_url: str, texts: list[str]) -> None:
    database = Database(postgresql_url)
    async with database.reading() as connection:
        result = await connection.exec_driver_sql("SELECT ($1::TEXT)::TEXT[]", (text_array(texts),))
        assert result.scalar_one() == texts
    await database.close()


async def test_a_connection_that_ends_at_a_copy_is_given_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 21; another operation (2) is in progress")

    database = Database(postgresql_url)
    monkeypatch.setattr(asyncpg.Connection, "copy_to_table", fail)
    used = []

    async def use(*, to_copy: bool) -> None:
        async with database.writing() as connection:
            used.append((await connection.get_raw_connection()).driver_connection)
            if to_copy:
                await copy_rows(connection, records, ["id"], [])

    with pytest.raises(DatabaseUnavailable, match="connection to it was lost; try again"):
        await use(to_copy=True)
    await use(to_copy=False)
    assert used[0] is not used[1]
    await database.close()


COLUMNS: dict[str, Sequence[Any]] = {
    "payload": [b"", b"\0", b'{"a"}'],
    "model_key": ["ltm", None, '\\,{"}'],
    "modified_fields": [("model", "dor"), (), ("model",)],
    "forecast_end": [date(2027, 1, 1), None, date(1999, 12, 31)],
    "monthly_rate": [0, None, 10**15],
    "modified_at": [datetime(2027, 1, 1, 1, 2, 3, 4, tzinfo=UTC), None, datetime(1999, 1, 1, tzinfo=UTC)],
    "is_discontinued": [True, False, True],
}


@pytest.mark.parametrize("number", [1, FEW, FEW + 1, AT_ONCE + 50])
@pytest.mark.parametrize("alike", [False, True])
async def test_columns_of_rows_are_written_and_nothing_else(filled: Filled, number: int, alike: bool) -> None:
    async def stored(*names: str) -> list[dict[str, Any]]:
        query = sa.select(*(records.c[name] for name in names or records.c.keys()))
        async with filled.database.reading() as connection:
            found = await connection.execute(query.order_by(records.c.organization_id, records.c.position))
            return [dict(row._mapping) for row in found]

    before = await stored()
    ids = [row["id"] for row in before if row["organization_id"] == "RIO"][:number]
    places = [0 if alike else place % 3 for place in range(number)]
    columns = {name: [values[place] for place in places] for name, values in COLUMNS.items()}
    async with filled.database.writing() as connection:
        await update_columns(connection, records, {"id": ids, **columns}, organization_id="RIO")
        await update_columns(connection, records, {"id": ids, "model_key": ["x"] * number}, organization_id="RIO2")
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    updates = dict(zip(ids, rows, strict=True))
    assert await stored() == [row | updates.get(row["id"], {}) for row in before]
