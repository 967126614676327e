"""Groups that a question asks for: by parts of dates, with conditions, in an order, as shares, and as names alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from nlq.natural_order import natural
from nlq.query import Aggregate, Aggregation, Comparison, Condition, FigureSort, Function, Having, Operator, fold
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.encode import Values
from pfa_rpc.store import reads
from pfa_rpc.store.figures import aggregates
from pfa_rpc.store.figures.aggregates import aggregate
from pfa_rpc.store.figures.groups import Group
from tests.integration.store.conftest import Filled
from tests.integration.store.oracle import holds

COUNT = Aggregation(Function.COUNT)
RATES = Aggregation(Function.SUM, "monthly_rate")
RENTALS = Comparison("source", Operator.EQ, "RENTAL")


async def groups(
    filled: Filled, spec: Aggregate, condition: Condition | None = None, limit: int | None = None
) -> list[Group]:
    async with filled.database.reading() as connection:
        vocabulary = await reads.read_vocabulary(connection, "RIO")
        return await aggregate(connection, "RIO", condition, spec, vocabulary, limit=limit)


def members(
    filled: Filled, key: Callable[[Values], Any], condition: Condition | None = None
) -> dict[Any, list[Values]]:
    found: dict[Any, list[Values]] = defaultdict(list)
    for record in filled.values:
        if condition is None or holds(condition, record):
            found[key(record)].append(record)
    return found


def category(record: Values) -> str | None:
    return record["category"] and fold(record["category"])


def total(records: list[Values], name: str) -> Decimal:
    counted = [r for r in records if not r["is_discontinued"] and not r["is_funds_transferable"]]
    return Decimal(sum(record[name] or 0 for record in counted)).scaleb(-4)


@pytest.mark.parametrize(
    ("part", "first_month"),
    [
        ("month", lambda month: month),
        ("quarter", lambda month: (month - 1) // 3 * 3 + 1),
        ("year", lambda _: 1),
    ],
)
async def test_records_fall_in_the_period_of_a_date(
    filled: Filled, part: str, first_month: Callable[[int], int]
) -> None:
    found = await groups(filled, Aggregate((COUNT,), (f"forecast_end.{part}",)))
    expected = members(
        filled,
        lambda record: (day := record["forecast_end"]) and date(day.year, first_month(day.month), 1),
    )
    assert {group.keys[0]: group.figures[0].value for group in found} == {
        day: len(records) for day, records in expected.items()
    }


@pytest.mark.parametrize("operator", [Operator.GT, Operator.LE, Operator.NE])
async def test_only_groups_that_meet_a_condition_are_shown(filled: Filled, operator: Operator) -> None:
    counts = {key: len(records) for key, records in members(filled, category).items()}
    middle = sorted(counts.values())[len(counts) // 2]
    spec = Aggregate((RATES,), ("category",), having=(Having(COUNT, operator, Decimal(middle)),))
    compare = {Operator.GT: int.__gt__, Operator.LE: int.__le__, Operator.NE: int.__ne__}[operator]
    found = await groups(filled, spec)
    assert {group.keys[0] and fold(str(group.keys[0])) for group in found} == {
        key for key, count in counts.items() if compare(count, middle)
    }
    assert all(len(group.figures) == 1 for group in found), "what a condition looks at is not shown"


async def test_a_condition_on_money_is_exact(filled: Filled) -> None:
    sums = {key: total(records, "monthly_rate") for key, records in members(filled, category).items()}
    least = min(sums.values())
    found = await groups(filled, Aggregate((RATES,), ("category",), having=(Having(RATES, Operator.GT, least),)))
    assert len(found) == sum(value > least for value in sums.values())


@pytest.mark.parametrize("descending", [False, True])
async def test_groups_come_in_the_order_of_a_figure_ties_by_their_keys(filled: Filled, descending: bool) -> None:
    found = await groups(filled, Aggregate((COUNT,), ("category",), order=(FigureSort(RATES, descending),)))
    sums = {key: total(records, "monthly_rate") for key, records in members(filled, category).items()}
    values = [sums[group.keys[0] and fold(str(group.keys[0]))] for group in found]
    assert values == sorted(values, reverse=descending)
    assert all(len(group.figures) == 1 for group in found)


async def test_missing_groups_come_last_in_either_order(filled: Filled) -> None:
    for descending in (False, True):
        found = await groups(filled, Aggregate((COUNT,), ("area_silo",), order=(FigureSort("area_silo", descending),)))
        keys = [group.keys[0] for group in found]
        assert keys[-1] is None
        assert keys[:-1] == sorted(keys[:-1], reverse=descending, key=lambda key: natural(fold(str(key))))


async def test_the_first_groups_of_an_order_are_those_of_the_whole(filled: Filled) -> None:
    spec = Aggregate((COUNT,), ("category",), order=(FigureSort(COUNT, descending=True),))
    whole = await groups(filled, spec)
    assert await groups(filled, spec, limit=2) == whole[:2]


async def test_shares_add_up_to_the_whole_before_conditions_and_limit(filled: Filled) -> None:
    spec = Aggregate((COUNT, RATES), ("category",), percent=True)
    found = await groups(filled, spec)
    for place in range(2):
        [whole] = {group.figures[place].whole for group in found}
        assert whole == sum(group.figures[place].value for group in found)  # type: ignore[misc]
    assert found[0].figures[0].whole == len(filled.values)
    few = await groups(filled, spec, limit=1)
    assert few == found[:1]


async def test_a_part_is_a_share_of_its_own_group(filled: Filled) -> None:
    spec = Aggregate((COUNT,), ("category",), percent=True, part=RENTALS)
    expected = members(filled, category)
    for group in await groups(filled, spec):
        records = expected[group.keys[0] and fold(str(group.keys[0]))]
        figure = group.figures[0]
        assert (figure.value, figure.whole) == (sum(holds(RENTALS, r) for r in records), len(records))


async def test_a_part_that_no_record_meets_is_nothing_of_the_whole(filled: Filled) -> None:
    nothing = Comparison("area_silo", Operator.EQ, "nowhere")
    [group] = await groups(filled, Aggregate((COUNT, RATES), (), percent=True, part=nothing))
    assert [figure.value for figure in group.figures] == [0, 0]
    assert group.figures[0].whole == len(filled.values)


async def test_different_values_are_names_and_no_gaps(filled: Filled) -> None:
    found = await groups(filled, Aggregate((COUNT,), ("area_silo",), distinct=True))
    assert {fold(str(group.keys[0])) for group in found} == {
        fold(record["area_silo"]) for record in filled.values if record["area_silo"]
    }


async def test_more_groups_than_an_answer_holds_can_be_looked_through(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregates, "GROUP_LIMIT", 3)
    most = Aggregate((COUNT,), ("category",), order=(FigureSort(COUNT, descending=True),))
    assert len(await groups(filled, most, limit=2)) == 2
    with pytest.raises(LimitExceeded, match="more than 3 groups"):
        await groups(filled, most)
    with pytest.raises(LimitExceeded, match="more than 3 groups"):
        await groups(filled, most, limit=50)
