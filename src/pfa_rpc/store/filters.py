"""Conditions → SQL: `where` gives the expression that holds for the records that a condition holds for.

Two-valued: a comparison does not hold for a record whose field is missing, its negation does. Flags and enum values are
written as literals, in the form of the partial indexes.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

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
)
from nlq.schema import FieldType
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.differences import DIFFERENCES
from pfa_rpc.records.matching import COMPARE, ascii_lower, common_unit, to_stored
from pfa_rpc.schema import BY_NAME, Field
from pfa_rpc.store.tables import UNSYNCED_STATES, records, unsynced
from pfa_rpc.store.types import WholeNumber

Expression = sa.ColumnElement[bool]

_PATTERN_BYTES: Final = 50_000
"""Longest pattern that SQLite takes."""


class ListHolds(FunctionElement[bool]):
    """A list of names holds a name: `ListHolds(column, name)`."""

    inherit_cache = True
    type = sa.Boolean()


@compiles(ListHolds, "sqlite")
def _holds_in_json(element: ListHolds, compiler: SQLCompiler, **options: Any) -> str:
    held, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({held}) AS held WHERE held.value = {name})"  # noqa: S608 (compiled parts)


@compiles(ListHolds, "postgresql")
def _holds_in_array(element: ListHolds, compiler: SQLCompiler, **options: Any) -> str:
    held, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({held} @> CAST(ARRAY[{name}] AS TEXT[]))"


class DaysLater(FunctionElement[Any]):
    """A date so many days later, or earlier where negative: `DaysLater(column, days)`."""

    inherit_cache = True
    type = sa.Date()


@compiles(DaysLater, "sqlite")
def _days_later_in_text(element: DaysLater, compiler: SQLCompiler, **options: Any) -> str:
    day, days = (compiler.process(clause, **options) for clause in element.clauses)
    return f"date({day}, {days} || ' days')"


@compiles(DaysLater, "postgresql")
def _days_later(element: DaysLater, compiler: SQLCompiler, **options: Any) -> str:
    day, days = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({day} + CAST({days} AS INTEGER))"


class WeekOf(FunctionElement[Any]):
    """The Monday of the week that a date lies in: `WeekOf(column)`."""

    inherit_cache = True
    type = sa.Date()


@compiles(WeekOf, "sqlite")
def _week_of_text(element: WeekOf, compiler: SQLCompiler, **options: Any) -> str:
    (day,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"date({day}, '-6 days', 'weekday 1')"


@compiles(WeekOf, "postgresql")
def _week_of(element: WeekOf, compiler: SQLCompiler, **options: Any) -> str:
    (day,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({day} - (CAST(EXTRACT(isodow FROM {day}) AS INTEGER) - 1))"


def where(organization_id: str, condition: Condition | None) -> Expression:
    """Return the expression that picks an organization's records that a condition holds for."""
    own = records.c.organization_id == organization_id
    return own if condition is None else sa.and_(own, expression(condition))


def expression(condition: Condition) -> Expression:
    """Return the expression of a condition; never NULL where a negation is made of it."""
    match condition:
        case And(operands):
            return sa.and_(*map(expression, operands))
        case Or(operands):
            return sa.or_(*map(expression, _in_lists(operands)))
        case Not(operand):
            return _negated(operand)
        case Present(name):
            field = BY_NAME[name]
            return sa.true() if field.required else column(field).is_not(None)
        case Contains(name, text):
            return _contains(BY_NAME[name], text)
        case Matches(name, pattern):
            return _like(BY_NAME[name], pattern_to_like(pattern))
        case FieldComparison():
            return _field_comparison(condition)
        case Comparison(name, op, value):
            return _comparison(BY_NAME[name], op, value)
        case _OneOf(name, values):
            return _one_of(BY_NAME[name], values)


def column(field: Field) -> sa.ColumnElement[Any]:
    """Return the column of a field; of a difference, what is NULL where one of its costs is."""
    difference = DIFFERENCES.get(field.name)
    return records.c[field.column] if difference is None else records.c[difference.cost] - records.c[difference.less]


def _negated(condition: Condition) -> Expression:
    match condition:
        case And(operands):
            return sa.or_(*map(_negated, operands))
        case Or(operands):
            return sa.and_(*map(_negated, operands))
        case Not(operand):
            return expression(operand)
        case Present(name):
            field = BY_NAME[name]
            return sa.false() if field.required else column(field).is_(None)
        case Comparison(name, Operator.EQ, value):
            return _comparison(BY_NAME[name], Operator.NE, value)
        case Comparison(name, Operator.NE, value):
            return _comparison(BY_NAME[name], Operator.EQ, value)
        case Comparison(name) | Contains(name) | Matches(name) if BY_NAME[name].required:
            return sa.not_(expression(condition))
        case _:
            return sa.func.coalesce(expression(condition), sa.false()).is_(sa.false())


def _comparison(field: Field, op: Operator, value: Value) -> Expression:
    stored = to_stored(field, value)
    if field.type is FieldType.BOOL:
        return column(field) if (op is Operator.EQ) == stored else sa.not_(column(field))
    if field.type is FieldType.ENUM:
        return _enum_comparison(field, op, stored)
    if op is Operator.NE and not field.required:
        return column(field).is_distinct_from(stored)
    compared: Expression = COMPARE[op](column(field), stored)
    return compared


def _enum_comparison(field: Field, op: Operator, stored: str) -> Expression:
    # Not a parameter: with one, a plan made for any value could not use the partial indexes.
    literal = sa.literal(stored, literal_execute=True)
    if op is Operator.NE:
        return column(field) != literal
    return _with_unsynced(column(field) == literal, [stored])


def _one_of(field: Field, values: list[Value]) -> Expression:
    stored = [to_stored(field, value) for value in values]
    if field.type is not FieldType.ENUM:
        return column(field).in_(stored)
    literals: sa.BindParameter[list[str]] = sa.bindparam(None, stored, expanding=True, literal_execute=True)
    return _with_unsynced(column(field).in_(literals), stored)


def _with_unsynced(equal: Expression, stored: list[str]) -> Expression:
    """Return the expression with the predicate of a partial index: SQLite wants it repeated to use the index."""
    return sa.and_(equal, unsynced()) if set(stored) <= set(UNSYNCED_STATES) else equal


def _field_comparison(condition: FieldComparison) -> Expression:
    field, other, op = BY_NAME[condition.field], BY_NAME[condition.other], condition.operator
    if field.type is FieldType.MONEY:
        left, right = _scaled_sides(field, other, condition)
    else:
        left, right = column(field), column(other)
        right = DaysLater(right, sa.literal(condition.plus)) if condition.plus else right
    if op is Operator.NE:
        return sa.func.coalesce(left == right, sa.false()).is_(sa.false())
    compared: Expression = COMPARE[op](left, right)
    return compared


def _scaled_sides(
    field: Field, other: Field, condition: FieldComparison
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Return both sides as whole numbers of one unit, fine enough for the decimals of the fields and of the factor."""
    times, factor, plus = common_unit(condition)
    left, right = _times(column(field), times), _times(column(other), factor)
    return left, right + sa.literal(Decimal(plus), WholeNumber()) if plus else right


def _times(amount: sa.ColumnElement[Any], factor: int) -> sa.ColumnElement[Any]:
    """Return a column multiplied; as a number of any size, because 64 bits do not hold every amount so finely."""
    if factor == 1:
        return amount
    return sa.cast(amount, sa.Numeric(38, 0)) * sa.literal(Decimal(factor), WholeNumber())


def _contains(field: Field, text: str) -> Expression:
    if field.type is FieldType.NAMES:
        return ListHolds(sa.type_coerce(column(field), sa.Text()), sa.literal(text))
    return _like(field, f"%{escape_like(text)}%")


def _like(field: Field, pattern: str) -> Expression:
    # The databases' lower() knows ASCII letters only: others of an id are left as they are on both sides.
    pattern = pattern.casefold() if field.type is FieldType.TEXT else ascii_lower(pattern)
    if len(pattern.encode()) > _PATTERN_BYTES:
        raise LimitExceeded(
            f"the text that {field.name} is searched for is too long; at most {_PATTERN_BYTES:,} bytes can be",
            metadata={"limit": "pattern"},
        )
    searched = column(field) if field.type is FieldType.TEXT else sa.func.lower(column(field))
    return searched.like(pattern, escape="\\")


def escape_like(text: str) -> str:
    """Return the LIKE pattern that matches a text itself, runs of space as one."""
    return reduce(lambda kept, char: kept.replace(char, "\\" + char), "\\%_", " ".join(text.split()))


def pattern_to_like(pattern: str) -> str:
    r"""Return the LIKE pattern of a tree's pattern, in which * is any text and \ takes the meaning off what follows."""
    parts: list[str] = []
    escaped = False
    for char in " ".join(pattern.split()):
        if escaped or char not in "\\*":
            parts.append(escape_like(char) if char != " " else " ")
            escaped = False
        elif char == "*":
            parts.append("%")
        else:
            escaped = True
    return "".join(parts)


class _OneOf:
    """A field equals one of several values: what an Or of equalities of one field comes to."""

    __match_args__ = ("field", "values")

    def __init__(self, field: str, values: list[Value]) -> None:
        self.field = field
        self.values = values


_LISTED: Final = (FieldType.TEXT, FieldType.ID, FieldType.ENUM)


def _in_lists(operands: Iterable[Condition]) -> list[Any]:
    """Return the operands of an Or with the equalities of one field gathered into one."""
    lists: dict[str, _OneOf] = {}
    gathered: list[Any] = []
    for operand in operands:
        match operand:
            case Comparison(name, Operator.EQ, value) if BY_NAME[name].type in _LISTED:
                if name not in lists:
                    lists[name] = _OneOf(name, [])
                    gathered.append(lists[name])
                lists[name].values.append(value)
            case _:
                gathered.append(operand)
    return gathered
