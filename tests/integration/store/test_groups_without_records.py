"""Groups without records: every value that records have, less those of the records that match."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nlq.query import Aggregate, Aggregation, And, Comparison, Condition, Function, Operator, fold
from pfa_rpc.store import reads
from pfa_rpc.store.figures.aggregates import aggregate
from tests.integration.store.conftest import Filled
from tests.integration.store.oracle import holds

RENTALS = Comparison("source", Operator.EQ, "RENTAL")
CONDITIONS = [
    And((RENTALS, Comparison("monthly_rate", Operator.GT, Decimal(rate)))) for rate in (1000, 5000, 100_000_000)
]


async def lacking(filled: Filled, name: str, condition: Condition) -> list[str]:
    spec = Aggregate((Aggregation(Function.COUNT),), (name,), distinct=True, lacking=True)
    async with filled.database.reading() as connection:
        vocabulary = await reads.read_vocabulary(connection, "RIO")
        groups = await aggregate(connection, "RIO", condition, spec, vocabulary)
    assert all(group.figures[0].value == 0 for group in groups)
    return [str(group.keys[0]) for group in groups]


@pytest.mark.parametrize("condition", CONDITIONS, ids=["some", "fewer", "none"])
@pytest.mark.parametrize("name", ["area_silo", "category", "model", "dor"])
async def test_the_values_of_which_no_record_matches(filled: Filled, name: str, condition: Condition) -> None:
    every = {fold(str(record[name])) for record in filled.values if record[name] is not None}
    found = {fold(str(r[name])) for r in filled.values if r[name] is not None and holds(condition, r)}
    assert {fold(value) for value in await lacking(filled, name, condition)} == every - found


async def test_values_are_in_their_spelling_and_order(filled: Filled) -> None:
    assert await lacking(filled, "area_silo", CONDITIONS[-1]) == sorted(
        await lacking(filled, "area_silo", CONDITIONS[-1]), key=lambda value: (value[0] == "Y", len(value))
    )
