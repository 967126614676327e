"""Undo and redo over a socket: one applied change is set back as a new one, unless a field was changed since."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.type.date_pb2 import Date

from pfa.v1.history_pb2 import ChangeOrigin
from pfa.v1.record_pb2 import Period, Record, SyncState
from pfa.v1.undo_pb2 import (
    ListUndoableRequest,
    RedoChangeRequest,
    RedoChangeResponse,
    UndoableChange,
    UndoChangeRequest,
    UndoChangeResponse,
)
from pfa_rpc.store.history import undoing
from tests.integration.services.conftest import Client
from tests.integration.services.test_applying import apply, area, failing, listed, propose
from tests.integration.services.test_mutations import create, get, mutate, update


async def undo(client: Client, change_id: str, **options: Any) -> UndoChangeResponse:
    return await client.records.UndoChange(UndoChangeRequest(organization_id="RIO", change_id=change_id, **options))


async def redo(client: Client, change_id: str, **options: Any) -> RedoChangeResponse:
    return await client.records.RedoChange(RedoChangeRequest(organization_id="RIO", change_id=change_id, **options))


async def undoable(client: Client, **options: Any) -> list[UndoableChange]:
    answer = await client.records.ListUndoable(ListUndoableRequest(organization_id="RIO", **options))
    return list(answer.changes)


def content(record: Record) -> Record:
    """Return a record without what every change of it changes."""
    copy = Record()
    copy.CopyFrom(record)
    for name in ("etag", "revision"):
        copy.ClearField(name)
    for name in ("local_version", "modified_fields", "modified_by", "modified_at", "state"):
        copy.sync.ClearField(name)  # type: ignore[arg-type] # names of fields
    return copy


async def test_an_applied_change_is_set_back_and_carried_out_again(client: Client) -> None:
    text = 'category = "Cranes"'
    before = await listed(client, text)
    applied = await apply(client, (await propose(client, text, area("North"))).proposal)
    after = await listed(client, text)
    answer = await undo(client, applied.change_id)
    assert (answer.change_id, answer.changed) == (applied.change_id, applied.changed)
    undone = await listed(client, text)
    assert list(map(content, undone)) == list(map(content, before))
    assert all(new.sync.local_version == old.sync.local_version + 2 for new, old in zip(undone, before, strict=True))
    [change] = await undoable(client)
    assert (change.change_id, change.origin, change.undone) == (
        applied.change_id,
        ChangeOrigin.CHANGE_ORIGIN_PROPOSAL,
        True,
    )
    assert (await redo(client, applied.change_id)).changed == applied.changed
    assert list(map(content, await listed(client, text))) == list(map(content, after))
    assert not (await undoable(client))[0].undone
    await undo(client, applied.change_id)
    assert list(map(content, await listed(client, text))) == list(map(content, before))


async def test_what_can_be_undone_is_told_by_what_it_did_to_one_of_its_records(client: Client) -> None:
    before = await get(client, "7")
    one = await mutate(client, update(Record(pfa_id="7", contract="C-7"), "contract"))
    cranes = {record.pfa_id: record.area_silo for record in await listed(client, 'category = "Cranes"')}
    many = await apply(client, (await propose(client, 'category = "Cranes"', area("North"))).proposal)
    new = await mutate(client, create("N-1"), create("N-2"))
    await undo(client, one.change_id)
    made, moved, edited = await undoable(client)
    assert [made.change_id, moved.change_id, edited.change_id] == [new.change_id, many.change_id, one.change_id]
    assert (made.example.pfa_id, made.example.created) in {("N-1", True), ("N-2", True)}
    assert moved.example.old.area_silo == cranes[moved.example.pfa_id]
    assert (moved.example.new.area_silo, moved.changed) == ("North", len(cranes))
    assert (edited.example.pfa_id, list(edited.example.fields), edited.undone) == ("7", ["contract"], True)
    assert (edited.example.old.contract, edited.example.new.contract) == (before.contract, "C-7")
    assert edited.example.change_id == one.change_id


async def test_a_record_that_was_pristine_is_pristine_again(client: Client) -> None:
    before = next(each for each in await listed(client) if each.sync.state == SyncState.SYNC_STATE_PRISTINE)
    change = await mutate(client, update(Record(id=before.id, contract="C-99"), "contract"))
    await undo(client, change.change_id)
    after = await get(client, before.pfa_id)
    assert after.sync.state == SyncState.SYNC_STATE_PRISTINE
    assert not after.sync.modified_fields


async def test_a_field_that_was_changed_since_is_named_and_keeps_all_from_being_undone(client: Client) -> None:
    mutations = [
        update(Record(pfa_id=str(number), area_silo="North", contract="C-1"), "area_silo", "contract")
        for number in range(1, 4)
    ]
    change = await mutate(client, *mutations)
    await mutate(client, update(Record(pfa_id="2", area_silo="South", model="M"), "area_silo", "model"))
    failure = await failing(undo(client, change.change_id))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHANGE_CONFLICT")
    assert failure.info.metadata["conflicts"] == "1"
    [told] = [each for bad in failure.all(BadRequest) for each in bad.field_violations]
    assert told.field == "2.area_silo"
    assert "local-admin" in told.description
    assert {(await get(client, pfa_id)).area_silo for pfa_id in "13"} == {"North"}


async def test_a_field_that_was_changed_since_and_back_is_not_set_back(client: Client) -> None:
    first = await mutate(client, update(Record(pfa_id="9", area_silo="North", model="M-1"), "area_silo", "model"))
    for place in ("South", "North"):
        await mutate(client, update(Record(pfa_id="9", area_silo=place), "area_silo"))
    failure = await failing(undo(client, first.change_id))
    assert failure.info.reason == "CHANGE_CONFLICT"
    [told] = [each for bad in failure.all(BadRequest) for each in bad.field_violations]
    assert told.field == "9.area_silo"
    assert (await get(client, "9")).model == "M-1"


async def test_a_field_that_was_set_back_by_hand_is_not_set_back_again(client: Client) -> None:
    before = await get(client, "9")
    change = await mutate(client, update(Record(pfa_id="9", area_silo="North"), "area_silo"))
    await mutate(client, update(Record(pfa_id="9", area_silo=before.area_silo), "area_silo"))
    assert (await failing(undo(client, change.change_id))).info.reason == "CHANGE_CONFLICT"


async def test_what_was_redone_after_others_undid_the_field_is_refused(client: Client) -> None:
    """An older change of the field is undone while a newer one is: the newer cannot come back over it."""
    older = await mutate(client, update(Record(pfa_id="9", area_silo="A"), "area_silo"))
    newer = await mutate(client, update(Record(pfa_id="9", area_silo="B"), "area_silo"))
    await undo(client, newer.change_id)
    await undo(client, older.change_id)
    assert (await failing(redo(client, newer.change_id))).info.reason == "CHANGE_CONFLICT"
    await redo(client, older.change_id)
    await redo(client, newer.change_id)
    assert (await get(client, "9")).area_silo == "B"


async def test_however_many_changes_came_since_each_is_looked_at(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "TOUCHES_AT_ONCE", 3)
    mutations = [update(Record(pfa_id=str(number), area_silo="North"), "area_silo") for number in range(1, 6)]
    change = await mutate(client, *mutations)
    for number in range(1, 6):
        later = await mutate(client, update(Record(pfa_id=str(number), area_silo="South"), "area_silo"))
        await undo(client, later.change_id)
        await mutate(client, update(Record(pfa_id=str(number), contract=f"C-{number}"), "contract"))
    kept = await mutate(client, update(Record(pfa_id="3", area_silo="East"), "area_silo"))
    failure = await failing(undo(client, change.change_id))
    assert failure.info.metadata["conflicts"] == "1"
    assert failure.message.startswith("3.area_silo: was changed since by ")
    await undo(client, kept.change_id)
    assert (await undo(client, change.change_id)).changed == 5


async def test_another_field_that_was_changed_since_stays(client: Client) -> None:
    before = await get(client, "4")
    change = await mutate(client, update(Record(pfa_id="4", area_silo="North"), "area_silo"))
    await mutate(client, update(Record(pfa_id="4", contract="C-5"), "contract"))
    await undo(client, change.change_id)
    after = await get(client, "4")
    assert after.contract == "C-5"
    assert after.area_silo == before.area_silo


async def test_changes_of_one_field_are_undone_one_after_the_other(client: Client) -> None:
    areas = [(await get(client, "5")).area_silo, "A", "B", "C"]
    changes = [await mutate(client, update(Record(pfa_id="5", area_silo=each), "area_silo")) for each in areas[1:]]
    assert (await failing(undo(client, changes[0].change_id))).info.reason == "CHANGE_CONFLICT"
    for change, earlier in zip(reversed(changes), reversed(areas[:-1]), strict=True):
        await undo(client, change.change_id)
        assert (await get(client, "5")).area_silo == earlier
    for change, later in zip(changes, areas[1:], strict=True):
        await redo(client, change.change_id)
        assert (await get(client, "5")).area_silo == later


async def test_a_record_that_was_made_is_discontinued_and_comes_back(client: Client) -> None:
    change = await mutate(client, create("N-1"), update(Record(pfa_id="6", area_silo="X"), "area_silo"))
    assert (await undo(client, change.change_id)).changed == 2
    assert (await get(client, "N-1")).is_discontinued
    assert (await redo(client, change.change_id)).changed == 2
    assert not (await get(client, "N-1")).is_discontinued
    assert (await get(client, "6")).area_silo == "X"
    await undo(client, change.change_id)
    assert (await get(client, "N-1")).is_discontinued


async def test_a_rule_that_holds_by_now_refuses_to_set_back(client: Client) -> None:
    period = Period(start_date=Date(year=2026, month=3, day=1), end_date=Date(year=2026, month=5, day=1))
    await mutate(client, create("N-2", forecast=period))
    earlier = Period(start_date=Date(year=2026, month=1, day=1))
    change = await mutate(client, update(Record(pfa_id="N-2", forecast=earlier), "forecast.start_date"))
    ends = Period(end_date=Date(year=2026, month=2, day=1))
    await mutate(client, update(Record(pfa_id="N-2", forecast=ends), "forecast.end_date"))
    failure = await failing(undo(client, change.change_id))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    [told] = [each for bad in failure.all(BadRequest) for each in bad.field_violations]
    assert (told.field, told.description) == ("N-2.forecast.start_date", "forecast start after end")


async def test_what_is_undone_is_not_undone_again_unless_the_request_is_repeated(client: Client) -> None:
    change = await mutate(client, update(Record(pfa_id="7", area_silo="X"), "area_silo"))
    failure = await failing(redo(client, change.change_id))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_CHANGE_STATE")
    first = await undo(client, change.change_id, request_id="u-1")
    assert await undo(client, change.change_id, request_id="u-1") == first
    assert (await failing(undo(client, change.change_id))).info.reason == "WRONG_CHANGE_STATE"
    failure = await failing(redo(client, change.change_id, request_id="u-1"))
    assert failure.info.reason == "REQUEST_ID_REUSED"


async def test_only_the_last_changes_of_the_caller_can_be_undone(client: Client) -> None:
    for name in ("nothing", ""):
        failure = await failing(undo(client, name))
        assert failure.code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}
    changes = [await mutate(client, update(Record(pfa_id="8", area_silo=str(n)), "area_silo")) for n in range(202)]
    listed_ids = [change.change_id for change in await undoable(client, page_size=200)]
    assert listed_ids == [change.change_id for change in reversed(changes[2:])]
    failure = await failing(undo(client, changes[1].change_id))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.NOT_FOUND, "CHANGE_NOT_FOUND")
