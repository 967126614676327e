"""Changes: what a command asks to do to the records that it names. They are proposals; nothing here carries them out.

Gives `Change`, `ChangeOperation`, `Shift`, and `canonical_changes`, the text of a row of changes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from nlq.filters.canonical import canonical_filter
from nlq.filters.literals import plain
from nlq.query import Comparison, Operator, Value
from nlq.schema import Schema


class ChangeOperation(enum.Enum):
    """What is done to a field."""

    SET = "set"
    """It gets `Change.value`."""
    SHIFT = "shift"
    """Its date moves by the `Shift`. A period is shifted by a change of both ends, extended by one of its end."""
    SCALE = "scale"
    """Its amount is multiplied by the factor."""
    CLEAR = "clear"
    """It gets no value."""
    RESET = "reset"
    """It gets the value that another field of the same record has."""
    ADD = "add"
    """An amount is added to its own."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A distance between dates, forward where positive. Months come first and stay within their month."""

    months: int = 0
    days: int = 0

    def __neg__(self) -> Shift:
        return Shift(-self.months, -self.days)


@dataclass(frozen=True, slots=True)
class Change:
    """One field and what becomes of it."""

    field: str
    """Name of the field."""
    operation: ChangeOperation
    value: Value | Shift | None = None
    """Of SET the literal, of SHIFT a `Shift`, of SCALE the factor (Decimal), of RESET the name of the other field, of
    ADD the amount (Decimal), below zero where it is taken away."""


def canonical_changes(changes: Iterable[Change], schema: Schema) -> str:
    """Return the one text of the same changes: `forecast_start += 14 days, forecast_end += 14 days`.

    Changes are in the order of the schema's fields. KeyError where one names a field that the schema lacks.
    """
    return ", ".join(_text(change, schema) for change in ordered(changes, schema))


def ordered(changes: Iterable[Change], schema: Schema) -> tuple[Change, ...]:
    """Return changes in the order of the schema's fields."""
    return tuple(sorted(changes, key=lambda change: schema.places[change.field][0]))


def _text(change: Change, schema: Schema) -> str:
    match change:
        case Change(name, ChangeOperation.SHIFT, Shift() as shift):
            return _shift_text(name, shift)
        case Change(name, ChangeOperation.SCALE, Decimal() as factor):
            return f"{name} *= {plain(factor):f}"
        case Change(name, ChangeOperation.ADD, Decimal() as amount):
            return f"{name} {'-' if amount < 0 else '+'}= {plain(abs(amount)):f}"
        case Change(name, ChangeOperation.CLEAR):
            return f"{name} = null"
        case Change(name, ChangeOperation.RESET, other):
            return f"{name} = {other}"
        case Change(name, ChangeOperation.SET, value) if value is not None and not isinstance(value, Shift):
            return canonical_filter(Comparison(name, Operator.EQ, value), schema)
    raise ValueError(f"{change.operation.value} does not take {change.value!r}")


def _shift_text(name: str, shift: Shift) -> str:
    """Return the shift of a field; months and days that go opposite ways keep their own signs."""
    parts = [(number, unit) for number, unit in ((shift.months, "month"), (shift.days, "day")) if number]
    if not parts:
        return f"{name} += 0 days"
    text = name
    for number, unit in parts:
        text += f" {'+' if number > 0 else '-'}= {counted(abs(number), unit)}"
    return text


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 day", "14 days"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
