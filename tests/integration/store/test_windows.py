"""Sums of costs within a window of days: exact to the cent on every database, by group and by month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from nlq.query import (
    Aggregate,
    Aggregation,
    Comparison,
    Condition,
    FigureSort,
    Function,
    Having,
    Operator,
    Window,
    fold,
)
from pfa_rpc.records.cost import layer_cost
from pfa_rpc.records.differences import DIFFERENCES, costs_in
from pfa_rpc.records.encode import Values
from pfa_rpc.store import reads
from pfa_rpc.store.figures.aggregates import aggregate
from pfa_rpc.store.figures.groups import Group
from tests.integration.store.conftest import Filled
from tests.plain_windows import within

WINDOW = Window(date(2026, 2, 10), date(2026, 4, 3))
NAMES = ("plan_cost", "forecast_cost", "actual_cost", *DIFFERENCES)
NOBODY = Comparison("category", Operator.EQ, "there is none")
SUMS = tuple(Aggregation(Function.SUM, name) for name in NAMES)


async def figures(
    filled: Filled, spec: Aggregate, condition: Condition | None = None, *, limit: int | None = None
) -> list[Group]:
    async with filled.database.reading() as connection:
        vocabulary = await reads.read_vocabulary(connection, "RIO")
        return await aggregate(connection, "RIO", condition, spec, vocabulary, limit=limit)


def counted(records: Sequence[Values]) -> list[Values]:
    return [r for r in records if not r["is_discontinued"] and not r["is_funds_transferable"]]


def part_of(record: Values, name: str) -> int | None:
    """What a record adds to a figure, None where nothing of it falls into the window or is known."""
    costs = [layer_cost(record, cost.removesuffix("_cost")) for cost in costs_in(name)]
    if any(cost.cents is None or cost.start is None for cost in costs):
        return None
    parts = [within(cost, WINDOW.start, WINDOW.stop) for cost in costs]
    if all(part is None for part in parts):
        return None
    return (parts[0] or 0) - (parts[1] or 0 if len(parts) > 1 else 0)


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
async def test_a_window_sums_what_falls_into_it(filled: Filled, place: int) -> None:
    [group] = await figures(filled, Aggregate(SUMS, window=WINDOW))
    parts = [part for record in counted(filled.values) if (part := part_of(record, NAMES[place])) is not None]
    figure = group.figures[place]
    assert parts
    assert (figure.value, figure.covered) == (Decimal(sum(parts)).scaleb(-2), len(parts))
    assert figure.discontinued == sum(record["is_discontinued"] for record in filled.values)


async def test_groups_have_the_parts_of_their_records(filled: Filled) -> None:
    groups = await figures(filled, Aggregate(SUMS, ("category",), window=WINDOW))
    for group in groups:
        members = [r for r in counted(filled.values) if _folded(r["category"]) == _folded(group.keys[0])]
        for figure, name in zip(group.figures, NAMES, strict=True):
            parts = [part for record in members if (part := part_of(record, name)) is not None]
            assert (figure.value or 0, figure.covered) == (Decimal(sum(parts)).scaleb(-2), len(parts))


def _folded(value: object) -> str | None:
    return fold(value) if isinstance(value, str) else None


@pytest.mark.parametrize("by", [("month",), ("category", "month"), ("month", "source")])
async def test_months_add_up_to_the_window_and_lie_in_it(filled: Filled, by: tuple[str, ...]) -> None:
    [whole] = await figures(filled, Aggregate(SUMS, window=WINDOW))
    groups = await figures(filled, Aggregate(SUMS, by, window=WINDOW))
    months = {group.keys[by.index("month")] for group in groups}
    assert months - {None} == {date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)}
    for place, figure in enumerate(whole.figures):
        cells = [group.figures[place].value for group in groups]
        assert sum(Decimal(str(cell or 0)) for cell in cells) == figure.value


async def test_windows_that_touch_add_up_to_all_costs_with_a_date(filled: Filled) -> None:
    item = (Aggregation(Function.SUM, "plan_cost"),)
    windows = (Window(None, WINDOW.start), WINDOW, Window(WINDOW.stop, None))
    parts = [await figures(filled, Aggregate(item, window=window)) for window in windows]
    dated = [layer_cost(record, "plan") for record in counted(filled.values)]
    cents = sum(cost.cents or 0 for cost in dated if cost.start is not None)
    assert sum(Decimal(str(group.figures[0].value)) for [group] in parts) == Decimal(cents).scaleb(-2)


async def test_conditions_and_order_of_groups_are_of_the_window(filled: Filled) -> None:
    item = Aggregation(Function.SUM, "forecast_cost")
    every = await figures(filled, Aggregate((item,), ("category",), window=WINDOW))
    most = max(Decimal(str(group.figures[0].value or 0)) for group in every)
    spec = Aggregate(
        (item,),
        ("category",),
        having=(Having(item, Operator.GE, most),),
        order=(FigureSort(item, descending=True),),
        window=WINDOW,
    )
    [first] = await figures(filled, spec, limit=3)
    assert first.figures[0].value == most


async def test_nothing_in_a_window_is_no_cost(filled: Filled) -> None:
    [group] = await figures(filled, Aggregate(SUMS, window=Window(date(2090, 1, 1), None)))
    assert [(figure.value, figure.covered) for figure in group.figures] == [(Decimal("0.00"), 0)] * len(SUMS)
    [nothing] = await figures(filled, Aggregate(SUMS, window=WINDOW), condition=NOBODY)
    assert [figure.value for figure in nothing.figures] == [None] * len(SUMS)
