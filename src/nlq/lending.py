"""Lending: which field an amount of a follow-up is of, where only the question before can tell.

Gives `lend` and `refit`. "over $5k" alone is each kind of record's own amount; after "rentals" it is their rate, after
"forecast cost under 10k" that cost. And what was a rental's rate becomes a price when purchases are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nlq.conjuncts import about, choice_of
from nlq.query import And, Comparison, Condition, Operator, Or, Value
from nlq.schema import FieldType, Schema

Limit = tuple[Operator, Value]


def lend(stated: Sequence[Condition], before: Sequence[Condition], schema: Schema) -> list[Condition]:
    """Return the conditions stated, amounts without a field given the one that the question before is about."""
    measures = {name for each in before for name in about(each, schema) if _limits_money(each, schema)}
    lent: list[Condition] = []
    for condition in stated:
        limit = spread_limit(condition, schema)
        if limit is None:
            lent.append(condition)
        elif len(measures) == 1:
            lent.append(Comparison(next(iter(measures)), *limit))
        else:
            lent.append(_spread(limit, _kinds((*stated, *before), schema), schema))
    return lent


def refit(where: Iterable[Condition], before: Sequence[Condition], schema: Schema) -> list[Condition]:
    """Return conditions with their amounts on the fields of the kinds of records that they now ask for.

    `before` are the conditions of the question before, which the amounts were said for.
    """
    now = list(where)
    then, kinds = _kinds(before, schema), _kinds(now, schema)
    return now if kinds == then else [_refitted(condition, then, kinds, schema) for condition in now]


def _refitted(
    condition: Condition, then: set[tuple[str, str]], kinds: set[tuple[str, str]], schema: Schema
) -> Condition:
    limit = spread_limit(condition, schema)
    if limit is not None:
        return _spread(limit, kinds, schema)
    if not isinstance(condition, Comparison) or len(then) != 1 or then == kinds:
        return condition
    if condition.field != schema.conventions.amount_fields[next(iter(then))]:
        return condition
    return _spread((condition.operator, condition.value), kinds, schema)


def spread_limit(condition: Condition, schema: Schema) -> Limit | None:
    """Return the limit that a condition sets to another field for each kind of record, None where it sets none."""
    if not isinstance(condition, Or):
        return None
    found = {_option_limit(operand, schema) for operand in condition.operands}
    return found.pop() if len(found) == 1 else None


def _option_limit(condition: Condition, schema: Schema) -> Limit | None:
    match condition:
        case And((Comparison(enum, Operator.EQ, str(name)), Comparison(money, operator, value))):
            if schema.conventions.amount_fields.get((enum, name)) == money:
                return operator, value
    return None


def _spread(limit: Limit, kinds: set[tuple[str, str]], schema: Schema) -> Condition:
    """Return a limit on the amount of each kind."""
    fields = [(kind, money) for kind, money in schema.conventions.amount_fields.items() if kind in kinds]
    if len(fields) == 1:
        return Comparison(fields[0][1], *limit)
    return Or(
        tuple(And((Comparison(enum, Operator.EQ, name), Comparison(money, *limit))) for (enum, name), money in fields)
    )


def _kinds(conditions: Iterable[Condition], schema: Schema) -> set[tuple[str, str]]:
    """Return the kinds of records, by the convention on amounts, that conditions leave; all where they leave none."""
    everything = set(schema.conventions.amount_fields)
    kinds = set(everything)
    for choice in filter(None, map(choice_of, conditions)):
        if any(enum == choice.field for enum, _ in everything):
            kinds = {(enum, name) for enum, name in kinds if (name in choice.values) is choice.wanted}
    return kinds or everything


def _limits_money(condition: Condition, schema: Schema) -> bool:
    """Return whether a condition limits one field of money."""
    names = about(condition, schema)
    return len(names) == 1 and schema.by_name[next(iter(names))].type is FieldType.MONEY
