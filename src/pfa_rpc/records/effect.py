"""What changes of records do to their cost: `Effect` adds up both sides, in total and by month, to the cent.

Discontinued and funds-transferable records are left out of all costs, as everywhere, and counted.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pfa_rpc.records.cost import LAYERS, LayerCost, layer_cost
from pfa_rpc.records.month_sums import MonthSums, settle

Values = Mapping[str, Any]

LEFT_OUT: Final = ("is_discontinued", "is_funds_transferable")
"""Flags whose records totals of cost leave out."""

_COMMON: Final = ("source", "monthly_rate", "purchase_price")
_INPUTS: Final[Mapping[str, Callable[[Values], Any]]] = {
    "plan": itemgetter(*_COMMON, "plan_start", "plan_end"),
    "forecast": itemgetter(*_COMMON, "forecast_start", "forecast_end"),
    "actual": itemgetter(*_COMMON, "is_actualized", "actual_start", "actual_end", "forecast_end"),
}
"""Layer → what its cost depends on."""


@dataclass(slots=True)
class LayerSum:
    """The cost of a layer of some records."""

    records: int = 0
    """Records that have a cost in this layer."""
    lacking: int = 0
    """Records that have none."""
    projected: int = 0
    """Records still on site, costed to a projected end."""
    by_month: MonthSums = field(default_factory=MonthSums)

    @property
    def cents(self) -> int:
        """What the records cost."""
        return self.by_month.total()

    @property
    def months(self) -> dict[date | None, int]:
        """First day of the month → cents, in order; None for cost without a date, last. They add up to `cents`."""
        return self.by_month.by_month()

    def add(self, cost: LayerCost) -> None:
        """Add what a record costs."""
        if cost.cents is None:
            self.lacking += 1
            return
        self.records += 1
        self.projected += cost.projected
        self.by_month.add(cost)

    def add_all(self, cost: LayerCost, count: int) -> None:
        """Add what many records cost, whose cents and days are vectors, or the same for all; it counts once settled."""
        if cost.cents is None:
            self.lacking += count
            return
        self.records += count
        self.projected += cost.projected * count
        self.by_month.add_all(cost, count)

    def __iadd__(self, other: LayerSum) -> LayerSum:
        self.records += other.records
        self.lacking += other.lacking
        self.projected += other.projected
        self.by_month += other.by_month
        return self


@dataclass(slots=True)
class CostSum:
    """The cost of some records."""

    layers: dict[str, LayerSum] = field(default_factory=lambda: {layer: LayerSum() for layer in LAYERS})
    """Layer ("plan", "forecast", "actual") → its sum."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Flag → number of records that are left out for it."""

    def __iadd__(self, other: CostSum) -> CostSum:
        for layer, total in other.layers.items():
            self.layers[layer] += total
        self.left_out += other.left_out
        return self


class Weighed(NamedTuple):
    """What a record, or records that are alike, cost before and after changes."""

    reasons: tuple[str | None, str | None]
    """Flags that leave them out, on each side."""
    both: dict[str, LayerCost]
    """Layers that the changes leave alone."""
    before: dict[str, LayerCost]
    after: dict[str, LayerCost]


class Effect:
    """Adds up what records cost before and after changes. Its size does not grow with the number of records.

    Args:
        including: flags of LEFT_OUT whose records the costs take in all the same.
    """

    def __init__(self, including: Collection[str] = ()) -> None:
        self._flags = [flag for flag in LEFT_OUT if flag not in including]
        # A layer that a change leaves alone is added once, for both sides.
        self._both, self._before, self._after = CostSum(), CostSum(), CostSum()

    @property
    def before(self) -> CostSum:
        """What the records cost before the changes."""
        return _sum(self._both, self._before)

    @property
    def after(self) -> CostSum:
        """What they cost after them."""
        return _sum(self._both, self._after)

    def add(self, before: Values | None, after: Values | None) -> None:
        """Add a record: its fields on both sides, None where it is not there. Its stored costs do not count."""
        old, new = self._reason(before), self._reason(after)
        if old is None and new is None and before is not None and after is not None:
            self._add_layers(before, after)
            return
        _add_side(self._before, before, old)
        _add_side(self._after, after, new)

    def weighed(self, before: Values, after: Values) -> Weighed:
        """Return what records cost, whose fields may be vectors; nothing is added yet, and no rent worked out."""
        reasons = self._reason(before), self._reason(after)
        same = {layer for layer in LAYERS if reasons == (None, None) and _is_same(_INPUTS[layer], before, after)}
        old = {layer: layer_cost(before, layer, _later) for layer in LAYERS if reasons[0] is None}
        new = {layer: layer_cost(after, layer, _later) for layer in LAYERS if reasons[1] is None and layer not in same}
        return Weighed(reasons, {layer: old.pop(layer) for layer in same}, old, new)

    def add_weighed(self, weighed: Weighed, count: int) -> None:
        """Add so many records; they count from the next `settle` on."""
        sides = ((self._both, weighed.both), (self._before, weighed.before), (self._after, weighed.after))
        for side, costs in sides:
            for layer, cost in costs.items():
                side.layers[layer].add_all(cost, count)
        for (side, _), reason in zip(sides[1:], weighed.reasons, strict=True):
            if reason is not None:
                side.left_out[reason] += count

    def settle(self) -> None:
        """Let the records count that `add_weighed` was given: the costs of all of them are spread at once."""
        sides = (self._both, self._before, self._after)
        settle(total.by_month for side in sides for total in side.layers.values())

    def _add_layers(self, before: Values, after: Values) -> None:
        for layer, inputs in _INPUTS.items():
            if inputs(before) == inputs(after):
                self._both.layers[layer].add(layer_cost(after, layer))
            else:
                self._before.layers[layer].add(layer_cost(before, layer))
                self._after.layers[layer].add(layer_cost(after, layer))

    def _reason(self, values: Values | None) -> str | None:
        """Return the flag that leaves a record out; None where it counts."""
        if values is not None:
            for flag in self._flags:
                if values[flag]:
                    return flag
        return None


def _later(_start: date, _end: date, _rate: int) -> int:
    """Leave it to `settle` to work rents out, for all records at once."""
    return 0


def _is_same(inputs: Callable[[Values], Any], before: Values, after: Values) -> bool:
    """Tell whether what a cost depends on is the very same: to look for equal ones would be to look at each record."""
    return all(map(operator.is_, inputs(before), inputs(after)))


def _sum(one: CostSum, other: CostSum) -> CostSum:
    total = CostSum()
    total += one
    total += other
    return total


def _add_side(side: CostSum, values: Values | None, reason: str | None) -> None:
    if values is None:
        return
    if reason is not None:
        side.left_out[reason] += 1
        return
    for layer in LAYERS:
        side.layers[layer].add(layer_cost(values, layer))
