"""Literals of filter text: what a word or a quoted text is worth to a field of a given type.

`read_literal` gives values of all types but text; `read_text` takes escapes and wildcards out of text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Final

from nlq.errors import FilterError
from nlq.filters.field_names import did_you_mean, nearest_names, one_of, shown
from nlq.query import Value
from nlq.schema import FieldSpec, FieldType

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
"""Bounds of an integer, and of an amount in the smallest unit that its field keeps."""
_MAX_DIGITS: Final = 40  # more than any value within the bounds needs; beyond it nothing is computed

_NUMBER: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_INTEGER: Final = re.compile(r"-?[0-9]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"([0-9-]{10})[Tt ]([0-9:]{8})(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_EXACT: Final = Context(prec=4 * _MAX_DIGITS)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.?))|(\*)", re.DOTALL)
_MISSING_WORDS: Final = frozenset({"null", "none", "nil", "missing", "empty", ""})


def read_literal(field: FieldSpec, literal: str, position: int) -> Value:
    """Return what `literal`, without its quotes, is to a field that holds no text.

    Decimal for MONEY, date, aware UTC datetime for TIME, int, bool, or the name of the ENUM value. FilterError at
    `position` where it is none of the field's values.
    """
    return _READERS[field.type](field, literal, position)


def read_text(body: str, position: int) -> tuple[str, ...]:
    r"""Return the texts between the wildcards of a word or quoted text: one text where it has no wildcard.

    `\"`, `\\` and `\*` stand for the character itself, `\u000a` for the character of that code. FilterError, counted
    from `position`, at any other backslash.
    """
    if "\\" not in body and "*" not in body:
        return (body,)
    pieces, end = [""], 0
    for match in _ESCAPE.finditer(body):
        pieces[-1] += body[end : match.start()]
        end = match.end()
        if match[3]:
            pieces.append("")
        else:
            pieces[-1] += _unescaped(match, position)
    pieces[-1] += body[end:]
    # Wildcards in a row are one.
    return tuple(p for i, p in enumerate(pieces) if p or i in (0, len(pieces) - 1))


def _unescaped(match: re.Match[str], position: int) -> str:
    code, character = match[1], match[2]
    if code is not None:
        unescaped = chr(int(code, 16))
        if unescaped != "\0" and not 0xD800 <= ord(unescaped) <= 0xDFFF:
            return unescaped
    elif character and character in '"\\*':
        return character
    raise FilterError(
        f"{shown(match[0])} is no escape: write \\\\ for a backslash",
        position=position + match.start(),
        expected=('\\"', "\\\\", "\\*", "\\u and four hexadecimal digits"),
    )


def _wrong(
    field: FieldSpec, literal: str, position: int, expected: str, *, nearest: tuple[str, ...] = ()
) -> FilterError:
    """The error that says what a field takes, and how to ask for records without a value where that seems meant."""
    message = f"{shown(literal)} does not fit {field.name}, which takes {expected}{did_you_mean(nearest)}"
    if literal.casefold() in _MISSING_WORDS:
        message += f"; records without a value are NOT {field.name}:*"
    elif "*" in literal:
        message += f"; records with any value are {field.name}:*"
    return FilterError(message, position=position, expected=(expected,), nearest=nearest)


def _read_money(field: FieldSpec, literal: str, position: int) -> Decimal:
    if _NUMBER.fullmatch(literal) is None:
        amount = "an amount such as 5000 or 5000.50, without currency signs and separators"
        raise _wrong(field, literal, position, amount)
    if len(literal) > _MAX_DIGITS:
        raise FilterError(f"{shown(literal)} has too many digits for {field.name}", position=position)
    value = Decimal(literal)
    scaled = value.scaleb(field.decimals, _EXACT)
    if scaled != scaled.to_integral_value():
        decimals = f"at most {field.decimals} decimals"
        raise FilterError(f"{field.name} has {decimals}: {shown(literal)}", position=position, expected=(decimals,))
    if not MIN_INTEGER <= scaled <= MAX_INTEGER:
        raise FilterError(f"{shown(literal)} is beyond any amount that {field.name} can hold", position=position)
    return plain(value)


def plain(value: Decimal) -> Decimal:
    """Return the amount in its one plain form: no exponent, no zeros at the end, no negative zero."""
    if str(value).isdecimal():  # as most are
        return value
    if not value:
        return Decimal(0)
    text = format(value, "f")
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _read_integer(field: FieldSpec, literal: str, position: int) -> int:
    if _INTEGER.fullmatch(literal) is None:
        raise _wrong(field, literal, position, "a whole number")
    if len(literal) > _MAX_DIGITS or not MIN_INTEGER <= int(literal) <= MAX_INTEGER:
        raise FilterError(f"{shown(literal)} is beyond the numbers that {field.name} can hold", position=position)
    return int(literal)


def _read_date(field: FieldSpec, literal: str, position: int) -> date:
    if _DATE.fullmatch(literal) is None:
        raise _wrong(field, literal, position, "a date such as 2026-03-01")
    try:
        return date.fromisoformat(literal)
    except ValueError:
        message = f"{shown(literal)} is no day of the calendar"
        raise FilterError(message, position=position, expected=("a date such as 2026-03-01",)) from None


def _read_time(field: FieldSpec, literal: str, position: int) -> datetime:
    if _DATE.fullmatch(literal):
        day = _read_date(field, literal, position)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    match = _TIME.fullmatch(literal)
    if match is None:
        raise _wrong(field, literal, position, "a time such as 2026-03-01T10:30:00Z, or a date")
    day_text, clock, fraction, zone = match.groups(default="")
    try:
        return datetime.fromisoformat(
            f"{day_text}T{clock}{fraction.ljust(7, '0') if fraction else ''}{zone.upper()}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{shown(literal)} is no time of the calendar"
        raise FilterError(message, position=position, expected=("a time such as 2026-03-01T10:30:00Z",)) from None


def _read_flag(field: FieldSpec, literal: str, position: int) -> bool:
    flags = {"true": True, "false": False}
    if literal.casefold() not in flags:
        raise _wrong(field, literal, position, "true or false")
    return flags[literal.casefold()]


def _read_enum(field: FieldSpec, literal: str, position: int) -> str:
    name = literal.upper()
    names = tuple(value.name for value in field.values)
    for candidate in (name, name.removeprefix(f"{field.name.upper()}_")):
        if candidate in names:
            return candidate
    words = ((value.name, word) for value in field.values for word in (value.name, value.label, *value.words))
    raise _wrong(field, literal, position, one_of(names), nearest=nearest_names(literal, words))


_READERS: Final[Mapping[FieldType, Callable[[FieldSpec, str, int], Value]]] = {
    FieldType.MONEY: _read_money,
    FieldType.INTEGER: _read_integer,
    FieldType.DATE: _read_date,
    FieldType.TIME: _read_time,
    FieldType.BOOL: _read_flag,
    FieldType.ENUM: _read_enum,
}
