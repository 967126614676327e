"""What a cost has within a window of days, by the plainest way: what costs that are spread in columns are held to."""

from __future__ import annotations

from datetime import date

from pfa_rpc.records.cost import LayerCost, rent_cents


def within(cost: LayerCost, start: date | None, stop: date | None) -> int | None:
    """Return the cents of a cost that fall from one day to before another; None where nothing of it does.

    None too for a cost that is not known or has no start.
    """
    if cost.start is None or cost.cents is None:
        return None
    days = range(cost.start.toordinal(), max(_end(cost).toordinal(), cost.start.toordinal() + 1))
    first = days.start if start is None else max(days.start, start.toordinal())
    last = days.stop if stop is None else min(days.stop, stop.toordinal())
    return _until(cost, last) - _until(cost, first) if first < last else None


def _end(cost: LayerCost) -> date:
    assert cost.start is not None
    return cost.start if cost.rate is None or cost.end is None else cost.end


def _until(cost: LayerCost, day: int) -> int:
    """Return the cents for the days before one."""
    assert cost.start is not None
    assert cost.cents is not None
    days = day - cost.start.toordinal()
    if days <= 0:
        return 0
    return cost.cents if cost.rate is None or day >= _end(cost).toordinal() else rent_cents(days, cost.rate)
