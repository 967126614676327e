"""What conditions and orders mean, said in plain Python: what SQL is held against."""

from __future__ import annotations

import operator
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from nlq.query import (
    And,
    Comparison,
    Condition,
    Contains,
    FieldComparison,
    Matches,
    Not,
    Operator,
    Or,
    Present,
    Sort,
    fold,
)
from nlq.schema import FieldType
from pfa_rpc.records.differences import DIFFERENCES
from pfa_rpc.records.encode import Values
from pfa_rpc.schema import BY_NAME, Field

COMPARE = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}


def holds(condition: Condition, values: Values) -> bool:
    """Tell whether a condition holds for a record."""
    match condition:
        case And(operands):
            return all(holds(operand, values) for operand in operands)
        case Or(operands):
            return any(holds(operand, values) for operand in operands)
        case Not(operand):
            return not holds(operand, values)
        case Present(name):
            return values[name] not in (None, ())
        case Comparison(name, op, literal):
            value = comparable(BY_NAME[name], values[name])
            if value is None:
                return op is Operator.NE
            return bool(COMPARE[op](value, fold(str(literal)) if BY_NAME[name].type is FieldType.TEXT else literal))
        case FieldComparison(name, op, other, factor, plus):
            left, right = comparable(BY_NAME[name], values[name]), comparable(BY_NAME[other], values[other])
            if left is None or right is None:
                return op is Operator.NE
            return bool(COMPARE[op](left, moved(right, factor, plus)))
        case Contains(name, text) if BY_NAME[name].type is FieldType.NAMES:
            return text in values[name]
        case Contains(name, text):
            return values[name] is not None and fold(text) in fold(values[name])
        case Matches(name, pattern):
            return values[name] is not None and to_regex(pattern).fullmatch(fold(values[name])) is not None
    raise AssertionError(condition)


def moved(value: Any, factor: Decimal, plus: Decimal | int) -> Any:
    """Return the other side of a comparison of fields, multiplied and moved."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value + timedelta(days=int(plus))
    return value if factor == 1 and not plus else value * factor + plus


def to_regex(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern: * is any text, a backslash takes the meaning off what follows."""
    parts = re.findall(r"\\.|.", fold(pattern), flags=re.DOTALL)
    return re.compile("".join(".*" if part == "*" else re.escape(part[-1]) for part in parts), re.DOTALL)


def comparable(field: Field, value: Any) -> Any:
    """Return a stored value in the form that literals have."""
    if value is None:
        return None
    match field.type:
        case FieldType.TEXT:
            return fold(value)
        case FieldType.MONEY:
            return Decimal(value).scaleb(-field.decimals)
        case FieldType.ENUM:
            return field.enum_value(value).name
        case _:
            return value


def in_order(records: list[Values], sort: tuple[Sort, ...]) -> list[Values]:
    """Return records in an order, missing values last, ties in order of insertion."""

    def compare(left: Values, right: Values) -> int:
        for term in sort:
            one, two = (sorted_value(term.field, record) for record in (left, right))
            if one == two:
                continue
            if one is None or two is None:
                return 1 if one is None else -1
            return (1 if one > two else -1) * (-1 if term.descending else 1)
        return 0

    return sorted(records, key=cmp_to_key(compare))


def sorted_value(name: str, record: Values) -> Any:
    """Return what a record is sorted by, in the form that orders as the database does."""
    if name in DIFFERENCES:
        _, cost, less = DIFFERENCES[name]
        return record[cost] - record[less] if None not in (record[cost], record[less]) else None
    value = record[name]
    return fold(value) if BY_NAME[name].type is FieldType.TEXT and value is not None else value
