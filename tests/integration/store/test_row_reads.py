"""What is read of records that are edited is what they hold, whichever way it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import asyncpg
import pytest

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.records.encode import Values
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.database import Database, NothingChanged
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import StoredRow, fields_of, read_created, read_row_stretch, read_rows, read_rows_at
from pfa_rpc.store.row_edits import RowEdit, RowEdits
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled

NAMES = [field.name for field in FIELDS]


async def edit_some(database: Database) -> None:
    """Give some records what only those have that were edited."""
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        rows = await read_rows_at(write.connection, "RIO", range(0, 300, 7))
        edits = [RowEdit(row, {"forecast_end": date(2031, 5, 6), "model": f"Ä{row.position}"}) for row in rows]
        await RowEdits(write, organization).save(edits)


def each(rows: Sequence[StoredRow]) -> list[Values]:
    """Return every field of each record, as an edit reads them."""
    columns = fields_of(rows, NAMES)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


async def test_fields_that_columns_give_are_those_of_the_payload(filled: Filled) -> None:
    await edit_some(filled.database)
    pfa_ids = [str(number) for number in range(1, 301)]
    async with filled.database.write("RIO", CAUSE) as write:
        named = list((await read_rows(write.connection, "RIO", "pfa_id", pfa_ids)).values())
        one = list((await read_rows(write.connection, "RIO", "id", [named[7].id])).values())
        placed = await read_rows_at(write.connection, "RIO", range(300))
        created = await read_created(write.connection, "RIO", 0, 300)
        raise NothingChanged
    async with filled.database.reading() as connection:
        seen = list((await read_rows(connection, "RIO", "pfa_id", pfa_ids)).values())
        stretch = await read_row_stretch(connection, "RIO", None, after=-1, limit=300)
    assert [len(rows) for rows in (named, one, placed, created, seen, stretch)] == [300, 1, 300, 300, 300, 300]
    for rows in (named, one, placed, created, seen):
        assert all(row.held is not None for row in rows)
        assert each(rows) == [row.values() for row in rows]
    assert all(row.held is None for row in stretch)
    assert each(stretch) == [row.values() for row in stretch] == each(placed)
    assert each([*placed[:3], *stretch[3:]]) == each(placed)


async def test_of_names_those_that_are_no_fields_are_passed_over(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        rows = await read_rows_at(connection, "RIO", [4, 2])
        assert list(fields_of(rows, ["forecast_end", "none", "model", "id"])) == ["forecast_end", "model", "id"]
        assert [row.position for row in rows] == [2, 4]
        assert fields_of([], ["id", "model"]) == {"id": [], "model": []}


async def read_within_a_write(database: Database, terminating: asyncpg.Connection | None = None) -> None:
    """Read a record within a write that changes nothing, of which somebody may end the connection before."""
    async with database.write("RIO", CAUSE) as write:
        if terminating is not None:
            await terminating.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert list(await read_rows(write.connection, "RIO", "pfa_id", ["7"])) == ["7"]
        raise NothingChanged


async def test_a_connection_that_ends_while_rows_are_read_is_lost_and_no_defect(filled: Filled) -> None:
    if filled.database.dialect != "postgresql":
        pytest.skip("there is no connection that could end")
    other = await asyncpg.connect(filled.url)
    with pytest.raises(DatabaseUnavailable, match=r"lost|ended"):
        await read_within_a_write(filled.database, other)
    await other.close()
    await read_within_a_write(filled.database)


async def test_writes_that_are_cancelled_while_they_read_leave_the_next_its_turn_and_its_answer(
    filled: Filled,
) -> None:
    for number in range(60):
        call = asyncio.ensure_future(read_within_a_write(filled.database))
        for _ in range(number % 20):
            await asyncio.sleep(0)
        await asyncio.sleep(0.0003 * (number % 7))
        call.cancel()
        await asyncio.wait([call])
    await read_within_a_write(filled.database)
