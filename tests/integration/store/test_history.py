"""What a write leaves in the history: one row for itself, and one for each record that it changed."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.examples import read_examples
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from pfa_rpc.store.tables import organization_commits, organization_revisions, record_changes
from tests.fixtures.records import make_values
from tests.integration.store.conftest import Filled

EDIT = Cause(How.EDIT, "anna", request_id="r1", change_id="c1")


async def rows_of(database: Database, table: sa.Table) -> list[sa.Row[Any]]:
    async with database.reading() as connection:
        query = sa.select(table).where(table.c.organization_id == "RIO").order_by(table.c.revision)
        return list(await connection.execute(query))


async def move_end(database: Database, pfa_id: str, day: date, cause: Cause = EDIT) -> None:
    async with database.write("RIO", cause) as write:
        organization = await get_organization(write.connection, "RIO")
        before = (await read_for_write(write, [pfa_id]))[pfa_id]
        after = before.copy()
        after.values["forecast_end"] = day
        await save_records(write, organization, [(before, after)])


async def test_a_write_says_who_when_and_how(filled: Filled) -> None:
    await move_end(filled.database, "7", date(2031, 5, 6))
    *_, commit = await rows_of(filled.database, organization_commits)
    assert (commit.how, commit.changed_by, commit.request_id, commit.change_id) == ("edit", "anna", "r1", "c1")
    assert (commit.created, commit.changed) == (0, 1)
    async with filled.database.reading() as connection:
        table = organization_revisions
        at = (await connection.execute(sa.select(table).where(table.c.organization_id == "RIO"))).one()
    assert (commit.revision, commit.nonce, commit.committed_at) == (at.revision, at.nonce, at.changed_at)


async def test_inserted_records_are_told_by_their_positions(filled: Filled) -> None:
    async with filled.database.write("RIO", EDIT) as write:
        organization = await get_organization(write.connection, "RIO")
        new = [(None, new_record("RIO", f"new {number}", make_values())) for number in range(3)]
        await save_records(write, organization, new)
    first, *_, last = await rows_of(filled.database, organization_commits)
    assert (first.first_position, first.created, first.changed) == (0, 300, 0)
    assert (last.first_position, last.created, last.changed) == (300, 3, 0)
    assert await rows_of(filled.database, record_changes) == []


async def test_a_change_keeps_the_fields_that_differ_before_and_after(filled: Filled) -> None:
    before = filled.values[6]
    await move_end(filled.database, "7", date(2031, 5, 6))
    (change,) = await rows_of(filled.database, record_changes)
    assert "forecast_end" in change.fields
    assert set(change.fields) <= {"forecast_end", "forecast_cost", "actual_cost"}
    assert decode_partial(change.old, change.fields) == {name: before[name] for name in change.fields}
    assert decode_partial(change.new, change.fields)["forecast_end"] == date(2031, 5, 6)


async def test_a_write_that_leaves_a_record_as_it_was_keeps_nothing_of_it(filled: Filled) -> None:
    await move_end(filled.database, "7", filled.values[6]["forecast_end"])
    *_, commit = await rows_of(filled.database, organization_commits)
    assert commit.changed == 0
    assert await rows_of(filled.database, record_changes) == []


async def test_of_each_write_one_record_is_given_that_it_changed_or_made(filled: Filled) -> None:
    await move_end(filled.database, "7", date(2031, 5, 6))
    await move_end(filled.database, "8", date(2031, 5, 6))
    await move_end(filled.database, "7", date(2031, 5, 7))
    revisions = [commit.revision for commit in await rows_of(filled.database, organization_commits)]
    async with filled.database.reading() as connection:
        found = await read_examples(connection, "RIO", revisions)
        assert await read_examples(connection, "RIO2", revisions[1:]) == {}
    assert {revision: (one.pfa_id, one.created) for revision, one in found.items()} == {
        revisions[0]: ("1", True),
        revisions[1]: ("7", False),
        revisions[2]: ("8", False),
        revisions[3]: ("7", False),
    }
    last = found[revisions[3]]
    assert decode_partial(last.old, ["forecast_end"]) == {"forecast_end": date(2031, 5, 6)}
    assert (last.changed_by, last.request_id, last.change_id) == ("anna", "r1", "c1")


async def test_the_history_never_goes_back_in_time(filled: Filled) -> None:
    """A server whose clock is behind writes after one whose clock is right."""
    table = organization_revisions
    async with filled.database.writing() as connection:
        later = (
            await connection.execute(sa.select(table.c.changed_at).where(table.c.organization_id == "RIO"))
        ).scalar_one()
        later = later.replace(year=later.year + 1)
        await connection.execute(sa.update(table).where(table.c.organization_id == "RIO").values(changed_at=later))
    await move_end(filled.database, "7", date(2031, 5, 6))
    *_, commit = await rows_of(filled.database, organization_commits)
    assert commit.committed_at == later
