"""The sentence of a command: its changes in plain words, then the records; asked again it gives the same reading.

Gives `command_sentence`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from nlq.changes import Change, ChangeOperation, Shift, counted
from nlq.filters.literals import plain
from nlq.query import Value
from nlq.schema import FieldSpec, FieldType, Schema

_HUNDRED: Final = Decimal(100)


def command_sentence(changes: Sequence[Change], records: str, schema: Schema, money: Callable[[Value], str]) -> str:
    """Return the sentence; `records` is the one that names the records, `money` writes an amount with its currency.

    Changes of one kind are told together.
    """
    grouped: dict[tuple[ChangeOperation, object], list[FieldSpec]] = {}
    for change in sorted(changes, key=lambda each: schema.places[each.field][0]):
        value = None if change.operation is ChangeOperation.RESET else change.value
        key = (change.operation, change.field if change.operation is ChangeOperation.SET else value)
        grouped.setdefault(key, []).append(schema.by_name[change.field])
    values = {change.field: change.value for change in changes}
    phrases = [
        _added(fields, values[fields[0].name], money)
        if operation is ChangeOperation.ADD
        else _phrase(operation, fields, values[fields[0].name], schema)
        for (operation, _), fields in grouped.items()
    ]
    text = " and ".join(phrases)
    records = records.removesuffix(".")
    everything = records.casefold().split(",")[0] == "records"
    return f"{text[0].upper()}{text[1:]} for {'all ' * everything}{records[0].lower()}{records[1:]}."


def _added(fields: Sequence[FieldSpec], amount: object, money: Callable[[Value], str]) -> str:
    """Return amounts that are added or taken away in the form of an order."""
    if not isinstance(amount, Decimal):
        raise ValueError(f"add does not take {amount!r}")  # noqa: TRY004 - as for all operations
    names = " and ".join(f"the {field.label}" for field in fields)
    return f"{'reduce' if amount < 0 else 'increase'} {names} by {money(abs(amount))}"


def _phrase(
    operation: ChangeOperation,
    fields: Sequence[FieldSpec],
    value: object,
    schema: Schema,
) -> str:
    """Return one kind of change in the form of an order."""
    names = " and ".join(f"the {field.label}" for field in fields)
    match operation, value:
        case ChangeOperation.SHIFT, Shift() as shift:
            later = (shift.months or shift.days) > 0
            return f"shift {names} {_duration(shift if later else -shift)} {'later' if later else 'earlier'}"
        case ChangeOperation.SCALE, Decimal() as factor:
            share = plain((factor - 1) * _HUNDRED)
            return f"{'increase' if share >= 0 else 'reduce'} {names} by {abs(share):f} %"
        case ChangeOperation.CLEAR, _:
            return f"clear {names}"
        case ChangeOperation.RESET, _:
            return f"reset {names} to {schema.conventions.commands.reset_words[0]}"
        case ChangeOperation.SET, bool() as state:
            return f"set {names} to {'yes' if state else 'no'}"
        case ChangeOperation.SET, date() as day:
            return f"set {names} to {day.isoformat()}"
        case ChangeOperation.SET, (str() | Decimal() | int()) as said:
            return f"set {names} to {_value(fields[0], said)}"
    raise ValueError(f"{operation.value} does not take {value!r}")


def _value(field: FieldSpec, value: str | Decimal | int) -> str:
    """Return a value as a command can say it behind the name of its field."""
    if not isinstance(value, str):
        return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    if field.type is FieldType.ENUM:
        return next(each.label for each in field.values if each.name == value)
    # Text in quotes is that text, whether a record has it yet or not.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _duration(shift: Shift) -> str:
    parts = [counted(number, unit) for number, unit in ((shift.months, "month"), (shift.days, "day")) if number]
    return " and ".join(parts)
