"""RecordService over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money

from nlq.filters.filter_text import parse_filter
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    GetRecordRequest,
    ListRecordsRequest,
    StreamRecordsRequest,
    StreamRecordsResponse,
)
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.records.encode import Values, from_message
from pfa_rpc.schema import SCHEMA
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.reading import streams
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from tests.integration.services.conftest import Client, failure, without_tokens
from tests.integration.store.conftest import fill
from tests.integration.store.oracle import holds

EVERY = "pfa_id:*"
FILTER = 'source = RENTAL AND area_silo = "silo 4"'


def matching(values: Sequence[Values], text: str = FILTER) -> list[str]:
    condition = parse_filter(text, SCHEMA)
    assert condition is not None
    return [record["pfa_id"] for record in values if holds(condition, record)]


def ids(records: Sequence[Record]) -> list[str]:
    return [record.pfa_id for record in records]


async def test_a_record_is_found_by_either_name(client: Client) -> None:
    expected = client.rio[16]
    by_pfa_id = await client.records.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id="17"))
    by_id = await client.records.GetRecord(GetRecordRequest(organization_id="RIO", id=expected["id"].upper()))
    assert from_message(by_pfa_id.record) == expected
    assert by_id.record == by_pfa_id.record
    assert by_id.record.organization_id == "RIO"
    assert by_id.revision_token


@pytest.mark.parametrize(
    ("request_", "code", "reason", "words"),
    [
        (GetRecordRequest(pfa_id="1"), "INVALID_ARGUMENT", "INVALID_REQUEST", "name the organization"),
        (GetRecordRequest(organization_id="R O"), "INVALID_ARGUMENT", "INVALID_REQUEST", "'R O' is not the code"),
        (GetRecordRequest(organization_id="RIO"), "INVALID_ARGUMENT", "INVALID_REQUEST", "give id or pfa_id"),
        (GetRecordRequest(organization_id="RIO", pfa_id=""), "INVALID_ARGUMENT", "INVALID_REQUEST", "1 to 200"),
        (GetRecordRequest(organization_id="RIO", id="17"), "INVALID_ARGUMENT", "INVALID_REQUEST", "not a UUID"),
        (GetRecordRequest(organization_id="RIO", pfa_id="nobody"), "NOT_FOUND", "RECORD_NOT_FOUND", "'nobody'"),
        (GetRecordRequest(organization_id="NO", pfa_id="1"), "NOT_FOUND", "ORGANIZATION_NOT_FOUND", "'NO'"),
        (
            GetRecordRequest(organization_id="RIO", pfa_id="1", read_mask=FieldMask(paths=["nope.deep"])),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
            "'nope.deep' is not a path",
        ),
    ],
)
async def test_a_record_that_is_not_there_or_not_named_is_told(
    client: Client, request_: GetRecordRequest, code: str, reason: str, words: str
) -> None:
    told = await failure(client.records.GetRecord(request_))
    assert (told.code.name, told.reason) == (code, reason)
    assert words in told.message


async def test_a_mask_leaves_the_paths_it_names(client: Client) -> None:
    mask = FieldMask(paths=["pfa_id", "forecast.start_date", "sync"])
    response = await client.records.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id="1", read_mask=mask))
    assert {field.name for field, _ in response.record.ListFields()} <= {"pfa_id", "forecast", "sync"}
    assert response.record.pfa_id == "1"
    assert not response.record.forecast.HasField("end_date")


async def test_a_list_holds_what_matches_and_its_total(client: Client) -> None:
    response = await client.records.ListRecords(
        ListRecordsRequest(organization_id="RIO", filter=FILTER, include_total_size=True, page_size=5)
    )
    expected = matching(client.rio)
    assert ids(response.records) == expected[:5]
    assert response.total_size == len(expected)
    unasked = await client.records.ListRecords(ListRecordsRequest(organization_id="RIO", filter=FILTER))
    assert not unasked.HasField("total_size")
    assert (ids(unasked.records), unasked.next_page_token) == (expected, "")


async def test_pages_follow_their_tokens(client: Client) -> None:
    request = ListRecordsRequest(organization_id="RIO", order_by="monthly_rate desc, class", page_size=70)
    found: list[str] = []
    while True:
        response = await client.records.ListRecords(request)
        found += ids(response.records)
        if not response.next_page_token:
            break
        request.page_token = response.next_page_token
    assert sorted(found, key=int) == ids_of(client.rio)


def ids_of(values: Sequence[Values]) -> list[str]:
    return [record["pfa_id"] for record in values]


@pytest.mark.parametrize(
    "change",
    [{"filter": "source = RENTAL"}, {"order_by": "pfa_id"}, {"organization_id": "RIO2"}, {"page_token": "rubbish"}],
)
async def test_a_page_token_goes_with_its_request_only(client: Client, change: dict[str, str]) -> None:
    request = ListRecordsRequest(organization_id="RIO", page_size=10, order_by="category")
    request.page_token = (await client.records.ListRecords(request)).next_page_token
    again = await client.records.ListRecords(request)
    assert len(again.records) == 10
    for name, value in change.items():
        setattr(request, name, value)
    told = await failure(client.records.ListRecords(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TOKEN")
    assert told.metadata == {"token": "page"}


async def test_the_same_filter_in_other_words_takes_the_same_token(client: Client) -> None:
    request = ListRecordsRequest(organization_id="RIO", page_size=2, filter="dor=BEO AND NOT (source = PURCHASE)")
    token = (await client.records.ListRecords(request)).next_page_token
    request = ListRecordsRequest(
        organization_id="RIO", page_size=2, filter="source != SOURCE_PURCHASE AND dor : beo", page_token=token
    )
    assert len((await client.records.ListRecords(request)).records) == 2


@pytest.mark.parametrize(
    ("request_", "reason", "words"),
    [
        (ListRecordsRequest(page_size=1_001), "INVALID_REQUEST", "1 to 1,000"),
        (ListRecordsRequest(page_size=-1), "INVALID_REQUEST", "-1 is out of range"),
        (ListRecordsRequest(skip=-1), "INVALID_REQUEST", "skip"),
        (ListRecordsRequest(order_by="nope"), "INVALID_ORDER_BY", "nope"),
        (ListRecordsRequest(filter="catgory = 1"), "INVALID_FILTER", "category"),
        (ListRecordsRequest(filter="source = LEASE"), "INVALID_FILTER", "RENTAL"),
        (ListRecordsRequest(filter="(" * 1_000), "INVALID_FILTER", "50"),
        (ListRecordsRequest(filter="category = 'x' " * 10_000), "INVALID_FILTER", "16,384"),
    ],
)
async def test_a_bad_list_request_says_what_would_be_right(
    client: Client, request_: ListRecordsRequest, reason: str, words: str
) -> None:
    request_.organization_id = "RIO"
    told = await failure(client.records.ListRecords(request_))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert words in told.message


async def test_a_bad_filter_names_the_position_and_the_nearest_field(client: Client) -> None:
    request = ListRecordsRequest(organization_id="RIO", filter="source = RENTAL AND catgory = 1")
    told = await failure(client.records.ListRecords(request))
    assert told.metadata["position"] == "20"
    assert "category" in told.metadata["nearest"].split(", ")


# --- streams ---------------------------------------------------------------------------------------------------------


async def drain(stream: AsyncIterable[StreamRecordsResponse]) -> list[StreamRecordsResponse]:
    return [batch async for batch in stream]


async def test_a_stream_brings_every_record_once_in_order_of_insertion(client: Client) -> None:
    batches = await drain(client.records.StreamRecords(StreamRecordsRequest(organization_id="RIO", batch_size=64)))
    records = [record for batch in batches for record in batch.records]
    assert [from_message(record) for record in records] == client.rio
    assert [len(batch.records) for batch in batches] == [64, 64, 64, 64, 44]
    assert len({batch.revision_token for batch in batches}) == 1


async def test_a_stream_goes_on_after_any_of_its_batches(client: Client) -> None:
    request = StreamRecordsRequest(organization_id="RIO", filter=FILTER, batch_size=7)
    batches = await drain(client.records.StreamRecords(request))
    expected = matching(client.rio)
    for number, batch in enumerate(batches):
        request.resume_token = batch.resume_token
        rest = await drain(client.records.StreamRecords(request))
        assert ids([record for later in rest for record in later.records]) == expected[7 * (number + 1) :]
        assert {later.revision_token for later in rest} == {batches[0].revision_token}


async def test_a_stream_of_nothing_tells_its_revision(client: Client) -> None:
    request = StreamRecordsRequest(organization_id="RIO", filter='category = "nothing"')
    [only] = await drain(client.records.StreamRecords(request))
    assert (len(only.records), bool(only.resume_token), bool(only.revision_token)) == (0, True, True)


async def test_a_resume_token_goes_with_its_request_only(client: Client) -> None:
    request = StreamRecordsRequest(organization_id="RIO", batch_size=10)
    first = (await drain(client.records.StreamRecords(request)))[0]
    for organization_id, text in (("RIO", "dor = BEO"), ("RIO2", "")):
        other = StreamRecordsRequest(organization_id=organization_id, filter=text, resume_token=first.resume_token)
        told = await failure(client.records.StreamRecords(other))
        assert (told.reason, told.metadata) == ("INVALID_TOKEN", {"token": "resume"})


async def test_a_page_token_resumes_no_stream(client: Client) -> None:
    page = await client.records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1))
    request = StreamRecordsRequest(organization_id="RIO", resume_token=page.next_page_token)
    told = await failure(client.records.StreamRecords(request))
    assert "a resume token goes here" in told.message


async def test_a_large_batch_is_cut_at_its_bytes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BATCH_BYTES", 2_000)
    batches = await drain(client.records.StreamRecords(StreamRecordsRequest(organization_id="RIO", batch_size=5_000)))
    assert all(sum(record.ByteSize() for record in batch.records) <= 2_000 for batch in batches)
    assert ids([record for batch in batches for record in batch.records]) == ids_of(client.rio)


async def test_a_silent_stream_gives_signs_of_life(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    read_stretch, calls = reads.read_stretch, 0

    async def slow(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            await asyncio.sleep(0.5)
        return await read_stretch(*arguments, **options)

    monkeypatch.setattr(streams, "STRETCH", 100)
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(reads, "read_stretch", slow)
    batches = await drain(
        client.records.StreamRecords(StreamRecordsRequest(organization_id="RIO", filter=EVERY, batch_size=100))
    )
    beats = [batch for batch in batches if not batch.records]
    assert len(beats) >= 2
    assert ids([record for batch in batches for record in batch.records]) == ids_of(client.rio)
    request = StreamRecordsRequest(organization_id="RIO", filter=EVERY, resume_token=beats[0].resume_token)
    rest = await drain(client.records.StreamRecords(request))
    assert ids([record for batch in rest for record in batch.records]) == ids_of(client.rio)[100:]


async def test_a_stream_can_be_masked(client: Client) -> None:
    request = StreamRecordsRequest(organization_id="RIO", read_mask=FieldMask(paths=["pfa_id"]))
    for batch in await drain(client.records.StreamRecords(request)):
        assert all(len(record.ListFields()) == 1 for record in batch.records)


# --- figures ---------------------------------------------------------------------------------------------------------

SUM, COUNT, AVG = (
    AggregateFunction.AGGREGATE_FUNCTION_SUM,
    AggregateFunction.AGGREGATE_FUNCTION_COUNT,
    AggregateFunction.AGGREGATE_FUNCTION_AVG,
)


async def test_figures_come_by_group(client: Client) -> None:
    response = await client.records.AggregateRecords(
        AggregateRecordsRequest(
            organization_id="RIO",
            aggregations=[Aggregation(function=COUNT), Aggregation(function=SUM, field="forecast_cost")],
            group_by=["source", "is_actualized"],
        )
    )
    assert response.matched == len(client.rio)
    assert {(group.keys[0].text, group.keys[1].flag) for group in response.groups} == {
        (source, flag) for source in ("RENTAL", "PURCHASE") for flag in (False, True)
    }
    assert sum(group.values[0].count for group in response.groups) == len(client.rio)
    cents = sum(
        record["forecast_cost"] or 0
        for record in client.rio
        if not record["is_discontinued"] and not record["is_funds_transferable"]
    )
    assert sum(to_cents(group.values[1].money) for group in response.groups) == cents


def to_cents(money: Money) -> int:
    assert money.nanos % 10_000_000 == 0
    return money.units * 100 + money.nanos // 10_000_000


async def test_nothing_asked_for_is_a_count(client: Client) -> None:
    response = await client.records.AggregateRecords(AggregateRecordsRequest(organization_id="RIO", filter=FILTER))
    [group] = response.groups
    assert (group.values[0].count, response.matched) == (len(matching(client.rio)), len(matching(client.rio)))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (AggregateRecordsRequest(group_by=["category", "dor", "source"]), "at most 2"),
        (AggregateRecordsRequest(group_by=["category", "category"]), "named twice"),
        (AggregateRecordsRequest(group_by=["monthly_rate"]), "'monthly_rate' is no group"),
        (AggregateRecordsRequest(group_by=["month"]), "only sums of costs"),
        (AggregateRecordsRequest(aggregations=[Aggregation(function=SUM)]), "'' is not a field"),
        (AggregateRecordsRequest(aggregations=[Aggregation(field="class")]), "0 is no function"),
        (AggregateRecordsRequest(aggregations=[Aggregation(function=SUM, field="class")]), "there is no sum"),
        (AggregateRecordsRequest(aggregations=[Aggregation(function=AVG, field="plan_end")]), "there is no avg"),
        (AggregateRecordsRequest(aggregations=[Aggregation(function=COUNT)] * 11), "at most 10"),
        (
            AggregateRecordsRequest(aggregations=[Aggregation(function=SUM, field="monthly_rate")], group_by=["month"]),
            "only sums of costs",
        ),
    ],
)
async def test_a_figure_that_makes_no_sense_is_refused(
    client: Client, request_: AggregateRecordsRequest, words: str
) -> None:
    request_.organization_id = "RIO"
    told = await failure(client.records.AggregateRecords(request_))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert words in told.message


# --- isolation -------------------------------------------------------------------------------------------------------


async def test_an_organization_sees_its_own_records_only(client: Client) -> None:
    listed = await client.records.ListRecords(ListRecordsRequest(organization_id="RIO2", page_size=1_000))
    streamed = await drain(client.records.StreamRecords(StreamRecordsRequest(organization_id="RIO2")))
    counted = await client.records.AggregateRecords(AggregateRecordsRequest(organization_id="RIO2"))
    assert {record.organization_id for record in listed.records} == {"RIO2"}
    assert ids(listed.records) == ids_of(client.rio2)
    assert {record.organization_id for batch in streamed for record in batch.records} == {"RIO2"}
    assert counted.groups[0].values[0].count == len(client.rio2)
    other = client.rio[0]["id"]
    told = await failure(client.records.GetRecord(GetRecordRequest(organization_id="RIO2", id=other)))
    assert told.reason == "RECORD_NOT_FOUND"


async def test_the_same_call_has_the_same_answer(client: Client) -> None:
    request = ListRecordsRequest(organization_id="RIO", filter=FILTER, order_by="forecast_end")
    answers = [without_tokens(await client.records.ListRecords(request)) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("text", ["", EVERY], ids=["whole", "filtered"])
async def test_a_client_that_does_not_read_holds_no_connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(streams, "STRETCH", 50)
    database = Database(settings.database_url)
    await migrate(database)
    await fill(database, "RIO", 300, seed=1)
    await database.close()
    single = settings.model_copy(update={"database_pool_size": 1})
    async with running(single) as up, grpc.aio.insecure_channel(up.target) as channel:
        stub = RecordServiceStub(channel)
        slow = stub.StreamRecords(StreamRecordsRequest(organization_id="RIO", filter=text, batch_size=1))
        await slow.read()
        for _ in range(3):
            found = await stub.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id="7"), timeout=5)
            assert found.record.pfa_id == "7"
        slow.cancel()


async def test_a_stream_of_many_chunks_goes_on_after_any_record(settings: Settings) -> None:
    database = Database(settings.database_url)
    await migrate(database)
    values = await fill(database, "RIO", 1_200, seed=1)
    await database.close()
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        stub = RecordServiceStub(channel)
        whole = [streams.FIRST_BATCH, 512 - streams.FIRST_BATCH, 512, 176]
        for size, expected in ((0, whole), (700, whole), (300, [300, 212, 300, 212, 176])):
            batches = await drain(stub.StreamRecords(StreamRecordsRequest(organization_id="RIO", batch_size=size)))
            assert [len(batch.records) for batch in batches] == expected
            assert ids([record for batch in batches for record in batch.records]) == ids_of(values)
        for batch, done in zip(batches, (300, 512, 812, 1_024, 1_200), strict=True):
            request = StreamRecordsRequest(organization_id="RIO", resume_token=batch.resume_token)
            rest = await drain(stub.StreamRecords(request))
            assert ids([record for later in rest for record in later.records]) == ids_of(values)[done:]
