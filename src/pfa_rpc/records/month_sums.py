"""Costs of many records by month: `MonthSums` adds up what `spread` gives for each of them, in less time."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Final

import numpy as np

from pfa_rpc.records.cost import RENT_DIVISOR, LayerCost, first_days, month_of, months
from pfa_rpc.records.spreading import exact_sums, months_of, rents_until
from pfa_rpc.records.vectors import Array, filled

_HALF: Final = RENT_DIVISOR // 2


class MonthSums:
    """What costs add up to in each month that they fall in. Its size does not grow with the number of costs.

    For a rental, a month gets the rent until its end less the rent until its start. So it is enough to add up the rents
    until each first of a month, and the whole costs in the month that they end in.
    """

    __slots__ = ("_dateless", "_ended", "_pending", "_until")

    def __init__(self) -> None:
        self._until: defaultdict[int, int] = defaultdict(int)
        """Month → rents until its first day, of rentals that go on then."""
        self._ended: defaultdict[int, int] = defaultdict(int)
        """Month → costs that end in it."""
        self._dateless: int | None = None
        self._pending: list[tuple[Array, Array, Array, Array]] = []
        """Starts, ends, rates and cents of costs that are not settled."""

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
        """Add the costs of many records, whose cents and days are vectors, or the same for all of them.

        They count from the next `settle` on, which works on all of them at once.
        """
        cents, start, end, rate, _ = cost
        if cents is None:
            return
        amounts = filled(cents, count)
        if start is None:
            self._dateless = sum(amounts.tolist()) + (self._dateless or 0)
        elif rate is None or end is None:  # it falls on its start
            starts = filled(start, count)
            self._pending.append((starts, starts, np.zeros(count, np.int64), amounts))
        else:
            self._pending.append((filled(start, count), filled(end, count), filled(rate, count), amounts))

    def settle(self) -> None:
        """Let the costs count that `add_all` was given."""
        if not self._pending:
            return
        starts, ends, rates, amounts = map(np.concatenate, zip(*self._pending, strict=True))
        self._pending.clear()
        for _, at_months, cents in rents_until(starts, ends, rates):
            _merge(self._until, exact_sums(at_months, cents))
        _merge(self._ended, exact_sums(months_of(np.maximum(ends - 1, starts)), amounts))

    def __iadd__(self, other: MonthSums) -> MonthSums:
        for mine, others in ((self._until, other._until), (self._ended, other._ended)):
            for month, cents in others.items():
                mine[month] += cents
        if other._dateless is not None:
            self._dateless = other._dateless + (self._dateless or 0)
        return self

    @property
    def reached(self) -> int:
        """How many months costs go on in that began before: at most as many as `by_month` gives."""
        return len(self._until)

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


def _merge(into: dict[int, int], sums: dict[int, int]) -> None:
    for key, amount in sums.items():
        into[key] += amount
