"""The tree that filter text and questions are read into, and that SQL and canonical text are made from.

Gives `Query`, its conditions (`Comparison`, `FieldComparison`, `Contains`, `Matches`, `Present`, `And`, `Or`, `Not`),
`Sort` and `Aggregate`. Trees are immutable and compare by value. They hold field names, never columns.

Semantics, wherever a tree is evaluated: a comparison does not hold for a record whose field is missing; a negation
(`Not`, `!=`) does hold for it, so that `!=` holds wherever `=` does not. Text of a TEXT field compares by folded key
(`fold`), text of an ID field exactly; `Contains` and `Matches` ignore case.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

Value = str | Decimal | int | bool | date | datetime
"""A literal: text, enum value name or field name (str), money (Decimal), integer, flag, day, or UTC time."""


_PATTERN_PARTS = re.compile(r"\\(.)|(\*)|([^\\*]+|\\$)", re.DOTALL)


def fold(text: str) -> str:
    """Return the key by which spellings of one value agree: case folded, runs of space as one, none at the ends."""
    return " ".join(text.split()).casefold()


class Operator(enum.Enum):
    """How a field is compared; the value is the operator in filter text."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Comparison:
    """`monthly_rate > 5000`: a field against a literal of its own type."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """`actual_cost > plan_cost`: a field against another of its type. Only `!=` holds where one of them is missing."""

    field: str
    operator: Operator
    other: str


@dataclass(frozen=True, slots=True)
class Contains:
    """`description:"crane"`: the text occurs in the field, whatever the case; or the list holds the element."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """`model = "LTM*"`: the whole text matches the pattern, where `*` stands for any text, whatever the case."""

    field: str
    pattern: str
    """Has at least one such `*`; a star itself is `\\*` in it, a backslash `\\\\`. `pattern_pieces` takes it apart."""


@dataclass(frozen=True, slots=True)
class Present:
    """`contract:*`: the field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold; so a record whose field is missing matches."""

    operand: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All hold. Two operands or more."""

    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one holds. Two operands or more."""

    operands: tuple[Condition, ...]


Condition = Comparison | FieldComparison | Contains | Matches | Present | Not | And | Or


@dataclass(frozen=True, slots=True)
class Sort:
    """One term of an order. Missing values come last either way."""

    field: str
    descending: bool = False


class Function(enum.Enum):
    """What is computed of a group of records."""

    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One figure: a function of a field; only a count needs none."""

    function: Function
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Figures in place of records, for each group."""

    aggregations: tuple[Aggregation, ...]
    group_by: tuple[str, ...] = ()
    including: tuple[str, ...] = ()
    """Flags whose records totals take in, which they leave out unasked."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    where: Condition | None = None
    sort: tuple[Sort, ...] = ()
    limit: int | None = None
    aggregate: Aggregate | None = None


def pattern_of(pieces: Sequence[str]) -> str:
    """Return the pattern of a `Matches` that has these literal texts with any text between them."""
    return "*".join(piece.replace("\\", "\\\\").replace("*", "\\*") for piece in pieces)


def pattern_pieces(pattern: str) -> tuple[str, ...]:
    """Return the literal texts of a pattern, in their order; its wildcards stand between them.

    `LTM*` gives `("LTM", "")`. Only the first and the last piece can be empty: wildcards in a row are one.
    """
    pieces = [""]
    for escaped, star, plain in _PATTERN_PARTS.findall(pattern):
        if not star:
            pieces[-1] += escaped or plain
        elif pieces[-1] or len(pieces) == 1:
            pieces.append("")
    return tuple(pieces)


def conjunction(*conditions: Condition | None) -> Condition | None:
    """Return the conditions joined by And, without nesting: None where there is none."""
    operands: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, And):
            operands.extend(condition.operands)
        elif condition is not None:
            operands.append(condition)
    if len(operands) < 2:
        return operands[0] if operands else None
    return And(tuple(operands))


def fields_of(condition: Condition | None) -> frozenset[str]:
    """Return the names of the fields that a condition speaks of."""
    names: set[str] = set()
    pending = [condition] if condition is not None else []
    while pending:
        node = pending.pop()
        match node:
            case And(operands) | Or(operands):
                pending.extend(operands)
            case Not(operand):
                pending.append(operand)
            case FieldComparison(name, _, other):
                names |= {name, other}
            case Comparison(name) | Contains(name) | Matches(name) | Present(name):
                names.add(name)
    return frozenset(names)
