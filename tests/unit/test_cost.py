"""Costs: the formula, its rounding, and that months add up."""

from __future__ import annotations

import random
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.records.cost import (
    LAYERS,
    costs_of,
    costs_of_columns,
    divide_half_even,
    layer_cost,
    rent_cents,
    spread,
)
from pfa_rpc.records.steps import columns_of
from tests.fixtures.records import make_values, random_values

MARCH, JUNE = date(2026, 3, 1), date(2026, 6, 1)
RATE = 60_000_000  # 6,000.0000
PRICE = 1_234_567_850  # 123,456.7850

days = st.dates(date(2000, 1, 1), date(2060, 1, 1))
rates = st.integers(0, 10**14)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # 92 days / 30.44 x 6,000.00 = 18,134.0341…
        ({}, {"plan_cost": None, "forecast_cost": 1_813_403, "actual_cost": None}),
        ({"plan_start": MARCH, "plan_end": MARCH}, {"plan_cost": 0}),
        ({"plan_start": MARCH}, {"plan_cost": None}),
        ({"plan_start": JUNE, "plan_end": MARCH}, {"plan_cost": 0}),
        ({"monthly_rate": None}, {"forecast_cost": None}),
        # still on site: costed to the forecast end, or to the actual start where that is later
        ({"actual_start": MARCH}, {"actual_cost": 1_813_403}),
        ({"actual_start": date(2026, 7, 1)}, {"actual_cost": 0}),
        ({"actual_start": MARCH, "forecast_end": None}, {"actual_cost": None}),
        ({"actual_start": MARCH, "actual_end": date(2026, 3, 31)}, {"actual_cost": 591_327}),
    ],
)
def test_a_rental_costs_its_days(changes: dict[str, Any], expected: dict[str, int | None]) -> None:
    costs = costs_of(make_values(monthly_rate=changes.pop("monthly_rate", RATE), **changes))
    assert {name: costs[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"plan_cost": None, "forecast_cost": 12_345_678, "actual_cost": None}),
        ({"plan_start": MARCH, "plan_end": JUNE}, {"plan_cost": 12_345_678}),
        ({"forecast_start": None, "forecast_end": None}, {"forecast_cost": 12_345_678}),
        ({"is_actualized": True}, {"actual_cost": 12_345_678}),
        ({"is_actualized": True, "purchase_price": None}, {"actual_cost": None}),
    ],
)
def test_a_purchase_costs_its_price_once(changes: dict[str, Any], expected: dict[str, int | None]) -> None:
    price = changes.pop("purchase_price", PRICE)
    costs = costs_of(make_values(source="purchase", monthly_rate=None, purchase_price=price, **changes))
    assert {name: costs[name] for name in expected} == expected


def test_only_a_rental_without_actual_end_is_projected() -> None:
    assert layer_cost(make_values(actual_start=MARCH), "actual").projected
    assert not layer_cost(make_values(actual_start=MARCH, actual_end=JUNE), "actual").projected
    assert not layer_cost(make_values(source="purchase", actual_start=MARCH, is_actualized=True), "actual").projected


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**6))
def test_division_rounds_half_to_even(numerator: int, divisor: int) -> None:
    assert divide_half_even(numerator, divisor) == round(Fraction(numerator, divisor))


@given(st.integers(0, 40_000), rates)
def test_rent_follows_the_formula(number: int, rate: int) -> None:
    exact = Fraction(number) / Fraction("30.44") * Fraction(rate, 10_000) * 100
    assert rent_cents(number, rate) == round(exact)
    assert Decimal(rent_cents(number, rate)) == Decimal(round(exact)).quantize(Decimal(1), ROUND_HALF_EVEN)


@given(days, days, rates, st.sampled_from(["rental", "purchase"]))
def test_months_add_up_to_the_cost(start: date, end: date, rate: int, source: str) -> None:
    values = make_values(
        source=source, monthly_rate=rate, purchase_price=rate, forecast_start=start, forecast_end=max(start, end)
    )
    cost = layer_cost(values, "forecast")
    months = list(spread(cost))
    assert sum(cents for _, cents in months) == cost.cents
    assert all(cents >= 0 for _, cents in months)
    assert len({month for month, _ in months}) == len(months)


def test_a_month_gets_its_days() -> None:
    cost = layer_cost(make_values(monthly_rate=RATE), "forecast")
    assert list(spread(cost)) == [(MARCH, 611_038), (date(2026, 4, 1), 591_327), (date(2026, 5, 1), 611_038)]


def test_a_year_ends_with_december() -> None:
    cost = layer_cost(make_values(forecast_start=date(2026, 12, 1), forecast_end=date(2027, 1, 2)), "forecast")
    assert [month for month, _ in spread(cost)] == [date(2026, 12, 1), date(2027, 1, 1)]


@given(days, days, rates)
def test_a_month_gets_what_its_days_add_to_the_cost(start: date, end: date, rate: int) -> None:
    cost = layer_cost(
        make_values(monthly_rate=rate, forecast_start=min(start, end), forecast_end=max(start, end)), "forecast"
    )
    charged = 0
    for month, cents in spread(cost):
        assert month is not None
        following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        charged += cents
        assert charged == rent_cents((min(following, max(start, end)) - min(start, end)).days, rate)


def test_cost_without_dates_has_no_month() -> None:
    purchase = make_values(source="purchase", purchase_price=PRICE, forecast_start=None, forecast_end=None)
    assert list(spread(layer_cost(purchase, "forecast"))) == [(None, 12_345_678)]
    assert list(spread(layer_cost(make_values(plan_start=None), "plan"))) == []


def test_a_purchase_falls_in_the_month_of_its_start() -> None:
    purchase = make_values(source="purchase", purchase_price=PRICE)
    assert list(spread(layer_cost(purchase, "forecast"))) == [(MARCH, 12_345_678)]


def test_a_rental_to_the_end_of_the_calendar_spreads_to_its_last_month() -> None:
    cost = layer_cost(make_values(forecast_start=date(9999, 11, 30), forecast_end=date.max), "forecast")
    months = list(spread(cost))
    assert [month for month, _ in months] == [date(9999, 11, 1), date(9999, 12, 1)]
    assert sum(cents for _, cents in months) == cost.cents


@given(st.integers(0, 2**32))
def test_the_costs_of_many_records_are_those_of_each_of_its_layers(seed: int) -> None:
    rng = random.Random(seed)
    values = [random_values(rng, str(number)) for number in range(5)]
    expected = [{f"{layer}_cost": layer_cost(one, layer).cents for layer in LAYERS} for one in values]
    assert [costs_of(one) for one in values] == expected
    columns = costs_of_columns(columns_of(values))
    assert [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] == expected
