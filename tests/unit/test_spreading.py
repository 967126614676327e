"""Costs over days, by month, group and window, in columns: the very ones of each record by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.query import Aggregate, Aggregation, Function, Window
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.cost import LayerCost, layer_cost, spread
from pfa_rpc.records.differences import DIFFERENCES, costs_in
from pfa_rpc.records.encode import Values
from pfa_rpc.store.figures.groups import Figure, GroupKey
from pfa_rpc.store.figures.spreading import MONTH, Spreader
from tests.fixtures.records import make_values
from tests.fixtures.sheets import records_of_any_shape, sheet
from tests.plain_windows import within

NAMES = ("plan_cost", "forecast_cost", "actual_cost", *DIFFERENCES)
SUMS = tuple(Aggregation(Function.SUM, name) for name in NAMES)
AREAS = ("Silo 1", "Silo 2")
ATTRIBUTES = ("covered", "missing", "discontinued", "transferable", "projected")

Figures = dict[tuple[GroupKey, ...], list[Figure]]


def gathered(
    records: Sequence[Values], spec: Aggregate, *, most: int = 100_000, include_transferable: bool = False
) -> Figures:
    """Return the figures that a spreader gathers, records being in the two areas in turn."""
    keys: list[tuple[GroupKey, ...]] = [(area,) for area in AREAS]
    spreader = Spreader(spec, keys, most, include_transferable=include_transferable)
    for _ in spreader.add(sheet(records), np.arange(len(records)) % len(AREAS)):
        pass
    return {group.keys: group.figures for group in spreader.groups()}


def plain(records: Sequence[Values], spec: Aggregate, *, include_transferable: bool = False) -> Figures:
    """Return the same record by record."""
    found: Figures = defaultdict(lambda: [Figure() for _ in spec.aggregations])
    by_month = MONTH in spec.group_by
    if not by_month:
        found |= {(area,): [Figure() for _ in spec.aggregations] for area in AREAS}
    for number, record in enumerate(records):
        for place, item in enumerate(spec.aggregations):
            parts = parts_of(record, str(item.field), spec, include_transferable=include_transferable)
            for month, part in parts.items():
                keys = (AREAS[number % len(AREAS)], *([month] if by_month else []))
                into = found[keys][place]
                for attribute in ATTRIBUTES:
                    setattr(into, attribute, getattr(into, attribute) + getattr(part, attribute))
                if isinstance(part.value, Decimal):
                    into.value = part.value + (into.value or 0)  # type: ignore[operator] # always Decimal
    return dict(found)


def parts_of(record: Values, name: str, spec: Aggregate, *, include_transferable: bool) -> dict[date | None, Figure]:
    """Return month → what a record adds to a figure."""
    if record["is_discontinued"]:
        return {None: Figure(discontinued=1)}
    if record["is_funds_transferable"] and not include_transferable:
        return {None: Figure(transferable=1)}
    costs = [layer_cost(record, cost.removesuffix("_cost")) for cost in costs_in(name)]
    if any(cost.cents is None or (spec.window is not None and cost.start is None) for cost in costs):
        return {None: Figure(missing=1)}
    projected = int(any(cost.projected for cost in costs))
    found: dict[date | None, Figure] = {}
    if MONTH not in spec.group_by:
        found[None] = Figure(Decimal(0))
    for sign, cost in zip((1, -1), costs, strict=False):
        for month, cents in months_of(cost, spec):
            figure = found.setdefault(month, Figure(Decimal(0)))
            figure.value += Decimal(sign * cents).scaleb(-2)  # type: ignore[operator] # always Decimal
            figure.covered, figure.projected = 1, projected
    return found


def months_of(cost: LayerCost, spec: Aggregate) -> Iterator[tuple[date | None, int]]:
    """Yield what of a cost falls in each month of the window, or in the window as a whole."""
    if spec.window is None:
        yield from spread(cost)
        return
    start, stop = spec.window.start, spec.window.stop
    if MONTH not in spec.group_by:
        cents = within(cost, start, stop)
        yield from [(None, cents)] if cents is not None else []
        return
    for month, _ in spread(cost):
        assert month is not None
        following = (month + timedelta(days=31)).replace(day=1)
        cents = within(cost, max(month, start or month), min(following, stop or following))
        if cents is not None:
            yield month, cents


def brought_near(values: Values) -> Values:
    """Return a record without the dates that are thousands of years away."""
    days = {name: day for name, day in values.items() if type(day) is date}
    return values | {name: day.replace(year=min(max(day.year, 2019), 2031)) for name, day in days.items()}


edges = st.none() | st.dates(date(2025, 3, 1), date(2027, 3, 1))
windows = st.none() | st.builds(Window, edges, edges).filter(
    lambda window: window.start is None or window.stop is None or window.start < window.stop
)


@given(
    records=st.lists(records_of_any_shape().map(brought_near), max_size=12),
    window=windows,
    by_month=st.booleans(),
    include_transferable=st.booleans(),
)
def test_columns_of_costs_are_spread_as_each_record_is(
    records: list[Values], window: Window | None, *, by_month: bool, include_transferable: bool
) -> None:
    spec = Aggregate(SUMS, ("area_silo", MONTH) if by_month or window is None else ("area_silo",), window=window)
    found = gathered(records, spec, include_transferable=include_transferable)
    expected = plain(records, spec, include_transferable=include_transferable)
    assert found == expected


def of_one(record: Values, *, window: Window | None = None, name: str = "forecast_cost") -> dict[Any, Any]:
    """Return month → amount of a figure of one record."""
    spec = Aggregate((Aggregation(Function.SUM, name),), ("area_silo", MONTH), window=window)
    return {keys[1]: figures[0].value for keys, figures in gathered([record], spec).items()}


RENTAL = make_values(
    monthly_rate=304_400, forecast_start=date(2026, 3, 28), forecast_end=date(2026, 4, 7)
)  # a unit of the currency a day


def test_a_window_holds_the_days_of_a_rental() -> None:
    april = Window(date(2026, 4, 1), date(2026, 5, 1))
    assert of_one(RENTAL) == {date(2026, 3, 1): Decimal("4.00"), date(2026, 4, 1): Decimal("6.00")}
    assert of_one(RENTAL, window=april) == {date(2026, 4, 1): Decimal("6.00")}
    assert of_one(RENTAL, window=Window(date(2026, 4, 7), None)) == {}


def test_a_window_holds_the_start_of_a_purchase() -> None:
    purchase = RENTAL | {"source": "purchase", "purchase_price": 50_000}
    assert of_one(purchase, window=Window(date(2026, 3, 28), date(2026, 3, 29))) == {date(2026, 3, 1): Decimal("5.00")}
    assert of_one(purchase, window=Window(date(2026, 3, 29), None)) == {}


def test_a_cost_without_a_date_is_in_no_month_and_in_no_window() -> None:
    purchase = make_values(source="purchase", purchase_price=50_000, forecast_start=None, forecast_end=None)
    assert of_one(purchase) == {None: Decimal("5.00")}
    assert of_one(purchase, window=Window(date(2026, 1, 1), None)) == {None: None}


def test_amounts_of_any_size_are_exact() -> None:
    rate = 10**18 + 1
    cents = of_one(RENTAL | {"monthly_rate": rate})
    assert cents == {
        month: Decimal(part).scaleb(-2)
        for month, part in spread(layer_cost(RENTAL | {"monthly_rate": rate}, "forecast"))
    }


def test_months_that_do_not_fit_are_counted_before_they_are_made() -> None:
    ages = RENTAL | {"forecast_start": date.min, "forecast_end": date.max}
    spec = Aggregate(SUMS, ("area_silo", MONTH))
    with pytest.raises(LimitExceeded, match="5,000 groups"):
        gathered([ages], spec, most=5_000)
