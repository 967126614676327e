"""What records remember of their synchronization survives being stored, and edits of people go by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import current_organization, get_organization
from pfa_rpc.store.records import read_rows
from pfa_rpc.store.row_edits import RowEdit
from pfa_rpc.store.syncing.tables import record_sync, sync_conflicts, sync_log
from pfa_rpc.sync.batch import SyncBatch, save_row_edits
from pfa_rpc.sync.effects import Get, Update
from pfa_rpc.sync.events import (
    Acknowledged,
    Claim,
    Event,
    Failed,
    Keep,
    LocalEdit,
    Missing,
    Pulled,
    Read,
    RemoteObject,
    Resolved,
)
from pfa_rpc.sync.stored_rows import read_sync_rows
from pfa_rpc.sync.sync_record import State, SyncRecord
from pfa_rpc.sync.taking import Outcome
from tests.integration.sync.conftest import AT, SYNC, row_of

LATER = AT + timedelta(minutes=5)


async def stepped(database: Database, pfa_id: str, *events: Event) -> tuple[SyncRecord, SyncBatch]:
    """Take a record through steps, each in a write of its own; return it as it is read back, and the last batch."""
    for event in events:
        cause = Cause(How.EDIT, event.by) if isinstance(event, LocalEdit) else SYNC
        async with database.write("RIO", cause) as write:
            batch = await SyncBatch.begin(write, run_id="run")
            await batch.read("pfa_id", [pfa_id])
            found = batch.find(pfa_id)
            assert found is not None
            batch.step(found.values["id"], event)
            await batch.save()
    async with database.write("RIO", SYNC) as write:
        again = await SyncBatch.begin(write)
        await again.read("pfa_id", [pfa_id])
        record = again.find(pfa_id)
        assert record is not None
        return record, batch


async def read(database: Database, pfa_id: str) -> SyncRecord:
    async with database.write("RIO", SYNC) as write:
        batch = await SyncBatch.begin(write)
        await batch.read("pfa_id", [pfa_id])
        record = batch.find(pfa_id)
        assert record is not None
        return record


async def rows_of(database: Database, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    async with database.reading() as connection:
        return list(await connection.execute(sa.select(table)))


async def test_a_push_in_flight_is_read_back_as_it_was(database: Database) -> None:
    before = await read(database, "7")
    claim = Claim("push-1", LATER, AT)
    record, batch = await stepped(database, "7", LocalEdit({"model": "M1", "contract": None}, "anna", AT), claim)
    assert record.state is State.PENDING
    assert record.push is not None
    changed = {"model": "M1"} | ({"contract": None} if before.values["contract"] is not None else {})
    assert record.push.values == changed
    assert record.push.lease_until == LATER
    assert [type(wanted.effect) for wanted in batch.wanted] == [Get]


async def test_what_was_sent_and_acknowledged_leaves_nothing_to_remember(database: Database) -> None:
    first = await read(database, "7")
    remote = RemoteObject({name: first.base[name] for name in first.base}, lock="4")
    record, _ = await stepped(
        database,
        "7",
        LocalEdit({"model": "M1"}, "anna", AT),
        Claim("push-1", LATER, AT),
        Read(remote, AT, AT, push_id="push-1"),
        Acknowledged("push-1", "5", AT, AT),
    )
    assert record.state is State.PRISTINE
    assert record.values["pems_version"] == "5"
    assert await rows_of(database, record_sync) == []
    (entry,) = await rows_of(database, sync_log)
    assert (entry.action, entry.run_id) == ("acknowledged", "run")


async def test_a_conflict_is_kept_with_both_sides_and_closed_by_a_decision(
    database: Database,
) -> None:
    first = await read(database, "7")
    edit = LocalEdit({"model": "MINE"}, "anna", AT)
    record, _ = await stepped(database, "7", edit, Pulled(row_of(first.values, LATER, model="THEIRS"), LATER))
    assert record.values["conflicting_fields"] == ("model",)
    (conflict,) = record.conflicts
    assert (conflict.mine, conflict.theirs, conflict.base) == ("MINE", "THEIRS", first.values["model"])
    assert (conflict.mine_side.by, conflict.theirs_side.by) == ("anna", "okafor")
    record, _ = await stepped(database, "7", Resolved({"model": Keep.THEIRS}, "ben", LATER))
    assert record.values["model"] == "THEIRS"
    assert record.values["conflicting_fields"] == ()
    (row,) = await rows_of(database, sync_conflicts)
    assert (row.settlement, row.closed_by, row.closed_at) == ("theirs", "ben", LATER)


async def test_a_persons_edit_of_a_field_in_conflict_settles_it(database: Database) -> None:
    first = await read(database, "7")
    edit = LocalEdit({"model": "MINE"}, "anna", AT)
    await stepped(database, "7", edit, Pulled(row_of(first.values, LATER, model="THEIRS"), LATER))
    async with database.write("RIO", Cause(How.EDIT, "cleo")) as write:
        organization = await get_organization(write.connection, "RIO")
        rows = await read_rows(write.connection, "RIO", "pfa_id", ["7", "8"])
        edits = [RowEdit(rows["8"], {"model": "OTHER"}), RowEdit(rows["7"], {"model": "OWN"})]
        payloads = await save_row_edits(write, organization, edits)
    assert b"OTHER" in payloads[0]
    assert b"OWN" in payloads[1]
    settled = await read(database, "7")
    assert settled.values["model"] == "OWN"
    assert settled.conflicts == ()
    assert settled.values["modified_fields"] == ("model",)
    assert settled.base["model"] == "THEIRS"
    (row,) = await rows_of(database, sync_conflicts)
    assert (row.settlement, row.closed_by) == ("own", "cleo")


async def test_an_edit_during_a_push_survives_it(database: Database) -> None:
    first = await read(database, "7")
    remote = RemoteObject(dict(first.base), lock="4")
    events = (LocalEdit({"model": "M1"}, "anna", AT), Claim("p", LATER, AT), Read(remote, AT, AT, push_id="p"))
    _, batch = await stepped(database, "7", *events)
    assert [type(wanted.effect) for wanted in batch.wanted] == [Update]
    async with database.write("RIO", Cause(How.EDIT, "cleo")) as write:
        organization = await get_organization(write.connection, "RIO")
        found = (await read_rows(write.connection, "RIO", "pfa_id", ["7"]))["7"]
        await save_row_edits(write, organization, [RowEdit(found, {"model": "M2"})])
    record, _ = await stepped(database, "7", Acknowledged("p", "5", LATER))
    assert record.values["model"] == "M2"
    assert record.base["model"] == "M1"
    assert record.state is State.MODIFIED


async def test_a_failure_waits_for_its_time_and_is_logged(database: Database) -> None:
    first = await read(database, "7")
    remote = RemoteObject(dict(first.base), lock="4")
    failed = Failed("p", "PEMS failed with status 500", AT, counts=True)
    record, _ = await stepped(
        database,
        "7",
        LocalEdit({"model": "M1"}, "anna", AT),
        Claim("p", LATER, AT),
        Read(remote, AT, AT, push_id="p"),
        failed,
    )
    assert record.next_attempt_at is not None
    assert record.next_attempt_at > AT
    assert record.values["sync_retry_count"] == 1
    (entry,) = await rows_of(database, sync_log)
    assert (entry.action, entry.detail) == ("failed", "PEMS failed with status 500")


async def test_a_record_that_pems_lost_is_marked_once_both_witnesses_agree(database: Database) -> None:
    synced = Pulled(row_of((await read(database, "7")).values, AT), AT)
    record, _ = await stepped(database, "7", synced, Missing(LATER))
    assert not record.values["deleted_in_pems"]
    record, _ = await stepped(database, "7", Read(None, LATER, LATER))
    assert record.values["deleted_in_pems"]


async def test_steps_that_change_nothing_use_no_revision(database: Database) -> None:
    first = await read(database, "7")
    row = Pulled(row_of(first.values, AT), AT)
    await stepped(database, "7", row)
    before = (await current_organization(database, "RIO")).revision
    async with database.write("RIO", SYNC) as write:
        batch = await SyncBatch.begin(write)
        await batch.read("pfa_id", ["7"])
        assert batch.take(row) is Outcome.UNCHANGED
        await batch.save()
        pytest.fail("nothing changed")
    assert (await current_organization(database, "RIO")).revision == before


async def test_records_without_anything_to_remember_have_no_rows(database: Database) -> None:
    async with database.reading() as connection:
        assert await read_sync_rows(connection, "RIO", ["7"]) == {}
    assert await rows_of(database, record_sync) == []
