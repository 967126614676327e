"""Values as people and services enter them → values of a record: `entered`, which refuses with `NotTaken`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.rules import NAME_LIMIT, TEXT_LIMIT
from pfa_rpc.schema import BY_NAME, FIELDS, ID_LENGTH, Field

_REFUSED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that PostgreSQL or filter text cannot hold."""
_MONEY_DIGITS: Final = 25
_EXACT: Final = Context(prec=2 * _MONEY_DIGITS, traps=[Inexact, InvalidOperation])


class NotTaken(ValueError):
    """A value is none of its field; the message is the reason, the same for the same kind of fault."""


def entered(name: str, value: Any) -> Any:
    """Return the value that a field gets by what was entered.

    Text loses the space around it, and empty text is a missing value, as in a row of PEMS. Money may be given as a
    Decimal, in currency units, or in ten-thousandths. In place of a value that could not be read, why not may be given.

    Raises:
        NotTaken: it is not a value of the field, or missing where every record has one.
    """
    if isinstance(value, NotTaken):
        raise value
    if value is None:
        if BY_NAME[name].required:
            raise NotTaken(f"{BY_NAME[name].label} is missing")
        return None
    return _READERS[name](value)


def _reader(field: Field) -> Callable[[Any], Any]:
    match field.type:
        case FieldType.TEXT:
            return _text_reader(field, NAME_LIMIT if field.named else TEXT_LIMIT)
        case FieldType.ID:
            return _text_reader(field, ID_LENGTH)
        case FieldType.ENUM:
            return _member(field, {value.stored for value in field.values}, f"unknown {field.name}")
        case FieldType.BOOL:
            return _member(field, {True, False}, f"{field.label} is neither yes nor no")
        case FieldType.MONEY:
            return _money_reader(field)
        case FieldType.DATE:
            return _date_reader(field)
        case _:
            return lambda value: value  # kept by the service, and never entered


def _text_reader(field: Field, limit: int) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        if not isinstance(value, str):
            raise NotTaken(f"{field.label} is not text")
        text = value.strip()
        if len(text) > limit:
            raise NotTaken(f"{field.label} is longer than {limit:,} characters")
        if _REFUSED.search(text):
            raise NotTaken(f"{field.label} holds a control character")
        if not text and field.required:
            raise NotTaken(f"{field.label} is missing")
        return text or None

    return read


def _member(field: Field, values: set[Any], reason: str) -> Callable[[Any], Any]:
    kind = bool if field.type is FieldType.BOOL else str

    def read(value: Any) -> Any:
        if not isinstance(value, kind) or value not in values:
            raise NotTaken(reason)
        return value

    return read


def _date_reader(field: Field) -> Callable[[Any], date]:
    def read(value: Any) -> date:
        if type(value) is not date:  # a time is a date to isinstance
            raise NotTaken(f"{field.label} is not a date")
        return value

    return read


def _money_reader(field: Field) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, Decimal) and value.is_finite():
            return _scaled(field, value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise NotTaken(f"{field.label} is not an amount")

    return read


def _scaled(field: Field, amount: Decimal) -> int:
    if amount and amount.adjusted() > _MONEY_DIGITS:
        raise NotTaken(f"{field.label} is too large")
    try:
        exact = amount.quantize(Decimal(1).scaleb(-field.decimals), context=_EXACT)
    except (Inexact, InvalidOperation):
        raise NotTaken(f"{field.label} has more than {field.decimals} decimals") from None
    return int(exact.scaleb(field.decimals, context=_EXACT))


_READERS: Final = {field.name: _reader(field) for field in FIELDS}
