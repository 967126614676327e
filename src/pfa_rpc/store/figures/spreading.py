"""Sums of costs over days, by month and group or within a window: `Spreader` gathers them, many records at a time.

The months of a group add up to the sums of the group's records to the cent. So do windows that touch, and those of
whole months are what the months are without a window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from nlq.query import Aggregate, Window
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.cost import LayerCost, layer_cost, months
from pfa_rpc.records.differences import DIFFERENCES, costs_in
from pfa_rpc.records.sheets import Sheet
from pfa_rpc.records.spreading import exact_sums, months_of, rents, rents_until
from pfa_rpc.records.vectors import LAST_DAY, Array, Part, each_way, filled
from pfa_rpc.schema import BY_NAME, COST_DECIMALS, Origin
from pfa_rpc.store.figures.groups import Figure, Group, GroupKey

MONTH: Final = "month"
"""The group that spreads sums of costs over months by day."""
NO_MONTH: Final = 0
"""The month of a cost without a date, and of a window that is told as a whole. No day is in it."""


def is_spreadable(name: str | None) -> bool:
    """Tell whether a figure's sums can be spread over days: whether it is a cost, or a difference of costs."""
    return name in DIFFERENCES or (name in BY_NAME and BY_NAME[name].origin is Origin.COST)


def check_size(groups: int, most: int) -> None:
    """Raise LimitExceeded for more groups than fit."""
    if groups > most:
        raise LimitExceeded(
            f"the answer has more than {most:,} groups; narrow the filter, or group by less",
            metadata={"limit": "groups"},
        )


class _Cells:
    """Whole numbers by group and month, added up."""

    def __init__(self) -> None:
        self._sums: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, groups: Array, months: Array, amounts: Array) -> None:
        """Add amounts, given the group and the month of each."""
        if not len(groups):
            return
        base = int(months.min())
        width = int(months.max()) - base + 1
        for key, amount in exact_sums(groups * width + (months - base), amounts).items():
            group, month = divmod(key, width)
            self._sums[group][month + base] += amount

    def of(self, group: int) -> Mapping[int, int]:
        """Return month → sum of a group."""
        return self._sums.get(group, {})

    def __iter__(self) -> Iterator[int]:
        """Yield the groups of which there are cells."""
        return iter(self._sums)


class _Counts:
    """How many records fall in each month of a group. A step up where the months of a record begin, one down behind."""

    def __init__(self) -> None:
        self._steps = _Cells()

    def add(self, groups: Array, first: Array, end: Array, by: int = 1) -> None:
        """Count records in each month from the first to before the end."""
        steps = np.full(len(groups), by, np.int64)
        self._steps.add(groups, first, steps)
        self._steps.add(groups, end, -steps)

    def of(self, group: int) -> dict[int, int]:
        """Return month → number of records of a group, where there are any."""
        found: dict[int, int] = {}
        for first, end, count in self._stretches(group):
            found |= dict.fromkeys(range(first, end), count)
        return found

    def __len__(self) -> int:
        """Return in how many months of groups there is any record."""
        return sum(end - first for group in self._steps for first, end, _ in self._stretches(group))

    def _stretches(self, group: int) -> Iterator[tuple[int, int, int]]:
        """Yield (first month, the one after the last, number of records), where there are any."""
        steps = self._steps.of(group)
        starts = sorted(steps)
        for (first, end), count in zip(pairwise(starts), accumulate(map(steps.__getitem__, starts)), strict=False):
            if count:
                yield first, end, count


class _Period:
    """The window that costs are cut to, and whether they are told by month."""

    def __init__(self, window: Window | None, *, by_month: bool) -> None:
        start, stop = (None, None) if window is None else (window.start, window.stop)
        self._start = 0 if start is None else start.toordinal()
        self._stop = LAST_DAY + 1 if stop is None else stop.toordinal()
        self.is_window = window is not None
        self.by_month = by_month

    def months(self, days: Array) -> Array:
        """Return the month that each day is told under."""
        return months_of(days) if self.by_month else np.full(len(days), NO_MONTH, np.int64)

    def cut(self, cost: LayerCost, groups: Array) -> _Cut:
        """Return costs with the days of them that are within the window."""
        start = filled(cost.start, len(groups))
        end = start if cost.rate is None or cost.end is None else filled(cost.end, len(groups))
        # A purchase falls on its start, and so does a rental that is no day long.
        first, last = np.maximum(start, self._start), np.minimum(np.maximum(end, start + 1), self._stop)
        there = np.flatnonzero(first < last)
        return _Cut(cost, there, groups, start, end, first, last)


class _Cut(NamedTuple):
    """What many records cost in a layer, and the days of it that count, as ordinals."""

    cost: LayerCost
    there: Array
    """Places of those of which any day counts."""
    groups: Array
    start: Array
    end: Array
    """Days that the cost is charged for."""
    first: Array
    last: Array
    """Days of these that count, the last not included."""

    def until(self, days: Array) -> Array:
        """Return the cents for the days before some, one for each record of which any day counts."""
        there = self.there
        charged = np.clip(days - self.start, 0, np.maximum(self.end - self.start, 0))[there]
        return rents(charged, filled(self.cost.rate, len(days))[there])


class _Sum:
    """One figure of all groups."""

    def __init__(self, layers: Sequence[str], groups: int, period: _Period) -> None:
        self.layers = layers
        self._period = period
        self.covered = _Counts()
        self._projected = _Counts()
        self._until = _Cells()
        """Rents until the first day of each month, of rentals that go on then."""
        self._ended = _Cells()
        """Costs until the end of what counts of them, in the month of that end, less those until its start."""
        self.missing, self.discontinued, self.transferable = (np.zeros(groups, np.int64) for _ in range(3))

    def leave_out(self, groups: Array, *, is_discontinued: bool) -> None:
        """Count records that totals leave out."""
        left_out = self.discontinued if is_discontinued else self.transferable
        left_out += np.bincount(groups, minlength=len(left_out))

    def count(self, groups: Array, costs: Sequence[LayerCost]) -> Iterator[tuple[int, _Cut]]:
        """Count records by their costs; yield what of these is still to be spread, and whether it is taken away."""
        if any(cost.cents is None or (cost.start is None and self._period.is_window) for cost in costs):
            self.missing += np.bincount(groups, minlength=len(self.missing))
            return
        cuts = [None if cost.start is None else self._period.cut(cost, groups) for cost in costs]
        self._count_months(groups, cuts, is_projected=any(cost.projected for cost in costs))
        for sign, cost, cut in zip((1, -1), costs, cuts, strict=False):
            if cut is None:
                self._ended.add(groups, np.full(len(groups), NO_MONTH), sign * filled(cost.cents, len(groups)))
            else:
                yield sign, cut

    def _count_months(self, groups: Array, cuts: Sequence[_Cut | None], *, is_projected: bool) -> None:
        """Count each record once in each month that any of its costs falls in."""
        dated = [cut for cut in cuts if cut is not None]
        none = np.full(len(groups), NO_MONTH)
        if len(dated) < len(cuts):
            self.covered.add(groups, none, none + 1)
        if not self._period.by_month:  # where nothing falls into the window, that is no cost rather than an unknown one
            self._ended.add(groups, none, np.zeros(len(groups), np.int64))
        spans = [(cut.there, self._period.months(cut.first), self._period.months(cut.last - 1) + 1) for cut in dated]
        for counts in (self.covered, self._projected) if is_projected else (self.covered,):
            for there, first, end in spans:
                counts.add(groups[there], first[there], end[there])
            if len(spans) == 2:
                (one, *of_one), (other, *of_other) = spans
                both = np.intersect1d(one, other, assume_unique=True)
                first, end = np.maximum(of_one[0], of_other[0])[both], np.minimum(of_one[1], of_other[1])[both]
                twice = first < end
                counts.add(groups[both][twice], first[twice], end[twice], -1)

    def spread(self, sign: int, cut: _Cut) -> Iterator[None]:
        """Add costs to the months that they fall in, some at a time."""
        period, there = self._period, cut.there
        groups, first, last = cut.groups[there], cut.first[there], cut.last[there]
        if cut.cost.rate is None or cut.cost.end is None:
            self._ended.add(groups, period.months(first), sign * filled(cut.cost.cents, len(cut.groups))[there])
            return
        self._ended.add(groups, period.months(last - 1), sign * cut.until(cut.last))
        if period.is_window:
            self._ended.add(groups, period.months(first), -sign * cut.until(cut.first))
        if period.by_month:
            rates = filled(cut.cost.rate, len(cut.groups))[there]
            for places, months, cents in rents_until(first, last, rates, cut.start[there]):
                self._until.add(groups[places], months, sign * cents)
                yield

    def figures(self, group: int) -> dict[date | None, Figure]:
        """Return month → figure of a group; None for what falls in no month."""
        left_out = [int(counts[group]) for counts in (self.missing, self.discontinued, self.transferable)]
        found: dict[date | None, Figure] = {}
        if any(left_out) or not self._period.by_month:
            found[None] = Figure(None, 0, *left_out)
        until, ended = self._until.of(group), self._ended.of(group)
        covered, projected = self.covered.of(group), self._projected.of(group)
        for month in {**covered, **ended}:
            cents = ended.get(month, 0) + until.get(month + 1, 0) - until.get(month, 0)
            figure = found.setdefault(None if month == NO_MONTH else months[month], Figure())
            figure.value = Decimal(cents).scaleb(-COST_DECIMALS)
            figure.covered, figure.projected = covered.get(month, 0), projected.get(month, 0)
        return found


class Spreader:
    """Gathers what the records of groups cost, by month, within a window, or both.

    Args:
        spec: the figures, all of them sums that `is_spreadable`, the window, and the groups.
        keys: of each group, those of the month left out.
        most: most groups, those by month counted.
        include_transferable: whether funds-transferable records count.
    """

    def __init__(
        self, spec: Aggregate, keys: Sequence[tuple[GroupKey, ...]], most: int, *, include_transferable: bool
    ) -> None:
        self._keys = keys
        self._most = most
        self._include_transferable = include_transferable
        self._place = spec.group_by.index(MONTH) if MONTH in spec.group_by else None
        period = _Period(spec.window, by_month=self._place is not None)
        parts = [[name.removesuffix("_cost") for name in costs_in(str(item.field))] for item in spec.aggregations]
        self._sums = [_Sum(layers, len(keys), period) for layers in parts]
        self._layers = sorted({layer for layers in parts for layer in layers})

    def add(self, sheet: Sheet, numbers: Array) -> Iterator[None]:
        """Add records, given the number of each one's group; some at each step. Raises LimitExceeded."""
        left = [part for way in sheet.parts(passing_over=("dor",)) for part in self._counted(way, numbers)]
        for each in self._sums:
            check_size(len(each.covered), self._most)
        for to, sign, cut in left:
            yield from to.spread(sign, cut)

    def _counted(self, part: Part, numbers: Array) -> Iterator[tuple[_Sum, int, _Cut]]:
        """Count records that are alike; yield what is to be spread."""
        is_discontinued = bool(part.values["is_discontinued"])
        if is_discontinued or (part.values["is_funds_transferable"] and not self._include_transferable):
            for each in self._sums:
                each.leave_out(numbers[part.places], is_discontinued=is_discontinued)
            return
        for some, costs in each_way(part, self._costs):
            for each in self._sums:
                for sign, cut in each.count(numbers[some.places], [costs[layer] for layer in each.layers]):
                    yield each, sign, cut

    def _costs(self, values: Mapping[str, Any]) -> dict[str, LayerCost]:
        return {layer: layer_cost(values, layer) for layer in self._layers}

    def groups(self) -> list[Group]:
        """Return what was gathered. Raises LimitExceeded."""
        found: list[Group] = []
        for number, keys in enumerate(self._keys):
            figures = [each.figures(number) for each in self._sums]
            named = {month for by_month in figures for month in by_month}
            check_size(len(found) + len(named), self._most)
            found += [
                Group(self._with_month(keys, month), [by_month.get(month) or Figure() for by_month in figures])
                for month in named
            ]
        return found

    def _with_month(self, keys: tuple[GroupKey, ...], month: date | None) -> tuple[GroupKey, ...]:
        place = self._place
        return keys if place is None else (*keys[:place], month, *keys[place:])
