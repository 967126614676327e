"""QueryService over a socket."""

from __future__ import annotations

from datetime import date
from typing import Any

import grpc
import pytest
from google.type.date_pb2 import Date

from nlq.filters.filter_text import parse_filter
from nlq.query import fold
from pfa.v1.query_service_pb2 import AskRequest, AskResponse, InterpretRequest, PieceRole
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    DayWindow,
    ListRecordsRequest,
)
from pfa_rpc.records.cost import layer_cost
from pfa_rpc.records.encode import money_amount
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services import query as service
from tests.integration.services.conftest import Client, failure
from tests.integration.store.oracle import holds
from tests.plain_windows import within

QUESTION = "rentals in Silo 4 over $5000"


async def ask(client: Client, question: str, **options: Any) -> list[AskResponse]:
    request = AskRequest(organization_id="RIO", question=question, **options)
    return [part async for part in client.questions.Ask(request)]


def expected(client: Client, text: str) -> list[str]:
    condition = parse_filter(text, SCHEMA)
    assert condition is not None
    return [record["pfa_id"] for record in client.rio if holds(condition, record)]


async def test_an_answer_is_its_reading_and_then_the_records(client: Client) -> None:
    reading, *batches = await ask(client, QUESTION)
    interpretation = reading.interpretation
    assert interpretation.complete
    assert set(interpretation.filter.split(" AND ")) == {
        'area_silo = "SILO  4"',  # the spelling most used
        "source = RENTAL",
        "monthly_rate > 5000",
        "is_discontinued = false",
    }
    ids = [record.pfa_id for batch in batches for record in batch.records.records]
    assert ids == expected(client, interpretation.filter)
    assert batches[0].records.total_size == len(ids)
    assert batches[0].records.revision_token


async def test_the_filter_of_a_reading_lists_the_same_records(client: Client) -> None:
    reading, *batches = await ask(client, QUESTION)
    listed = await client.records.ListRecords(
        ListRecordsRequest(organization_id="RIO", filter=reading.interpretation.filter, page_size=1_000)
    )
    assert list(listed.records) == [record for batch in batches for record in batch.records.records]


async def test_the_sentence_of_a_reading_asks_the_same(client: Client) -> None:
    today = Date(year=2026, month=3, day=11)
    request = InterpretRequest(organization_id="RIO", question=QUESTION, today=today)
    first = (await client.questions.Interpret(request)).interpretation
    request.question = first.sentence
    second = (await client.questions.Interpret(request)).interpretation
    assert (second.filter, second.complete) == (first.filter, True)


async def test_defaults_and_ambiguities_are_told(client: Client) -> None:
    request = InterpretRequest(organization_id="RIO", question=QUESTION)
    reading = (await client.questions.Interpret(request)).interpretation
    assert any("discontinued" in default.text for default in reading.defaults)
    [ambiguity] = reading.ambiguities
    assert ambiguity.chosen == "monthly_rate"
    assert {"plan_cost", "forecast_cost", "actual_cost"} <= set(ambiguity.alternatives)


async def test_words_not_understood_stop_the_answer_unless_allowed(client: Client) -> None:
    parts = await ask(client, "purple rentals in Silo 4")
    [only] = parts
    assert not only.interpretation.complete
    [unread] = [piece for piece in only.interpretation.pieces if piece.role == PieceRole.PIECE_ROLE_NOT_UNDERSTOOD]
    assert (unread.text, unread.start, unread.end) == ("purple", 0, 6)
    partial = await ask(client, "purple rentals in Silo 4", allow_partial=True)
    assert len(partial) > 1


async def test_a_count_is_answered_with_a_figure(client: Client) -> None:
    reading, answer = await ask(client, "how many cranes are in Silo 4?")
    counted = expected(client, reading.interpretation.filter)
    assert answer.figures.groups[0].values[0].count == len(counted) == answer.figures.matched
    [item] = reading.interpretation.aggregate.aggregations
    assert item.function == AggregateFunction.AGGREGATE_FUNCTION_COUNT


async def test_a_total_takes_in_transferable_records_only_where_they_are_asked_for(client: Client) -> None:
    _, without = await ask(client, "total monthly rate")
    _, including = await ask(client, "total monthly rate including transferable")
    assert without.figures.groups[0].values[0].transferable > 0
    assert including.figures.groups[0].values[0].transferable == 0
    assert including.figures.groups[0].values[0].covered > without.figures.groups[0].values[0].covered


async def test_a_total_in_a_time_is_of_the_days_of_that_time(client: Client) -> None:
    reading, answer = await ask(client, "total forecast cost in March 2026", today=Date(year=2026, month=3, day=11))
    window = reading.interpretation.aggregate.window
    assert (window.start_date.month, window.end_date.month) == (3, 4)
    assert not any(word in reading.interpretation.filter for word in ("forecast_start", "forecast_end"))
    kept = [record for record in client.rio if not record["is_discontinued"] and not record["is_funds_transferable"]]
    march = [within(layer_cost(record, "forecast"), date(2026, 3, 1), date(2026, 4, 1)) for record in kept]
    [value] = answer.figures.groups[0].values
    assert money_amount(value.money, 2) == sum(part or 0 for part in march) > 0
    assert value.covered == sum(part is not None for part in march)
    request = AggregateRecordsRequest(
        organization_id="RIO",
        filter=reading.interpretation.filter,
        aggregations=reading.interpretation.aggregate.aggregations,
        window=window,
    )
    assert (await client.records.AggregateRecords(request)).groups == answer.figures.groups


async def test_a_window_fits_sums_of_costs_only(client: Client) -> None:
    def request(function: str, field: str, *group_by: str, end: int = 4) -> AggregateRecordsRequest:
        window = DayWindow(start_date=Date(year=2026, month=3, day=1), end_date=Date(year=2026, month=end, day=1))
        item = Aggregation(function=AggregateFunction.Value(f"AGGREGATE_FUNCTION_{function}"), field=field)
        return AggregateRecordsRequest(organization_id="RIO", aggregations=[item], group_by=group_by, window=window)

    for bad, field in (
        (request("AVG", "forecast_cost"), "aggregations[0]"),
        (request("SUM", "monthly_rate"), "aggregations[0]"),
        (request("SUM", "forecast_cost", "forecast_start.month"), "group_by[0]"),
        (request("SUM", "forecast_cost", end=3), "window.end_date"),
    ):
        refused = await failure(client.records.AggregateRecords(bad))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in refused.message
    fine = request("SUM", "variance", "category", "month")
    assert (await client.records.AggregateRecords(fine)).groups


async def test_groups_without_records_are_the_values_of_which_no_record_matches(client: Client) -> None:
    reading, answer = await ask(client, "which categories have no rentals over $4000?")
    assert reading.interpretation.aggregate.lacking
    condition = parse_filter(reading.interpretation.filter, SCHEMA)
    assert condition is not None
    every = {fold(record["category"]) for record in client.rio if record["category"]}
    having = {fold(record["category"]) for record in client.rio if record["category"] and holds(condition, record)}
    assert {fold(group.keys[0].text) for group in answer.figures.groups} == every - having
    assert {group.values[0].count for group in answer.figures.groups} <= {0}


async def test_the_top_few_come_in_order(client: Client) -> None:
    reading, *batches = await ask(client, "top 5 rentals by monthly rate")
    assert (reading.interpretation.limit, reading.interpretation.order_by) == (5, "monthly_rate desc")
    rates = [record.monthly_rate.units for batch in batches for record in batch.records.records]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) == 5


async def test_no_more_records_come_than_were_asked_for(client: Client) -> None:
    _, *batches = await ask(client, "rentals", max_records=7)
    assert sum(len(batch.records.records) for batch in batches) == 7
    assert batches[0].records.total_size > 7


async def test_many_records_come_in_several_batches(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_PAGE", 20)
    reading, *batches = await ask(client, "rentals")
    assert len(batches) > 3
    ids = [record.pfa_id for batch in batches for record in batch.records.records]
    assert ids == expected(client, reading.interpretation.filter)
    assert [batch.records.HasField("total_size") for batch in batches] == [True] + [False] * (len(batches) - 1)


async def test_nothing_found_is_an_empty_batch_with_its_total(client: Client) -> None:
    _, batch = await ask(client, "rentals in Silo 4 over $900,000")
    assert (len(batch.records.records), batch.records.total_size) == (0, 0)
    assert batch.records.HasField("total_size")


@pytest.mark.parametrize(
    ("question", "words"),
    [("", "blank"), (" \n", "blank"), ("x" * 10_240, "2,000"), ("rentals\x00", "character")],
)
async def test_what_is_no_question_is_refused(client: Client, question: str, words: str) -> None:
    request = InterpretRequest(organization_id="RIO", question=question)
    told = await failure(client.questions.Interpret(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_QUESTION")
    assert words in told.message


@pytest.mark.parametrize("question", ["🚜🏗️", "SELECT * FROM records; DROP TABLE records", "' OR 1=1 --", "💥 rentals"])
async def test_odd_text_is_told_as_not_understood(client: Client, question: str) -> None:
    [only] = await ask(client, question)
    assert not only.interpretation.complete


async def test_a_date_that_is_none_is_refused(client: Client) -> None:
    request = InterpretRequest(organization_id="RIO", question="rentals", today=Date(year=2026, month=2, day=30))
    told = await failure(client.questions.Interpret(request))
    assert "2026-2-30 is not a day" in told.message


async def test_a_question_sees_its_own_organization_only(client: Client) -> None:
    request = AskRequest(organization_id="RIO2", question="rentals")
    parts = [part async for part in client.questions.Ask(request)]
    assert {record.organization_id for part in parts for record in part.records.records} == {"RIO2"}
