"""Synonyms and values over a socket, on each kind of database."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from nlq.normalize import keys
from pfa.v1.query_service_pb2 import (
    AddSynonymRequest,
    AskRequest,
    InterpretRequest,
    ListVocabularyRequest,
    ListVocabularyResponse,
    RemoveSynonymRequest,
    Synonym,
)
from pfa.v1.revision_pb2 import Consistency
from pfa_rpc.store import synonyms
from tests.integration.services.conftest import Client, Failure, failure


async def add(client: Client, phrase: str, field: str, value: str = "", organization_id: str = "RIO") -> Synonym:
    synonym = Synonym(phrase=phrase, field=field, value=value)
    response = await client.questions.AddSynonym(AddSynonymRequest(organization_id=organization_id, synonym=synonym))
    return response.synonym


async def refused(client: Client, phrase: str, field: str, value: str = "") -> Failure:
    synonym = Synonym(phrase=phrase, field=field, value=value)
    return await failure(client.questions.AddSynonym(AddSynonymRequest(organization_id="RIO", synonym=synonym)))


async def filter_of(client: Client, question: str, organization_id: str = "RIO") -> str | None:
    """Return the filter that a question was read as; None where not all of it was understood."""
    request = InterpretRequest(organization_id=organization_id, question=question)
    reading = (await client.questions.Interpret(request)).interpretation
    return reading.filter if reading.complete else None


async def listed(client: Client, organization_id: str = "RIO", **options: object) -> ListVocabularyResponse:
    return await client.questions.ListVocabulary(
        ListVocabularyRequest(organization_id=organization_id, **options)  # type: ignore[arg-type]
    )


async def test_a_synonym_is_read_from_the_next_question_on(client: Client) -> None:
    assert await filter_of(client, "cherry pickers in silo 4") is None
    added = await add(client, "cherry  picker", "category", "CRANES")
    assert (added.phrase, added.value, added.added_by) == ("cherry picker", "cranes", "local-admin"), (
        "as records spell it"
    )
    assert await filter_of(client, "Cherry-Pickers in silo 4") == await filter_of(client, "cranes in silo 4")


@pytest.mark.parametrize(
    ("phrase", "field", "value", "question", "same"),
    [
        ("zone", "area_silo", "", "count by zone", "count by area"),
        ("chartered", "source", "rental", "chartered cranes", "rented cranes"),
        ("mothballed", "is_discontinued", "true", "mothballed cranes", "discontinued cranes"),
        ("idle", "is_actualized", "false", "idle cranes", "cranes not yet on site"),
        ("utilization", "monthly_rate", "", "cranes with a utilization over 5000", "cranes with a rate over 5000"),
        ("tariff", "monthly_rate", "", "cranes with a tariff over 5000", "cranes with a rate over 5000"),
    ],
)
async def test_words_can_mean_fields_states_and_values(  # noqa: PLR0917 (a row of a table)
    client: Client, phrase: str, field: str, value: str, question: str, same: str
) -> None:
    expected = await filter_of(client, same)
    assert expected is not None
    await add(client, phrase, field, value)
    assert await filter_of(client, question) == expected


async def test_a_removed_synonym_is_not_understood_any_more(client: Client) -> None:
    await add(client, "cherry picker", "category", "Cranes")
    response = await client.questions.RemoveSynonym(
        RemoveSynonymRequest(organization_id="RIO", phrase="Cherry-Pickers")
    )
    assert response.synonym.phrase == "cherry picker"
    assert await filter_of(client, "cherry pickers") is None
    assert not (await listed(client)).synonyms
    again = await failure(
        client.questions.RemoveSynonym(RemoveSynonymRequest(organization_id="RIO", phrase="cherry picker"))
    )
    assert (again.code, again.reason) == (grpc.StatusCode.NOT_FOUND, "SYNONYM_NOT_FOUND")


async def test_synonyms_belong_to_one_organization(client: Client) -> None:
    await add(client, "cherry picker", "category", "Cranes")
    assert await filter_of(client, "cherry pickers", "RIO2") is None
    assert not (await listed(client, "RIO2")).synonyms
    missing = await failure(
        client.questions.RemoveSynonym(RemoveSynonymRequest(organization_id="RIO2", phrase="cherry picker"))
    )
    assert missing.code == grpc.StatusCode.NOT_FOUND
    await add(client, "cherry picker", "source", "RENTAL", "RIO2")
    assert await filter_of(client, "cherry pickers") != await filter_of(client, "cherry pickers", "RIO2")


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("cranes", "understood already"),
        ("Crane", "understood already"),
        ("rentals", "understood already"),
        ("rented cranes", "understood already"),
        ("over", "understood already"),
        ("five thousand", "understood already"),
        ("please", "understood already"),
        ("next month", "understood already"),
        ("March", "understood already"),
    ],
)
async def test_words_that_mean_something_are_taken(client: Client, phrase: str, words: str) -> None:
    told = await refused(client, phrase, "source", "RENTAL")
    assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SYNONYM_EXISTS")
    assert words in told.message


async def test_a_phrase_is_a_synonym_once_however_it_is_written(client: Client) -> None:
    await add(client, "cherry picker", "category", "Cranes")
    told = await refused(client, "cherry-pickers", "source", "RENTAL")
    assert told.code == grpc.StatusCode.ALREADY_EXISTS
    assert "cranes" in told.message


@pytest.mark.parametrize(
    ("phrase", "field", "value", "words"),
    [
        ("", "category", "Cranes", "holds no word"),
        ("42", "category", "Cranes", "holds no word"),
        ("a < b", "category", "Cranes", "signs"),
        ("cherry\x00picker", "category", "Cranes", "control character"),
        ("x" * 101, "category", "Cranes", "at most 100"),
        ("one two three four five six seven eight nine", "category", "Cranes", "at most 8"),
        ("cherry picker", "categry", "Cranes", "did you mean category"),
        ("cherry picker", "organization_id", "RIO2", "is not a field"),
        ("cherry picker", "category", "Cranez", "did you mean cranes"),
        ("cherry picker", "source", "lease", "did you mean RENTAL"),
        ("cherry picker", "is_discontinued", "maybe", "did you mean true or false"),
        ("cherry picker", "monthly_rate", "5000", "leave it out"),
    ],
)
async def test_what_cannot_be_a_synonym_is_told_why(
    client: Client, phrase: str, field: str, value: str, words: str
) -> None:
    told = await refused(client, phrase, field, value)
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert words in told.message


async def test_there_are_only_so_many_synonyms(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synonyms, "MAX_SYNONYMS", 2)
    await add(client, "cherry picker", "category", "Cranes")
    await add(client, "scissor platform", "category", "Cranes")
    told = await refused(client, "spider platform", "category", "Cranes")
    assert (told.code, told.reason, told.metadata["limit"]) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "LIMIT_EXCEEDED",
        "synonyms",
    )


async def test_of_two_that_add_the_same_words_at_once_one_is_told(client: Client) -> None:
    calls = [add(client, "cherry picker", "category", "Cranes"), add(client, "cherry-pickers", "source", "RENTAL")]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(isinstance(result, grpc.aio.AioRpcError) for result in results) == [False, True]
    assert len((await listed(client)).synonyms) == 1


async def test_values_come_in_pages_and_synonyms_with_the_first(client: Client) -> None:
    await add(client, "cherry picker", "category", "Cranes")
    whole = await listed(client)
    assert [synonym.phrase for synonym in whole.synonyms] == ["cherry picker"]
    assert not whole.next_page_token
    pages, token = [], ""
    while True:
        page = await listed(client, page_size=3, page_token=token)
        pages.append(page)
        token = page.next_page_token
        if not token:
            break
    assert len(pages) > 1
    assert [value for page in pages for value in page.values] == list(whole.values)
    assert not any(page.synonyms for page in pages[1:])
    areas = await listed(client, field="area_silo")
    assert {keys(value.value) for value in areas.values} == {("silo", "4"), ("silo", "10"), ("yard", "a")}
    assert not areas.synonyms
    assert not (await listed(client, synonyms_only=True)).values


async def test_a_page_token_is_of_its_organization_and_field(client: Client) -> None:
    page = await listed(client, page_size=1)
    for organization_id, field in (("RIO2", ""), ("RIO", "category")):
        request = ListVocabularyRequest(organization_id=organization_id, field=field, page_token=page.next_page_token)
        told = await failure(client.questions.ListVocabulary(request))
        assert told.reason == "INVALID_TOKEN"


async def test_who_added_a_synonym_can_wait_for_it(client: Client) -> None:
    synonym = Synonym(phrase="cherry picker", field="category", value="Cranes")
    response = await client.questions.AddSynonym(AddSynonymRequest(organization_id="RIO", synonym=synonym))
    need = Consistency(at_least_revision_token=response.revision_token)
    request = AskRequest(organization_id="RIO", question="how many cherry pickers?", consistency=need)
    _, answer = [part async for part in client.questions.Ask(request)]
    assert answer.figures.matched > 0
