"""What can stand at a caret, over a socket."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from pfa.v1.mutation_pb2 import MutateRecordsRequest, Mutation, MutationOperation
from pfa.v1.query_service_pb2 import (
    AddSynonymRequest,
    InterpretRequest,
    SuggestionKind,
    SuggestRequest,
    Synonym,
)
from pfa.v1.record_pb2 import Record
from tests.integration.services.conftest import Client, failure


async def suggested(client: Client, text: str, organization_id: str = "RIO", **options: Any) -> list[Any]:
    request = SuggestRequest(organization_id=organization_id, text=text, caret=len(text), **options)
    return list((await client.questions.Suggest(request)).suggestions)


async def test_a_word_that_is_half_typed_is_completed_by_what_the_records_hold(client: Client) -> None:
    [first, *_] = await suggested(client, "rented cra")
    assert (first.text, first.start, first.end) == ("cranes", 7, 10)
    assert (first.kind, first.field, first.description) == (
        SuggestionKind.SUGGESTION_KIND_VALUE,
        "category",
        "category",
    )


async def test_what_is_suggested_is_understood(client: Client) -> None:
    text = "rentals in si"
    for each in await suggested(client, text, max_suggestions=3):
        request = InterpretRequest(organization_id="RIO", question=text[: each.start] + each.text + text[each.end :])
        assert (await client.questions.Interpret(request)).interpretation.complete


async def test_there_are_no_more_than_were_asked_for(client: Client) -> None:
    assert len(await suggested(client, "", max_suggestions=4)) == 4
    assert 4 < len(await suggested(client, "")) <= 10


async def test_nothing_of_another_organization_is_suggested(client: Client) -> None:
    synonym = Synonym(phrase="cherry picker", field="category", value="cranes")
    await client.questions.AddSynonym(AddSynonymRequest(organization_id="RIO", synonym=synonym))
    assert not [each for each in await suggested(client, "cherry p", "RIO2") if "cherry" in each.text]


@pytest.mark.parametrize(("caret", "most", "field"), [(-1, 0, "caret"), (4, 0, "caret"), (0, 21, "max_suggestions")])
async def test_a_caret_is_in_its_text(client: Client, caret: int, most: int, field: str) -> None:
    request = SuggestRequest(organization_id="RIO", text="cra", caret=caret, max_suggestions=most)
    told = await failure(client.questions.Suggest(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert told.message.startswith(field)


async def test_what_goes_on_is_offered_with_the_token_of_the_question_before(client: Client) -> None:
    asked = InterpretRequest(organization_id="RIO", question="rentals")
    token = (await client.questions.Interpret(asked)).context_token
    assert "what about" in [each.text for each in await suggested(client, "", context_token=token)]
    assert "what about" not in [each.text for each in await suggested(client, "")]


async def test_a_new_value_is_suggested_and_understood_from_the_revision_that_has_it(client: Client) -> None:
    assert not [each for each in await suggested(client, "cranes in zanz") if each.text == "Zanzibar Süd"]
    record = Record(pfa_id=client.rio[0]["pfa_id"], area_silo="Zanzibar Süd")
    mutation = Mutation(
        operation=MutationOperation.MUTATION_OPERATION_UPDATE,
        record=record,
        update_mask=FieldMask(paths=["area_silo"]),
    )
    await client.records.MutateRecords(MutateRecordsRequest(organization_id="RIO", mutations=[mutation]))
    [first, *_] = await suggested(client, "cranes in zanz")
    assert (first.text, first.field) == ("Zanzibar Süd", "area_silo")
    reading = await client.questions.Interpret(InterpretRequest(organization_id="RIO", question="zanzibar süd"))
    assert 'area_silo = "Zanzibar Süd"' in reading.interpretation.filter
    assert not [each for each in await suggested(client, "zanz", "RIO2") if each.text == "Zanzibar Süd"]


async def test_a_suggestion_inside_a_question_leaves_the_rest_readable(client: Client) -> None:
    text = "cranes in sil over 5,000"
    request = SuggestRequest(organization_id="RIO", text=text, caret=13)
    found = (await client.questions.Suggest(request)).suggestions
    assert "Silo 10" in [each.text for each in found]
    for each in found:
        question = f"{text[: each.start]}{each.text}{text[each.end :]}"
        asked = InterpretRequest(organization_id="RIO", question=question)
        assert (await client.questions.Interpret(asked)).interpretation.complete
