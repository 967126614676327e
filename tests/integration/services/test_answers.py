"""Answers other than rows, over a socket: yes or no, names, groups that meet conditions, shares; kept for a while."""

from __future__ import annotations

from collections import Counter
from typing import Any

import grpc
import pytest

from nlq.query import fold
from pfa.v1.query_service_pb2 import AskRequest, AskResponse, InterpretationKind, InterpretRequest
from pfa_rpc.records.encode import Values
from tests.integration.services.conftest import Client, failure


async def ask(client: Client, question: str, **options: Any) -> tuple[AskResponse, AskResponse]:
    request = AskRequest(organization_id="RIO", question=question, **options)
    reading, answer = [part async for part in client.questions.Ask(request)]
    assert reading.interpretation.complete
    return reading, answer


def alive(client: Client, **wanted: str) -> list[Values]:
    """Return RIO's records that are not discontinued and have these values."""
    return [
        record
        for record in client.rio
        if not record["is_discontinued"]
        and all(record[name] is not None and fold(record[name]) == value for name, value in wanted.items())
    ]


def counts(answer: AskResponse) -> dict[str, int]:
    return {fold(group.keys[0].text): group.values[0].count for group in answer.figures.groups}


@pytest.mark.parametrize(("question", "yes"), [("are there any cranes?", True), ("is there a crane over $9m?", False)])
async def test_a_yes_or_no_is_answered_with_one(client: Client, question: str, yes: bool) -> None:
    reading, answer = await ask(client, question)
    assert reading.interpretation.kind == InterpretationKind.INTERPRETATION_KIND_FIGURES
    assert reading.interpretation.aggregate.yes_no
    assert answer.figures.HasField("yes")
    assert answer.figures.yes is yes


async def test_names_are_answered_with_each_once(client: Client) -> None:
    _, answer = await ask(client, "which areas have cranes?")
    areas = Counter(fold(r["area_silo"]) for r in alive(client, category="cranes") if r["area_silo"])
    assert counts(answer) == areas


async def test_who_changed_records_is_answered_with_people(client: Client) -> None:
    _, answer = await ask(client, "who changed the cranes?")
    people = {fold(r["modified_by"]) for r in alive(client, category="cranes") if r["modified_by"]}
    assert counts(answer).keys() == people


async def test_only_groups_that_meet_a_condition_are_answered(client: Client) -> None:
    every = Counter(r["category"] and fold(r["category"]) for r in alive(client, source="rental"))
    most = sorted(every.values())[-2]
    _, answer = await ask(client, f"categories with more than {most - 1} rentals")
    assert sorted(group.values[0].count for group in answer.figures.groups) == sorted(
        count for count in every.values() if count >= most
    )


async def test_the_largest_groups_come_first(client: Client) -> None:
    _, answer = await ask(client, "top 2 categories by number of rentals")
    every = Counter(r["category"] and fold(r["category"]) for r in alive(client, source="rental"))
    found = [group.values[0].count for group in answer.figures.groups]
    assert found == sorted(every.values(), reverse=True)[:2]


async def test_a_part_is_told_in_percent(client: Client) -> None:
    _, answer = await ask(client, "what percentage of cranes are rentals?")
    value = answer.figures.groups[0].values[0]
    part, whole = len(alive(client, category="cranes", source="rental")), len(alive(client, category="cranes"))
    assert (value.count, value.whole_count) == (part, whole)
    assert float(value.percent) == pytest.approx(100 * part / whole, abs=0.005)


async def test_shares_of_groups_are_of_all_together(client: Client) -> None:
    _, answer = await ask(client, "share of forecast cost by area")
    values = [group.values[0] for group in answer.figures.groups]
    assert len({(value.whole_money.units, value.whole_money.nanos) for value in values}) == 1
    assert sum(float(value.percent) for value in values) == pytest.approx(100, abs=0.01 * len(values))


@pytest.mark.parametrize(("part", "kind"), [("month", "month"), ("quarter", "quarter"), ("year", "year")])
async def test_groups_can_be_periods(client: Client, part: str, kind: str) -> None:
    _, answer = await ask(client, f"count of rentals by forecast end {part}")
    assert {group.keys[0].WhichOneof("value") for group in answer.figures.groups} <= {kind, None}
    assert sum(group.values[0].count for group in answer.figures.groups) == len(alive(client, source="rental"))


async def test_a_field_is_compared_with_a_multiple_of_another(client: Client) -> None:
    request = AskRequest(organization_id="RIO", question="actual cost at least 10% above plan cost", max_records=1_000)
    _, *batches = [part async for part in client.questions.Ask(request)]
    found = {record.pfa_id for batch in batches for record in batch.records.records}
    assert found == {
        r["pfa_id"]
        for r in alive(client)
        if r["actual_cost"] is not None and r["plan_cost"] is not None and r["actual_cost"] * 10 >= r["plan_cost"] * 11
    }


async def test_two_wordings_of_one_question_share_an_answer(client: Client) -> None:
    _, made = await ask(client, "how many rentals are in Silo 4?")
    _, kept = await ask(client, "count of silo 4 rentals")
    assert not made.figures.HasField("age")
    assert kept.figures.HasField("age")
    assert kept.figures.groups == made.figures.groups
    _, made = await ask(client, "cranes in Silo 4")
    _, kept = await ask(client, "show me silo 4's cranes")
    assert not made.records.HasField("age")
    assert kept.records.HasField("age")
    assert kept.records.records == made.records.records


async def test_answers_that_differ_only_in_their_form_are_kept_apart(client: Client) -> None:
    _, plain = await ask(client, "how many cranes are there?")
    _, shared = await ask(client, "are there any cranes?")
    assert not plain.figures.HasField("yes")
    assert shared.figures.HasField("yes")


@pytest.mark.parametrize(
    "question",
    ["set the monthly rate of cranes to $99999999999999999999", "categories with total cost over 99999999999999999999"],
)
async def test_an_amount_that_no_message_holds_is_refused(client: Client, question: str) -> None:
    told = await failure(client.questions.Interpret(InterpretRequest(organization_id="RIO", question=question)))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_QUESTION")
    assert "larger than any amount" in told.message
