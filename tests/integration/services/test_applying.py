"""Changes of many records over a socket: proposed, applied exactly as proposed, or told to be stale."""

from __future__ import annotations

import random
from decimal import Decimal
from string import ascii_letters
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa.v1.proposal_pb2 import (
    ApplyChangeRequest,
    ApplyChangeResponse,
    ChangeProposal,
    CostLayer,
    ProposeChangeRequest,
    ProposeChangeResponse,
)
from pfa.v1.query_service_pb2 import AskRequest
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import AggregateFunction, AggregateRecordsRequest, Aggregation, ListRecordsRequest
from pfa_rpc.services.editing import proposals
from tests.integration.services.conftest import Client
from tests.integration.services.test_mutations import mutate, update
from tests.wire import Failure
from tests.wire import failure as taken_apart

SHIFT = ChangeOperation.CHANGE_OPERATION_SHIFT
SET = ChangeOperation.CHANGE_OPERATION_SET
SCALE = ChangeOperation.CHANGE_OPERATION_SCALE
CLEAR = ChangeOperation.CHANGE_OPERATION_CLEAR
RATES = "source = RENTAL AND monthly_rate > 100 AND is_discontinued = false"


def extend(days: int) -> Change:
    return Change(field="forecast_end", operation=SHIFT, shift=DateShift(days=days))


def scale(factor: str) -> Change:
    return Change(field="monthly_rate", operation=SCALE, factor=factor)


def area(text: str) -> Change:
    return Change(field="area_silo", operation=SET, text_value=text)


async def propose(client: Client, text: str, *changes: Change, **options: Any) -> ProposeChangeResponse:
    request = ProposeChangeRequest(organization_id="RIO", filter=text, changes=changes, **options)
    return await client.records.ProposeChange(request)


async def apply(client: Client, proposal: ChangeProposal, **options: Any) -> ApplyChangeResponse:
    request = ApplyChangeRequest(organization_id="RIO", proposal_token=proposal.proposal_token, **options)
    return await client.records.ApplyChange(request)


async def failing(call: Any) -> Failure:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return taken_apart(caught.value)


async def listed(client: Client, text: str = "") -> list[Record]:
    request = ListRecordsRequest(organization_id="RIO", filter=text, page_size=1_000)
    return list((await client.records.ListRecords(request)).records)


async def total(client: Client, text: str, field: str) -> Decimal:
    figure = Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field=field)
    request = AggregateRecordsRequest(organization_id="RIO", filter=text, aggregations=[figure])
    return amount((await client.records.AggregateRecords(request)).groups[0].values[0].money)


def amount(money: Money) -> Decimal:
    return Decimal(money.units) + Decimal(money.nanos).scaleb(-9)


async def test_a_proposal_tells_what_applying_it_then_does(client: Client) -> None:
    before = {record.id: record for record in await listed(client, RATES)}
    proposal = (await propose(client, RATES, scale("1.10"), sample_size=3)).proposal
    assert proposal.matched == len(before)
    assert (proposal.changed, proposal.unchanged, proposal.refused) == (len(before), 0, 0)
    assert [change.text for change in proposal.changes] == ["monthly_rate *= 1.1"]
    assert len(proposal.samples) == 3
    assert await listed(client, RATES) == list(before.values()), "nothing is changed by proposing"
    layers = {effect.layer: effect for effect in proposal.effect.layers}
    forecast = layers[CostLayer.COST_LAYER_FORECAST]
    assert amount(forecast.before) == await total(client, RATES, "forecast_cost")

    answer = await apply(client, proposal)

    assert (answer.changed, answer.unchanged, answer.refused) == (len(before), 0, 0)
    after = {record.id: record for record in await listed(client, RATES)}
    assert {record.revision for record in after.values()} == {next(iter(after.values())).revision}
    for sample in proposal.samples:
        applied = after[sample.before.id]
        assert applied.monthly_rate == sample.after.monthly_rate
        assert applied.forecast_cost == sample.after.forecast_cost
        assert applied.sync.local_version == sample.before.sync.local_version + 1
    assert amount(forecast.after) == await total(client, RATES, "forecast_cost")
    for layer, field in {CostLayer.COST_LAYER_PLAN: "plan_cost", CostLayer.COST_LAYER_ACTUAL: "actual_cost"}.items():
        assert amount(layers[layer].after) == await total(client, RATES, field)


async def test_an_amount_is_added_to_each_record_and_below_zero_refused(client: Client) -> None:
    before = {record.id: amount(record.monthly_rate) for record in await listed(client, RATES)}
    least = min(before.values())
    added = Change(
        field="monthly_rate",
        operation=ChangeOperation.CHANGE_OPERATION_ADD,
        money_value=Money(currency_code="USD", units=-int(least) - 1),
    )
    proposal = (await propose(client, RATES, added)).proposal
    assert [change.text for change in proposal.changes] == [f"monthly_rate -= {int(least) + 1}"]
    assert proposal.refused == sum(rate < int(least) + 1 for rate in before.values()) > 0
    assert "negative" in proposal.refusals[0].reason

    await apply(client, proposal, allow_refused=True)

    after = {record.id: amount(record.monthly_rate) for record in await listed(client)}
    assert all(
        after[key] == (rate - int(least) - 1 if rate >= int(least) + 1 else rate) for key, rate in before.items()
    )


async def test_months_add_up_to_the_totals_on_both_sides(client: Client) -> None:
    proposal = (await propose(client, "forecast_end >= 1900-01-01", extend(45))).proposal
    for effect in proposal.effect.layers:
        months = [cost for month in proposal.effect.months for cost in month.layers if cost.layer == effect.layer]
        assert sum((amount(cost.before) for cost in months), Decimal(0)) == amount(effect.before)
        assert sum((amount(cost.after) for cost in months), Decimal(0)) == amount(effect.after)
    dated = [month.month for month in proposal.effect.months if month.HasField("month")]
    assert [(day.year, day.month) for day in dated] == sorted((day.year, day.month) for day in dated)
    assert proposal.effect.discontinued.before == len(
        await listed(client, "forecast_end >= 1900-01-01 AND is_discontinued = true")
    )


async def test_refused_records_are_told_by_rule_and_block_unless_they_may_be_left_out(client: Client) -> None:
    everything = await listed(client)
    proposal = (await propose(client, "", extend(7))).proposal
    assert proposal.refused > 0
    assert proposal.changed + proposal.unchanged + proposal.refused == proposal.matched == len(everything)
    assert {refusal.reason for refusal in proposal.refusals} >= {"no forecast end to move"}
    assert all(0 < len(refusal.pfa_ids) <= min(refusal.count, 10) for refusal in proposal.refusals)
    assert {note.text for note in proposal.notes} >= {"on site: only its actual end moves"}
    failure = await failing(apply(client, proposal))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHANGE_REFUSED")
    assert failure.info.metadata["refused"] == str(proposal.refused)
    reasons = [each.description for bad in failure.all(BadRequest) for each in bad.field_violations]
    assert len(reasons) == len(proposal.refusals)
    assert await listed(client) == everything
    answer = await apply(client, proposal, allow_refused=True)
    assert (answer.changed, answer.refused) == (proposal.changed, proposal.refused)
    changed = [new.id for new, old in zip(await listed(client), everything, strict=True) if new != old]
    assert len(changed) == proposal.changed


async def test_a_change_of_a_matched_record_makes_a_proposal_stale(client: Client) -> None:
    text = 'category = "Cranes"'
    proposal = (await propose(client, text, area("North"))).proposal
    touched = proposal.samples[0].before
    await mutate(client, update(Record(id=touched.id, contract="C-7"), "contract"))
    failure = await failing(apply(client, proposal))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.ABORTED, "PROPOSAL_STALE")
    [fresh] = failure.all(ChangeProposal)
    assert (fresh.matched, fresh.filter) == (proposal.matched, proposal.filter)
    assert (await apply(client, fresh)).changed == proposal.changed
    assert {record.area_silo for record in await listed(client, text)} == {"North"}


async def test_a_record_that_comes_in_or_goes_out_makes_a_proposal_stale_and_others_do_not(client: Client) -> None:
    text = 'category = "Cranes"'
    proposal = (await propose(client, text, area("North"))).proposal
    other = next(record for record in await listed(client, f"NOT ({text})"))
    await mutate(client, update(Record(id=other.id, contract="C-8"), "contract"))
    gone = proposal.samples[0].before
    await mutate(client, update(Record(id=gone.id, category="Pumps"), "category"))
    assert (await failing(apply(client, proposal))).info.reason == "PROPOSAL_STALE"
    proposal = (await propose(client, text, area("North"))).proposal
    await mutate(client, update(Record(id=gone.id, category="Cranes"), "category"))
    assert (await failing(apply(client, proposal))).info.reason == "PROPOSAL_STALE"
    proposal = (await propose(client, text, area("North"))).proposal
    await mutate(client, update(Record(id=other.id, contract="C-9"), "contract"))
    assert (await apply(client, proposal)).changed == proposal.changed, "another record was changed"


async def test_more_records_than_one_proposal_holds_are_refused_with_their_number(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched = len(await listed(client))
    monkeypatch.setattr(proposals, "MAX_RECORDS", matched)
    assert (await propose(client, "", area("North"))).proposal.matched == matched
    monkeypatch.setattr(proposals, "MAX_RECORDS", matched - 1)
    failure = await failing(propose(client, "", area("South")))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
    assert f"{matched:,}" in failure.message


async def test_a_repeated_application_gets_the_first_response(client: Client) -> None:
    proposal = (await propose(client, RATES, scale("1.5"))).proposal
    first = await apply(client, proposal, request_id="twice")
    assert await apply(client, proposal, request_id="twice") == first
    assert (await failing(apply(client, proposal))).info.reason == "PROPOSAL_STALE", "without a name it is another"
    rates = {record.id: amount(record.monthly_rate) for record in await listed(client, RATES)}
    for sample in proposal.samples:
        assert rates[sample.before.id] == amount(sample.after.monthly_rate)


async def test_records_that_have_the_value_already_stay_as_they_are(client: Client) -> None:
    text = 'area_silo = "Yard A"'
    before = await listed(client, text)
    proposal = (await propose(client, text, area("Yard A"))).proposal
    assert (proposal.changed, proposal.unchanged) == (0, len(before))
    answer = await apply(client, proposal)
    assert not answer.change_id
    assert await listed(client, text) == before


async def test_an_order_in_words_is_proposed_and_applied(client: Client) -> None:
    answer = await client.records.ProposeChange(
        ProposeChangeRequest(
            organization_id="RIO",
            question="set the area of all pumps to Silo 4",
            today=Date(year=2026, month=3, day=1),
        )
    )
    assert answer.sentence
    assert 'category = "pumps"' in answer.proposal.filter.replace("Pumps", "pumps")
    assert (await apply(client, answer.proposal)).changed == answer.proposal.changed > 0
    asked = [
        part
        async for part in client.questions.Ask(
            AskRequest(organization_id="RIO", question="set the area of all pumps to Silo 10")
        )
    ]
    proposal = asked[-1].proposal
    assert proposal.changed == answer.proposal.matched
    assert proposal.HasField("effect")
    assert (await apply(client, proposal)).changed == proposal.changed


@pytest.mark.parametrize(
    "question",
    ["delete all cranes", "how many cranes?", "extend all purple cranes by 2 weeks", "exted all cranes by 2 weeks"],
)
async def test_only_an_order_that_was_understood_is_proposed(client: Client, question: str) -> None:
    request = ProposeChangeRequest(organization_id="RIO", question=question)
    failure = await failing(client.records.ProposeChange(request))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_QUESTION")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ([], {"changes"}),
        ([Change(field="colour", operation=CLEAR)], {"changes[0]"}),
        ([Change(field="category")], {"changes[0]"}),
        ([Change(field="category", operation=SET, flag_value=True)], {"changes[0]"}),
        ([area("x"), Change(field="plan_end", operation=SHIFT, shift=DateShift(days=1))], {"changes[1]"}),
        ([scale("ten")], {"changes[0]"}),
        ([scale("-1")], {"changes[0]"}),
        ([Change(field="monthly_rate", operation=SET, money_value=Money(currency_code="EUR"))], {"changes[0]"}),
        ([Change(field="source", operation=SET, text_value="LOAN")], {"changes[0]"}),
        ([area("x"), area("y")], {"changes[0]"}),
    ],
)
async def test_a_malformed_change_is_told_by_its_path(client: Client, changes: list[Change], fields: set[str]) -> None:
    failure = await failing(propose(client, "", *changes))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert {each.field for bad in failure.all(BadRequest) for each in bad.field_violations} == fields


async def test_a_token_of_something_else_is_refused(client: Client) -> None:
    proposal = (await propose(client, RATES, scale("2"))).proposal
    elsewhere = ApplyChangeRequest(organization_id="RIO2", proposal_token=proposal.proposal_token)
    assert (await failing(client.records.ApplyChange(elsewhere))).info.reason == "INVALID_TOKEN"
    request = ApplyChangeRequest(organization_id="RIO", proposal_token=proposal.revision_token)
    assert (await failing(client.records.ApplyChange(request))).info.reason == "INVALID_TOKEN"
    nothing = await failing(client.records.ApplyChange(ApplyChangeRequest(organization_id="RIO")))
    assert nothing.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_long_filter_fits_into_a_token(client: Client) -> None:
    rng = random.Random(1)
    texts = ["".join(rng.choices(ascii_letters, k=25)) for _ in range(180)]
    parts = [f'pfa_id = "{number}"' for number in range(1, 301)] + [f'contract = "{each}"' for each in texts]
    text = " OR ".join(parts)
    assert len(text) > 12_000
    proposal = (await propose(client, text, area("Far"))).proposal
    assert proposal.matched == 300
    assert (await apply(client, proposal)).changed == 300
