"""Costs of many records by month, in columns: `spread_all` adds them up, in several sums at once.

The same rounding as `cost.spread`, of all records at once. The arithmetic is that of floats, which hold whole numbers
below 2**53 exactly; `inexact` tells for which costs that will not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from pfa_rpc.records.cost import RENT_DIVISOR
from pfa_rpc.records.spreading import first_days_of, months_of
from pfa_rpc.records.vectors import LAST_DAY, Array

_EXACT: Final = 2**53
_AT_ONCE: Final = 8_192
"""Costs that are worked on at once: larger columns would be new memory each time, which takes longer than the work."""
_LONG: Final = 240
"""Months of a cost that is spread together with others; the few that are longer are spread by themselves."""
_CLOSE_DAYS: Final = 1 << 16
"""Days that are so close together are looked up in a table of their months."""


class Costs(NamedTuple):
    """Columns of costs: a rental is charged from its start to before its end, a purchase falls on its start."""

    sums: Array
    """The number of the sum that each counts in, from 0."""
    starts: Array
    ends: Array
    """Ordinals of days; a purchase has its start here."""
    rates: Array
    """Monthly rates in ten-thousandths; a purchase has 0."""
    prices: Array
    """Cents that fall on the start; a rental has 0."""

    def taken(self, places: Array | slice) -> Costs:
        """Return the costs at some places, or where a mask is true."""
        return Costs(*(column[places] for column in self))


class MonthSum(NamedTuple):
    """What some costs add up to, in cents."""

    until: dict[int, int]
    """Month → rents until its first day, of rentals that go on then."""
    ended: dict[int, int]
    """Month → costs that end in it."""


def inexact(costs: Costs) -> Array | None:
    """Return for each cost whether floats do not hold its rents exactly, or not what such costs add up to.

    None where all are exact. Days times rate must be below 2**53. Their quotient is off by less than 1/4096 then, and
    all that are no ties are 1/3044 or more away from one: it is rounded as the exact one would be.
    """
    most_cents = _EXACT // max(len(costs.prices), 1) - 1
    days = max(int(costs.ends.max(initial=0)) - int(costs.starts.min(initial=LAST_DAY)), 0)
    most = _most(costs.rates) * days
    if most < _EXACT and most // RENT_DIVISOR < most_cents and _most(costs.prices) < most_cents:
        return None
    products = np.abs(costs.rates).astype(np.float64) * np.maximum(costs.ends - costs.starts, 0)
    prices = np.abs(costs.prices).astype(np.float64)
    large: Array = (products >= _EXACT) | (np.maximum(products / RENT_DIVISOR, prices) >= most_cents)
    return large


def _most(amounts: Array) -> int:
    return max(int(amounts.max(initial=0)), -int(amounts.min(initial=0)))


def spread_all(costs: Costs, count: int) -> list[MonthSum]:
    """Return what costs that are exact add up to by month, in each of so many sums.

    The first days after a rental's start and before its end count: one that ends within its first month has none.
    """
    if not len(costs.sums):
        return [MonthSum({}, {}) for _ in range(count)]
    cells = _Cells(costs, count)
    for start in range(0, len(costs.sums), _AT_ONCE):
        cells.add(costs.taken(slice(start, start + _AT_ONCE)))
    return cells.by_sum()


class _Cells:
    """A row of months for each sum, one row after the other: where a month of a sum is, is its place."""

    def __init__(self, costs: Costs, count: int) -> None:
        self._low, high = int(costs.starts.min()), max(int(costs.starts.max()), int(costs.ends.max()))
        is_close = high - self._low < _CLOSE_DAYS
        self._table = months_of(np.arange(self._low, high + 1)) if is_close else None
        self._base, last = months_of(np.array([self._low, high])).tolist()
        self._width = last - self._base + 1
        self._count, size = count, count * self._width
        self._firsts = first_days_of(self._base, self._width).astype(np.float64)
        self._until = np.zeros(size)
        self._ended = np.zeros(size)
        self._beginning, self._ending = np.zeros(size, np.int64), np.zeros(size, np.int64)

    def _months_of(self, days: Array) -> Array:
        months: Array = months_of(days) if self._table is None else self._table[days - self._low]
        return months

    def add(self, costs: Costs) -> None:
        """Add some costs."""
        first, last = self._months_of(costs.starts), self._months_of(np.maximum(costs.ends - 1, costs.starts))
        places, lengths = costs.sums * self._width + (first - self._base), last - first
        ends = places + lengths
        self._beginning += np.bincount(places, minlength=len(self._beginning))
        self._ending += np.bincount(ends, minlength=len(self._ending))
        days = np.maximum(costs.ends - costs.starts, 0).astype(np.float64)
        np.add.at(self._ended, ends, _rents(days, costs.rates.astype(np.float64)) + costs.prices.astype(np.float64))
        # The longest come first: those that go on for a number of months are the first so many.
        order = np.argsort(-np.minimum(lengths, _LONG + 1).astype(np.int16), kind="stable")
        order = order[: np.count_nonzero(lengths)]
        starts, rates = costs.starts[order].astype(np.float64), costs.rates[order].astype(np.float64)
        self._add_rents(places[order], lengths[order], first[order] - self._base, starts, rates)

    def _add_rents(self, places: Array, lengths: Array, months: Array, starts: Array, rates: Array) -> None:
        """Add the rents until the first day of each month, of rentals that began in one before it."""
        until, firsts = self._until, self._firsts
        long = int(np.count_nonzero(lengths > _LONG))
        for each in range(long):
            days = firsts[months[each] + 1 : months[each] + lengths[each] + 1] - starts[each]
            until[places[each] + 1 : places[each] + lengths[each] + 1] += _rents(days, rates[each])
        places, months, starts, rates = places[long:], months[long:], starts[long:], rates[long:]
        going_on = np.cumsum(np.bincount(lengths[long:])[::-1])[-2::-1]
        for month, number in enumerate(going_on.tolist(), 1):
            days = firsts[month:].take(months[:number])
            days -= starts[:number]
            np.add.at(until[month:], places[:number], _rents(days, rates[:number]))

    def by_sum(self) -> list[MonthSum]:
        """Return what was added, for each sum."""
        going_on = np.flatnonzero(np.cumsum(self._beginning - self._ending)) + 1
        rows = zip(
            self._rows(self._until, going_on), self._rows(self._ended, np.flatnonzero(self._ending)), strict=True
        )
        return [MonthSum(*row) for row in rows]

    def _rows(self, amounts: Array, places: Array) -> Sequence[dict[int, int]]:
        """Return the amounts at some places as a table for each sum: month → amount."""
        bounds = np.searchsorted(places, np.arange(self._count + 1) * self._width).tolist()
        months = (places % self._width + self._base).tolist()
        found = amounts[places].astype(np.int64).tolist()
        return [dict(zip(months[first:end], found[first:end], strict=True)) for first, end in pairwise(bounds)]


def _rents(days: Array, rates: Array) -> Array:
    """Return rents, as `cost.rent_cents` does; what it is given as days is used up."""
    days *= rates
    days /= RENT_DIVISOR
    rents: Array = np.rint(days, out=days)
    return rents
