"""Sums of costs by month and group: `Spreader` gathers them, record by record, in the time that their months take.

The months of a group add up to the sums of the group's records to the cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, Final

from nlq.query import Aggregation
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.cost import LAYERS, LayerCost, layer_cost, month_of, months
from pfa_rpc.records.differences import DIFFERENCES, costs_in
from pfa_rpc.records.month_sums import MonthSums
from pfa_rpc.schema import BY_NAME, COST_DECIMALS, Origin
from pfa_rpc.store.figures.groups import Figure, Group, GroupKey

LAYER_FIELDS: Final = (
    "source",
    "monthly_rate",
    "purchase_price",
    "is_actualized",
    "is_discontinued",
    "is_funds_transferable",
    *(f"{layer}_{end}" for layer in LAYERS for end in ("start", "end")),
)
"""Columns that the costs of a record by month depend on."""


def is_spreadable(name: str | None) -> bool:
    """Tell whether a figure's sums can be spread over months: whether it is a cost, or a difference of costs."""
    return name in DIFFERENCES or (name in BY_NAME and BY_NAME[name].origin is Origin.COST)


def check_size(groups: int, most: int) -> None:
    """Raise LimitExceeded for more groups than fit."""
    if groups > most:
        raise LimitExceeded(
            f"the answer has more than {most:,} groups; narrow the filter, or group by less",
            metadata={"limit": "groups"},
        )


class _MonthCount:
    """How many records fall in each month, given the months of each. A step up where they begin, one down behind."""

    def __init__(self) -> None:
        self._steps: Counter[int] = Counter()
        self.dateless = 0

    def add(self, spans: Sequence[tuple[int, int]]) -> None:
        """Count a record once in each month from the first to before the last of its spans; none: it has no date."""
        for first, end in _joined(spans):
            self._steps[first] += 1
            self._steps[end] -= 1
        self.dateless += not spans

    def by_month(self) -> Callable[[date | None], int]:
        """Return what gives the number of a month."""
        starts = sorted(self._steps)
        counts = dict(zip(starts, accumulate(self._steps[month] for month in starts), strict=True))
        found: dict[date | None, int] = {None: self.dateless}
        for month, following in pairwise(starts):
            if counts[month]:
                found |= dict.fromkeys(map(months.__getitem__, range(month, following)), counts[month])
        return lambda month: found.get(month, 0)


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans that do not overlap, given one or two that may."""
    if len(spans) == 2:  # the two costs of a difference
        (first, end), (other, last) = sorted(spans)
        yield from [(first, max(end, last))] if other <= end else [(first, end), (other, last)]
        return
    yield from spans


def _span(cost: LayerCost) -> list[tuple[int, int]]:
    """Return the months that a cost falls in, as the first and the one after the last; none for one without a date."""
    if cost.start is None:
        return []
    first = month_of(cost.start)
    if cost.rate is None or cost.end is None or cost.end <= cost.start:
        return [(first, first + 1)]
    return [(first, month_of(cost.end) + (cost.end.day > 1))]


@dataclass(slots=True)
class _Sum:
    """One figure of the records of a group, by month."""

    added: MonthSums = field(default_factory=MonthSums)
    taken: MonthSums = field(default_factory=MonthSums)
    covered: _MonthCount = field(default_factory=_MonthCount)
    projected: _MonthCount = field(default_factory=_MonthCount)
    unspread: Figure = field(default_factory=Figure)
    """What falls in no month: how many records are missing, and left out."""
    is_empty: bool = True
    """Whether nothing falls in no month."""

    def figures(self) -> dict[date | None, Figure]:
        """Return month → figure; None for what falls in no month."""
        found: dict[date | None, Figure] = {} if self.is_empty else {None: self.unspread}
        added, taken = self.added.by_month(), self.taken.by_month()
        covered, projected = self.covered.by_month(), self.projected.by_month()
        for month in {**added, **taken}:
            figure = found.setdefault(month, Figure())
            figure.value = Decimal(added.get(month, 0) - taken.get(month, 0)).scaleb(-COST_DECIMALS)
            figure.covered, figure.projected = covered(month), projected(month)
        return found


class Spreader:
    """Gathers the costs of records by month and group.

    Args:
        items: the figures, all of them sums that `is_spreadable`.
        place: of the month among the keys of a group.
        include_transferable: whether funds-transferable records count.
        most: most groups.
    """

    def __init__(self, items: Sequence[Aggregation], place: int, most: int, *, include_transferable: bool) -> None:
        self._include_transferable = include_transferable
        self._most = most
        self._place = place
        self._parts = [[name.removesuffix("_cost") for name in costs_in(str(item.field))] for item in items]
        self._layers = {layer for parts in self._parts for layer in parts}
        self._sums: dict[tuple[GroupKey, ...], list[_Sum]] = {}
        self._made = 0

    def add(self, values: Mapping[str, Any], others: tuple[GroupKey, ...]) -> int:
        """Add a record, given the keys of its other groups; return how many months were worked on. LimitExceeded."""
        sums = self._sums.get(others)
        if sums is None:
            sums = self._sums[others] = [_Sum() for _ in self._parts]
        if values["is_discontinued"] or (values["is_funds_transferable"] and not self._include_transferable):
            for each in sums:
                each.is_empty = False
                each.unspread.discontinued += bool(values["is_discontinued"])
                each.unspread.transferable += not values["is_discontinued"]
            return 1
        costs = {layer: layer_cost(values, layer) for layer in self._layers}
        worked = 0
        for each, parts in zip(sums, self._parts, strict=True):
            worked += self._add(each, [costs[layer] for layer in parts])
        return worked

    def _add(self, to: _Sum, costs: Sequence[LayerCost]) -> int:
        if any(cost.cents is None for cost in costs):
            to.is_empty = False
            to.unspread.missing += 1
            return 1
        spans = [span for cost in costs for span in _span(cost)]
        worked = sum(end - first for first, end in spans)
        check_size(max((end - first for first, end in spans), default=0), self._most)
        for sums, cost in zip((to.added, to.taken), costs, strict=False):
            before = sums.reached
            sums.add(cost)
            self._made += sums.reached - before
        check_size(self._made // (2 * len(self._parts)), self._most)
        if len(spans) < len(costs):
            to.covered.dateless += bool(spans)  # one of its costs has a date, the other has none
        to.covered.add(spans)
        if any(cost.projected for cost in costs):
            to.projected.add(spans)
        return worked + 1

    def groups(self) -> list[Group]:
        """Return what was gathered. Raises LimitExceeded."""
        found: list[Group] = []
        for others, sums in self._sums.items():
            by_month = [each.figures() for each in sums]
            named = {month for figures in by_month for month in figures}
            check_size(len(found) + len(named), self._most)
            for month in named:
                keys = (*others[: self._place], month, *others[self._place :])
                found.append(Group(keys, [figures.get(month) or Figure() for figures in by_month]))
        return found
