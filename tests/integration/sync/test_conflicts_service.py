"""Conflicts are listed with both sides, and settled by people, all of a request or none."""

from __future__ import annotations

import uuid
from datetime import date
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from pfa.v1 import conflict_pb2 as conflict
from pfa.v1 import sync_service_pb2 as pb
from pfa.v1.mutation_pb2 import MutateRecordsRequest, Mutation, MutationOperation
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import GetRecordRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.simulator.ledger import Origin
from tests.integration.services.conftest import failure
from tests.integration.sync.test_service import Served, served

if TYPE_CHECKING:
    from pfa.v1.record_service_pb2_grpc import RecordServiceAsyncStub

__all__ = ["served"]
MINE, THEIRS, OWN = conflict.CONFLICT_CHOICE_MINE, conflict.CONFLICT_CHOICE_THEIRS, conflict.CONFLICT_CHOICE_OWN


class Desk:
    """Somebody who edits, synchronizes and settles conflicts."""

    def __init__(self, served: Served, records: RecordServiceAsyncStub) -> None:
        self.served = served
        self.records = records
        self.organization_id = served.organization_id
        self.ids = sorted(image.pfa_id for image in served.simulator.rows)

    async def sync(self, direction: pb.SyncDirection.ValueType = pb.SYNC_DIRECTION_BOTH) -> pb.SyncRun:
        """Synchronize, to the end."""
        asked = pb.StartSyncRequest(organization_id=self.organization_id, direction=direction)
        return await self.served.finished((await self.served.stub.StartSync(asked)).sync.sync_id)

    async def edit(self, pfa_id: str, record: Record, *paths: str) -> None:
        """Edit a record."""
        record.pfa_id = pfa_id
        mutation = Mutation(
            operation=MutationOperation.MUTATION_OPERATION_UPDATE, record=record, update_mask=FieldMask(paths=paths)
        )
        await self.records.MutateRecords(
            MutateRecordsRequest(organization_id=self.organization_id, mutations=[mutation])
        )

    async def record(self, pfa_id: str) -> Record:
        """Return a record."""
        asked = GetRecordRequest(organization_id=self.organization_id, pfa_id=pfa_id)
        return (await self.records.GetRecord(asked)).record

    async def listed(self, **asked: Any) -> list[conflict.Conflict]:
        """Return conflicts."""
        request = conflict.ListConflictsRequest(organization_id=self.organization_id, **asked)
        return list((await self.served.stub.ListConflicts(request)).conflicts)

    async def resolve(self, *decisions: conflict.ConflictDecision, request_id: str = "") -> Any:
        """Settle conflicts."""
        request = conflict.ResolveConflictsRequest(
            organization_id=self.organization_id, resolutions=decisions, request_id=request_id
        )
        return await self.served.stub.ResolveConflicts(request)

    async def clash(self, *pfa_ids: str) -> None:
        """Change the model of records on both sides."""
        for pfa_id in pfa_ids:
            await self.edit(pfa_id, Record(model="MINE"), "model")
            self.served.simulator.edit(pfa_id, {"pfs_f_model": "THEIRS"}, by="maria")
        await self.sync()


@pytest.fixture
async def desk(served: Served) -> Any:
    """A desk whose records were pulled."""
    async with grpc.aio.insecure_channel(served.target) as channel:
        desk = Desk(served, RecordServiceStub(channel))
        await desk.sync(pb.SYNC_DIRECTION_PULL)
        yield desk


def decision(of: conflict.Conflict, choice: conflict.ConflictChoice.ValueType, **given: Any) -> Any:
    return conflict.ConflictDecision(conflict_id=of.conflict_id, choice=choice, etag=of.etag, **given)


async def test_a_conflict_shows_both_sides_what_they_agreed_on_and_who_changed_it(desk: Desk) -> None:
    first = desk.ids[0]
    before = (await desk.record(first)).model
    await desk.clash(first)
    (found,) = await desk.listed()
    assert (found.pfa_id, found.field, found.base.model) == (first, "model", before)
    assert (found.mine.model, found.theirs.model) == ("MINE", "THEIRS")
    assert (found.mine_by, found.theirs_by) == ("local-admin", "maria")
    assert found.HasField("mine_time")
    assert found.HasField("theirs_time")
    assert list((await desk.record(first)).sync.conflicting_fields) == ["model"]


@pytest.mark.parametrize(
    ("choice", "own", "here", "there"),
    [(MINE, None, "MINE", "MINE"), (THEIRS, None, "THEIRS", "THEIRS"), (OWN, Record(model="NEW"), "NEW", "NEW")],
)
async def test_a_decision_holds_on_both_sides(
    desk: Desk, choice: conflict.ConflictChoice.ValueType, own: Record | None, here: str, there: str
) -> None:
    first = desk.ids[0]
    await desk.clash(first)
    (found,) = await desk.listed()
    answer = await desk.resolve(decision(found, choice, own=own))
    assert (answer.resolved, answer.records) == (1, 1)
    assert await desk.listed() == []
    await desk.sync()
    record = await desk.record(first)
    assert (record.model, list(record.sync.conflicting_fields), list(record.sync.modified_fields)) == (here, [], [])
    assert desk.served.simulator.row(first).values["pfs_f_model"] == there
    (settled,) = await desk.listed(state=conflict.CONFLICT_STATE_SETTLED)
    how = conflict.ConflictSettlement.Name(settled.settlement).removeprefix("CONFLICT_SETTLEMENT_")
    assert (how, settled.settled_by) == (conflict.ConflictChoice.Name(choice).rpartition("_")[2], "local-admin")


async def test_of_a_request_all_are_settled_or_none(desk: Desk) -> None:
    await desk.clash(*desk.ids[:3])
    found = await desk.listed()
    unknown = conflict.ConflictDecision(conflict_id=str(uuid.uuid4()), choice=MINE)
    refused = await failure(desk.resolve(*(decision(one, MINE) for one in found), unknown))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CONFLICT_NOT_OPEN")
    assert len(await desk.listed()) == 3
    await desk.resolve(*(decision(one, THEIRS) for one in found))
    assert await desk.listed() == []


async def test_a_request_that_is_repeated_settles_once_and_tells_the_same(desk: Desk) -> None:
    await desk.clash(desk.ids[0])
    (found,) = await desk.listed()
    first = await desk.resolve(decision(found, MINE), request_id="one")
    assert await desk.resolve(decision(found, MINE), request_id="one") == first
    again = await failure(desk.resolve(decision(found, MINE)))
    assert again.reason == "CONFLICT_NOT_OPEN"


async def test_nobody_decides_about_values_they_have_not_seen(desk: Desk) -> None:
    first = desk.ids[0]
    await desk.clash(first)
    (found,) = await desk.listed()
    desk.served.simulator.edit(first, {"pfs_f_model": "LATER"})
    await desk.sync()
    refused = await failure(desk.resolve(decision(found, THEIRS)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    (found,) = await desk.listed()
    assert found.theirs.model == "LATER"


async def test_a_decision_that_breaks_a_rule_is_refused_with_the_rule(desk: Desk) -> None:
    first = desk.ids[0]
    mine, theirs = date(2027, 1, 10), date(2027, 2, 10)
    record = Record()
    record.forecast.start_date.year, record.forecast.start_date.month, record.forecast.start_date.day = 2027, 1, 10
    record.forecast.end_date.year, record.forecast.end_date.month, record.forecast.end_date.day = 2027, 1, 20
    await desk.edit(first, record, "forecast.start_date", "forecast.end_date")
    desk.served.simulator.edit(first, {"pfs_f_startdate": theirs, "pfs_f_enddate": date(2027, 2, 20)})
    await desk.sync()
    found = {one.field: one for one in await desk.listed()}
    assert list(found["forecast_start"].tied_fields) == ["forecast_end"]
    assert mine != theirs
    one = await failure(desk.resolve(decision(found["forecast_start"], THEIRS)))
    assert one.reason == "RESOLUTION_REFUSED"
    crossed = await failure(
        desk.resolve(decision(found["forecast_start"], THEIRS), decision(found["forecast_end"], MINE))
    )
    assert "forecast start after end" in crossed.message
    await desk.resolve(decision(found["forecast_start"], MINE), decision(found["forecast_end"], THEIRS))
    await desk.sync()
    assert desk.served.simulator.row(first).values["pfs_f_enddate"] == date(2027, 2, 20)
    assert desk.served.simulator.row(first).values["pfs_f_startdate"] == mine


async def test_pages_and_filters_find_each_conflict_once(desk: Desk) -> None:
    await desk.clash(*desk.ids[:5])
    request = conflict.ListConflictsRequest(organization_id=desk.organization_id, page_size=2)
    seen: list[str] = []
    while True:
        page = await desk.served.stub.ListConflicts(request)
        seen += [one.pfa_id for one in page.conflicts]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert sorted(seen) == desk.ids[:5]
    assert [one.pfa_id for one in await desk.listed(filter=f'pfa_id = "{desk.ids[2]}"')] == [desk.ids[2]]


async def test_a_policy_of_a_field_settles_it_by_itself_and_is_logged(desk: Desk) -> None:
    settings = pb.SyncSettings(policies={"model": pb.CONFLICT_POLICY_PEMS})
    await desk.served.stub.UpdateSyncSettings(
        pb.UpdateSyncSettingsRequest(
            organization_id=desk.organization_id, settings=settings, update_mask=FieldMask(paths=["policies"])
        )
    )
    await desk.clash(desk.ids[0])
    assert await desk.listed() == []
    assert (await desk.record(desk.ids[0])).model == "THEIRS"
    (settled,) = await desk.listed(state=conflict.CONFLICT_STATE_SETTLED)
    assert (settled.settlement, settled.mine.model) == (conflict.CONFLICT_SETTLEMENT_POLICY, "MINE")


async def test_records_in_error_are_sent_again_when_asked(desk: Desk) -> None:
    first = desk.ids[0]
    await desk.edit(first, Record(model="NEW"), "model")
    desk.served.simulator.faults.add("refuse call=UPDATE times=1")
    assert (await desk.sync()).counts.failed == 1
    answer = await desk.served.stub.RetryRecords(conflict.RetryRecordsRequest(organization_id=desk.organization_id))
    assert (answer.retried, answer.has_more) == (1, False)
    assert (await desk.sync()).counts.pushed == 1
    assert len(desk.served.simulator.ledger.of(first, origin=Origin.SERVICE)) == 1
    again = conflict.RetryRecordsRequest(organization_id=desk.organization_id, pfa_ids=[first])
    assert (await desk.served.stub.RetryRecords(again)).retried == 0


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        ([], "is missing"),
        ([conflict.ConflictDecision(conflict_id="x")], "write MINE, THEIRS or OWN"),
        ([conflict.ConflictDecision(conflict_id="x", choice=MINE)] * 2, "twice"),
        ([conflict.ConflictDecision(conflict_id="x", choice=MINE, own=Record())], "OWN only"),
    ],
)
async def test_requests_that_say_nothing_clear_are_refused(desk: Desk, decisions: Any, said: str) -> None:
    refused = await failure(desk.resolve(*decisions))
    assert (refused.code, said in refused.message) == (grpc.StatusCode.INVALID_ARGUMENT, True)
