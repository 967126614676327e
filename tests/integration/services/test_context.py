"""Questions that go on from the one before: the context is a token in the answer, not state in the server."""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import grpc
import pytest

from nlq.filters.filter_text import parse_filter
from nlq.query import Aggregate, Aggregation, FigureSort, Function, Having, Operator, Query, Sort
from pfa.v1.query_service_pb2 import AskRequest, AskResponse, InterpretRequest, InterpretResponse
from pfa_rpc.errors import InvalidToken
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.asking.contexts import open_context, seal_context
from pfa_rpc.services.tokens import DAY_SECONDS, Tokens
from tests.integration.services.conftest import Client, failure

KEY = b"k" * 16


async def ask(client: Client, question: str, **options: Any) -> list[AskResponse]:
    request = AskRequest(organization_id="RIO", question=question, **options)
    return [part async for part in client.questions.Ask(request)]


async def interpret(client: Client, question: str, token: str = "", organization_id: str = "RIO") -> InterpretResponse:
    request = InterpretRequest(organization_id=organization_id, question=question, context_token=token)
    return await client.questions.Interpret(request)


async def test_a_question_goes_on_from_the_one_before(client: Client) -> None:
    first, *_ = await ask(client, "rentals in Silo 4")
    assert first.context_token
    second, *batches = await ask(client, "only the cranes", context_token=first.context_token)
    whole, *same = await ask(client, "rented cranes in Silo 4")
    assert second.interpretation.complete
    assert second.interpretation.filter == whole.interpretation.filter
    assert [part.records.records for part in batches] == [part.records.records for part in same]
    third, counted = await ask(client, "how many are there?", context_token=second.context_token)
    assert third.interpretation.filter == second.interpretation.filter
    assert counted.figures.matched == batches[0].records.total_size


async def test_the_token_comes_with_a_reading_alone_too(client: Client) -> None:
    first = await interpret(client, "rentals in Silo 4")
    second = await interpret(client, "only the cranes", first.context_token)
    assert second.interpretation.filter == (await interpret(client, "rented cranes in Silo 4")).interpretation.filter


async def test_only_the_first_part_of_an_answer_has_the_token(client: Client) -> None:
    first, *rest = await ask(client, "rentals in Silo 4")
    assert first.WhichOneof("part") == "interpretation"
    assert rest
    assert not any(part.context_token for part in rest)


async def test_a_whole_question_has_the_same_reading_after_another(client: Client) -> None:
    first = await interpret(client, "rentals in Silo 4")
    alone = await interpret(client, "purchases in Silo 10")
    after = await interpret(client, "purchases in Silo 10", first.context_token)
    assert after.interpretation.filter == alone.interpretation.filter


async def test_what_was_not_understood_gives_nothing_to_go_on_from(client: Client) -> None:
    [only] = await ask(client, "purple rentals")
    assert not only.context_token
    first, *_ = await ask(client, "purple rentals", allow_partial=True)
    assert first.context_token


def turned(token: str) -> str:
    """Return a token with one bit of its content changed."""
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[-20] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()


@pytest.mark.parametrize("spoil", [turned, lambda token: token[:-4], lambda _: "AAAA", lambda token: token + "é"])
async def test_a_damaged_token_is_refused(client: Client, spoil: Callable[[str], str]) -> None:
    first = await interpret(client, "rentals in Silo 4")
    for call in (
        client.questions.Interpret(
            InterpretRequest(organization_id="RIO", question="cranes", context_token=spoil(first.context_token))
        ),
        client.questions.Ask(
            AskRequest(organization_id="RIO", question="cranes", context_token=spoil(first.context_token))
        ),
    ):
        told = await failure(call)
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TOKEN")
        assert told.metadata == {"token": "context"}


async def test_another_organizations_token_is_refused(client: Client) -> None:
    first = await interpret(client, "rentals in Silo 4")
    request = InterpretRequest(organization_id="RIO2", question="only the cranes", context_token=first.context_token)
    told = await failure(client.questions.Interpret(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TOKEN")
    assert "another organization" in told.message


async def test_a_token_of_another_kind_is_refused(client: Client) -> None:
    _, answer, *_ = await ask(client, "rentals in Silo 4")
    request = InterpretRequest(
        organization_id="RIO", question="only the cranes", context_token=answer.records.revision_token
    )
    told = await failure(client.questions.Interpret(request))
    assert "is a revision token; a context token goes here" in told.message


def condition(text: str) -> Any:
    return parse_filter(text, SCHEMA)


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(condition('area_silo = "Silo 4" AND monthly_rate > 5000'), (Sort("monthly_rate", descending=True),), 5),
        Query(
            condition("forecast_cost > plan_cost * 1.1"),
            aggregate=Aggregate(
                (Aggregation(Function.COUNT), Aggregation(Function.SUM, "forecast_cost")),
                ("category", "forecast_start.quarter"),
                ("is_funds_transferable",),
                (Having(Aggregation(Function.AVG, "monthly_rate"), Operator.GE, Decimal("12.50")),),
                (FigureSort(Aggregation(Function.COUNT), descending=True), FigureSort("category")),
                percent=True,
                part=condition("source = RENTAL"),
                distinct=True,
                yes_no=True,
            ),
        ),
        Query(condition("dor = BEO"), aggregate=Aggregate((Aggregation(Function.COUNT_DISTINCT, "model"),))),
    ],
)
def test_a_token_brings_the_query_back_as_it_was(query: Query) -> None:
    tokens = Tokens(KEY)
    assert open_context(tokens, "RIO", seal_context(tokens, "RIO", query)) == query


def test_no_token_is_no_context() -> None:
    assert open_context(Tokens(KEY), "RIO", "") is None


def test_a_query_that_is_too_large_has_no_token() -> None:
    names = " OR ".join(f'model = "model number {number}"' for number in range(200))
    assert seal_context(Tokens(KEY), "RIO", Query(condition(names))) == ""


def test_a_token_expires() -> None:
    now = 1_000_000.0
    tokens = Tokens(KEY, lambda: now)
    token = seal_context(tokens, "RIO", Query())
    now += DAY_SECONDS + 1
    with pytest.raises(InvalidToken, match="expired"):
        open_context(tokens, "RIO", token)


@pytest.mark.parametrize(
    "content",
    [
        ["no_such_field = 1", "", None, None],
        ["", "no_such_field", None, None],
        ["", "", None, {"figures": [["sum", "no_such_field"]]}],
        ["", "", None, {"figures": [["no such function", None]]}],
        ["", ""],
    ],
)
def test_a_token_of_fields_that_are_no_more_is_refused(content: list[Any]) -> None:
    tokens = Tokens(KEY)
    sealed = seal_context(tokens, "RIO", Query())
    digest = tokens._read("context", sealed)[0]
    token = tokens.seal("context", "RIO", digest, content)
    with pytest.raises(InvalidToken, match="another version"):
        open_context(tokens, "RIO", token)
