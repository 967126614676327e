"""Costs by month in columns: the very ones that each cost has by itself, in each of several sums."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfa_rpc.records import month_columns
from pfa_rpc.records.cost import RENT_DIVISOR, LayerCost, divide_half_even, rent_cents, spread
from pfa_rpc.records.month_columns import Costs, inexact
from pfa_rpc.records.month_sums import MonthSums, settle
from pfa_rpc.records.vectors import Vector

FIRST, LAST = date(2026, 1, 1).toordinal(), date.max.toordinal()
HALF = RENT_DIVISOR // 2
ByMonth = dict[date | None, int]


def rental(start: int, days: int, rate: int) -> LayerCost:
    end = min(start + days, LAST)
    cents = rent_cents(end - start, rate) if end > start else 0
    return LayerCost(cents, date.fromordinal(start), date.fromordinal(max(end, 1)), rate)


starts = st.integers(FIRST, FIRST + 900) | st.integers(1, LAST)
lengths = st.integers(-3, 400) | st.sampled_from([8_000, 40_000])
rates = st.integers(0, 10**9) | st.integers(-5, 5_000).map(lambda number: number * HALF) | st.integers(0, 10**16)
rentals = st.builds(rental, starts, lengths, rates)
purchases = st.builds(
    lambda start, cents: LayerCost(cents, date.fromordinal(start)), starts, st.integers(-5, 10**9) | st.just(10**16)
)


def vector(value: Any) -> Any:
    """Return a value as that of the only one of many records."""
    number = value.toordinal() if isinstance(value, date) else value
    return None if value is None else Vector(np.array([number]))


def together(costs: Sequence[LayerCost], sums: Sequence[int]) -> list[ByMonth]:
    """Return the months of three sums, given which of them each cost counts in."""
    found = [MonthSums() for _ in range(3)]
    for cost, number in zip(costs, sums, strict=True):
        found[number].add_all(LayerCost(*map(vector, cost[:4])), 1)
    settle(found)
    return [each.by_month() for each in found]


def one_by_one(costs: Sequence[LayerCost], sums: Sequence[int]) -> list[ByMonth]:
    """Return the same, from what each cost is spread to."""
    found: list[ByMonth] = [{}, {}, {}]
    for cost, number in zip(costs, sums, strict=True):
        for month, cents in spread(cost):
            found[number][month] = found[number].get(month, 0) + cents
    return found


@settings(deadline=None)  # thousands of years are many months
@given(st.lists(st.tuples(rentals | purchases, st.integers(0, 2)), max_size=12), st.sampled_from([1, 3, 8_192]))
def test_costs_in_columns_are_those_of_each(costs: list[tuple[LayerCost, int]], at_once: int) -> None:
    each, sums = [cost for cost, _ in costs], [number for _, number in costs]
    with patch.object(month_columns, "_AT_ONCE", at_once):
        assert together(each, sums) == one_by_one(each, sums)


@pytest.mark.parametrize("seed", range(2))
def test_many_costs_are_added_up_in_parts(seed: int) -> None:
    rng = random.Random(seed)
    costs = [rental(FIRST + rng.randrange(600), rng.choice([20, 200, 500]), rng.randrange(10**9)) for _ in range(9_000)]
    sums = [rng.randrange(3) for _ in costs]
    assert together(costs, sums) == one_by_one(costs, sums)


@given(st.integers(1, 3_650_000), st.integers(0, 2**53), st.integers(-2, 2))
def test_a_rent_that_is_told_to_be_exact_is(days: int, product: int, off: int) -> None:
    """The quotients nearest to a tie are rounded as they are, up to the largest."""
    tie = (product // RENT_DIVISOR * RENT_DIVISOR + HALF + off) // days * days
    for amount in (product // days * days, tie):
        ends = np.array([days + 1])
        costs = Costs(np.array([0]), np.array([1]), ends, np.array([amount // days]), np.array([0]))
        large = inexact(costs)
        if large is None or not large.any():
            found = month_columns._rents(np.array([float(days)]), np.array([float(amount // days)]))
            assert int(found[0]) == divide_half_even(amount, RENT_DIVISOR)
