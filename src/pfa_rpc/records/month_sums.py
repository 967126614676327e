"""Costs of many records by month: `MonthSums` adds up what `spread` gives for each of them, in less time.

`settle` does so for several sums of many costs at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import numpy as np

from pfa_rpc.records.cost import RENT_DIVISOR, LayerCost, first_days, month_of, months, rent_between
from pfa_rpc.records.month_columns import Costs, inexact, spread_all
from pfa_rpc.records.vectors import Array, filled

_HALF: Final = RENT_DIVISOR // 2


class MonthSums:
    """What costs add up to in each month that they fall in. Its size does not grow with the number of costs.

    For a rental, a month gets the rent until its end less the rent until its start. So it is enough to add up the rents
    until each first of a month, and the whole costs in the month that they end in.
    """

    __slots__ = ("_dateless", "_ended", "_until", "pending")

    def __init__(self) -> None:
        self._until: defaultdict[int, int] = defaultdict(int)
        """Month → rents until its first day, of rentals that go on then."""
        self._ended: defaultdict[int, int] = defaultdict(int)
        """Month → costs that end in it."""
        self._dateless: int | None = None
        self.pending: list[tuple[Array, Array, Array, Array]] = []
        """Starts, ends, rates and prices of costs that are not settled."""

    def add(self, cost: LayerCost) -> None:
        """Add a cost; one that is not known falls in no month."""
        cents, start, end, rate, _ = cost
        if cents is None:
            return
        if start is None:
            self._dateless = cents + (self._dateless or 0)
            return
        month = month_of(start)
        if rate is not None and end is not None:
            until, first, last = self._until, start.toordinal(), end.toordinal()
            while (following := first_days[month + 1]) < last:
                month += 1
                # divide_half_even, in place: this is done for every month of every record.
                quotient, rest = divmod((following - first) * rate, RENT_DIVISOR)
                until[month] += quotient + (rest > _HALF or (rest == _HALF and quotient & 1))
        self._ended[month] += cents

    def add_all(self, cost: LayerCost, count: int) -> None:
        """Add the costs of many records, whose cents, days and rates are vectors, or the same for all of them.

        They count from the next `settle` on, which works on all of them at once; it works out the cents of rentals.
        """
        cents, start, end, rate, _ = cost
        if cents is None:
            return
        if start is None:
            self._dateless = sum(filled(cents, count).tolist()) + (self._dateless or 0)
            return
        starts, nothing = filled(start, count), np.zeros(count, np.int64)
        if rate is None or end is None:  # it falls on its start
            self.pending.append((starts, starts, nothing, filled(cents, count)))
        else:
            self.pending.append((starts, filled(end, count), filled(rate, count), nothing))

    def merge(self, until: Mapping[int, int], ended: Mapping[int, int]) -> None:
        """Add what other costs add up to: rents until the first day of months, and costs by the month they end in."""
        _merge(self._until, until)
        _merge(self._ended, ended)

    def __iadd__(self, other: MonthSums) -> MonthSums:
        self.merge(other._until, other._ended)
        if other._dateless is not None:
            self._dateless = other._dateless + (self._dateless or 0)
        return self

    def total(self) -> int:
        """Return what the costs add up to, which is what the months do."""
        return sum(self._ended.values()) + (self._dateless or 0)

    def by_month(self) -> dict[date | None, int]:
        """Return first day of the month → cents, in order; last, under None, the cost without a date."""
        until, ended = self._until, self._ended
        sums: dict[date | None, int] = {
            months[month]: until.get(month + 1, 0) + ended.get(month, 0) - until.get(month, 0)
            for month in sorted({*until, *(month - 1 for month in until), *ended})
        }
        return sums if self._dateless is None else sums | {None: self._dateless}


def settle(sums: Iterable[MonthSums]) -> None:
    """Let the costs count that `add_all` of several sums was given."""
    waiting = [each for each in sums if each.pending]
    if not waiting:
        return
    blocks = [block for each in waiting for block in each.pending]
    lengths = [sum(len(block[0]) for block in each.pending) for each in waiting]
    costs = Costs(np.repeat(np.arange(len(waiting)), lengths), *map(np.concatenate, zip(*blocks, strict=True)))
    for each in waiting:
        each.pending.clear()
    large = inexact(costs)
    if large is not None:
        for number, *days, rate, price in zip(*(column.tolist() for column in costs.taken(large)), strict=True):
            start, end = map(date.fromordinal, days)
            waiting[number].add(LayerCost(price + rent_between(start, end, rate), start, end, rate))
        costs = costs.taken(~large)
    for each, found in zip(waiting, spread_all(costs, len(waiting)), strict=True):
        each.merge(*found)


def _merge(into: dict[int, int], sums: Mapping[int, int]) -> None:
    for key, amount in sums.items():
        into[key] += amount
