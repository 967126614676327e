"""Expressions: a text that is one date, range, amount or duration, read by the reader of its kind.

Gives `read_expression`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from nlq.amounts.durations import read_duration_text
from nlq.amounts.money import read_money_text
from nlq.amounts.numbers import read_number_text
from nlq.amounts.ordinals import read_ordinal_text
from nlq.dates import read_date_text
from nlq.dates.conventions import FEW
from nlq.range_texts import read_range_text


def read_expression(kind: str, text: str, today: date) -> dict[str, Any]:
    """Return what a text is as an expression of a kind, as plain JSON; nulls where it is none."""
    return _date(text, today) if kind == "date" else _READERS[kind](text)


def _date(text: str, today: date) -> dict[str, Any]:
    """Return the first day of a date or period and the day after its last, with what decided them."""
    reading = read_date_text(text, today)
    answer: dict[str, Any] = {
        "start": reading.start.isoformat() if reading.start is not None else None,
        "end": reading.stop.isoformat() if reading.stop is not None else None,
        "unread": list(reading.unread),
        "conventions": list(reading.conventions),
    }
    return answer | ({"invalid": reading.invalid} if reading.invalid else {})


def _range(text: str) -> dict[str, Any]:
    """Return the ends of a range of numbers; an end that is open is null, and includes nothing."""
    reading = read_range_text(text)
    if reading is None:
        return dict.fromkeys(("min", "max", "min_inclusive", "max_inclusive"))
    return {
        "min": _plain(reading.low),
        "max": _plain(reading.high),
        "min_inclusive": reading.low_inclusive if reading.low is not None else None,
        "max_inclusive": reading.high_inclusive if reading.high is not None else None,
    }


def _money(text: str) -> dict[str, Any]:
    """Return an amount of money, in the currency that its mark leaves no doubt of."""
    money = read_money_text(text)
    if money is None:
        return {"value": None, "unit": None}
    return {"value": _plain(money.value), "unit": money.currency}


def _number(text: str) -> dict[str, Any]:
    """Return a number."""
    return {"value": _plain(read_number_text(text))}


def _ordinal(text: str) -> dict[str, Any]:
    """Return a place in an order."""
    return {"value": read_ordinal_text(text)}


def _duration(text: str) -> dict[str, Any]:
    """Return a duration in seconds, a month counted as 30 days and a year as 365."""
    duration = read_duration_text(text)
    if duration is None:
        return {"seconds": None}
    return {"seconds": _plain(duration.nominal)} | ({"conventions": [FEW]} if duration.vague else {})


_READERS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "range": _range,
    "money": _money,
    "number": _number,
    "ordinal": _ordinal,
    "duration": _duration,
}


def _plain(value: Decimal | None) -> int | float | None:
    """Return a number as JSON has them."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
