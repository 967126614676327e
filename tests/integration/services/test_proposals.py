"""Orders to change records, over a socket: they are proposals, and nothing is changed by asking."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from pfa.v1.change_pb2 import ChangeOperation
from pfa.v1.query_service_pb2 import AskRequest, AskResponse, InterpretationKind, InterpretRequest
from pfa.v1.record_service_pb2 import ListRecordsRequest
from tests.integration.services.conftest import Client, failure

ORDER = "extend all cranes by 2 weeks"
MISSPELT = "exted all cranes by 2 weeks"


async def ask(client: Client, question: str, **options: Any) -> list[AskResponse]:
    request = AskRequest(organization_id="RIO", question=question, **options)
    return [part async for part in client.questions.Ask(request)]


async def test_an_order_is_answered_with_its_proposal_alone(client: Client) -> None:
    before = await client.records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1_000))
    reading, answer = await ask(client, ORDER)
    interpretation, proposal = reading.interpretation, answer.proposal
    assert interpretation.kind == InterpretationKind.INTERPRETATION_KIND_CHANGE
    assert interpretation.complete
    [change] = interpretation.changes
    assert (change.field, change.operation) == ("forecast_end", ChangeOperation.CHANGE_OPERATION_SHIFT)
    assert (change.shift.months, change.shift.days) == (0, 14)
    assert change.text == "forecast_end += 14 days"
    assert list(proposal.changes) == [change]
    assert proposal.filter == interpretation.filter
    listed = await client.records.ListRecords(
        ListRecordsRequest(organization_id="RIO", filter=proposal.filter, include_total_size=True)
    )
    assert proposal.matched == listed.total_size > 0
    assert proposal.revision_token
    after = await client.records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1_000))
    assert list(after.records) == list(before.records), "nothing was changed"


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        ("set the monthly rate of cranes to $4,500", {"monthly_rate": "money_value"}),
        ("reduce the monthly rate of cranes by 10%", {"monthly_rate": "factor"}),
        ("clear the contract of cranes", {"contract": None}),
        ("reset cranes to plan", {"forecast_start": "other_field", "forecast_end": "other_field"}),
        ("discontinue all pumps", {"is_discontinued": "flag_value"}),
    ],
)
async def test_changes_are_typed(client: Client, order: str, changes: dict[str, str | None]) -> None:
    reading, answer = await ask(client, order)
    assert reading.interpretation.complete
    found = {change.field: change.WhichOneof("value") for change in answer.proposal.changes}
    assert {field: found[field] for field in changes} == changes


async def test_a_change_is_never_read_in_part(client: Client) -> None:
    for question in (ORDER, "extend all purple cranes by 2 weeks"):
        request = AskRequest(organization_id="RIO", question=question, allow_partial=True)
        told = await failure(client.questions.Ask(request))
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert "allow_partial" in told.message
    [only] = await ask(client, "extend all purple cranes by 2 weeks")
    assert not only.interpretation.complete


async def test_a_corrected_word_of_a_change_has_to_be_confirmed(client: Client) -> None:
    [only] = await ask(client, MISSPELT)
    assert only.interpretation.complete
    assert list(only.interpretation.confirm) == ["exted"]
    _, answer = await ask(client, MISSPELT, confirm_corrections=True)
    assert answer.HasField("proposal")


async def test_what_is_never_done_is_refused_with_its_reason(client: Client) -> None:
    [only] = await ask(client, "delete all rentals")
    assert only.interpretation.kind == InterpretationKind.INTERPRETATION_KIND_REFUSED
    assert only.interpretation.reason == "unsupported_mutation"
    assert not only.context_token


async def test_the_records_of_an_order_can_be_asked_about_next(client: Client) -> None:
    request = InterpretRequest(organization_id="RIO", question=ORDER)
    first = await client.questions.Interpret(request)
    reading, answer = await ask(client, "how many are there?", context_token=first.context_token)
    assert reading.interpretation.filter == first.interpretation.filter
    assert answer.HasField("figures")
