"""The matrix of a console: rows of a group, columns of months, costs and variances in the cells, and totals."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from nlq.query import fold
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateGroup,
    AggregateRecordsRequest,
    AggregateRecordsResponse,
    Aggregation,
)
from pfa_rpc.records.encode import money_amount
from tests.integration.services.conftest import Client, failure

NAMES = ("plan_cost", "forecast_cost", "actual_cost", "variance", "actual_variance")


async def matrix(client: Client, *group_by: str, including: bool = False) -> AggregateRecordsResponse:
    return await client.records.AggregateRecords(
        AggregateRecordsRequest(
            organization_id="RIO",
            aggregations=[Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field=name) for name in NAMES],
            group_by=group_by,
            include_transferable=including,
            include_totals=True,
        )
    )


def cents(group: AggregateGroup) -> list[int]:
    return [money_amount(value.money, 2) if value.HasField("money") else 0 for value in group.values]


def summed(groups: Iterable[AggregateGroup]) -> list[int]:
    return [sum(column) for column in zip(*map(cents, groups), strict=True)]


@pytest.mark.parametrize("including", [False, True])
@pytest.mark.parametrize("rows", ["category", "area_silo"])
async def test_rows_and_columns_add_up_to_the_cent(client: Client, rows: str, including: bool) -> None:
    response = await matrix(client, rows, "month", including=including)
    for totals, place in ((response.row_totals, 0), (response.column_totals, 1)):
        for total in totals:
            cells = [group for group in response.groups if group.keys[place] == total.keys[0]]
            assert summed(cells) == cents(total)
        assert summed(totals) == cents(response.total)
    assert {group.keys[1].SerializeToString() for group in response.groups} == {
        total.keys[0].SerializeToString() for total in response.column_totals
    }


async def test_totals_are_those_of_the_records_that_count(client: Client) -> None:
    response = await matrix(client, "category", "month")
    kept = [r for r in client.rio if not r["is_discontinued"] and not r["is_funds_transferable"]]
    both = [r for r in kept if r["forecast_cost"] is not None and r["plan_cost"] is not None]
    plan, _, _, variance, _ = cents(response.total)
    assert plan == sum(r["plan_cost"] or 0 for r in kept)
    assert variance == sum(r["forecast_cost"] - r["plan_cost"] for r in both)
    said = response.total.values[3]
    assert (said.covered, said.missing) == (len(both), len(kept) - len(both))
    assert said.discontinued == sum(r["is_discontinued"] for r in client.rio)
    for total in response.row_totals:
        of_row = [r for r in kept if (r["category"] and fold(r["category"])) == (fold(total.keys[0].text) or None)]
        assert cents(total)[0] == sum(r["plan_cost"] or 0 for r in of_row)
        assert total.values[0].covered == sum(r["plan_cost"] is not None for r in of_row)


async def test_one_group_has_a_total_and_none_has_only_that(client: Client) -> None:
    months = await matrix(client, "month")
    assert not months.row_totals
    assert not months.column_totals
    assert summed(months.groups) == cents(months.total)
    whole = await matrix(client)
    assert whole.groups[0] == whole.total


async def test_a_variance_is_no_field_of_filters(client: Client) -> None:
    request = AggregateRecordsRequest(organization_id="RIO", filter="variance > 0")
    assert (await failure(client.records.AggregateRecords(request))).reason == "INVALID_FILTER"
