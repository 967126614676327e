"""What a write leaves to its end is there after it, all of it or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.store.database import Database, Write
from pfa_rpc.store.ending import Ending
from pfa_rpc.store.tables import field_values, record_changes, records
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled

USES = {"organization_id": "RIO", "field": "area_silo", "uses": 1}


def change(record_id: str, revision: int) -> dict[str, Any]:
    """Return a row of the history."""
    fields = {"fields": ("model", "sync_state"), "old": b"", "new": b"\0\1$1"}
    return {"organization_id": "RIO", "record_id": record_id, "revision": revision, **fields}


async def rows(database: Database, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    async with database.reading() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def leave(write: Write) -> None:
    """Leave a new row, several of another table, and new values of one that is there."""
    at = datetime(2026, 5, 1, tzinfo=UTC)
    write.ending.insert(field_values, {**USES, "spelling": "Yard $2"})
    for record_id in ("x", "y"):
        write.ending.insert(record_changes, change(record_id, write.revision.number))
    updates = {"modified_at": at, "contract_key": "c $1"}
    write.ending.update(records, updates, {"organization_id": "RIO", "pfa_id": "17"})
    text = "UPDATE field_values SET uses = uses + {} WHERE organization_id = {} AND spelling = {}"
    marks = ("?", "?", "?") if write.ending.dialect.paramstyle == "qmark" else ("$1", "$2", "$3")
    write.ending.run(text.format(*marks), (5, "RIO", "Yard A"), (7, "RIO", "Silo 10"))


async def test_what_was_left_is_there_after_the_write_and_not_before_its_end(filled: Filled) -> None:
    database = filled.database
    spelled = sa.select(field_values.c.spelling, field_values.c.uses).where(
        field_values.c.organization_id == "RIO", field_values.c.field == "area_silo"
    )
    edited = sa.select(records.c.organization_id, records.c.modified_at).where(records.c.contract_key == "c $1")
    before = dict(await rows(database, spelled))
    async with database.write("RIO", CAUSE) as write:
        await leave(write)
        assert len((await write.connection.execute(spelled)).all()) == len(before)
    after = dict(await rows(database, spelled))
    more = {"Yard $2": 1, "Yard A": before["Yard A"] + 5, "Silo 10": before["Silo 10"] + 7}
    assert after == before | more
    assert await rows(database, edited) == [("RIO", datetime(2026, 5, 1, tzinfo=UTC))]
    kept = await rows(database, sa.select(record_changes).order_by(record_changes.c.record_id))
    number = write.revision.number
    assert kept == [("RIO", record_id, number, ("model", "sync_state"), b"", b"\0\1$1") for record_id in "xy"]


async def leave_twice(database: Database) -> None:
    """Leave a row that is there already beside others."""
    async with database.write("RIO", CAUSE) as write:
        await leave(write)
        write.ending.insert(field_values, {**USES, "spelling": "Yard A"})


async def test_a_statement_that_fails_leaves_nothing_of_the_write(filled: Filled) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        await leave_twice(filled.database)
    assert await rows(filled.database, sa.select(record_changes)) == []


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_all_of_it_is_one_statement(filled: Filled) -> None:
    sent: list[str] = []
    engine = filled.database._engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    async with filled.database.write("RIO", CAUSE) as write:
        before = len(sent)
        await leave(write)
    assert len(sent) == before + 1


async def test_nothing_left_is_nothing_sent(database: Database) -> None:
    async with database.writing() as connection:
        await Ending(connection).send()
