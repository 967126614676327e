"""Edits of a few fields leave in the database the very rows that whole records would leave."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.store.database import Database, Write
from pfa_rpc.store.organizations import Organization, get_organization
from pfa_rpc.store.records import StoredRow, read_rows, save_records
from pfa_rpc.store.row_edits import RowEdit, RowEdits
from tests.causes import CAUSE
from tests.integration.store.conftest import make_filled
from tests.integration.twins import contents, twins
from tests.servers.stock import Stock

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


async def test_edits_of_fields_leave_what_edits_of_whole_records_leave(
    database_kind: str, stock: Stock, tmp_path: Path
) -> None:
    async with twins(database_kind, stock, tmp_path, make_filled) as (one, other):
        for seed in range(12):
            assert await edited(one, by_field, seed) == await edited(other, as_a_whole, seed)
        assert await contents(one) == await contents(other)
