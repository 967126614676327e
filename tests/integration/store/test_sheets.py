"""Sheets of records: what the columns hold, through what is kept of them, and as a draft would have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.changes import Change, ChangeOperation
from nlq.filters.filter_text import parse_filter
from pfa_rpc.records.encode import Values
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.records.sheets import CHOICES, DAYS, FLAGS, MONEY, Sheet
from pfa_rpc.records.vectors import Vector
from pfa_rpc.schema import SCHEMA
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.sheets import reading
from pfa_rpc.store.sheets.marks import read_marks
from pfa_rpc.store.sheets.reading import KeptSheets, matching_positions, read_sheet
from pfa_rpc.store.sheets.rows import read_chunks
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.store.conftest import fill, store

COUNT = 2 * CHUNK_RECORDS + 100
FIELDS = (*CHOICES, *FLAGS, *DAYS, *MONEY)


@pytest.fixture
async def large(database: Database) -> tuple[Database, list[Values]]:
    """RIO with three chunks, and the values of its records by position; RIO2 with one."""
    values = await fill(database, "RIO", COUNT, seed=3)
    await fill(database, "RIO2", 10, seed=4)
    return database, values


def told(sheet: Sheet) -> Mapping[int, dict[str, Any]]:
    """Return position → values of the records of a sheet, from the parts that rules are given."""
    found: dict[int, dict[str, Any]] = {}
    for part in sheet.parts():
        for number, position in enumerate(sheet.positions[part.places].tolist()):
            found[position] = {name: _one(name, part.values[name], number) for name in FIELDS}
    return found


def _one(name: str, value: Any, number: int) -> Any:
    if not isinstance(value, Vector):
        return value
    found = int(value.array[number])
    return date.fromordinal(found) if name in DAYS else found


def expected(values: Sequence[Values], positions: Sequence[int]) -> dict[int, dict[str, Any]]:
    return {position: {name: values[position][name] for name in FIELDS} for position in positions}


async def whole(connection: AsyncConnection, organization_id: str = "RIO") -> Sheet:
    positions = await matching_positions(connection, organization_id, None, COUNT)
    return await read_sheet(connection, organization_id, positions)


async def test_the_first_and_the_last_day_of_the_calendar_are_days(database: Database) -> None:
    edges = make_values(forecast_start=date.min, forecast_end=date.max, plan_start=None)
    [values] = await store(database, "RIO", [edges])
    async with database.reading() as connection:
        assert told(await whole(connection)) == expected([values], [0])


@pytest.fixture
def statements(large: tuple[Database, list[Values]]) -> Iterator[list[str]]:
    """The statements that read rows of sheets."""
    sent: list[str] = []
    engine = large[0]._engine.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "r.is_actualized" in statement:
            sent.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(engine, "before_cursor_execute", note)


async def edit(database: Database, pfa_id: str, **changes: Any) -> None:
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        record = (await read_for_write(write, [pfa_id]))[pfa_id]
        changed = record.copy()
        changed.values.update(changes)
        await save_records(write, organization, [(record, changed)])


async def test_a_sheet_has_what_its_records_have(large: tuple[Database, list[Values]]) -> None:
    database, values = large
    async with database.reading() as connection:
        sheet = await whole(connection)
        other = await whole(connection, "RIO2")
    assert told(sheet) == expected(values, range(COUNT))
    assert len(other) == 10


async def test_a_few_scattered_records_are_read_without_their_chunks(
    large: tuple[Database, list[Values]], statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, values = large
    monkeypatch.setattr(reading, "_SPARE", 0)
    places = [3, CHUNK_RECORDS - 1, CHUNK_RECORDS, COUNT - 1]
    for _ in range(2):
        async with database.reading() as connection:
            sheet = await read_sheet(connection, "RIO", np.array(places))
        assert told(sheet) == expected(values, places)
    assert len(statements) == 2, "nothing is kept of them"


async def test_what_was_read_is_not_read_again(large: tuple[Database, list[Values]], statements: list[str]) -> None:
    database, values = large
    for _ in range(3):
        async with database.reading() as connection:
            assert told(await whole(connection)) == expected(values, range(COUNT))
    assert len(statements) == 1


async def test_after_an_edit_its_chunk_alone_is_read_again(
    large: tuple[Database, list[Values]], statements: list[str]
) -> None:
    database, values = large
    async with database.reading() as connection:
        await whole(connection)
    statements.clear()
    end = date(2031, 1, 1)
    await edit(database, str(CHUNK_RECORDS + 1), forecast_start=None, forecast_end=end, is_actualized=True)
    values[CHUNK_RECORDS] |= {"forecast_start": None, "forecast_end": end, "is_actualized": True}
    sizes: list[int] = []

    async def noting(connection: Any, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, Sheet]:
        sizes.append(len(pairs))
        return await read_chunks(connection, organization_id, pairs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read_chunks", noting)
        async with database.reading() as connection:
            assert told(await whole(connection)) == expected(values, range(COUNT))
    assert sizes == [1]


async def test_a_snapshot_from_before_an_edit_goes_on_to_show_the_old_record(
    large: tuple[Database, list[Values]],
) -> None:
    database, values = large
    old = expected(values, range(COUNT))
    async with database.reading() as before:
        await matching_positions(before, "RIO", None, COUNT)  # which takes the snapshot
        await edit(database, "1", forecast_start=None, forecast_end=None)
        async with database.reading() as after:
            assert told(await whole(after))[0]["forecast_end"] is None
        assert told(await whole(before)) == old
    async with database.reading() as after:
        assert told(await whole(after))[0]["forecast_end"] is None


async def test_positions_are_those_of_the_condition(large: tuple[Database, list[Values]]) -> None:
    database, values = large
    condition = parse_filter("source = RENTAL AND is_actualized = true", SCHEMA)
    async with database.reading() as connection:
        found = await matching_positions(connection, "RIO", condition, COUNT)
        some = await matching_positions(connection, "RIO", condition, 3)
    wanted = [place for place, one in enumerate(values) if one["source"] == "rental" and one["is_actualized"]]
    assert found.tolist() == wanted
    assert len(some) == 4, "one more tells that there are more"


async def test_marks_tell_spellings_apart(large: tuple[Database, list[Values]]) -> None:
    database, values = large
    changes = [
        Change("area_silo", ChangeOperation.SET, "Silo 4"),
        Change("contract", ChangeOperation.CLEAR),
        Change("forecast_end", ChangeOperation.CLEAR),
    ]
    async with database.reading() as connection:
        area, contract = await read_marks(connection, "RIO", None, changes)
    assert area.positions.tolist() == [place for place, one in enumerate(values) if one["area_silo"] == "Silo 4"]
    assert any(one["area_silo"] == "SILO  4" for one in values)
    assert contract.positions.tolist() == [place for place, one in enumerate(values) if one["contract"] is None]


def sheet_of_size(count: int) -> Sheet:
    return Sheet(np.zeros(count, [("position", np.int64)]))


def test_what_was_used_longest_ago_makes_room() -> None:
    kept = KeptSheets(most_bytes=80)
    revision = Revision(1, 2)
    for chunk in range(2):
        kept.keep("RIO", chunk, revision, sheet_of_size(5))
    assert kept.get("RIO", 0, revision) is not None
    kept.keep("RIO", 2, revision, sheet_of_size(5))
    assert [kept.get("RIO", chunk, revision) is not None for chunk in range(3)] == [True, False, True]
    kept.keep("RIO", 2, Revision(2, 2), sheet_of_size(4))
    assert kept.get("RIO", 2, revision) is None
    assert kept.size == 72


def test_a_chunk_is_good_for_its_own_revision_only() -> None:
    kept = KeptSheets()
    kept.keep("RIO", 0, Revision(1, 2), sheet_of_size(5))
    assert kept.get("RIO", 0, Revision(1, 3)) is None
    assert kept.get("RIO2", 0, Revision(1, 2)) is None
