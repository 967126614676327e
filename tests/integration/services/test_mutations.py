"""MutateRecords over a socket: all or nothing, every violation by its path, and requests that can be repeated."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.error_details_pb2 import BadRequest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from pfa.v1.mutation_pb2 import MutateRecordsRequest, MutateRecordsResponse, Mutation, MutationOperation
from pfa.v1.record_pb2 import Dor, Period, Record, Source, SyncState
from pfa.v1.record_service_pb2 import GetRecordRequest, ListRecordsRequest
from tests.integration.services.conftest import Client
from tests.wire import Failure
from tests.wire import failure as taken_apart

UPDATE = MutationOperation.MUTATION_OPERATION_UPDATE
CREATE = MutationOperation.MUTATION_OPERATION_CREATE
DISCONTINUE = MutationOperation.MUTATION_OPERATION_DISCONTINUE


def update(record: Record, *paths: str, etag: str = "") -> Mutation:
    return Mutation(operation=UPDATE, record=record, update_mask=FieldMask(paths=paths), etag=etag)


def create(pfa_id: str, **values: Any) -> Mutation:
    rental: dict[str, Any] = {"source": Source.SOURCE_RENTAL, "dor": Dor.DOR_BEO, "monthly_rate": Money(units=4_000)}
    return Mutation(operation=CREATE, record=Record(pfa_id=pfa_id, **rental | values))


async def mutate(client: Client, *mutations: Mutation, **options: Any) -> MutateRecordsResponse:
    request = MutateRecordsRequest(organization_id="RIO", mutations=mutations, **options)
    return await client.records.MutateRecords(request)


async def refused(client: Client, *mutations: Mutation, **options: Any) -> Failure:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mutate(client, *mutations, **options)
    return taken_apart(caught.value)


def violations(failure: Failure) -> dict[str, str]:
    return {each.field: each.description for bad in failure.all(BadRequest) for each in bad.field_violations}


async def get(client: Client, pfa_id: str) -> Record:
    answer = await client.records.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id=pfa_id))
    return answer.record


async def everything(client: Client) -> tuple[list[Record], str]:
    answer = await client.records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1_000))
    return list(answer.records), answer.revision_token


async def test_an_edit_sets_fields_and_keeps_what_pems_has(client: Client) -> None:
    [made] = (await mutate(client, create("N-1", area_silo="Silo 4"))).records
    record = Record(
        id=made.id, area_silo="  Silo 9 ", monthly_rate=Money(currency_code="USD", units=4_100, nanos=5 * 10**8)
    )
    answer = await mutate(client, update(record, "area_silo", "monthly_rate"))
    [edited] = answer.records
    assert (edited.area_silo, edited.monthly_rate.units, edited.monthly_rate.nanos) == ("Silo 9", 4_100, 500_000_000)
    assert edited.sync.state == SyncState.SYNC_STATE_MODIFIED
    assert edited.sync.local_version == made.sync.local_version + 1
    assert edited.sync.modified_by == "local-admin"
    assert edited.etag != made.etag
    assert edited == await get(client, "N-1")
    assert uuid.UUID(answer.change_id).version == 4


async def test_an_edit_back_to_what_pems_has_makes_a_record_pristine_again(client: Client) -> None:
    records, _ = await everything(client)
    before = next(each for each in records if each.sync.state == SyncState.SYNC_STATE_PRISTINE and each.area_silo)
    changed = (await mutate(client, update(Record(id=before.id, area_silo="Elsewhere"), "area_silo"))).records[0]
    assert list(changed.sync.modified_fields) == ["area_silo"]
    back = (await mutate(client, update(Record(id=before.id, area_silo=before.area_silo), "area_silo"))).records[0]
    assert back.sync.state == SyncState.SYNC_STATE_PRISTINE
    assert not back.sync.modified_fields
    assert back.sync.local_version == before.sync.local_version + 2


async def test_a_record_is_made_with_its_plan_and_costs_which_edits_leave(client: Client) -> None:
    plan = Period(start_date=Date(year=2026, month=1, day=1), end_date=Date(year=2026, month=1, day=31))
    [made] = (await mutate(client, create("N-2", plan=plan, category="Cranes"))).records
    assert (made.plan_cost.units, made.plan_cost.nanos) == (3_942, 180_000_000)
    assert made.sync.state == SyncState.SYNC_STATE_MODIFIED
    assert "plan_start" in made.sync.modified_fields
    later = Period(start_date=Date(year=2026, month=2, day=1))
    failure = await refused(client, update(Record(pfa_id="N-2", plan=later), "plan.start_date"))
    assert violations(failure) == {"mutations[0].record.plan.start_date": "the plan never changes"}


async def test_every_violation_is_listed_with_its_path_and_nothing_is_changed(client: Client) -> None:
    before = await everything(client)
    backwards = Period(start_date=Date(year=2026, month=5, day=2), end_date=Date(year=2026, month=5, day=1))
    await mutate(client, create("N-3"), validate_only=True)
    failure = await refused(
        client,
        create("N-3"),
        create("N-4", forecast=backwards, source=Source.SOURCE_PURCHASE, is_actualized=True),
        create("N-5", is_discontinued=True, is_funds_transferable=True),
    )
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(violations(failure)) == {
        "mutations[1].record.forecast.start_date",
        "mutations[1].record.purchase_price",
        "mutations[1].record.is_actualized",
        "mutations[2].record.is_discontinued",
    }
    assert failure.info.metadata["violations"] == "4"
    assert await everything(client) == before


async def test_a_malformed_mutation_is_told_by_its_path(client: Client) -> None:
    failure = await refused(
        client,
        Mutation(record=Record(pfa_id="1")),
        update(Record(), "category"),
        update(Record(id="no uuid"), "category"),
        update(Record(pfa_id="1")),
        update(Record(pfa_id="1"), "colour", "etag", "sync.local_version", "forecast_cost"),
        update(Record(pfa_id="1", forecast=Period(end_date=Date(year=2026, month=2, day=30))), "forecast"),
        update(Record(pfa_id="1", monthly_rate=Money(currency_code="EUR", units=1)), "monthly_rate"),
        update(Record(pfa_id="1", monthly_rate=Money(units=1, nanos=-1)), "monthly_rate"),
    )
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(violations(failure)) == {
        "mutations[0].operation",
        "mutations[1].record",
        "mutations[2].record.id",
        "mutations[3].update_mask",
        "mutations[4].update_mask",
        "mutations[4].record.sync.local_version",
        "mutations[4].record.forecast_cost",
        "mutations[5].record.forecast.end_date",
        "mutations[6].record.monthly_rate",
        "",  # the last one counts those that did not fit
    }


async def test_violations_of_different_kinds_are_listed_together_the_weightiest_first(client: Client) -> None:
    backwards = Period(start_date=Date(year=2026, month=5, day=2), end_date=Date(year=2026, month=5, day=1))
    area = Record(pfa_id="7", area_silo="Here")
    outdated = update(area, "area_silo", etag="0" * 16)
    broken = update(Record(pfa_id="8", forecast=backwards, monthly_rate=Money(units=-1)), "forecast", "monthly_rate")
    missing = update(Record(pfa_id="nowhere", area_silo="Here"), "area_silo")
    unread = update(Record(pfa_id="9", purchase_price=Money(units=1, nanos=-1), is_discontinued=True), "purchase_price")
    unread.record.is_funds_transferable = True
    unread.update_mask.paths.extend(["is_discontinued", "is_funds_transferable", "plan.start_date", "colour"])
    paths = {
        "mutations[0].etag": outdated,
        "mutations[1].record.forecast.start_date mutations[1].record.monthly_rate": broken,
        "mutations[2].record": missing,
        "mutations[3].update_mask mutations[3].record.purchase_price mutations[3].record.plan.start_date"
        " mutations[3].record.is_discontinued": unread,
    }
    told = [path for listed in paths for path in listed.split()]
    kinds = [
        (list(paths.values()), told, grpc.StatusCode.INVALID_ARGUMENT, "mutations[3].update_mask"),
        (list(paths.values())[:3], told[:4], grpc.StatusCode.NOT_FOUND, "mutations[2].record"),
        (list(paths.values())[:2], told[:3], grpc.StatusCode.ABORTED, "mutations[0].etag"),
    ]
    before = await everything(client)
    for mutations, expected, code, first in kinds:
        failure = await refused(client, *mutations)
        assert failure.code is code
        assert failure.message.startswith(f"{first}: ")
        assert failure.info.metadata["violations"] == str(len(expected))
        assert sorted(violations(failure)) == sorted(expected)
        assert next(iter(violations(failure))) == first
    assert await everything(client) == before


async def test_a_thousand_mutations_with_violations_each_are_answered_with_the_first_and_their_number(
    client: Client,
) -> None:
    backwards = Period(start_date=Date(year=2026, month=5, day=2), end_date=Date(year=2026, month=5, day=1))
    wrong = {"monthly_rate": Money(units=-1), "forecast": backwards, "description": "x" * 2_000}
    made = [create(f"W-{number}", is_actualized=True, **wrong) for number in range(1_000)]
    failure = await refused(client, *made)
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.info.metadata["violations"] == "3000"
    [bad] = failure.all(BadRequest)
    assert [each.field for each in bad.field_violations[:3]] == [
        f"mutations[0].record.{path}" for path in ("is_actualized", "forecast.start_date", "monthly_rate")
    ]
    assert bad.field_violations[-1].description == "and 2990 more"
    assert failure.status is not None
    assert failure.status.ByteSize() <= 4_096


async def test_another_etag_is_refused_with_both(client: Client) -> None:
    before = await get(client, "7")
    area = Record(pfa_id="7", area_silo="Here")
    [changed] = (await mutate(client, update(area, "area_silo", etag=before.etag))).records
    late = update(Record(pfa_id="7", area_silo="There", etag=before.etag), "area_silo")
    failure = await refused(client, update(Record(pfa_id="8", area_silo="There"), "area_silo"), late)
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert failure.info.metadata["expected_etag"] == before.etag
    assert failure.info.metadata["current_etag"] == changed.etag
    assert failure.info.metadata["field"] == "mutations[1].etag"
    assert set(violations(failure)) == {"mutations[1].etag"}
    assert await get(client, "7") == changed


async def test_what_is_not_there_and_what_is_there_already(client: Client) -> None:
    failure = await refused(client, update(Record(pfa_id="1", area_silo="X"), "area_silo"), discontinue("nowhere"))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.NOT_FOUND, "RECORD_NOT_FOUND")
    assert set(violations(failure)) == {"mutations[1].record"}
    failure = await refused(client, create("1"))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.ALREADY_EXISTS, "RECORD_EXISTS")
    assert failure.info.metadata["pfa_id"] == "1"


def discontinue(pfa_id: str) -> Mutation:
    return Mutation(operation=DISCONTINUE, record=Record(pfa_id=pfa_id))


async def test_two_mutations_of_one_record_are_refused(client: Client) -> None:
    record = await get(client, "3")
    by_id = update(Record(id=record.id, area_silo="A"), "area_silo")
    failure = await refused(client, discontinue("3"), by_id, create("N-6"), create("N-6"))
    assert set(violations(failure)) == {"mutations[1]", "mutations[3]"}
    misnamed = update(Record(id=record.id, pfa_id="4", area_silo="A"), "area_silo")
    assert set(violations(await refused(client, misnamed))) == {"mutations[0].record.pfa_id"}


async def test_a_discontinued_record_stays(client: Client) -> None:
    await mutate(client, create("N-7"))
    [record] = (await mutate(client, discontinue("N-7"))).records
    assert record.is_discontinued
    assert (await get(client, "N-7")).is_discontinued


async def test_validate_only_shows_what_would_be_and_changes_nothing(client: Client) -> None:
    before = await everything(client)
    mutations = [update(Record(pfa_id="5", contract="C-9"), "contract"), create("N-8")]
    foreseen = await mutate(client, *mutations, validate_only=True, request_id="r-1")
    assert [each.pfa_id for each in foreseen.records] == ["5", "N-8"]
    assert foreseen.records[0].contract == "C-9"
    assert foreseen.records[0].sync.state == SyncState.SYNC_STATE_MODIFIED
    assert not foreseen.records[0].etag
    assert not foreseen.change_id
    assert await everything(client) == before
    assert (await mutate(client, *mutations, request_id="r-1")).change_id, "a check is no first request"


async def test_what_changes_nothing_uses_no_revision(client: Client) -> None:
    before = await get(client, "9")
    same = update(
        Record(pfa_id="9", area_silo=before.area_silo) if before.HasField("area_silo") else Record(pfa_id="9"),
        "area_silo",
    )
    answer = await mutate(client, same, request_id="same")
    assert list(answer.records) == [before]
    assert not answer.change_id
    await mutate(client, update(Record(pfa_id="9", area_silo="Other"), "area_silo"))
    assert await mutate(client, same, request_id="same") == answer, "a repeat changes nothing, whatever came between"
    assert (await get(client, "9")).area_silo == "Other"


async def test_a_repeated_request_gets_the_first_response_and_is_not_carried_out_again(client: Client) -> None:
    name = str(uuid.uuid4())
    mutation = update(Record(pfa_id="11", area_silo="Once"), "area_silo")
    first = await mutate(client, mutation, request_id=name)
    await mutate(client, update(Record(pfa_id="11", area_silo="Twice"), "area_silo"))
    assert await mutate(client, mutation, request_id=name) == first
    assert (await get(client, "11")).area_silo == "Twice"
    other = update(Record(pfa_id="12", area_silo="Once"), "area_silo")
    failure = await refused(client, other, request_id=name)
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert failure.info.metadata["request_id"] == name


@pytest.mark.parametrize("name", ["x" * 101, "a\nb", "\0"])
async def test_a_request_id_is_short_and_printable(client: Client, name: str) -> None:
    assert set(violations(await refused(client, discontinue("1"), request_id=name))) == {"request_id"}


async def test_a_request_has_1_to_1_000_mutations(client: Client) -> None:
    assert set(violations(await refused(client))) == {"mutations"}
    assert set(violations(await refused(client, *[discontinue("1")] * 1_001))) == {"mutations"}
    made = await mutate(client, *(create(f"M-{number}", category="Pumps") for number in range(1_000)))
    assert len(made.records) == 1_000
    moved = [update(Record(id=each.id, category="Lifts"), "category", etag=each.etag) for each in made.records]
    answer = await mutate(client, *moved)
    assert [each.pfa_id for each in answer.records] == [f"M-{number}" for number in range(1_000)]
    assert {each.category for each in answer.records} == {"Lifts"}
    assert len({each.revision for each in answer.records}) == 1
