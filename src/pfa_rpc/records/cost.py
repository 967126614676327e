"""What a record costs: `costs_of` its three layers, `spread` over months. Integers throughout, so that sums are exact.

Rates and prices are ten-thousandths of the currency unit, costs are cents. A month of rent is 30.44 days. A cost is
rounded to cents once, half to even, and every total is a sum of such costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from pfa_rpc.records.remembered import Remembered

LAYERS: Final = ("plan", "forecast", "actual")
_PERIODS: Final = {layer: (f"{layer}_start", f"{layer}_end") for layer in LAYERS}
COST_NAMES: Final = tuple(f"{layer}_cost" for layer in LAYERS)
COSTED: Final = (
    *("source", "is_actualized", "monthly_rate", "purchase_price"),
    *("plan_start", "plan_end", "forecast_start", "forecast_end", "actual_start", "actual_end"),
)
"""What costs depend on."""

# days / 30.44 x rate, in cents: days x ten-thousandths x 100 / (30.44 x 10,000)
RENT_DIVISOR: Final = 3044
_PRICE_DIVISOR: Final = 100


class LayerCost(NamedTuple):
    """How a layer's cost comes about."""

    cents: int | None
    """The cost; None where it is not known."""
    start: date | None = None
    end: date | None = None
    """Days that a rental is charged for, the end not included; a purchase falls on its start."""
    rate: int | None = None
    """Monthly rate of a rental, in ten-thousandths; None for a purchase."""
    projected: bool = False
    """Whether the equipment is still on site, so that the end is a projection."""


def divide_half_even(numerator: int, divisor: int) -> int:
    """Return numerator / divisor rounded to the nearest integer, ties to the even one. The divisor is positive.

    Without a branch, so that it is the same for one number and for arrays of them.
    """
    quotient, remainder = divmod(numerator, divisor)
    return quotient + (2 * remainder + (quotient & 1) > divisor)


def rent_cents(days: int, rate: int) -> int:
    """Return the rent of a number of days, in cents, for a monthly rate in ten-thousandths."""
    return divide_half_even(days * rate, RENT_DIVISOR)


def rent_between(start: date, end: date, rate: int) -> int:
    """Return the rent from one day to before another, in cents; none where the first is not earlier."""
    days = (end - start).days
    return rent_cents(days, rate) if days > 0 else 0


def layer_cost(
    values: Mapping[str, Any], layer: str, rent: Callable[[date, date, int], int] = rent_between
) -> LayerCost:
    """Return what a layer ("plan", "forecast", "actual") of a record costs, and over which days.

    `rent` gives the cents of a rental from one day to before another.
    """
    start_name, end_name = _PERIODS[layer]
    start, end, projected = values.get(start_name), values.get(end_name), False
    if values["source"] == "purchase":
        return _purchase_cost(values, layer, start, end)
    if layer == "actual" and start is not None and end is None and values.get("forecast_end") is not None:
        end, projected = max(values["forecast_end"], start), True
    rate = values.get("monthly_rate")
    if start is None or end is None or rate is None:
        return LayerCost(None, start, end)
    return LayerCost(rent(start, end, rate), start, end, rate, projected)


def _purchase_cost(values: Mapping[str, Any], layer: str, start: date | None, end: date | None) -> LayerCost:
    """Price once: of the plan where there are plan dates, of the actual once the record is actualized."""
    price = values.get("purchase_price")
    is_due = (
        (start is not None or end is not None) if layer == "plan" else layer == "forecast" or values["is_actualized"]
    )
    return LayerCost(divide_half_even(price, _PRICE_DIVISOR) if is_due and price is not None else None, start, end)


def costs_of(values: Mapping[str, Any]) -> dict[str, int | None]:
    """Return plan_cost, forecast_cost and actual_cost of a record in cents, None where a cost is not known."""
    return dict(zip(COST_NAMES, _costs(tuple(map(values.get, COSTED))), strict=True))


def costs_of_columns(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[int | None]]:
    """Return the same of many records, one at least: a column for each cost, from columns of values."""
    costs = map(_costs, zip(*[columns[name] for name in COSTED], strict=True))
    return dict(zip(COST_NAMES, zip(*costs, strict=True), strict=True))


def _costs(costed: tuple[Any, ...]) -> tuple[int | None, int | None, int | None]:
    """Return the three costs from what they depend on: what `layer_cost` gives one by one, for every write."""
    source, is_actualized, rate, price, *periods = costed
    plan_start, plan_end, forecast_start, forecast_end, actual_start, actual_end = periods
    if source == "purchase":
        if price is None:
            return None, None, None
        cents = divide_half_even(price, _PRICE_DIVISOR)
        is_planned = plan_start is not None or plan_end is not None
        return cents if is_planned else None, cents, cents if is_actualized else None
    if rate is None:
        return None, None, None
    if actual_start is not None and actual_end is None and forecast_end is not None:
        actual_end = max(forecast_end, actual_start)
    return (
        _rent(plan_start, plan_end, rate),
        _rent(forecast_start, forecast_end, rate),
        _rent(actual_start, actual_end, rate),
    )


def _rent(start: date | None, end: date | None, rate: int) -> int | None:
    """Return the rent of a period in cents; None where an end of it is missing."""
    if start is None or end is None:
        return None
    days = (end - start).days
    return divide_half_even(days * rate, RENT_DIVISOR) if days > 0 else 0


def spread(cost: LayerCost) -> Iterator[tuple[date | None, int]]:
    """Yield (first day of the month, cents) for each month that a cost falls in; they add up to the cost exactly.

    A rental is prorated by day, each month getting the difference of the rounded costs up to its ends. A purchase falls
    in the month of its start. A cost without a start comes under None.
    """
    cents, start, end, rate, _ = cost
    if cents is None:
        return
    if start is None or end is None or rate is None or end <= start:
        yield (start.replace(day=1) if start else None), cents
        return
    month, charged = month_of(start), 0
    first, last = start.toordinal(), end.toordinal()
    while (following := first_days[month + 1]) < last:
        until = divide_half_even((following - first) * rate, RENT_DIVISOR)
        yield months[month], until - charged
        month, charged = month + 1, until
    yield months[month], cents - charged


def month_of(day: date) -> int:
    """Return the number of a day's month, counted from that of January of the year 0."""
    return day.year * 12 + day.month - 1


def _first_day(month: int) -> int:
    return date(month // 12, month % 12 + 1, 1).toordinal() if month <= month_of(date.max) else date.max.toordinal() + 1


first_days: Final = Remembered(_first_day)
"""Number of a month → ordinal of its first day; the month after the last of the calendar has one, too."""
months: Final = Remembered(lambda month: date(month // 12, month % 12 + 1, 1))
"""Number of a month → its first day."""
