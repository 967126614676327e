"""The tree that filter text and questions are read into, and that SQL and canonical text are made from.

Gives `Query`, its conditions (`Comparison`, `FieldComparison`, `Contains`, `Matches`, `Present`, `And`, `Or`, `Not`),
`Sort`, `Aggregate` and what belongs to it (`Having`, `FigureSort`, `Window`). Trees are immutable and compare by value.
They hold field names, never columns.

Semantics, wherever a tree is evaluated: a comparison does not hold for a record whose field is missing; a negation
(`Not`, `!=`) does hold for it, so that `!=` holds wherever `=` does not. Text of a TEXT field compares by folded key
(`fold`), text of an ID field exactly; `Contains` and `Matches` ignore case.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

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

    __hash__ = object.__hash__  # conditions are looked up by their hash; that of Enum is made in Python


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Comparison:
    """`monthly_rate > 5000`: a field against a literal of its own type."""

    field: str
    operator: Operator
    value: Value


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class FieldComparison:
    """`actual_cost > plan_cost * 1.1`: a field against another of its type. Only `!=` holds where one is missing."""

    field: str
    operator: Operator
    other: str
    factor: Decimal = Decimal(1)
    """What the other is multiplied by; 1 for all types but MONEY."""
    plus: Decimal | int = 0
    """What is added to it then: of MONEY an amount, of DATE a number of days; 0 for all other types."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Contains:
    """`description:"crane"`: the text occurs in the field, whatever the case; or the list holds the element."""

    field: str
    text: str


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Matches:
    """`model = "LTM*"`: the whole text matches the pattern, where `*` stands for any text, whatever the case."""

    field: str
    pattern: str
    """Has at least one such `*`; a star itself is `\\*` in it, a backslash `\\\\`. `pattern_pieces` takes it apart."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Present:
    """`contract:*`: the field has a value."""

    field: str


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Not:
    """The condition does not hold; so a record whose field is missing matches."""

    operand: Condition


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class And:
    """All hold. Two operands or more."""

    operands: tuple[Condition, ...]


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Or:
    """At least one holds. Two operands or more."""

    operands: tuple[Condition, ...]


Condition = Comparison | FieldComparison | Contains | Matches | Present | Not | And | Or


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
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

    __hash__ = object.__hash__  # as of operators


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Aggregation:
    """One figure: a function of a field; only a count needs none."""

    function: Function
    field: str | None = None


class DatePart(enum.Enum):
    """A part of a date that groups are made by; the value ends the name of such a group."""

    WEEK = ".week"
    """From Monday on."""
    MONTH = ".month"
    QUARTER = ".quarter"
    YEAR = ".year"


_DATE_PARTS: Final = {part.value.removeprefix("."): part for part in DatePart}
SPREAD: Final = "month"
"""The group that spreads sums over the months that they fall in, by day; it is no field."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Having:
    """A condition on the groups: a figure of theirs, which need not be among those shown."""

    figure: Aggregation
    operator: Operator
    value: Decimal
    """Of a count a whole number, of a figure of money an amount."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class FigureSort:
    """One term of the order of groups. Missing values come last either way."""

    by: Aggregation | str
    """A figure, or the name of a group."""
    descending: bool = False


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Window:
    """The days whose part of a cost counts, from one to before another; None: all days on that side."""

    start: date | None = None
    stop: date | None = None


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Aggregate:
    """Figures in place of records, for each group."""

    aggregations: tuple[Aggregation, ...]
    group_by: tuple[str, ...] = ()
    """Names of fields, of date fields followed by a `DatePart` (`forecast_start.month`), or `SPREAD`."""
    including: tuple[str, ...] = ()
    """Flags whose records totals take in, which they leave out unasked."""
    having: tuple[Having, ...] = ()
    """What must hold of a group, all of it."""
    order: tuple[FigureSort, ...] = ()
    """The order of the groups; empty: by their keys. `Query.limit` says how many groups there are at most."""
    percent: bool = False
    """Whether each count or sum is told as its share of the whole: of all groups together, before `having` and the
    limit; with `part`, of the records of the group that the part is of."""
    part: Condition | None = None
    """With `percent` only: the figures are of the records that meet this as well ("what percentage of cranes are
    rentals": of the cranes those that are rentals)."""
    distinct: bool = False
    """Whether the groups themselves are asked for ("which manufacturers ..."): their names, each with its count."""
    yes_no: bool = False
    """Whether it is asked if there are any; the one figure is their count."""
    window: Window | None = None
    """The days that sums of costs are of, which are all figures then; None: whole costs."""
    lacking: bool = False
    """With `distinct` only: the values of the one group of which no record meets the condition, each with its count,
    which is none."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Query:
    """What is asked for."""

    where: Condition | None = None
    sort: tuple[Sort, ...] = ()
    """The order of records; empty where figures are asked for."""
    limit: int | None = None
    """Most records, or most groups of an aggregate."""
    aggregate: Aggregate | None = None
    history: bool = False
    """Whether the changes of the records are asked for in place of the records; there are no figures then."""


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


def fields_of(condition: Condition | None, listing: Container[str] = ()) -> frozenset[str]:
    """Return the names of the fields that a condition speaks of.

    `listing` names the fields that list names of others: a condition on one of these speaks of what it lists, too.
    """
    names: set[str] = set()
    pending = [condition] if condition is not None else []
    while pending:
        node = pending.pop()
        if isinstance(node, Comparison):  # as most are
            names.add(node.field)
            continue
        match node:
            case And(operands) | Or(operands):
                pending.extend(operands)
            case Not(operand):
                pending.append(operand)
            case FieldComparison(field=name, other=other):
                names |= {name, other}
            case Contains(name, text) if name in listing:
                names |= {name, text}
            case Contains(name) | Matches(name) | Present(name):
                names.add(name)
    return frozenset(names)


def refigured(asked: Aggregate, old: str, new: str) -> Aggregate:
    """Return an aggregate whose figures of one field are those of another."""

    def figure(of: Aggregation) -> Aggregation:
        return replace(of, field=new) if of.field == old else of

    return replace(
        asked,
        aggregations=tuple(map(figure, asked.aggregations)),
        having=tuple(replace(each, figure=figure(each.figure)) for each in asked.having),
        order=tuple(
            replace(term, by=figure(term.by)) if isinstance(term.by, Aggregation) else term for term in asked.order
        ),
    )


def group_field(name: str) -> tuple[str, DatePart | None]:
    """Return the field that a group is by, and which part of its dates: `forecast_start.month`."""
    field, dot, end = name.rpartition(".")
    part = _DATE_PARTS.get(end) if dot else None
    return (name, None) if part is None else (field, part)


def fields_of_query(query: Query, listing: Container[str] = ()) -> frozenset[str]:
    """Return the names of all fields that a query speaks of, wherever it does; `listing` is as in `fields_of`."""
    names = set(fields_of(query.where, listing)) | {term.field for term in query.sort}
    if query.aggregate is not None:
        figures = [*query.aggregate.aggregations, *(having.figure for having in query.aggregate.having)]
        figures += [term.by for term in query.aggregate.order if isinstance(term.by, Aggregation)]
        names.update(figure.field for figure in figures if figure.field is not None)
        names.update(group_field(name)[0] for name in query.aggregate.group_by if name != SPREAD)
        names |= fields_of(query.aggregate.part, listing)
    return frozenset(names)
