"""Lending: which field an amount of a follow-up is of, where only the question before can tell.

Gives `lend`, `lend_limits`, `of_no_kind`, `refit`, `refit_part` and `refit_query`. "over $5k" alone is each kind of
record's own amount; after "rentals" it is their rate, after "forecast cost under 10k" that cost. And what was a
rental's rate is a price when purchases are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nlq.followups.conjuncts import about, choice_of, conjuncts
from nlq.followups.spreads import Limit, alternatives, spread_limits
from nlq.phrases.parts import BoundPart, Part
from nlq.query import And, Comparison, Condition, Not, Operator, Or, Query, fields_of, refigured
from nlq.schema import FieldType, Schema

Kinds = set[tuple[str, str]]


def lend(stated: Sequence[Condition], before: Sequence[Condition], schema: Schema) -> list[Condition]:
    """Return the conditions stated, amounts without a field given the one that the question before is about."""
    told = [
        Not(_lent([each.operand], before, schema)[0])
        if isinstance(each, Not) and spread_limits(each.operand, schema)
        else each
        for each in stated
    ]
    return _lent(told, before, schema)


def lend_limits(stated: Sequence[Condition], parts: Iterable[Part], before: Sequence[Condition]) -> list[Condition]:
    """Return the conditions stated, a plain amount as the limit that it takes the place of: "make that $7,500".

    `parts` are those of the question: an amount that is said to be exact takes the place as such.
    """
    plain = {part.limits[0][1].value for part in parts if isinstance(part, BoundPart) and part.exact}
    lent: list[Condition] = []
    for each in stated:
        same = [old for old in before if isinstance(each, Comparison) and _field_of(old) == each.field]
        old = same[0] if len(same) == 1 else None
        if isinstance(each, Comparison) and isinstance(old, Comparison) and each.value in plain:
            lent.append(replace(each, operator=old.operator))
        else:
            lent.append(each)
    return lent


def _field_of(condition: Condition) -> str:
    """Return the field that a condition compares with a value, "" where it does something else."""
    return condition.field if isinstance(condition, Comparison) else ""


def _lent(stated: Sequence[Condition], before: Sequence[Condition], schema: Schema) -> list[Condition]:
    """Return the conditions stated, those that are no negations lent to."""
    if not any(spread_limits(condition, schema) for condition in stated):
        return list(stated)
    measures = {name for each in before for name in about(each, schema) if _limits_money(each, schema)}
    kinds = _kinds(stated, schema) if _names_kind(stated, schema) else _kinds(before, schema)
    lent: list[Condition] = []
    for condition in stated:
        limits = spread_limits(condition, schema)
        if limits and len(measures) == 1 and not _names_kind(stated, schema):
            measure = next(iter(measures))
            lent.append(_either([Comparison(measure, *limit) for limit in limits]))
        else:
            lent.append(_spread(limits, kinds, schema) if limits else condition)
    return lent


def refit(where: Iterable[Condition], before: Sequence[Condition], schema: Schema) -> list[Condition]:
    """Return conditions with their amounts on the fields of the kinds of records that they now ask for.

    `before` are the conditions of the question before, which the amounts were said for.
    """
    now = list(where)
    kinds = _kinds(now, schema)
    if _kinds_differ(before, now, schema) and (then := _kinds(before, schema)) != kinds:
        now = [_refitted(condition, then, kinds, schema) for condition in now]
    if len(kinds) == len(schema.conventions.amount_fields):
        return now
    return [_among(condition, kinds, schema) for condition in now]


def refit_part(part: Condition, where: Sequence[Condition], schema: Schema) -> Condition:
    """Return what a share is of the whole with its amounts on the fields of the kinds of records that are left."""
    kinds = _kinds([*where, *conjuncts(part)], schema)
    return part if len(kinds) == len(schema.conventions.amount_fields) else _among(part, kinds, schema)


def _among(condition: Condition, kinds: Kinds, schema: Schema) -> Condition:
    """Return a condition with the amounts in it on the fields of the kinds of records that are asked for."""
    if isinstance(condition, Not):
        return Not(_among(condition.operand, kinds, schema))
    if not isinstance(condition, Or | And):
        return condition
    if limits := spread_limits(condition, schema):
        return _spread(limits, kinds, schema)
    if isinstance(condition, And):
        return And(tuple(_among(each, kinds, schema) for each in condition.operands))
    return Or(tuple(_among(each, kinds, schema) for each in alternatives(condition, schema)))


def moved(before: Sequence[Condition], now: Sequence[Condition], schema: Schema) -> tuple[str, str]:
    """Return the amount of the one kind of records asked for before, and that of the one asked for now; "" for none."""
    if not _kinds_differ(before, now, schema):
        return "", ""
    then, kinds = _kinds(before, schema), _kinds(now, schema)
    if len(then) != 1 or len(kinds) != 1 or then == kinds:
        return "", ""
    fields = schema.conventions.amount_fields
    return fields[next(iter(then))], fields[next(iter(kinds))]


def refit_query(query: Query, before: Sequence[Condition], now: Sequence[Condition], schema: Schema) -> Query:
    """Return the query with its order and its figures on the amount of the kind of records asked for now."""
    old, new = moved(before, now, schema)
    if not old:
        return query
    sort = tuple(replace(term, field=new) if term.field == old else term for term in query.sort)
    if query.aggregate is None:
        return replace(query, sort=sort)
    return replace(query, sort=sort, aggregate=refigured(query.aggregate, old, new))


def _refitted(condition: Condition, then: Kinds, kinds: Kinds, schema: Schema) -> Condition:
    if isinstance(condition, Not):
        return Not(_refitted(condition.operand, then, kinds, schema))
    limits = spread_limits(condition, schema)
    if limits:
        return _spread(limits, kinds, schema)
    if not isinstance(condition, Comparison) or len(then) != 1:
        return condition
    if condition.field != schema.conventions.amount_fields[next(iter(then))]:
        return condition
    return _spread([(condition.operator, condition.value)], kinds, schema)


def _spread(limits: Iterable[Limit], kinds: Kinds, schema: Schema) -> Condition:
    """Return limits, any of which may hold, on the amount of each kind."""
    fields = [(kind, money) for kind, money in schema.conventions.amount_fields.items() if kind in kinds]
    if len(fields) == 1:
        return _either([Comparison(fields[0][1], *limit) for limit in limits])
    return Or(
        tuple(
            And((Comparison(enum, Operator.EQ, name), Comparison(money, *limit)))
            for limit in limits
            for (enum, name), money in fields
        )
    )


def _either(conditions: Sequence[Condition]) -> Condition:
    return Or(tuple(conditions)) if len(conditions) > 1 else conditions[0]


def _kinds(conditions: Iterable[Condition], schema: Schema) -> Kinds:
    """Return the kinds of records, by the convention on amounts, that conditions leave; all where they leave none."""
    return _kinds_left(conditions, schema) or set(schema.conventions.amount_fields)


def _kinds_left(conditions: Iterable[Condition], schema: Schema) -> Kinds:
    """Return the kinds of records, by the convention on amounts, that conditions leave."""
    kinds = set(schema.conventions.amount_fields)
    enums = {enum for enum, _ in kinds}
    for choice in filter(None, map(choice_of, conditions)):
        if choice.field in enums:
            kinds = {(enum, name) for enum, name in kinds if (name in choice.values) is choice.wanted}
    return kinds


def of_no_kind(where: Sequence[Condition], schema: Schema) -> str:
    """Return why an amount of each kind's own field has none, "" where a kind of records is left that it can be of."""
    amounts, enums = set(schema.conventions.amount_fields.values()), {e for e, _ in schema.conventions.amount_fields}
    spread = any(amounts & fields and enums & fields for fields in map(fields_of, where))
    if not spread or _kinds_left(where, schema):
        return ""
    return "No kind of record is left that the amount could be of; ask for the records to keep."


def _kinds_differ(before: Sequence[Condition], now: Sequence[Condition], schema: Schema) -> bool:
    """Return whether conditions could ask for other kinds of records: what one has and the other not may say so."""
    enums = {enum for enum, _ in schema.conventions.amount_fields}
    changed = [each for each in before if each not in now] + [each for each in now if each not in before]
    return any(not enums.isdisjoint(fields_of(each)) for each in changed)


def _names_kind(conditions: Iterable[Condition], schema: Schema) -> bool:
    """Return whether conditions ask for kinds of records themselves."""
    enums = {enum for enum, _ in schema.conventions.amount_fields}
    return any(choice is not None and choice.field in enums for choice in map(choice_of, conditions))


def _limits_money(condition: Condition, schema: Schema) -> bool:
    """Return whether a condition limits one field of money."""
    names = about(condition, schema)
    return len(names) == 1 and schema.by_name[next(iter(names))].type is FieldType.MONEY
