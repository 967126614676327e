"""Sums of costs within a window of days, by group and by month: `WindowSums` gathers them, record by record.

Windows that touch add up to the sums of both together to the cent, and those of whole months are what `Spreader` gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from nlq.query import Aggregation, Window
from pfa_rpc.records.cost import LayerCost, layer_cost
from pfa_rpc.records.cost_windows import months_within, within
from pfa_rpc.records.differences import costs_in
from pfa_rpc.schema import COST_DECIMALS
from pfa_rpc.store.figures.groups import Figure, Group, GroupKey
from pfa_rpc.store.figures.months import check_size


@dataclass(slots=True)
class _Bin:
    """What falls into the window, or into one month of it."""

    cents: int = 0
    covered: int = 0
    projected: int = 0


@dataclass(slots=True)
class _Sum:
    """One figure of the records of a group."""

    bins: defaultdict[date | None, _Bin] = field(default_factory=lambda: defaultdict(_Bin))
    """First day of a month → what falls into it; under None the whole window, where it is not told by month."""
    rest: Figure = field(default_factory=Figure)
    """What falls into no window: how many records are missing, and left out."""
    is_empty: bool = True
    """Whether no record is missing or left out."""

    def figures(self, *, by_month: bool) -> dict[date | None, Figure]:
        """Return month → figure; None for what falls in no month, or the one figure of the window."""
        found: dict[date | None, Figure] = {} if by_month and self.is_empty else {None: self.rest}
        for month, one in self.bins.items():
            figure = found.setdefault(month, Figure())
            figure.value = Decimal(one.cents).scaleb(-COST_DECIMALS)
            figure.covered, figure.projected = one.covered, one.projected
        return found


class WindowSums:
    """Gathers what the records of groups cost within a window.

    Args:
        items: the figures, all of them sums of what `is_spreadable`.
        window: the days that count.
        place: of the month among the keys of a group; None: the window is told as a whole.
        most: most groups.
        include_transferable: whether funds-transferable records count.
    """

    def __init__(
        self, items: Sequence[Aggregation], window: Window, place: int | None, most: int, *, include_transferable: bool
    ) -> None:
        self._parts = [[name.removesuffix("_cost") for name in costs_in(str(item.field))] for item in items]
        self._layers = {layer for parts in self._parts for layer in parts}
        self._window = window
        self._place = place
        self._most = most
        self._include_transferable = include_transferable
        self._sums: dict[tuple[GroupKey, ...], list[_Sum]] = {}

    def add(self, values: Mapping[str, Any], others: tuple[GroupKey, ...]) -> int:
        """Add a record, given the keys of its other groups; return how many months were worked on. LimitExceeded."""
        sums = self._sums.get(others)
        if sums is None:
            sums = self._sums[others] = [_Sum() for _ in self._parts]
        if values["is_discontinued"] or (values["is_funds_transferable"] and not self._include_transferable):
            for each in sums:
                each.is_empty = False
                each.rest.discontinued += bool(values["is_discontinued"])
                each.rest.transferable += not values["is_discontinued"]
            return 1
        costs = {layer: layer_cost(values, layer) for layer in self._layers}
        return sum(
            self._add(each, [costs[layer] for layer in parts]) for each, parts in zip(sums, self._parts, strict=True)
        )

    def _add(self, to: _Sum, costs: Sequence[LayerCost]) -> int:
        if any(cost.cents is None or cost.start is None for cost in costs):
            to.is_empty = False
            to.rest.missing += 1
            return 1
        found: dict[date | None, int] = {}
        for sign, cost in zip((1, -1), costs, strict=False):
            for month, cents in self._months(cost):
                found[month] = found.get(month, 0) + sign * cents
        check_size(len(found), self._most)
        if self._place is None:
            to.bins[None]
        projected = any(cost.projected for cost in costs)
        for month, cents in found.items():
            one = to.bins[month]
            one.cents += cents
            one.covered += 1
            one.projected += projected
        return len(found) + 1

    def _months(self, cost: LayerCost) -> Iterator[tuple[date | None, int]]:
        """Yield what of a cost falls into the window, by month where that is told."""
        start, stop = self._window.start, self._window.stop
        if self._place is not None:
            yield from months_within(cost, start, stop)
        elif (cents := within(cost, start, stop)) is not None:
            yield None, cents

    def groups(self) -> list[Group]:
        """Return what was gathered. Raises LimitExceeded."""
        found: list[Group] = []
        for others, sums in self._sums.items():
            figures = [each.figures(by_month=self._place is not None) for each in sums]
            named = {month for each in figures for month in each}
            check_size(len(found) + len(named), self._most)
            found += [
                Group(self._keys(others, month), [each.get(month) or Figure() for each in figures]) for month in named
            ]
        return found

    def _keys(self, others: tuple[GroupKey, ...], month: date | None) -> tuple[GroupKey, ...]:
        place = self._place
        return others if place is None else (*others[:place], month, *others[place:])
