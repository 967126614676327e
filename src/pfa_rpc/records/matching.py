"""Conditions on records at hand: `matcher` compiles one into a function that tells whether it holds, as SQL would.

`to_stored`, `COMPARE`, `common_unit` and `ascii_lower` are what such functions and SQL have in common.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

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
    Value,
    fold,
    pattern_pieces,
)
from nlq.schema import FieldType
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.schema import BY_NAME, Field

Values = Mapping[str, Any]
Matcher = Callable[[Values], bool]

COMPARE: Final[dict[Operator, Callable[[Any, Any], Any]]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}

_ASCII_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_SETS_FROM: Final = 3
"""Equalities of one field from which on to look into a set is quicker."""

_keys: Final[Remembered[str | None]] = Remembered(fold)
_keys[None] = None


def matcher(condition: Condition | None) -> Matcher:
    """Return the function that tells whether a condition holds for a record; without one, it does for every record.

    The function is given every field that the condition speaks of, a missing one as None.
    """
    match condition:
        case None:
            return lambda values: True
        case And(operands):
            return _all([matcher(operand) for operand in operands])
        case Or(operands):
            return _any([*_in_sets(operands)])
        case Not(operand):
            return _negated(matcher(operand))
        case Present(name):
            return _present(name)
        case Comparison(name, op, value):
            field = BY_NAME[name]
            return _comparison(_taking(field), op, to_stored(field, value))
        case FieldComparison():
            return _field_comparison(condition)
        case Contains(name, text):
            return _contains(BY_NAME[name], text)
        case Matches(name, pattern):
            return _matches(BY_NAME[name], pattern)


def to_stored(field: Field, value: Value) -> Any:
    """Return a literal of a tree as it is compared: text as its key, money scaled, an enum value in its stored form."""
    match field.type:
        case FieldType.TEXT:
            return fold(str(value))
        case FieldType.MONEY:
            return int(Decimal(str(value)).scaleb(field.decimals))
        case FieldType.ENUM:
            return next(item.stored for item in field.values if item.name == value)
        case _:
            return value


def common_unit(condition: FieldComparison) -> tuple[int, int, int]:
    """Return what a comparison of amounts is made with, in whole numbers of one unit, exactly.

    These are: what the field is multiplied by, what the other is multiplied by, and what is added to the other then.
    """
    field, other, plus = BY_NAME[condition.field], BY_NAME[condition.other], Decimal(condition.plus)
    decimals = max(field.decimals, _decimals(plus), other.decimals + _decimals(condition.factor))
    factor = int(condition.factor.scaleb(decimals - other.decimals))
    return 10 ** (decimals - field.decimals), factor, int(plus.scaleb(decimals))


def ascii_lower(text: str) -> str:
    """Return text as the lower() of the databases does: they know ASCII letters only."""
    return text.translate(_ASCII_LOWER)


def _decimals(number: Decimal) -> int:
    return max(-int(number.as_tuple().exponent), 0)


def _taking(field: Field) -> Callable[[Values], Any]:
    """Return the function values → value of a field as it is compared, None where it is missing."""
    name = field.name
    if field.type is not FieldType.TEXT:
        return itemgetter(name)
    if not field.named:  # long, and rarely the same: not to be remembered
        return lambda values: None if values[name] is None else fold(values[name])
    key = _keys.__getitem__
    return lambda values: key(values[name])


def _all(tests: Sequence[Matcher]) -> Matcher:
    if len(tests) == 2:
        one, two = tests
        return lambda values: one(values) and two(values)

    def test(values: Values) -> bool:
        for each in tests:  # noqa: SIM110 (a generator would take twice the time)
            if not each(values):
                return False
        return True

    return test


def _any(tests: Sequence[Matcher]) -> Matcher:
    if len(tests) == 1:
        return tests[0]

    def test(values: Values) -> bool:
        for each in tests:  # noqa: SIM110 (the same)
            if each(values):
                return True
        return False

    return test


def _negated(test: Matcher) -> Matcher:
    return lambda values: not test(values)


def _in_sets(operands: Iterable[Condition]) -> Iterable[Matcher]:
    """Yield the tests of an Or, those for many values of one field as one."""
    equal: dict[str, set[Any]] = {}
    for operand in operands:
        match operand:
            case Comparison(name, Operator.EQ, value):
                equal.setdefault(name, set()).add(to_stored(BY_NAME[name], value))
            case _:
                yield matcher(operand)
    for name, stored in equal.items():
        take = _taking(BY_NAME[name])
        if len(stored) >= _SETS_FROM:
            yield _one_of(take, stored)
        else:
            yield from (_comparison(take, Operator.EQ, value) for value in stored)


def _one_of(take: Callable[[Values], Any], stored: set[Any]) -> Matcher:
    return lambda values: take(values) in stored


def _present(name: str) -> Matcher:
    if BY_NAME[name].type is FieldType.NAMES:
        return lambda values: bool(values[name])
    return lambda values: values[name] is not None


def _comparison(take: Callable[[Values], Any], op: Operator, stored: Any) -> Matcher:
    if op is Operator.EQ:
        return lambda values: bool(take(values) == stored)
    if op is Operator.NE:
        return lambda values: bool(take(values) != stored)
    compare = COMPARE[op]
    return lambda values: (value := take(values)) is not None and compare(value, stored)


def _field_comparison(condition: FieldComparison) -> Matcher:
    """Return the test of two fields; of the comparisons, only `!=` holds where one is missing."""
    field, other = BY_NAME[condition.field], BY_NAME[condition.other]
    left, right, compare = _taking(field), _taking(other), COMPARE[condition.operator]
    if field.type is FieldType.MONEY:
        times, factor, plus = common_unit(condition)
        return _both(left, right, condition, lambda one, two: compare(one * times, two * factor + plus))
    if condition.plus:
        days = int(condition.plus)
        # Ordinals have no last day.
        return _both(left, right, condition, lambda one, two: compare(one.toordinal(), two.toordinal() + days))
    return _both(left, right, condition, compare)


def _both(
    left: Callable[[Values], Any],
    right: Callable[[Values], Any],
    condition: FieldComparison,
    compare: Callable[[Any, Any], Any],
) -> Matcher:
    missing = condition.operator is Operator.NE

    def test(values: Values) -> bool:
        one, two = left(values), right(values)
        return missing if one is None or two is None else compare(one, two)

    return test


def _searched(field: Field) -> Callable[[Values], str | None]:
    """Return the function values → text that is searched, whatever the case."""
    if field.type is FieldType.TEXT:
        return _taking(field)
    name = field.name
    return lambda values: None if values[name] is None else ascii_lower(values[name])


def _searched_for(field: Field, text: str) -> str:
    """Return a text, or a pattern, as it is searched for: runs of space as one."""
    collapsed = " ".join(text.split())
    return collapsed.casefold() if field.type is FieldType.TEXT else ascii_lower(collapsed)


def _contains(field: Field, text: str) -> Matcher:
    if field.type is FieldType.NAMES:
        name = field.name
        return lambda values: text in (values[name] or ())
    take, part = _searched(field), _searched_for(field, text)
    return lambda values: (found := take(values)) is not None and part in found


def _matches(field: Field, pattern: str) -> Matcher:
    take = _searched(field)
    first, *others = pattern_pieces(_searched_for(field, pattern))
    if not others:
        return lambda values: take(values) == first
    *middle, last = others
    shortest = len(first) + len(last)

    def test(values: Values) -> bool:
        text = take(values)
        if text is None or len(text) < shortest or not text.startswith(first) or not text.endswith(last):
            return False
        place, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    return test
