"""Long work lets other calls have their turn, and is done once for all who wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from sqlalchemy.sql.compiler import SQLCompiler

from nlq.filters.filter_text import parse_filter
from nlq.pipeline import Language
from nlq.query import Aggregate, Aggregation, Function
from pfa.v1.query_service_pb2 import AddSynonymRequest, InterpretRequest, Synonym
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import (
    AggregateRecordsRequest,
    AggregateRecordsResponse,
    ListRecordsRequest,
    StreamRecordsRequest,
)
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services import requests
from pfa_rpc.services.asking import languages
from pfa_rpc.services.reading.figures import figures_message
from pfa_rpc.services.requests import MAX_PATHS, Mask
from pfa_rpc.store.figures.groups import Figure, Group
from tests.integration.services.conftest import Client, failure
from tests.integration.store.oracle import holds

T = TypeVar("T")


async def turns(work: Coroutine[Any, Any, T]) -> tuple[int, T]:
    """Return how often others had their turn while some work was done, and what it gave."""
    task = asyncio.ensure_future(work)
    number = 0
    while not task.done():
        await asyncio.sleep(0)
        number += 1
    return number, task.result()


async def test_a_mask_over_many_records_gives_way() -> None:
    payloads = [Record(pfa_id=str(number), category="Cranes").SerializeToString() for number in range(1_000)]
    number, masked = await turns(Mask(("pfa_id",), hide_money=False).apply_all(payloads))
    assert number >= 5
    assert [Record.FromString(payload) for payload in masked] == [Record(pfa_id=str(number)) for number in range(1_000)]


async def test_the_message_of_many_groups_gives_way_and_holds_all_of_them() -> None:
    spec = Aggregate((Aggregation(Function.COUNT),), ("category",))
    groups = [Group((f"kind {number}",), [Figure(number, covered=number)]) for number in range(1_000)]
    number, serialized = await turns(figures_message(groups, spec, "USD", 7))
    assert number >= 10
    message = AggregateRecordsResponse.FromString(serialized)
    assert [(group.keys[0].text, group.values[0].count) for group in message.groups] == [
        (f"kind {number}", number) for number in range(1_000)
    ]
    assert message.matched == 7


async def test_a_mask_has_so_many_paths_and_no_more(client: Client) -> None:
    request = ListRecordsRequest(organization_id="RIO", read_mask=FieldMask(paths=["id"] * (MAX_PATHS + 1)))
    error = await failure(client.records.ListRecords(request))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert f"at most {MAX_PATHS}" in error.message


async def test_questions_that_come_together_wait_for_one_preparation(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[object] = []

    def prepare(*arguments: Any) -> Language:
        prepared.append(arguments)
        return Language(*arguments)

    monkeypatch.setattr(languages, "Language", prepare)
    request = InterpretRequest(organization_id="RIO", question="how many rentals")
    await asyncio.gather(*(client.questions.Interpret(request) for _ in range(8)))
    assert len(prepared) == 1


def count_by_thread(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> Counter[bool]:
    """Count the calls of a function: under True those on the thread of the event loop, which is that of the test."""
    counts: Counter[bool] = Counter()
    loop, function = threading.get_ident(), getattr(owner, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        counts[threading.get_ident() == loop] += 1
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, counted)
    return counts


LARGE = " OR ".join(
    f'(monthly_rate > {number} AND model = "m{number}" AND forecast_start < 2026-01-01)' for number in range(140)
)


@pytest.mark.parametrize("method", ["ListRecords", "AggregateRecords"])
async def test_a_large_filter_is_read_and_put_into_sql_beside_the_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    text = f'{LARGE} OR area_silo = "Silo 4"'
    parsed = count_by_thread(monkeypatch, requests, "parse_filter")
    written = count_by_thread(monkeypatch, requests, "canonical_filter")
    bound = count_by_thread(monkeypatch, SQLCompiler, "visit_bindparam")
    if method == "ListRecords":
        listed = await client.records.ListRecords(
            ListRecordsRequest(organization_id="RIO", filter=text, page_size=1_000, include_total_size=True)
        )
        found = listed.total_size
    else:
        request = AggregateRecordsRequest(organization_id="RIO", filter=text, group_by=["category"])
        found = (await client.records.AggregateRecords(request)).matched
    condition = parse_filter(text, SCHEMA)
    assert condition is not None
    assert found == sum(holds(condition, record) for record in client.rio) > 0
    assert (parsed[True], parsed[False], written[True]) == (0, 1, 0)
    assert bound[False] >= 400
    assert bound[True] < 100, "only the small statements beside it"


async def test_a_large_filter_of_a_stream_is_put_into_sql_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{LARGE} OR area_silo:*"
    bound = count_by_thread(monkeypatch, SQLCompiler, "visit_bindparam")
    request = StreamRecordsRequest(organization_id="RIO", filter=text, batch_size=20)
    batches = [batch async for batch in client.records.StreamRecords(request)]
    assert len(batches) > 5
    condition = parse_filter(text, SCHEMA)
    assert condition is not None
    assert sum(len(batch.records) for batch in batches) == sum(holds(condition, record) for record in client.rio)
    assert 400 <= bound[False] < 1_000
    assert bound[True] < 100


@pytest.mark.parametrize(("question", "beside"), [("rentals in Silo 4", False), ("rentals in Silo 4 " * 50, True)])
async def test_a_long_question_is_read_beside_the_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch, question: str, beside: bool
) -> None:
    await client.questions.Interpret(InterpretRequest(organization_id="RIO", question="pumps"))
    read = count_by_thread(monkeypatch, Language, "interpret")
    request = InterpretRequest(organization_id="RIO", question=question)
    await client.questions.Interpret(request)
    assert read == {not beside: 1}


async def test_what_the_first_question_makes_for_the_others_is_made_beside_the_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = count_by_thread(monkeypatch, Language, "interpret")
    await client.questions.Interpret(InterpretRequest(organization_id="RIO", question="pumps"))
    assert read == {False: 1, True: 1}


async def test_a_question_is_read_once_for_each_vocabulary_day_and_context(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = count_by_thread(monkeypatch, Language, "interpret")

    async def ask(**options: Any) -> str:
        request = InterpretRequest(organization_id="RIO", question="cranes", **options)
        return (await client.questions.Interpret(request)).context_token

    async def readings(call: Callable[[], Coroutine[Any, Any, Any]]) -> int:
        before = read[True]
        await call()
        return read[True] - before

    assert await readings(ask) == 1
    assert await readings(ask) == 0
    assert await readings(lambda: ask(today=Date(year=2020, month=1, day=1))) == 1
    token = await ask()
    assert await readings(lambda: ask(context_token=token)) == 1
    assert await readings(lambda: ask(context_token=token)) == 0
    synonym = Synonym(phrase="cherry picker", field="category", value="cranes")
    added = AddSynonymRequest(organization_id="RIO", synonym=synonym)
    await client.questions.AddSynonym(added)
    assert await readings(ask) == 1


async def test_readings_that_are_remembered_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "READINGS_KEPT", 2)
    read = count_by_thread(monkeypatch, Language, "interpret")
    for question in ("cranes", "pumps", "rentals", "cranes"):
        await client.questions.Interpret(InterpretRequest(organization_id="RIO", question=question))
    assert read[True] == 4
    monkeypatch.setattr(languages, "READINGS_KEPT", 100)
    monkeypatch.setattr(languages, "CHARACTERS_KEPT", 8)
    for question in ("purchases", "purchases"):
        await client.questions.Interpret(InterpretRequest(organization_id="RIO", question=question))
    assert read[True] == 6
