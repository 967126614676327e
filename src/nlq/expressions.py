"""Expressions: a text that is one date, range, amount or duration, read by the reader of its kind.

Gives `read_expression`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

from nlq.money import read_money
from nlq.normalize import tokenize
from nlq.numbers import read_number

_KEYS: Final = {
    "date": ("start", "end"),
    "range": ("min", "max"),
    "money": ("value", "unit"),
    "number": ("value",),
    "ordinal": ("value",),
    "duration": ("seconds",),
}


def read_expression(kind: str, text: str, today: date) -> dict[str, Any]:
    """Return what a text is as an expression of a kind, as plain JSON; nulls where it is none."""
    tokens = tokenize(text)
    if kind == "money":
        money = read_money(tokens, 0) if tokens else None
        return {"value": _plain(money.value) if money is not None else None, "unit": None}
    if kind == "number":
        number = read_number(tokens, 0) if tokens else None
        return {"value": _plain(number.value) if number is not None else None}
    return dict.fromkeys(_KEYS.get(kind, ()))


def _plain(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)
