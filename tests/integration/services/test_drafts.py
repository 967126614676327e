"""Drafts over a socket: edits that only their maker sees, what they cost, their conflicts, and their commit."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date
from typing import Any

import grpc
import pytest
from google.type.date_pb2 import Date

from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa.v1.draft_pb2 import (
    CommitDraftRequest,
    CommitDraftResponse,
    ConflictResolution,
    CreateDraftRequest,
    DiscardDraftRequest,
    DraftResolution,
    EditDraftRequest,
    EditDraftResponse,
    GetDraftRequest,
    GetDraftResponse,
    ListDraftsRequest,
)
from pfa.v1.history_pb2 import ChangeOrigin, ListChangesRequest
from pfa.v1.mutation_pb2 import Mutation
from pfa.v1.proposal_pb2 import CostLayer
from pfa.v1.record_pb2 import Period, Record
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    GetRecordRequest,
    ListRecordsRequest,
    StreamRecordsRequest,
)
from pfa.v1.undo_pb2 import UndoChangeRequest
from pfa_rpc.records.encode import Values, date_message, money_amount
from pfa_rpc.services.drafts import changes as draft_changes
from pfa_rpc.services.drafts import edits as draft_edits
from tests.integration.services.conftest import Client
from tests.integration.services.test_mutations import create, get, mutate, update, violations
from tests.wire import Failure
from tests.wire import failure as taken_apart

KEEP = DraftResolution.DRAFT_RESOLUTION_KEEP_MINE
LEAVE = DraftResolution.DRAFT_RESOLUTION_LEAVE_OUT


async def begin(client: Client, **options: Any) -> str:
    answer = await client.records.CreateDraft(CreateDraftRequest(organization_id="RIO", **options))
    return answer.draft.draft_id


async def edit(client: Client, draft_id: str, *mutations: Mutation, **options: Any) -> EditDraftResponse:
    request = EditDraftRequest(organization_id="RIO", draft_id=draft_id, mutations=mutations, **options)
    return await client.records.EditDraft(request)


async def show(client: Client, draft_id: str) -> GetDraftResponse:
    return await client.records.GetDraft(GetDraftRequest(organization_id="RIO", draft_id=draft_id))


async def commit(client: Client, draft_id: str, **options: Any) -> CommitDraftResponse:
    request = CommitDraftRequest(organization_id="RIO", draft_id=draft_id, **options)
    return await client.records.CommitDraft(request)


async def drafted(client: Client, draft_id: str, pfa_id: str) -> Record:
    request = GetRecordRequest(organization_id="RIO", pfa_id=pfa_id, draft_id=draft_id)
    return (await client.records.GetRecord(request)).record


async def failed(call: Any) -> Failure:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return taken_apart(caught.value)


def idle(client: Client, count: int) -> list[Values]:
    """Records whose forecast can be moved."""
    found = [r for r in client.rio if r["forecast_end"] and r["forecast_start"] and not r["is_actualized"]]
    return found[:count]


def moved_end(values: Values, days: int) -> Mutation:
    end = date.fromordinal(values["forecast_end"].toordinal() + days)
    record = Record(pfa_id=values["pfa_id"], forecast=Period(end_date=date_message(end)))
    return update(record, "forecast.end_date")


async def test_an_edit_shows_in_the_draft_alone_until_it_is_committed(client: Client) -> None:
    [values] = idle(client, 1)
    draft_id = await begin(client, display_name="What if")
    before = await get(client, values["pfa_id"])
    [edited] = (await edit(client, draft_id, moved_end(values, 7))).records
    assert edited.forecast.end_date != before.forecast.end_date
    assert (await drafted(client, draft_id, values["pfa_id"])).forecast == edited.forecast
    assert await get(client, values["pfa_id"]) == before
    done = await commit(client, draft_id)
    assert (done.changed, done.created, done.unchanged) == (1, 0, 0)
    after = await get(client, values["pfa_id"])
    assert after.forecast == edited.forecast
    assert (await failed(show(client, draft_id))).info.reason == "DRAFT_NOT_FOUND"


async def test_a_draft_holds_only_what_differs(client: Client) -> None:
    one, other = idle(client, 2)
    draft_id = await begin(client)
    done = await edit(client, draft_id, moved_end(one, 7), moved_end(other, 3))
    assert (done.edited, done.draft.changed) == (2, 2)
    done = await edit(client, draft_id, moved_end(one, 0))  # back to what it is
    assert done.draft.changed == 1
    shown = await show(client, draft_id)
    assert dict(shown.fields) == {"forecast_end": 1}
    done = await edit(client, draft_id, revert_ids=[other["id"]])
    assert (done.edited, done.draft.changed) == (1, 0)


async def test_rules_hold_in_a_draft(client: Client) -> None:
    [values] = idle(client, 1)
    draft_id = await begin(client)
    wrong = Record(pfa_id=values["pfa_id"], forecast=Period(end_date=Date(year=1999, month=1, day=1)))
    failure = await failed(edit(client, draft_id, update(wrong, "forecast.end_date")))
    assert (failure.info.reason, list(violations(failure))) == (
        "INVALID_REQUEST",
        ["mutations[0].record.forecast.end_date"],
    )
    plan = Record(pfa_id=values["pfa_id"], plan=Period(end_date=Date(year=2030, month=1, day=1)))
    assert (await failed(edit(client, draft_id, update(plan, "plan.end_date")))).info.reason == "INVALID_REQUEST"
    assert (await show(client, draft_id)).draft.changed == 0


async def test_a_filter_with_changes_edits_what_matches_in_the_draft(client: Client) -> None:
    draft_id = await begin(client)
    shift = [
        Change(field=name, operation=ChangeOperation.CHANGE_OPERATION_SHIFT, shift=DateShift(days=14))
        for name in ("forecast_start", "forecast_end")
    ]
    text = "source = RENTAL AND is_discontinued = false"
    first = await edit(client, draft_id, filter=text, changes=shift, allow_refused=True)
    assert first.edited == first.draft.changed > 20
    price = [Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value="Moved Yard")]
    second = await edit(client, draft_id, filter=text, changes=price, allow_refused=True)
    assert second.draft.changed >= first.draft.changed
    request = ListRecordsRequest(
        organization_id="RIO",
        draft_id=draft_id,
        filter='area_silo = "moved yard"',
        page_size=1_000,
        include_total_size=True,
    )
    page = await client.records.ListRecords(request)
    assert len(page.records) == page.total_size == second.edited
    request.draft_id = ""
    assert not (await client.records.ListRecords(request)).records


async def test_a_draft_tells_what_it_costs(client: Client) -> None:
    one, other = [
        r
        for r in idle(client, 300)
        if r["source"] == "rental" and not r["is_discontinued"] and not r["is_funds_transferable"]
    ][:2]
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 30), moved_end(other, 60))
    shown = await show(client, draft_id)
    layers = {layer.layer: layer for layer in shown.effect.layers}
    forecast = layers[CostLayer.COST_LAYER_FORECAST]
    assert money_amount(forecast.before, 2) == one["forecast_cost"] + other["forecast_cost"]
    after = [await drafted(client, draft_id, each["pfa_id"]) for each in (one, other)]
    assert money_amount(forecast.after, 2) == sum(money_amount(each.forecast_cost, 2) for each in after)
    assert layers[CostLayer.COST_LAYER_PLAN].before == layers[CostLayer.COST_LAYER_PLAN].after
    months = [cost for month in shown.effect.months for cost in month.layers if cost.layer == forecast.layer]
    assert sum(money_amount(cost.after, 2) for cost in months) == money_amount(forecast.after, 2)
    figure = Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field="forecast_cost")
    request = AggregateRecordsRequest(organization_id="RIO", aggregations=[figure])
    plain = (await client.records.AggregateRecords(request)).groups[0].values[0].money
    request.draft_id = draft_id
    in_draft = (await client.records.AggregateRecords(request)).groups[0].values[0].money
    effect = money_amount(forecast.after, 2) - money_amount(forecast.before, 2)
    assert money_amount(in_draft, 2) - money_amount(plain, 2) == effect > 0


async def test_a_field_changed_meanwhile_is_a_conflict_with_all_three_values(client: Client) -> None:
    one, other = idle(client, 2)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7), moved_end(other, 3))
    await mutate(client, moved_end(one, 9))
    shown = await show(client, draft_id)
    [conflict] = shown.conflicts
    assert (conflict.pfa_id, list(conflict.fields), shown.conflict_count) == (one["pfa_id"], ["forecast_end"], 1)
    ends = [side.forecast.end_date for side in (conflict.base, conflict.mine, conflict.theirs)]
    day = one["forecast_end"].toordinal()
    assert [date(end.year, end.month, end.day).toordinal() - day for end in ends] == [0, 7, 9]
    failure = await failed(commit(client, draft_id))
    assert (failure.info.reason, failure.code) == ("DRAFT_CONFLICT", grpc.StatusCode.ABORTED)
    assert list(violations(failure)) == [f"{one['pfa_id']}.forecast.end_date"]
    assert (await show(client, draft_id)).draft.changed == 2  # nothing was written
    done = await commit(
        client, draft_id, resolutions=[ConflictResolution(id=one["id"], fields=["forecast_end"], resolution=KEEP)]
    )
    assert done.changed == 2
    assert (await get(client, one["pfa_id"])).forecast.end_date == conflict.mine.forecast.end_date


async def test_a_conflict_can_be_left_out(client: Client) -> None:
    one, other = idle(client, 2)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7), moved_end(other, 3))
    await mutate(client, moved_end(one, 9))
    theirs = await get(client, one["pfa_id"])
    done = await commit(client, draft_id, default_resolution=LEAVE)
    assert (done.changed, done.unchanged) == (1, 1)
    assert await get(client, one["pfa_id"]) == theirs


async def test_editing_a_field_in_conflict_again_decides_it(client: Client) -> None:
    [one] = idle(client, 1)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7))
    await mutate(client, moved_end(one, 9))
    assert (await show(client, draft_id)).conflict_count == 1
    await edit(client, draft_id, moved_end(one, 7))
    assert (await show(client, draft_id)).conflict_count == 0
    assert (await commit(client, draft_id)).changed == 1


async def test_other_fields_that_change_meanwhile_show_in_the_draft(client: Client) -> None:
    [one] = idle(client, 1)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7))
    await mutate(client, update(Record(pfa_id=one["pfa_id"], area_silo="Elsewhere"), "area_silo"))
    seen = await drafted(client, draft_id, one["pfa_id"])
    assert seen.area_silo == "Elsewhere"
    assert seen.forecast.end_date != date_message(one["forecast_end"])
    assert (await show(client, draft_id)).conflict_count == 0
    assert (await commit(client, draft_id)).changed == 1
    assert (await get(client, one["pfa_id"])).area_silo == "Elsewhere"


async def test_the_same_change_on_both_sides_is_none(client: Client) -> None:
    [one] = idle(client, 1)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7))
    await mutate(client, moved_end(one, 7))
    shown = await show(client, draft_id)
    assert (shown.conflict_count, shown.draft.changed) == (0, 0)
    done = await commit(client, draft_id)
    assert (done.changed, done.change_id) == (0, "")
    assert (await failed(show(client, draft_id))).info.reason == "DRAFT_NOT_FOUND"


async def test_groups_of_a_draft_are_named_as_its_records_spell_them_whatever_changed_meanwhile(client: Client) -> None:
    one, other = (values["pfa_id"] for values in idle(client, 2))

    def moved(pfa_id: str, area: str) -> Mutation:
        return update(Record(pfa_id=pfa_id, area_silo=area), "area_silo")

    await mutate(client, moved(one, "Old Yard"))
    draft_id = await begin(client)
    await edit(client, draft_id, moved(one, "My Yard"))
    await mutate(client, moved(one, "Their Yard"))
    await edit(client, draft_id, moved(other, "Old Yard"))
    request = AggregateRecordsRequest(organization_id="RIO", draft_id=draft_id, group_by=["area_silo"])
    groups = (await client.records.AggregateRecords(request)).groups
    counted = {group.keys[0].text: group.values[0].count for group in groups}
    assert (counted["Old Yard"], counted["My Yard"]) == (1, 1)
    assert not {"old yard", "Their Yard"} & set(counted)


async def test_records_are_made_in_a_draft(client: Client) -> None:
    draft_id = await begin(client)
    done = await edit(client, draft_id, create("D-1", area_silo="New Yard"), create("D-2"))
    assert (done.draft.changed, done.draft.created) == (0, 2)
    await edit(client, draft_id, update(Record(pfa_id="D-2", area_silo="Newer Yard"), "area_silo"))
    request = StreamRecordsRequest(organization_id="RIO", draft_id=draft_id)
    streamed = [record async for batch in client.records.StreamRecords(request) for record in batch.records]
    assert [record.pfa_id for record in streamed][-2:] == ["D-1", "D-2"]
    assert len(streamed) == len(client.rio) + 2
    assert (await failed(edit(client, draft_id, create("D-1")))).info.reason == "RECORD_EXISTS"
    committed = await commit(client, draft_id)
    assert (committed.changed, committed.created) == (0, 2)
    assert (await get(client, "D-2")).area_silo == "Newer Yard"


async def test_a_record_made_by_both_is_a_conflict_that_can_be_left_out(client: Client) -> None:
    draft_id = await begin(client)
    await edit(client, draft_id, create("D-1", area_silo="Mine"))
    await mutate(client, create("D-1", area_silo="Theirs"))
    assert [list(one.fields) for one in (await show(client, draft_id)).conflicts] == [[]]
    assert (await failed(commit(client, draft_id, default_resolution=KEEP))).info.reason == "DRAFT_CONFLICT"
    assert (await commit(client, draft_id, default_resolution=LEAVE)).unchanged == 1
    assert (await get(client, "D-1")).area_silo == "Theirs"


async def test_a_commit_is_one_change_that_can_be_undone_and_repeated(client: Client) -> None:
    one, other = idle(client, 2)
    draft_id, request_id = await begin(client), str(uuid.uuid4())
    await edit(client, draft_id, moved_end(one, 7), moved_end(other, 3))
    done = await commit(client, draft_id, request_id=request_id)
    assert await commit(client, draft_id, request_id=request_id) == done
    listed = await client.records.ListChanges(
        ListChangesRequest(organization_id="RIO", origins=[ChangeOrigin.CHANGE_ORIGIN_DRAFT])
    )
    assert {change.change_id for change in listed.changes} == {done.change_id}
    assert {change.pfa_id for change in listed.changes} == {one["pfa_id"], other["pfa_id"]}
    undone = await client.records.UndoChange(UndoChangeRequest(organization_id="RIO", change_id=done.change_id))
    assert undone.changed == 2
    assert (await get(client, one["pfa_id"])).forecast.end_date == date_message(one["forecast_end"])


async def test_drafts_are_listed_and_discarded(client: Client) -> None:
    [one] = idle(client, 1)
    first, second = await begin(client, display_name="first"), await begin(client, display_name="second")
    await edit(client, first, moved_end(one, 7))
    listed = await client.records.ListDrafts(ListDraftsRequest(organization_id="RIO"))
    assert [(draft.draft_id, draft.display_name, draft.changed) for draft in listed.drafts] == [
        (first, "first", 1),
        (second, "second", 0),
    ]
    gone = await client.records.DiscardDraft(DiscardDraftRequest(organization_id="RIO", draft_id=first))
    assert gone.records == 1
    assert [d.draft_id for d in (await client.records.ListDrafts(ListDraftsRequest(organization_id="RIO"))).drafts] == [
        second
    ]
    read = ListRecordsRequest(organization_id="RIO", draft_id=first)
    assert (await failed(client.records.ListRecords(read))).info.reason == "DRAFT_NOT_FOUND"


async def test_a_draft_begun_twice_by_one_name_is_one(client: Client) -> None:
    draft_id = str(uuid.uuid4())
    assert await begin(client, draft_id=draft_id) == await begin(client, draft_id=draft_id) == draft_id
    assert len((await client.records.ListDrafts(ListDraftsRequest(organization_id="RIO"))).drafts) == 1


async def test_drafts_are_at_most_twenty(client: Client) -> None:
    for _ in range(16):
        await begin(client)
    answers = await asyncio.gather(*(begin(client) for _ in range(8)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 4, "those that begin at the same time count each other"
    failure = await failed(begin(client))
    assert (failure.info.reason, failure.code) == ("LIMIT_EXCEEDED", grpc.StatusCode.RESOURCE_EXHAUSTED)


async def test_a_draft_holds_no_more_records_than_fit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, third = idle(client, 3)
    monkeypatch.setattr(draft_edits, "MOST_RECORDS", 2)
    monkeypatch.setattr(draft_changes, "MOST_RECORDS", 2)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7), moved_end(other, 7))
    failure = await failed(edit(client, draft_id, moved_end(third, 7)))
    assert (failure.info.reason, failure.info.metadata["limit"]) == ("LIMIT_EXCEEDED", "draft_records")
    change = Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value="X")
    assert (await failed(edit(client, draft_id, changes=[change]))).info.reason == "LIMIT_EXCEEDED"
    assert (await show(client, draft_id)).draft.changed == 2


async def test_a_draft_that_many_writes_have_passed_by_is_read_as_before(client: Client) -> None:
    one, other = idle(client, 2)
    draft_id = await begin(client)
    await edit(client, draft_id, moved_end(one, 7))
    before = await drafted(client, draft_id, one["pfa_id"])
    for days in range(1, 4):
        await mutate(client, moved_end(other, days))
    assert await drafted(client, draft_id, one["pfa_id"]) == before
    assert await drafted(client, draft_id, other["pfa_id"]) == await get(client, other["pfa_id"])


async def test_a_page_of_a_draft_goes_on_in_that_draft_only(client: Client) -> None:
    draft_id, other = await begin(client), await begin(client)
    request = ListRecordsRequest(organization_id="RIO", draft_id=draft_id, page_size=10)
    request.page_token = (await client.records.ListRecords(request)).next_page_token
    assert len((await client.records.ListRecords(request)).records) == 10
    for wrong in (other, ""):
        request.draft_id = wrong
        assert (await failed(client.records.ListRecords(request))).info.reason == "INVALID_TOKEN"
