"""Costs of many records by month, in columns: `rents_until` the first day of each month, and `exact_sums` by key.

The same rounding as `cost.spread`, of all records at once; every cost is whole cents, so that sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from pfa_rpc.records.cost import RENT_DIVISOR, divide_half_even
from pfa_rpc.records.vectors import LARGEST, Array, Vector

_AT_ONCE: Final = 8_192
"""Costs that are worked on at once: what they take stays in the processor's own memory."""
_EPOCH: Final = 719_163
"""Ordinal of 1 January 1970."""
_EPOCH_MONTH: Final = 1_970 * 12
_EXACT: Final = 2**53
"""Whole numbers up to here are exact as floats, which numpy adds up by key."""
_LIMB: Final = 22
"""Bits of a larger number that are added up at a time."""


def months_of(days: Array) -> Array:
    """Return the number of each day's month, counted from January of the year 0; days are ordinals."""
    if not len(days):
        return days
    low, high = int(days.min()), int(days.max())
    if high - low > len(days):
        return _months_of(days)
    months: Array = _months_of(np.arange(low, high + 1))[days - low]  # a look-up is a third of the work
    return months


def _months_of(days: Array) -> Array:
    dates = (days - _EPOCH).astype("datetime64[D]")
    return dates.astype("datetime64[M]").astype(np.int64) + _EPOCH_MONTH


def first_days_of(month: int, count: int) -> Array:
    """Return the ordinals of the first days of some months in a row."""
    numbers = np.arange(month - _EPOCH_MONTH, month - _EPOCH_MONTH + count)
    return numbers.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + _EPOCH


def rents_until(
    starts: Array, ends: Array, rates: Array, charged_from: Array | None = None
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (places, months, cents): of rentals at these places, the rent until the first day of each month inside.

    The first days after its start and before its end count, both ordinals, so that a rental that ends within its first
    month is in none. It is charged from its start, or from an earlier day, at a monthly rate in ten-thousandths.
    """
    if not len(starts):
        return
    since = starts if charged_from is None else charged_from
    first = months_of(starts)
    counts = np.maximum(months_of(np.maximum(ends - 1, starts)) - first, 0)
    base = int(first.min())
    firsts = first_days_of(base, int((first + counts).max()) - base + 2)
    is_small = int(np.abs(rates).max()) * int((ends - since).max(initial=1)) < LARGEST // 4
    for places in _stretches(counts):
        lengths = counts[places]
        ends_of = np.cumsum(lengths)
        number = np.arange(int(ends_of[-1])) - np.repeat(ends_of - lengths, lengths)
        each = np.repeat(places, lengths)
        months = first[each] + number + 1
        days = firsts[months - base] - since[each]
        yield each, months, _rents(days, rates[each]) if is_small else _large_rents(days, rates[each])


_divided: Final[Callable[[Any, int], Any]] = divide_half_even
"""The same function; it does to arrays and vectors what it does to a number."""


def rents(days: Array, rates: Array) -> Array:
    """Return the rents of some days, as `cost.rent_cents` does."""
    is_small = int(np.abs(rates).max(initial=0)) * int(np.abs(days).max(initial=0)) < LARGEST // 4
    return _rents(days, rates) if is_small else _large_rents(days, rates)


def _rents(days: Array, rates: Array) -> Array:
    found: Array = _divided(days * rates, RENT_DIVISOR)
    return found


def _large_rents(days: Array, rates: Array) -> Array:
    """Return rents of more digits than an array's numbers have: as Python's own."""
    found: Vector = _divided(Vector(days) * Vector(rates), RENT_DIVISOR)
    return found.array


def _stretches(counts: Array) -> Iterator[Array]:
    """Yield places in a row that together have some _AT_ONCE months; those without a month are left out."""
    places = np.flatnonzero(counts)
    ends = np.cumsum(counts[places])
    done = 0
    while done < len(places):
        before = int(ends[done - 1]) if done else 0
        following = max(int(np.searchsorted(ends, before + _AT_ONCE, side="right")), done + 1)
        yield places[done:following]
        done = following


def exact_sums(keys: Array, amounts: Array) -> dict[int, int]:
    """Return key → sum of the amounts with this key. Keys are whole numbers, best close together."""
    if not len(keys):
        return {}
    low = int(keys.min())
    width = int(keys.max()) - low + 1
    if amounts.dtype == object:
        sums: dict[int, int] = {}
        for key, amount in zip(keys.tolist(), amounts.tolist(), strict=True):
            sums[key] = sums.get(key, 0) + amount
        return sums
    if width > 4 * len(keys) + 4_096:
        named, places = np.unique(keys, return_inverse=True)
        found = exact_sums(places, amounts)
        return {int(named[place]): amount for place, amount in found.items()}
    shifted = keys - low
    there = np.flatnonzero(np.bincount(shifted, minlength=width))
    totals = _binned(shifted, amounts, width)
    return {int(place) + low: totals[place] for place in there.tolist()}


def _binned(keys: Array, amounts: Array, width: int) -> Any:
    """Return the sum of each key from 0 on; exact, whatever the amounts."""
    if max(int(amounts.max()), -int(amounts.min())) * len(keys) < _EXACT:
        return np.bincount(keys, weights=amounts, minlength=width).astype(np.int64).tolist()
    high, low = amounts >> _LIMB, amounts & ((1 << _LIMB) - 1)
    pairs = zip(_binned(keys, high, width), _binned(keys, low, width), strict=True)
    return [(above << _LIMB) + below for above, below in pairs]
