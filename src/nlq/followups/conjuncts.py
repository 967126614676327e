"""Conjuncts: the conditions that must all hold, edited one by one by what a later question says of the same fields.

Gives `conjuncts`, `about`, `choice_of`, and the edits `narrowed`, `exchanged`, `widened`, `excluded` and `dropped`:
pure functions over conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from nlq.followups.spreads import alternatives
from nlq.query import And, Comparison, Condition, Not, Operator, Or, Present, Value, conjunction, fields_of, fold
from nlq.schema import FieldType, Schema

_LOWER: Final = frozenset((Operator.GT, Operator.GE))
_UPPER: Final = frozenset((Operator.LT, Operator.LE))
_BOUNDS: Final = _LOWER | _UPPER


@dataclass(frozen=True, slots=True)
class Choice:
    """The values that a conjunct asks one field for, or (not `wanted`) leaves out."""

    field: str
    values: tuple[Value, ...]
    wanted: bool

    def condition(self) -> Condition:
        """Return it as a condition; there is at least one value."""
        each = tuple(Comparison(self.field, Operator.EQ, value) for value in self.values)
        wanted = Or(each) if len(each) > 1 else each[0]
        return wanted if self.wanted else Not(wanted)


@dataclass(slots=True)
class Edited:
    """What became of the conjuncts of the question before."""

    where: list[Condition]
    replaced: list[Condition]
    """Those that gave way."""
    refused: str = ""
    """Why the edit cannot be made; empty where it can."""


def conjuncts(where: Condition | None) -> tuple[Condition, ...]:
    """Return the conditions that must all hold."""
    if where is None:
        return ()
    return where.operands if isinstance(where, And) else (where,)


def about(condition: Condition, schema: Schema) -> frozenset[str]:
    """Return the fields that a conjunct is about: of an amount that differs by kind of record, not the kinds."""
    fields = fields_of(condition)
    kinds = {enum for enum, _ in schema.conventions.amount_fields}
    amounts = set(schema.conventions.amount_fields.values())
    if isinstance(condition, Or) and fields & amounts and fields <= kinds | amounts:
        return fields - kinds
    return fields


def choice_of(condition: Condition) -> Choice | None:
    """Return the values that a conjunct asks one field for, None where it says something else."""
    match condition:
        case Comparison(field, Operator.EQ, value):
            return Choice(field, (value,), wanted=True)
        case Comparison(field, Operator.NE, value):
            return Choice(field, (value,), wanted=False)
        case Not(operand):
            inner = choice_of(operand)
            return None if inner is None else Choice(inner.field, inner.values, not inner.wanted)
        case Or(operands):
            choices = [choice_of(operand) for operand in operands]
            first = choices[0]
            if first is None or any(each is None or not each.wanted or each.field != first.field for each in choices):
                return None
            return Choice(first.field, tuple(each.values[0] for each in choices if each is not None), wanted=True)
    return None


def narrowed(before: Sequence[Condition], said: Sequence[Condition], schema: Schema) -> Edited:
    """Return the conjuncts of both; where two contradict each other, the later one stands."""
    edited = Edited(list(before), [])
    for condition in said:
        _narrow(edited, condition, schema)
    return edited


def _narrow(edited: Edited, condition: Condition, schema: Schema) -> None:
    """Add one conjunct."""
    new: Condition | None = condition
    kept: list[Condition] = []
    for old in edited.where:
        if isinstance(old, Or) and condition in old.operands:
            continue  # what is said makes the alternative true
        if new is None or about(old, schema) != about(condition, schema):
            kept += _left(old, condition)
            continue
        stays, new = _both(old, new, schema)
        if stays is None:
            edited.replaced.append(old)
        else:
            kept.append(stays)
    edited.where = kept if new is None or new in kept else [*kept, new]


def _left(old: Condition, new: Condition) -> tuple[Condition, ...]:
    """Return an old conjunct about other fields, alternatives left out that cannot hold with what is said."""
    if not isinstance(old, Or):
        return (old,)
    operands = tuple(each for each in old.operands if not _excludes(new, each))
    if len(operands) == len(old.operands) or not operands:
        return (old,)
    return (Or(operands),) if len(operands) > 1 else operands


def _excludes(new: Condition, old: Condition) -> bool:
    """Return whether no record that meets one condition has the values of the other."""
    mine, its = choice_of(new), choice_of(old)
    if mine is None or its is None or mine.field != its.field or not its.wanted:
        return False
    return _keys(mine).isdisjoint(_keys(its)) if mine.wanted else _keys(its) <= _keys(mine)


def _both(old: Condition, new: Condition, schema: Schema) -> tuple[Condition | None, Condition | None]:
    """Return what stays of an old and a new conjunct on the same fields; None where the other says it all."""
    if isinstance(old, Comparison) and isinstance(new, Comparison) and _bounds_one_side(old, new):
        return (old, None) if _is_tighter(old, new) else (None, new)
    mine, its = choice_of(old), choice_of(new)
    if mine is None or its is None or schema.by_name[mine.field].type is FieldType.BOOL:
        return (None, new) if _replaces(old, new) else (old, new)
    if not mine.wanted and not its.wanted:
        return old, new
    wanted, other = (mine, its) if mine.wanted else (its, mine)
    left = _values(wanted, lambda key: (key in _keys(other)) is other.wanted)
    return (None, Choice(wanted.field, left, wanted=True).condition()) if left else (None, new)


def _replaces(old: Condition, new: Condition) -> bool:
    """Return whether a conjunct takes the place of one it contradicts, or says more than."""
    presence = isinstance(old, Present) or (isinstance(old, Not) and isinstance(old.operand, Present))
    lacking = isinstance(new, Not) and isinstance(new.operand, Present)
    flags = isinstance(old, Comparison) and isinstance(old.value, bool)
    return presence or lacking or flags


def _bounds_one_side(old: Comparison, new: Comparison) -> bool:
    operators = {old.operator, new.operator}
    return old.field == new.field and (operators <= _LOWER or operators <= _UPPER)


def _is_tighter(old: Comparison, new: Comparison) -> bool:
    """Return whether the first of two limits of one side leaves no more than the second."""
    mine, its = cast("Any", old.value), cast("Any", new.value)
    if mine == its:
        return new.operator not in (Operator.GT, Operator.LT)
    return bool(mine > its) if old.operator in _LOWER else bool(mine < its)


def _key(value: Value) -> Value:
    return fold(value) if isinstance(value, str) else value


def _keys(choice: Choice) -> set[Value]:
    return {_key(value) for value in choice.values}


def _values(choice: Choice, keep: Callable[[Value], bool]) -> tuple[Value, ...]:
    return tuple(value for value in choice.values if keep(_key(value)))


def exchanged(before: Sequence[Condition], said: Sequence[Condition], schema: Schema, *, apart: bool = False) -> Edited:
    """Return the conjuncts with those said in place of what the same fields were asked for before.

    `apart`: a limit leaves one of the other side as it was.
    """
    fields = frozenset[str]().union(*(about(condition, schema) for condition in said))
    others = [each for each in before if apart and _is_faced(each, said, schema)]
    edited = dropped((each for each in before if each not in others), fields, schema)
    edited.where += [*others, *said]
    return edited


def _is_faced(old: Condition, said: Sequence[Condition], schema: Schema) -> bool:
    """Return whether all that is said of a conjunct's field is one limit from its other side."""
    mine = [condition for condition in said if about(condition, schema) == about(old, schema)]
    return len(mine) == 1 and _faces(old, mine[0])


def _faces(old: Condition, new: Condition) -> bool:
    """Return whether two conjuncts limit a field from its two sides, and leave something between them."""
    if not isinstance(old, Comparison) or not isinstance(new, Comparison) or old.field != new.field:
        return False
    if not {old.operator, new.operator} <= _BOUNDS or _bounds_one_side(old, new):
        return False
    low, high = (old, new) if old.operator in _LOWER else (new, old)
    return bool(cast("Any", low.value) < cast("Any", high.value))


def dropped(before: Iterable[Condition], fields: frozenset[str], schema: Schema) -> Edited:
    """Return the conjuncts that say nothing about some fields; refused where one speaks of other fields as well."""
    edited = Edited([], [])
    for condition in before:
        mine = about(condition, schema)
        if mine <= fields:
            edited.replaced.append(condition)
            continue
        edited.where.append(condition)
        if isinstance(condition, Or | Not) and mine & fields:
            labels = " and ".join(schema.by_name[name].label for name in schema.by_name if name in mine)
            edited.refused = f"The question before ties {labels} together; ask it anew."
    return edited


def widened(before: Sequence[Condition], said: Sequence[Condition], schema: Schema) -> Edited:
    """Return the conjuncts with the values said as alternatives of those asked for before."""
    edited = Edited(list(before), [])
    for condition in said:
        _widen(edited, condition, schema)
    if len({name for condition in said for name in about(condition, schema)}) > 1:
        edited.refused = "Only values of one field can be added to the question before; ask for the rest on its own."
    return edited


def _widen(edited: Edited, condition: Condition, schema: Schema) -> None:
    """Add the values of one conjunct."""
    more = choice_of(condition)
    olds = [(place, choice_of(old)) for place, old in enumerate(edited.where)]
    found = [(place, old) for place, old in olds if old is not None and more is not None and old.field == more.field]
    if more is None or not more.wanted or len(found) != 1:
        labels = " and ".join(sorted(schema.by_name[name].label for name in about(condition, schema)))
        edited.refused = f"The question before asks for no {labels} that this could be added to."
        return
    place, old = found[0]
    edited.replaced.append(edited.where.pop(place))
    if old.wanted:
        values = old.values + _values(more, lambda key: key not in _keys(old))
        everything = schema.by_name[old.field].type is FieldType.BOOL and len(values) > 1
        edited.where += [] if everything else [Choice(old.field, values, wanted=True).condition()]
    elif left := _values(old, lambda key: key not in _keys(more)):
        edited.where.append(Choice(old.field, left, wanted=False).condition())


def excluded(before: Sequence[Condition], said: Sequence[Condition], schema: Schema) -> Edited:
    """Return the conjuncts without the values said, which the question before asked for by name or not."""
    edited = Edited(list(before), [])
    for condition in said:
        less = choice_of(condition)
        if less is not None and any(_is_all(choice_of(old), less) for old in edited.where):
            edited = dropped(edited.where, frozenset((less.field,)), schema)
        else:
            for each in _negated(condition, schema):
                _narrow(edited, each, schema)
    return edited


def _negated(condition: Condition, schema: Schema) -> list[Condition]:
    """Return what holds where a condition does not: of alternatives of several fields each on its own.

    A flag is then in its other state.
    """
    match condition:
        case Comparison(field, Operator.EQ, bool(value)):
            return [Comparison(field, Operator.EQ, not value)]
        case Or() if choice_of(condition) is None and len(parts := alternatives(condition, schema)) > 1:
            return [each for part in parts for each in _negated(part, schema)]
        case Not(operand):
            return [operand]
    return [Not(condition)]


def _is_all(old: Choice | None, less: Choice) -> bool:
    """Return whether values are all that a conjunct asks for."""
    return old is not None and old.wanted and old.field == less.field and _keys(old) <= _keys(less)


def joined(edited: Iterable[Condition]) -> Condition | None:
    """Return the conjuncts as one condition, None where there is none."""
    return conjunction(*edited)
