"""Edits of a few fields leave in the database the very rows that whole records would leave."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.store import database as databases
from pfa_rpc.store.database import Database, Write
from pfa_rpc.store.organizations import Organization, get_organization
from pfa_rpc.store.records import StoredRow, read_rows, save_records
from pfa_rpc.store.row_edits import RowEdit, RowEdits
from pfa_rpc.store.rows import decode_base
from pfa_rpc.store.tables import field_values, organization_commits, record_changes, records
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled, make_filled
from tests.servers.stock import Stock

NOW = datetime(2027, 5, 4, 12, 30, tzinfo=UTC)
VALUES: dict[str, Sequence[Any]] = {
    "forecast_start": [date(2026, 2, 1), date(2027, 1, 1), None],
    "forecast_end": [date(2028, 2, 1), date(2029, 12, 31), None],
    "actual_end": [date(2026, 7, 1), None],
    "source": ["rental", "purchase"],
    "dor": ["beo", "project"],
    "monthly_rate": [0, 1, 70_000_000, None],
    "purchase_price": [0, 12_345, None],
    "is_discontinued": [True, False],
    "is_funds_transferable": [False, True],
    "area_silo": ["Silo 4", "Laydown", "", None],
    "category": ["Cranes", "Wölfe", None],
    "contract": ["C-1001", "", None],
    "model": ["336F", '\\{,}"', None],
}
Save = Callable[[Write, Organization, Sequence[RowEdit]], Awaitable[Sequence[bytes]]]


async def as_a_whole(write: Write, organization: Organization, edits: Sequence[RowEdit]) -> Sequence[bytes]:
    """Save them as records of which every field is known."""
    changes = []
    for edit in edits:
        before = edit.row.decoded()
        values, base = marked_edited(before.values, before.base, before.values | edit.updates, CAUSE.by, write.at)
        changes.append((before, before.edited(values, base)))
    return await save_records(write, organization, changes)


async def by_field(write: Write, organization: Organization, edits: Sequence[RowEdit]) -> Sequence[bytes]:
    """Save them as edits of a few fields."""
    return await RowEdits(write, organization).save(edits, is_last=True)


@pytest.fixture
def one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is written at one time, and by the same dice."""

    class Clock(datetime):
        @classmethod
        def now(cls, _zone: Any = None) -> datetime:  # type: ignore[override]
            return NOW

    monkeypatch.setattr(databases, "datetime", Clock)
    monkeypatch.setattr("pfa_rpc.store.database.secrets.randbits", lambda _: 17)


@pytest.fixture
async def twin(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Database]:
    """The same records in another database."""
    (tmp_path / "twin").mkdir()
    with stock.copy(database_kind, tmp_path / "twin", make_filled) as (url, _):
        database = Database(url)
        yield database
        await database.close()


def drawn(rng: random.Random, row: StoredRow, names: Sequence[str]) -> RowEdit | None:
    """Return an edit that gives fields other values; None where they have the values already."""
    values = row.values()
    updates: Values = {name: rng.choice(VALUES[name]) for name in names}
    return RowEdit(row, updates) if any(values[name] != value for name, value in updates.items()) else None


async def edited(database: Database, save: Save, seed: int) -> Sequence[bytes]:
    """Edit drawn records at drawn fields."""
    rng = random.Random(seed)
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        number = rng.choice([1, 3, 4, 60, 250])
        pfa_ids = rng.sample([str(number) for number in range(1, 301)], number)
        rows = await read_rows(write.connection, "RIO", "pfa_id", pfa_ids)
        names = rng.sample(list(VALUES), rng.choice([1, 2, 5]))
        edits = [drawn(rng, rows[pfa_id], rng.sample(names, rng.randint(1, len(names)))) for pfa_id in pfa_ids]
        return await save(write, organization, [edit for edit in edits if edit is not None])


async def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table that an edit writes, bases decoded."""
    found = {}
    async with database.reading() as connection:
        for table in (records, record_changes, field_values, organization_commits):
            rows = await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            found[table.name] = [dict(row._mapping) for row in rows]
    for row in found["records"]:
        row["base"] = row["base"] and decode_base(row["base"])
    return found


@pytest.mark.usefixtures("one_time")
async def test_edits_of_fields_leave_what_edits_of_whole_records_leave(filled: Filled, twin: Database) -> None:
    for seed in range(12):
        payloads = await edited(filled.database, by_field, seed)
        assert payloads == await edited(twin, as_a_whole, seed)
    assert await contents(filled.database) == await contents(twin)
