"""Together: which conditions one phrase says, as the two ends of a range or the values of a list.

Gives `are_in_order`, `bounded` and `listed_field`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from nlq.query import Comparison, Condition, Operator, Or, Value

_EQ: Final = Operator.EQ


def listed_field(condition: Condition) -> str:
    """Return the field that a condition lists values of, "" where it lists none."""
    if isinstance(condition, Comparison):
        return condition.field if condition.operator is _EQ and isinstance(condition.value, str) else ""
    each = condition.operands if isinstance(condition, Or) else ()
    names = {leaf.field for leaf in each if isinstance(leaf, Comparison) and leaf.operator is Operator.EQ}
    whole = all(isinstance(leaf, Comparison) and isinstance(leaf.value, str) for leaf in each)
    return names.pop() if whole and len(names) == 1 else ""


def bounded(conditions: list[Condition]) -> tuple[list[tuple[Comparison, Comparison]], list[Condition]]:
    """Return pairs that bound a field from both sides, both ends included, and the other conditions."""
    limits = [each for each in conditions if isinstance(each, Comparison) and isinstance(each.value, (Decimal, date))]
    if len(limits) < 2:
        return [], conditions
    bounds: dict[str, list[Comparison]] = {}
    for limit in limits:
        bounds.setdefault(limit.field, []).append(limit)
    pairs = [(low, high) for low, high in (pair for pair in bounds.values() if len(pair) == 2) if _is_range(low, high)]
    paired = [bound for pair in pairs for bound in pair]
    return pairs, [condition for condition in conditions if not any(condition is bound for bound in paired)]


def _is_range(low: Comparison, high: Comparison) -> bool:
    """Return whether two bounds are the ends of one range, as a question says it: of amounts, or of days."""
    if isinstance(low.value, date) and isinstance(high.value, date):
        return (low.operator, high.operator) == (Operator.GE, Operator.LT) and low.value < high.value
    if isinstance(low.value, Decimal) and isinstance(high.value, Decimal):
        return (low.operator, high.operator) == (Operator.GE, Operator.LE) and low.value <= high.value
    return False


def are_in_order(limits: Mapping[Operator, Value]) -> bool:
    """Return whether the lower of two limits is no more than the upper one."""
    return Decimal(str(limits[Operator.GE])) <= Decimal(str(limits[Operator.LE]))
