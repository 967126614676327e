"""What a record costs within a window of days: `within`, and `months_within` by month. To the cent: windows add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pfa_rpc.records.cost import LayerCost, first_days, month_of, months, rent_cents


def within(cost: LayerCost, start: date | None, stop: date | None) -> int | None:
    """Return the cents of a cost that fall from one day to before another; None where nothing of it does.

    A rental is prorated by day, by the difference of its rounded costs up to both days: parts that touch add up to the
    part that both are. A purchase falls on its start. None too for a cost that is not known or has no start.
    """
    span = _span_within(cost, start, stop)
    if span is None or cost.cents is None:
        return None
    return _cents_until(cost, span[1]) - _cents_until(cost, span[0])


def months_within(cost: LayerCost, start: date | None, stop: date | None) -> Iterator[tuple[date, int]]:
    """Yield (first day of the month, cents) of the part of a cost that `within` gives, which they add up to."""
    span = _span_within(cost, start, stop)
    if span is None or cost.cents is None:
        return
    first, last = span
    month, charged = month_of(date.fromordinal(first)), _cents_until(cost, first)
    while (following := first_days[month + 1]) < last:
        until = _cents_until(cost, following)
        yield months[month], until - charged
        month, charged = month + 1, until
    yield months[month], _cents_until(cost, last) - charged


def _span_within(cost: LayerCost, start: date | None, stop: date | None) -> tuple[int, int] | None:
    """Return the days of a cost in a window, from one ordinal to before another; None where there are none."""
    if cost.start is None:
        return None
    first = cost.start.toordinal()
    is_rent = cost.rate is not None and cost.end is not None and cost.end > cost.start
    last = cost.end.toordinal() if is_rent and cost.end is not None else first + 1
    first = first if start is None else max(first, start.toordinal())
    last = last if stop is None else min(last, stop.toordinal())
    return (first, last) if first < last else None


def _cents_until(cost: LayerCost, day: int) -> int:
    """Return the cents of a cost of known start for the days before one."""
    _, start, end, rate, _ = cost
    days = day - start.toordinal() if start is not None else 0
    if days <= 0:
        return 0
    if rate is None or end is None or day >= end.toordinal():
        return cost.cents or 0
    return rent_cents(days, rate)
