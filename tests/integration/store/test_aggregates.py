"""Figures are exact, and say what they cover and what they left out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from nlq.query import Aggregate, Aggregation, Comparison, Condition, Function, Operator, fold
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.cost import layer_cost, spread
from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import MAX_MONEY
from pfa_rpc.records.spreading import rents_until
from pfa_rpc.records.vectors import Array
from pfa_rpc.schema import BY_NAME
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.figures import aggregates, spreading
from pfa_rpc.store.figures.aggregates import aggregate
from pfa_rpc.store.figures.groups import Figure, Group
from tests.fixtures.records import make_values
from tests.integration.store.conftest import Filled, store
from tests.integration.store.oracle import holds

FINEST = Decimal("0.0001")
RENTALS = Comparison("source", Operator.EQ, "RENTAL")
MONEY = ["monthly_rate", "purchase_price", "plan_cost", "forecast_cost", "actual_cost"]


async def figures(
    filled: Filled,
    *items: tuple[Function, str | None],
    by: tuple[str, ...] = (),
    condition: Condition | None = None,
    include_transferable: bool = False,
) -> list[Group]:
    spec = Aggregate(tuple(Aggregation(function, name) for function, name in items), by)
    async with filled.database.reading() as connection:
        vocabulary = await reads.read_vocabulary(connection, "RIO")
        return await aggregate(
            connection, "RIO", condition, spec, vocabulary, include_transferable=include_transferable
        )


def amounts(records: list[Values], name: str) -> list[Decimal]:
    decimals = BY_NAME[name].decimals
    return [Decimal(record[name]).scaleb(-decimals) for record in records if record[name] is not None]


def in_total(record: Values, *, include_transferable: bool = False) -> bool:
    return not record["is_discontinued"] and (include_transferable or not record["is_funds_transferable"])


@pytest.mark.parametrize("include_transferable", [False, True])
@pytest.mark.parametrize("name", MONEY)
async def test_totals_leave_out_what_they_say(filled: Filled, name: str, include_transferable: bool) -> None:
    [group] = await figures(
        filled, (Function.SUM, name), (Function.AVG, name), condition=RENTALS, include_transferable=include_transferable
    )
    matching = [record for record in filled.values if holds(RENTALS, record)]
    counted = [record for record in matching if in_total(record, include_transferable=include_transferable)]
    values = amounts(counted, name)
    total, mean = group.figures
    assert total.value == (sum(values) if values else None)
    assert mean.value == (Decimal(sum(values) / len(values)).quantize(FINEST, ROUND_HALF_EVEN) if values else None)
    transferable = 0 if include_transferable else sum(record["is_funds_transferable"] for record in matching)
    for figure in (total, mean):
        assert (figure.covered, figure.missing) == (len(values), len(counted) - len(values))
        assert (figure.discontinued, figure.transferable) == (
            sum(record["is_discontinued"] for record in matching),
            transferable,
        )
        projected = name == "actual_cost" and sum(layer_cost(record, "actual").projected for record in counted)
        assert figure.projected == projected


@pytest.mark.parametrize("name", MONEY)
async def test_extremes_and_medians_are_of_all_records(filled: Filled, name: str) -> None:
    [group] = await figures(filled, (Function.MIN, name), (Function.MAX, name), (Function.MEDIAN, name))
    values = amounts(filled.values, name)
    assert [figure.value for figure in group.figures] == [min(values), max(values), statistics.median(values)]
    assert {(figure.covered, figure.discontinued) for figure in group.figures} == {(len(values), 0)}


def by_key(key: Callable[[Values], Any], records: list[Values]) -> dict[Any, list[Values]]:
    groups: dict[Any, list[Values]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups


async def test_groups_join_spellings_and_come_in_order_the_missing_last(filled: Filled) -> None:
    groups = await figures(filled, (Function.COUNT, None), (Function.MEDIAN, "monthly_rate"), by=("area_silo",))
    expected = by_key(lambda record: record["area_silo"] and fold(record["area_silo"]), filled.values)
    assert [group.keys[0] and fold(str(group.keys[0])) for group in groups] == ["silo 4", "silo 10", "yard a", None]
    for group in groups:
        members = expected[group.keys[0] and fold(str(group.keys[0]))]
        assert group.figures[0].value == len(members)
        assert group.figures[1].value == statistics.median(amounts(members, "monthly_rate"))


async def test_two_groups_make_a_matrix(filled: Filled) -> None:
    groups = await figures(filled, (Function.COUNT, "contract"), by=("source", "is_actualized"))
    expected = by_key(lambda record: (record["source"], record["is_actualized"]), filled.values)
    assert {group.keys: group.figures[0].value for group in groups} == {
        keys: sum(record["contract"] is not None for record in members) for keys, members in expected.items()
    }


async def test_spellings_count_as_one_value(filled: Filled) -> None:
    [group] = await figures(filled, (Function.COUNT_DISTINCT, "area_silo"), (Function.COUNT_DISTINCT, "category"))
    assert [figure.value for figure in group.figures] == [
        len({fold(record[name]) for record in filled.values if record[name]}) for name in ("area_silo", "category")
    ]


async def test_records_fall_in_the_month_of_a_date(filled: Filled) -> None:
    groups = await figures(filled, (Function.COUNT, None), by=("forecast_start.month",))
    expected = by_key(
        lambda record: record["forecast_start"] and record["forecast_start"].replace(day=1), filled.values
    )
    assert {group.keys[0]: group.figures[0].value for group in groups} == {
        month: len(members) for month, members in expected.items()
    }
    assert [group.keys[0] for group in groups] == [*(date(2026, month, 1) for month in range(1, 5)), None]


async def test_records_fall_in_the_week_of_a_date_from_monday_on(filled: Filled) -> None:
    groups = await figures(filled, (Function.COUNT, None), by=("forecast_end.week",))
    ends = Counter(
        end - timedelta(days=end.weekday()) if (end := record["forecast_end"]) else None for record in filled.values
    )
    assert {group.keys[0]: group.figures[0].value for group in groups} == ends
    assert [group.keys[0] for group in groups] == [*sorted(filter(None, ends)), *([None] if None in ends else [])]


@pytest.mark.parametrize("by", [("month",), ("month", "category"), ("category", "month")])
@pytest.mark.parametrize("name", ["plan_cost", "forecast_cost", "actual_cost"])
async def test_months_add_up_to_the_total_to_the_cent(filled: Filled, name: str, by: tuple[str, ...]) -> None:
    [whole] = await figures(filled, (Function.SUM, name))
    months = await figures(filled, (Function.SUM, name), by=by)
    assert sum(group.figures[0].value or 0 for group in months) == whole.figures[0].value  # type: ignore[misc]
    for attribute in ("discontinued", "transferable", "missing"):
        parts = [getattr(group.figures[0], attribute) for group in months]
        assert sum(parts) == getattr(whole.figures[0], attribute)
    assert len({group.keys for group in months}) == len(months)


async def test_dates_have_extremes(filled: Filled) -> None:
    [group] = await figures(filled, (Function.MIN, "forecast_start"), (Function.MAX, "forecast_end"))
    starts = [record["forecast_start"] for record in filled.values if record["forecast_start"]]
    ends = [record["forecast_end"] for record in filled.values if record["forecast_end"]]
    assert [figure.value for figure in group.figures] == [min(starts), max(ends)]


async def test_nothing_matches(filled: Filled) -> None:
    nothing = Comparison("area_silo", Operator.EQ, "nowhere")
    items = [(function, "monthly_rate") for function in Function]
    [group] = await figures(filled, *items, condition=nothing)
    values = {item[0]: figure for item, figure in zip(items, group.figures, strict=True)}
    assert (values[Function.COUNT].value, values[Function.COUNT_DISTINCT].value) == (0, 0)
    assert {values[function] == Figure() for function in (Function.SUM, Function.AVG, Function.MEDIAN)} == {True}
    assert await figures(filled, (Function.COUNT, None), by=("category",), condition=nothing) == []


async def test_too_many_groups_are_refused(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "GROUP_LIMIT", 3)
    with pytest.raises(LimitExceeded, match="narrow the filter"):
        await figures(filled, (Function.COUNT, None), by=("category",))


async def test_a_total_may_go_beyond_64_bits(database: Database) -> None:
    prices = [MAX_MONEY] * 9_300 + [MAX_MONEY - 1, 1]
    records = [
        make_values(str(number), source="purchase", monthly_rate=None, purchase_price=price)
        for number, price in enumerate(prices)
    ]
    await store(database, "RIO", records)
    items = [(function, "purchase_price") for function in (Function.SUM, Function.AVG, Function.MEDIAN)]
    [group] = await figures(Filled(database, records, ""), *items)
    exact = Decimal(sum(prices)).scaleb(-4)
    assert exact > 2**63 / 10_000
    total, mean, median = (figure.value for figure in group.figures)
    assert total == exact
    assert mean == (exact / len(prices)).quantize(FINEST, ROUND_HALF_EVEN)
    assert median == Decimal(MAX_MONEY).scaleb(-4)


async def test_the_last_day_of_the_calendar_is_a_day_like_others(database: Database) -> None:
    records = [make_values(str(number), forecast_start=date(9999, 11, 30), forecast_end=date.max) for number in "12"]
    await store(database, "RIO", records)
    groups = await figures(Filled(database, records, ""), (Function.SUM, "forecast_cost"), by=("month",))
    assert [group.keys[0] for group in groups] == [date(9999, 11, 1), date(9999, 12, 1)]


async def test_more_months_than_fit_are_refused_before_they_are_all_made(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def counted(*rentals: Array) -> Iterator[tuple[Array, Array, Array]]:
        nonlocal made
        for places, months, cents in rents_until(*rentals):
            made += len(places)
            yield places, months, cents

    monkeypatch.setattr(spreading, "rents_until", counted)
    centuries = [(date(100 * number, 1, 1), date(100 * number + 800, 1, 1)) for number in range(1, 92)]
    records = [
        make_values(f"{number}.{copy}", category=f"Cranes {number}", forecast_start=start, forecast_end=end)
        for number, (start, end) in enumerate(centuries)
        for copy in range(3)
    ]
    await store(database, "RIO", records)
    with pytest.raises(LimitExceeded, match="10,000 groups"):
        await figures(Filled(database, records, ""), (Function.SUM, "forecast_cost"), by=("category", "month"))
    assert made < 70_000  # of 2.6 million


async def test_a_record_of_more_months_than_fit_is_refused_before_they_are_made(database: Database) -> None:
    records = [make_values("1", forecast_start=date.min, forecast_end=date.max)]
    await store(database, "RIO", records)
    with pytest.raises(LimitExceeded, match="10,000 groups"):
        await figures(Filled(database, records, ""), (Function.SUM, "forecast_cost"), by=("month",))


# --- variances -------------------------------------------------------------------------------------------------------

VARIANCES = {"variance": ("forecast_cost", "plan_cost"), "actual_variance": ("actual_cost", "plan_cost")}


@pytest.mark.parametrize("include_transferable", [False, True])
@pytest.mark.parametrize("name", VARIANCES)
async def test_a_variance_covers_the_records_that_have_both_costs(
    filled: Filled, name: str, include_transferable: bool
) -> None:
    groups = await figures(
        filled,
        *((function, name) for function in (Function.SUM, Function.AVG, Function.MIN, Function.MAX, Function.MEDIAN)),
        by=("category",),
        include_transferable=include_transferable,
    )
    cost, less = VARIANCES[name]
    for group in groups:
        members = [
            r
            for r in filled.values
            if (r["category"] and fold(r["category"])) == (group.keys[0] and fold(str(group.keys[0])))
        ]
        counted = [r for r in members if in_total(r, include_transferable=include_transferable)]
        both = [r for r in counted if r[cost] is not None and r[less] is not None]
        amounts = [Decimal(r[cost] - r[less]).scaleb(-2) for r in both]
        every = [Decimal(r[cost] - r[less]).scaleb(-2) for r in members if r[cost] is not None and r[less] is not None]
        total, mean, least, most, median = (figure.value for figure in group.figures)
        assert total == (sum(amounts) if amounts else None)
        assert mean == (Decimal(sum(amounts) / len(amounts)).quantize(FINEST, ROUND_HALF_EVEN) if amounts else None)
        assert (group.figures[0].covered, group.figures[0].missing) == (len(both), len(counted) - len(both))
        assert median == (statistics.median(every) if every else None)
        # The smallest and the largest have two decimals where SQL gives whole cents.
        assert (least, most) == ((min(every), max(every)) if every else (None, None))


@pytest.mark.parametrize("by", [("month",), ("category", "month")])
async def test_the_months_of_all_figures_are_the_sums_of_their_records(filled: Filled, by: tuple[str, ...]) -> None:
    names = ["plan_cost", "forecast_cost", "actual_cost", *VARIANCES]
    found = {group.keys: group.figures for group in await figures(filled, *((Function.SUM, n) for n in names), by=by)}
    expected: dict[tuple[Any, ...], list[Figure]] = defaultdict(lambda: [Figure() for _ in names])
    for record in filled.values:
        category = None if record["category"] is None else fold(record["category"])
        for place, name in enumerate(names):
            for month, figure in plain_months(record, name).items():
                into = expected[(category, month)[-len(by) :]][place]
                for attribute in ("covered", "missing", "discontinued", "transferable", "projected"):
                    setattr(into, attribute, getattr(into, attribute) + getattr(figure, attribute))
                if figure.value is not None:
                    into.value = figure.value + (into.value or 0)  # type: ignore[operator] # always Decimal
    folded = {
        tuple(fold(key) if isinstance(key, str) else key for key in keys): figures for keys, figures in found.items()
    }
    assert folded == expected


def plain_months(record: Values, name: str) -> dict[date | None, Figure]:
    """What a record adds to each month, by the plainest way."""
    if record["is_discontinued"]:
        return {None: Figure(discontinued=1)}
    if record["is_funds_transferable"]:
        return {None: Figure(transferable=1)}
    costs = [layer_cost(record, cost.removesuffix("_cost")) for cost in VARIANCES.get(name, (name,))]
    if any(cost.cents is None for cost in costs):
        return {None: Figure(missing=1)}
    months: dict[date | None, Figure] = {}
    for sign, cost in zip((1, -1), costs, strict=False):
        for month, cents in spread(cost):
            figure = months.setdefault(month, Figure(Decimal(0), 1))
            figure.value += Decimal(sign * cents).scaleb(-2)  # type: ignore[operator] # always Decimal
            figure.projected = int(any(each.projected for each in costs))
    return months
