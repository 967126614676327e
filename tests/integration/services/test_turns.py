"""Long work lets other calls have their turn, and is done once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from nlq.pipeline import Language
from nlq.query import Aggregate, Aggregation, Function
from pfa.v1.query_service_pb2 import InterpretRequest
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import AggregateRecordsResponse, ListRecordsRequest
from pfa_rpc.services import languages
from pfa_rpc.services.figures import figures_message
from pfa_rpc.services.requests import MAX_PATHS, Mask
from pfa_rpc.store.groups import Figure, Group
from tests.integration.services.conftest import Client, failure

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
