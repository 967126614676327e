"""Condition → its canonical filter text: `canonical_filter`, and `normalize`, the same on trees; `Writer` gives both.

The same conditions give the same text, in whatever order and nesting they were written: the text names cache entries,
is shown to people, and reads back as the normalized condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Final

from nlq.filters.literals import plain
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
    pattern_of,
    pattern_pieces,
)
from nlq.schema import FieldType, Schema

_Leaf = FieldComparison | Contains | Matches | Present
_NEGATED: Final = {Operator.EQ: Operator.NE, Operator.NE: Operator.EQ}
_ESCAPED: Final = re.compile(r'[\x00-\x1f\x7f-\x9f"\\*]')
# A range reads better with its lower bound first.
_RANKS: Final = {Operator.GT: 1, Operator.GE: 1, Operator.LT: 2, Operator.LE: 2}
_LAST_RANK: Final = 3
_ORDER: Final = attrgetter("order")
_SIGNS: Final = {operator: operator.value for operator in Operator}


def canonical_filter(condition: Condition | None, schema: Schema) -> str:
    """Return the one text of all filters that state the same conditions; "" where there is none.

    `parse_filter` reads it back as `normalize(condition, schema)`, unless the condition is so large that the text, with
    its parentheses, is beyond the limits of a filter. KeyError where it names a field that the schema lacks.
    """
    if condition is None:
        return ""
    return Writer(schema).write(condition).whole


def normalize(condition: Condition, schema: Schema) -> Condition:
    """Return an equivalent condition in the one form of all that differ only in order, nesting and repetition.

    Groups are flat, ordered by field as in the schema and hold nothing twice (spellings of one text count as one); no
    negation is doubled, and one of `=` or `!=` is the other. KeyError where it names a field that the schema lacks.
    """
    return Writer(schema).write(condition).condition


def like(field: str, pieces: Sequence[str]) -> Condition:
    """Return the plainest condition that `field` matches a pattern of two literal pieces or more.

    `*` is Present, `*crane*` is Contains, all others are Matches.
    """
    inner = [piece for piece in pieces[1:-1] if piece]
    if not inner and not pieces[0] and not pieces[-1]:
        return Present(field)
    # Only a pattern can say that a space stands at the end of the text sought.
    if len(inner) == 1 and not pieces[0] and not pieces[-1] and inner[0] == inner[0].strip():
        return Contains(field, inner[0])
    return Matches(field, pattern_of((pieces[0], *inner, pieces[-1])))


@dataclass(slots=True)
class Written:
    """A normalized condition and its text. Shared by those who remember it: never changed."""

    condition: Condition
    text: str
    """The text as a part of a larger one: groups in parentheses."""
    identity: str
    """The text with spellings folded: equal where two conditions are one."""
    order: tuple[int, int, str, str]
    """What the conditions of a group are ordered by: the field's place in the schema, of one field bounds and then
    groups last, and the two texts."""
    whole: str
    """The text where it stands alone: alternatives in parentheses."""


class Writer:
    """Writes the conditions of one schema."""

    def __init__(self, schema: Schema, remembered: int = 0) -> None:
        """Prepare to write; the last `remembered` conditions, parts of others included, are not written again.

        Literals have to be of their fields' types then: 0 and false are equal, and could be taken for each other.
        """
        self._fields: Mapping[str, tuple[int, FieldType]] = schema.places
        self.write: Callable[[Condition], Written] = self._write
        """Return a condition in its one form, with its text."""
        if remembered:
            self.write = lru_cache(remembered)(self._write)

    def _write(self, condition: Condition) -> Written:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, (And, Or)):
            return self._group(type(condition), condition.operands)
        match condition:
            case Not(operand):
                return self._negation(operand)
            case Matches(field, pattern):
                pieces = pattern_pieces(pattern)
                plainest = like(field, pieces) if len(pieces) > 1 else Comparison(field, Operator.EQ, pieces[0])
                return self._leaf(plainest)
        return self._leaf(condition)

    def _group(self, kind: type[And] | type[Or], operands: Sequence[Condition]) -> Written:
        """Flatten, order and thin out a group; one of a single operand is that operand."""
        if kind in [*map(type, operands)]:
            operands = [*_flat(kind, operands)]
        written = [self.write(operand) for operand in operands]
        # Normalizing can bring up a group of the same kind, out of a double negation.
        if kind in [type(member.condition) for member in written]:
            return self._group(kind, [member.condition for member in written])
        written.sort(key=_ORDER)
        if len({member.identity for member in written}) < len(written):
            kept: dict[str, Written] = {}
            for member in written:
                kept.setdefault(member.identity, member)
            written = [*kept.values()]
        first = written[0]
        if len(written) == 1:
            return first
        joint = " AND " if kind is And else " OR "
        condition = kind(tuple([member.condition for member in written]))
        text = joint.join([member.text for member in written])
        identity = joint.join([member.identity for member in written])
        order = (first.order[0], _LAST_RANK, identity, text)
        inner = f"({text})"
        return Written(condition, inner, f"({identity})", order, text if kind is And else inner)

    def _negation(self, operand: Condition) -> Written:
        inner = self.write(operand)
        match inner.condition:
            case Not(condition):
                return self.write(condition)
            case Comparison(operator=operator) | FieldComparison(operator=operator) as compared if operator in _NEGATED:
                # Equal in meaning, records without a value included: see nlq.query.
                return self._leaf(replace(compared, operator=_NEGATED[operator]))
        text, identity = f"NOT {inner.text}", f"NOT {inner.identity}"
        return Written(Not(inner.condition), text, identity, (inner.order[0], _LAST_RANK, identity, text), text)

    def _leaf(self, leaf: Condition) -> Written:
        match leaf:
            case Comparison():
                return self._comparison(leaf)
            case And() | Or() | Not():
                raise TypeError(leaf)
            case FieldComparison(factor=factor, plus=plus) if factor != 1 or plus:
                leaf = replace(leaf, factor=plain(factor), plus=plain(plus) if isinstance(plus, Decimal) else plus)
        place, type_ = self._fields[leaf.field]
        text = identity = _leaf_text(leaf, type_)
        if type_ in (FieldType.TEXT, FieldType.ID):
            identity = _leaf_text(_folded(leaf, type_), type_)
        rank = _RANKS.get(leaf.operator, 0) if isinstance(leaf, FieldComparison) else 0
        return Written(leaf, text, identity, (place, rank, identity, text), text)

    def _comparison(self, leaf: Comparison) -> Written:
        value, operator = leaf.value, leaf.operator
        if isinstance(value, (Decimal, datetime)):
            value = _plain_value(value)
            leaf = Comparison(leaf.field, operator, value)
        place, type_ = self._fields[leaf.field]
        sign = _SIGNS[operator]
        text = identity = f"{leaf.field} {sign} {_literal(value, type_)}"
        if type_ is FieldType.TEXT and isinstance(value, str):
            identity = f"{leaf.field} {sign} {_quoted(fold(value))}"
        return Written(leaf, text, identity, (place, _RANKS.get(operator, 0), identity, text), text)


def _flat(kind: type[And] | type[Or], operands: Iterable[Condition]) -> Iterable[Condition]:
    """The operands, with those of nested groups of the same kind in place of the groups."""
    for operand in operands:
        if isinstance(operand, And | Or) and isinstance(operand, kind):
            yield from _flat(kind, operand.operands)
        else:
            yield operand


def _folded(leaf: _Leaf, type_: FieldType) -> _Leaf:
    """The condition with one spelling for all that it does not tell apart."""
    match leaf:
        case Contains(_, text):
            return replace(leaf, text=fold(text))
        case Matches(_, pattern):
            return replace(leaf, pattern=pattern.casefold())
    return leaf


def _leaf_text(leaf: _Leaf, type_: FieldType) -> str:
    match leaf:
        case FieldComparison():
            return _field_text(leaf)
        case Contains(field, text):
            return f"{field}:{text if type_ is FieldType.NAMES else _quoted(text)}"
        case Matches(field, pattern):
            return f'{field} = "{"*".join(map(_escaped, pattern_pieces(pattern)))}"'
        case Present(field):
            return f"{field}:*"


def _field_text(leaf: FieldComparison) -> str:
    text = f"{leaf.field} {leaf.operator.value} {leaf.other}"
    if leaf.factor != 1:
        text += f" * {leaf.factor:f}"
    if leaf.plus:
        number = f"{abs(leaf.plus):f}" if isinstance(leaf.plus, Decimal) else str(abs(leaf.plus))
        text += f" {'-' if leaf.plus < 0 else '+'} {number}"
    return text


def _plain_value(value: Decimal | datetime) -> Value:
    return plain(value) if isinstance(value, Decimal) else value.astimezone(UTC)


def _literal(value: Value, type_: FieldType) -> str:
    if isinstance(value, str):
        return value if type_ is FieldType.ENUM else _quoted(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return _time_text(value)
        case date():
            return value.isoformat()
    return str(value)


def _time_text(value: datetime) -> str:
    """RFC 3339 in UTC, with as many decimals of a second as it has."""
    text = value.replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if value.microsecond else text}Z"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return _ESCAPED.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return f"\\{character}" if character in '"\\*' else f"\\u{ord(character):04x}"
