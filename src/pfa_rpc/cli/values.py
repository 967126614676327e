"""Values and changes as people type them: `assignments` for one record, `changes_of` for many."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from nlq.schema import FieldType
from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import USAGE
from pfa_rpc.cli.text import nearest
from pfa_rpc.records.encode import date_message, money_message
from pfa_rpc.schema import BY_NAME, RATE_DECIMALS, Field

_ASSIGNMENT: Final = re.compile(r"\s*(\w+)\s*=(.*)", re.DOTALL)
_CHANGE: Final = re.compile(r"\s*(\w+)\s*(\+=|-=|\*=|=)(.*)", re.DOTALL)
_DISTANCE: Final = re.compile(r"\s*(\d{1,6})\s*(day|week|month|year)s?\s*(?:([+-])=)?")
_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "year": 12}
_NOTHING: Final = ("", "null")
_FLAGS: Final = {"true": True, "yes": True, "false": False, "no": False}


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return field → value of texts such as `forecast_end=2026-05-01`; None where it gets none. Raises CommandError."""
    values: dict[str, Any] = {}
    for text in texts:
        match = _ASSIGNMENT.fullmatch(text)
        if match is None:
            raise _wrong(f"{text!r} is not FIELD=VALUE, such as forecast_end=2026-05-01")
        field = _field(match[1])
        values[field.name] = _value(field, match[2].strip())
    return values


def changes_of(texts: Iterable[str]) -> list[Change]:
    """Return changes of texts such as `forecast_end += 2 weeks` and `monthly_rate += 500`. Raises CommandError."""
    return [_change(text) for text in texts]


def _change(text: str) -> Change:
    match = _CHANGE.fullmatch(text)
    if match is None:
        raise _wrong(
            f"{text!r} is no change; write 'forecast_end += 14 days', 'monthly_rate *= 0.9', 'contract = null' …"
        )
    field, operator, rest = _field(match[1]), match[2], match[3].strip()
    if operator in ("+=", "-=") and field.type is FieldType.MONEY:
        added = money_message(_amount(field, rest) * (-1 if operator == "-=" else 1), field.decimals, "")
        return Change(field=field.name, operation=ChangeOperation.CHANGE_OPERATION_ADD, money_value=added)
    if operator in ("+=", "-="):
        shift = _shift(rest, -1 if operator == "-=" else 1)
        return Change(field=field.name, operation=ChangeOperation.CHANGE_OPERATION_SHIFT, shift=shift)
    if operator == "*=":
        return Change(field=field.name, operation=ChangeOperation.CHANGE_OPERATION_SCALE, factor=rest)
    if rest in _NOTHING:
        return Change(field=field.name, operation=ChangeOperation.CHANGE_OPERATION_CLEAR)
    if rest in BY_NAME:
        return Change(field=field.name, operation=ChangeOperation.CHANGE_OPERATION_RESET, other_field=rest)
    return Change(
        field=field.name, operation=ChangeOperation.CHANGE_OPERATION_SET, **_set_value(field, _unquoted(rest))
    )


def _shift(text: str, sign: int) -> DateShift:
    """Return the distance of "14 days" or "1 month += 3 days"."""
    months = days = place = 0
    while True:
        match = _DISTANCE.match(text, place)
        if match is None:
            raise _wrong(f"{text!r} is no distance, such as 14 days, 2 weeks or 1 month")
        days += sign * int(match[1]) * _DAYS.get(match[2], 0)
        months += sign * int(match[1]) * _MONTHS.get(match[2], 0)
        place = match.end()
        if match[3] is None:
            break
        sign = -1 if match[3] == "-" else 1
    if text[place:].strip():
        raise _wrong(f"{text[place:]!r} after the distance is not understood")
    return DateShift(months=months, days=days)


def _set_value(field: Field, text: str) -> Mapping[str, Any]:
    value = _value(field, text)
    match field.type:
        case FieldType.BOOL:
            return {"flag_value": value}
        case FieldType.MONEY:
            return {"money_value": money_message(value, RATE_DECIMALS, "")}
        case FieldType.DATE:
            return {"date_value": date_message(value)}
        case FieldType.ENUM:
            return {"text_value": field.enum_value(value).name}
        case _:
            return {"text_value": value}


def _field(name: str) -> Field:
    if name not in BY_NAME:
        raise _wrong(f"there is no field {name!r}{nearest(name, BY_NAME)}")
    return BY_NAME[name]


def _value(field: Field, text: str) -> Any:
    """Return the value of a field that a text names, None for none."""
    if text in _NOTHING:
        return None
    read = _READERS.get(field.type)
    return text if read is None else read(field, text)


def _flag(field: Field, text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise _wrong(f"{field.name} takes yes or no, not {text!r}")
    return _FLAGS[text.lower()]


def _day(field: Field, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _wrong(f"{field.name} takes a day such as 2026-05-01, not {text!r}") from error


def _amount(field: Field, text: str) -> int:
    try:
        scaled = Decimal(text.replace(",", "")).scaleb(field.decimals)
    except InvalidOperation as error:
        raise _wrong(f"{field.name} takes an amount such as 5400.50, not {text!r}") from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise _wrong(f"{field.name} takes an amount with at most {field.decimals} decimals, not {text!r}")
    return int(scaled)


def _member(field: Field, text: str) -> str:
    for value in field.values:
        if text.casefold() in (value.name.casefold(), value.stored.casefold(), value.label.casefold()):
            return value.stored
    raise _wrong(f"{field.name} takes {' or '.join(value.name for value in field.values)}, not {text!r}")


_READERS: Final[Mapping[FieldType, Callable[[Field, str], Any]]] = {
    FieldType.BOOL: _flag,
    FieldType.DATE: _day,
    FieldType.MONEY: _amount,
    FieldType.ENUM: _member,
}


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\") if is_quoted else text


def _wrong(message: str, notes: Sequence[str] = ()) -> CommandError:
    return CommandError(message, status=USAGE, notes=notes)
