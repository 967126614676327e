"""Spreads: amounts that are of another field for each kind of record, as the conventions say.

Gives `spread_limits`, `alternatives` and `Limit`.
"""

from __future__ import annotations

from nlq.query import And, Comparison, Condition, Operator, Or, Value
from nlq.schema import Schema

Limit = tuple[Operator, Value]


def spread_limits(condition: Condition, schema: Schema) -> list[Limit]:
    """Return the limits that a condition sets to another field for each kind of record, none where it sets none."""
    if not isinstance(condition, Or):
        return []
    found = [_option_limit(operand, schema) for operand in condition.operands]
    return list(dict.fromkeys(limit for limit in found if limit is not None)) if None not in found else []


def alternatives(condition: Or, schema: Schema) -> list[Condition]:
    """Return what a question would join by "or": a limit that each kind of record has its own field for as one."""
    limits = [_option_limit(each, schema) for each in condition.operands]
    kinds = len(schema.conventions.amount_fields)
    of_all = [each for each in dict.fromkeys(limits) if each is not None and limits.count(each) == kinds]
    operands = list(zip(condition.operands, limits, strict=True))
    spread = [Or(tuple(operand for operand, limit in operands if limit == each)) for each in of_all]
    return [*(operand for operand, limit in operands if limit not in of_all), *spread]


def _option_limit(condition: Condition, schema: Schema) -> Limit | None:
    match condition:
        case And((Comparison(enum, Operator.EQ, str(name)), Comparison(money, operator, value))):
            if schema.conventions.amount_fields.get((enum, name)) == money:
                return operator, value
    return None
