"""Emptiness: conditions that no record can meet, by their form alone.

Gives `why_empty`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

from nlq.query import And, Comparison, Condition, Not, Operator, Or, Present
from nlq.schema import Schema

_LOWER: Final = (Operator.GT, Operator.GE)
_UPPER: Final = (Operator.LT, Operator.LE)


def why_empty(where: Condition | None, schema: Schema) -> str | None:
    """Return why no record can meet a condition, None where some could."""
    if not isinstance(where, And) or _asks_each_once(where.operands):
        return None
    of: dict[str, list[Condition]] = {}
    for operand in where.operands:
        for name in (operand.field,) if isinstance(operand, Comparison) else _single(operand):
            of.setdefault(name, []).append(operand)
    for name, conditions in of.items():
        if len(conditions) > 1 and (_contradict(conditions) or _out_of_order(conditions)):
            label = schema.by_name[name].label
            return f"No record can meet what is asked of the {label}: the conditions exclude each other."
    return _excluded(of, schema) or _empty_for_every_kind(where.operands, schema)


def _asks_each_once(operands: tuple[Condition, ...]) -> bool:
    """Return whether no two conditions can exclude each other, as in most questions.

    Each compares a field of its own, and no two flags are asked for.
    """
    compared = [each for each in operands if isinstance(each, Comparison)]
    fields = {each.field for each in compared}
    return len(fields) == len(operands) and sum([each.value is True for each in compared]) < 2


def _empty_for_every_kind(operands: tuple[Condition, ...], schema: Schema) -> str | None:
    """Return why amounts that are of another field for each kind of record exclude each other, None where some may be.

    "over $9,000 and under $100" is a rate for rentals and a price for purchases, and leaves neither.
    """
    spread = [each.operands for each in operands if isinstance(each, Or) and isinstance(each.operands[0], And)]
    if len(spread) < 2:
        return None
    for enum, kind in schema.conventions.amount_fields:
        limits = [limit for each in spread for limit in _limits_of(each, enum, kind)]
        if not _out_of_order(limits):
            return None
    return "No record can meet what is asked of the amounts: the conditions exclude each other."


def _limits_of(alternatives: tuple[Condition, ...], enum: str, kind: str) -> list[Condition]:
    """Return what alternatives say of the records of a kind; nothing where they leave several possible."""
    found: list[Condition] = []
    for each in alternatives:
        match each:
            case And((Comparison(name, Operator.EQ, value), Comparison() as limit)) if (name, value) == (enum, kind):
                found.append(limit)
    return found if len(found) == 1 else []


def _single(condition: Condition) -> tuple[str, ...]:
    """Return the one field that a condition is about, none where it is about several."""
    match condition:
        case Comparison(name):
            return (name,)
        case Present(name) | Not(Present(name)):
            return (name,)
        case Or(operands) | Not(Or(operands)):
            names = {each.field for each in operands if isinstance(each, Comparison)}
            whole = all(isinstance(each, Comparison) for each in operands)
            return tuple(names) if whole and len(names) == 1 else ()
    return ()


def _contradict(conditions: list[Condition]) -> bool:
    """Return whether the values that may be and those that must not be leave none; or a value is asked for and none."""
    allowed: set[Any] | None = None
    barred: set[Any] = set()
    missing = any(isinstance(each, Not) and isinstance(each.operand, Present) for each in conditions)
    for each in conditions:
        values = _values(each)
        if values is None:
            continue
        if isinstance(each, Not) or (isinstance(each, Comparison) and each.operator is Operator.NE):
            barred |= values
        else:
            allowed = values if allowed is None else allowed & values
    if missing and any(not isinstance(each, Not) and _says_value(each) for each in conditions):
        return True
    return allowed is not None and not allowed - barred


def _says_value(condition: Condition) -> bool:
    """Return whether a condition holds only for records that have a value."""
    return not (isinstance(condition, Comparison) and condition.operator is Operator.NE)


def _values(condition: Condition) -> set[Any] | None:
    """Return the values that a condition lists, None where it lists none."""
    match condition:
        case Comparison(_, Operator.EQ | Operator.NE, value):
            return {value}
        case Or(operands) | Not(Or(operands)):
            if all(isinstance(each, Comparison) and each.operator is Operator.EQ for each in operands):
                return {each.value for each in operands if isinstance(each, Comparison)}
    return None


def _out_of_order(conditions: list[Condition]) -> bool:
    """Return whether a lower bound lies above an upper one, or a value outside of both."""
    lows = [each for each in conditions if isinstance(each, Comparison) and each.operator in (*_LOWER, Operator.EQ)]
    highs = [each for each in conditions if isinstance(each, Comparison) and each.operator in (*_UPPER, Operator.EQ)]
    return any(_above(low, high) for low in lows for high in highs if low is not high)


def _above(low: Comparison, high: Comparison) -> bool:
    if not isinstance(low.value, (Decimal, int, date)) or not isinstance(high.value, type(low.value)):
        return False
    lower: Any = low.value
    upper: Any = high.value
    strict = low.operator is Operator.GT or high.operator is Operator.LT
    return bool(lower > upper or (lower == upper and strict))


def _excluded(of: dict[str, list[Condition]], schema: Schema) -> str | None:
    """Return the pair of flags that no record has both of, where both are asked for."""
    for first, second in schema.conventions.exclusive:
        if first in of and second in of and _is_set(of[first]) and _is_set(of[second]):
            labels = (schema.by_name[name].label for name in (first, second))
            return f"No record is both {' and '.join(labels)}: one excludes the other."
    return None


def _is_set(conditions: list[Condition]) -> bool:
    return any(isinstance(each, Comparison) and each.value is True for each in conditions)
