"""Filter text (AIP-160) → a condition: `parse_filter`.

The text becomes a tree of what was written (`filter_tree.py`), and `_Reader` settles each comparison of it against the
schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from lark import Token

from nlq.errors import FilterError
from nlq.filters.canonical import like
from nlq.filters.field_names import both_of, did_you_mean, nearest_fields, shown
from nlq.filters.filter_tree import (
    A_CONDITION,
    MAX_CHARACTERS,
    MAX_COMPARISONS,
    MAX_DEPTH,
    STRAY_CHARACTERS,
    Bare,
    Computed,
    Group,
    Negation,
    Node,
    Restriction,
    read_tree,
    start_of,
)
from nlq.filters.literals import plain, read_literal, read_text
from nlq.query import (
    Comparison,
    Condition,
    Contains,
    FieldComparison,
    Not,
    Operator,
    Present,
    fold,
)
from nlq.schema import FieldSpec, FieldType, Schema

__all__ = ["HAS", "MAX_CHARACTERS", "MAX_COMPARISONS", "MAX_DEPTH", "parse_filter"]

HAS: Final = ":"
_ALL: Final = (*(operator.value for operator in Operator), HAS)
_EQUALITY: Final = (Operator.EQ.value, Operator.NE.value, HAS)
_OPERATORS: Final[Mapping[FieldType, tuple[str, ...]]] = {
    FieldType.ID: _ALL,
    FieldType.TEXT: _ALL,
    FieldType.ENUM: _EQUALITY,
    FieldType.BOOL: _EQUALITY,
    FieldType.MONEY: _ALL,
    FieldType.DATE: _ALL,
    FieldType.TIME: _ALL,
    FieldType.INTEGER: _ALL,
    FieldType.NAMES: (HAS,),
}
"""The operators that fields of each type take."""
_TEXTUAL: Final = (FieldType.ID, FieldType.TEXT)
_TYPE_NAMES: Final[Mapping[FieldType, str]] = {
    FieldType.ID: "an id",
    FieldType.TEXT: "text",
    FieldType.ENUM: "a choice",
    FieldType.BOOL: "true or false",
    FieldType.MONEY: "an amount",
    FieldType.DATE: "a date",
    FieldType.TIME: "a time",
    FieldType.INTEGER: "a whole number",
    FieldType.NAMES: "names of fields",
}

_STEP_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_UNQUOTED_VALUE: Final = re.compile(r'[=<>!:]\s*[^\s()=<>!:,"]+\s+$')
_FOREIGN_WORDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "and": ("AND is written in capitals", ("AND",)),
    "or": ("OR is written in capitals", ("OR",)),
    "not": ("NOT is written in capitals", ("NOT",)),
    "&&": ("conditions are joined by AND", ("AND",)),
    "&": ("conditions are joined by AND", ("AND",)),
    "||": ("alternatives are joined by OR", ("OR",)),
    "|": ("alternatives are joined by OR", ("OR",)),
    "in": ('several values are written with OR, such as category = ("Cranes" OR "Forklifts")', ("=",)),
    "is": ("a comparison is written with =; contract:* holds for records that have a contract", ("=",)),
    "like": ('a pattern is written with = and *, such as model = "LTM*"', ("=",)),
    "between": ("a range is written as two comparisons joined by AND", (">=", "<=")),
}
"""Words of other query languages, and what is written here instead."""


def parse_filter(text: str, schema: Schema) -> Condition | None:
    """Return the condition that a filter text states, as written; None where it is blank.

    FilterError, with its position in code points, for every text that is no filter over the schema's filterable
    fields or is beyond `MAX_CHARACTERS`, `MAX_DEPTH` or `MAX_COMPARISONS`.
    """
    node = read_tree(text)
    return _Reader(schema, text).condition(node) if node is not None else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Settles what was written against the schema. Every method raises FilterError."""

    schema: Schema
    text: str

    def condition(self, node: Node) -> Condition:
        match node:
            case Restriction():
                return self._restriction(node)
            case Group(kind, operands):
                return kind(tuple(map(self.condition, operands)))
            case Negation(operand):
                return Not(self.condition(operand))
            case Bare(token):
                raise self._bare_error(token)
        raise AssertionError(node)  # the grammar puts no other node there

    def _restriction(self, node: Restriction) -> Condition:
        field = self._field(node)
        operator = str(node.operator)
        self._check_operator(field, node.operator)
        if operator == Operator.NE.value and not isinstance(node.argument, Token):
            if isinstance(node.argument, Computed):
                return self._computed(field, operator, node.argument)
            # `!= ("A" OR "B")` means none of them, not "another than at least one", which would always hold.
            return Not(self._argument(field, Operator.EQ.value, node.argument))
        return self._argument(field, operator, node.argument)

    def _argument(self, field: FieldSpec, operator: str, node: Node) -> Condition:
        match node:
            case Token():
                return self._comparison(field, operator, node)
            case Computed():
                return self._computed(field, operator, node)
            case Group(kind, operands):
                return kind(tuple(self._argument(field, operator, operand) for operand in operands))
            case Negation(operand):
                return Not(self._argument(field, operator, operand))
        raise AssertionError(node)  # the grammar puts no other node there

    def _comparison(self, field: FieldSpec, operator: str, token: Token) -> Condition:
        position = start_of(token)
        body = token[1:-1] if token.type == "QUOTED" else str(token)
        if operator == HAS and body == "*":
            return Present(field.name)
        if token.type == "WORD" and (operator != HAS or field.type not in _TEXTUAL):
            other = self.schema.by_name.get(body)
            if other is not None and other.filterable and field.type is not FieldType.NAMES:
                return _field_comparison(field, operator, other, position)
        if field.type in _TEXTUAL:
            if token.type == "WORD" and body.casefold() == "null":
                raise _missing_error(field, f"{shown(body)} without quotes is no text", position)
            inside = position + (token.type == "QUOTED")
            return _text_comparison(field, operator, read_text(body, inside), position)
        if field.type is FieldType.NAMES:
            return Contains(field.name, self._named_field(body, position))
        return Comparison(field.name, _OPERATOR[operator], read_literal(field, body, position))

    def _computed(self, field: FieldSpec, operator: str, node: Computed) -> Condition:
        other = self.schema.by_name.get(self._named_field(str(node.other), start_of(node.other)))
        assert other is not None  # noqa: S101 - it was just found
        compared = _field_comparison(field, operator, other, start_of(node.other))
        for sign, number in zip(node.steps[::2], node.steps[1::2], strict=True):
            compared = _step(compared, field, sign, number)
        return compared

    def _field(self, node: Restriction) -> FieldSpec:
        token = node.field
        field = self.schema.by_name.get(token)
        if field is not None and field.filterable:
            return field
        if token.type == "OTHER":
            raise self._bare_error(token)
        argument = node.argument
        if isinstance(argument, Token) and argument.type == "WORD" and argument in self.schema.by_name:
            message = f"a comparison begins with its field: {argument} stands on the left of {shown(token)}"
            raise FilterError(message, position=start_of(token), expected=("a field",), nearest=(str(argument),))
        raise self._unknown_field(token[1:-1] if token.type == "QUOTED" else token, start_of(token))

    def _named_field(self, name: str, position: int) -> str:
        field = self.schema.by_name.get(name)
        if field is None or not field.filterable:
            raise self._unknown_field(name, position)
        return name

    def _unknown_field(self, name: str, position: int) -> FilterError:
        nearest = nearest_fields(name, self._filterable())
        if nearest == (name,):  # it was quoted
            message = f"the name of a field is written without quotes: {name}"
        else:
            message = f"{shown(name)} is no field{did_you_mean(nearest)}"
        return FilterError(message, position=position, expected=("a field",), nearest=nearest)

    def _filterable(self) -> list[FieldSpec]:
        return [field for field in self.schema.fields if field.filterable]

    def _check_operator(self, field: FieldSpec, token: Token) -> None:
        allowed = _OPERATORS[field.type]
        if token in allowed:
            return
        if token in _ALL:
            message, nearest = f"{field.name} takes {both_of(allowed)} only, not {token}", allowed[:1]
        else:
            nearest = _OPERATOR_SPELLINGS.get(str(token), ())
            message = f"{shown(token)} is no operator{did_you_mean(nearest)}"
        raise FilterError(message, position=start_of(token), expected=allowed, nearest=nearest)

    def _bare_error(self, token: Token) -> FilterError:
        """The error for what stands where a comparison should, with what was probably meant."""
        position = start_of(token)
        if token.type == "OTHER":
            reason = STRAY_CHARACTERS.get(token, f"expected {A_CONDITION}")
            return FilterError(f"unexpected {shown(token)}: {reason}", position=position, expected=(A_CONDITION,))
        # "category in (...)": the word after the field shows what was meant.
        following = re.compile(r"\s*([^\s()\"]*)").match(self.text, token.end_pos or 0)
        for word in (str(token), following[1] if following else ""):
            if word.casefold() in _FOREIGN_WORDS:
                message, nearest = _FOREIGN_WORDS[word.casefold()]
                return FilterError(
                    f"{shown(word)} is no word of a filter: {message}",
                    position=self.text.index(word, position),
                    expected=(A_CONDITION,),
                    nearest=nearest,
                )
        return self._lone_word_error(token, position)

    def _lone_word_error(self, token: Token, position: int) -> FilterError:
        field = self.schema.by_name.get(token)
        nearest: tuple[str, ...]
        if field is None or not field.filterable:
            message, nearest = f"expected {A_CONDITION}", nearest_fields(token, self._filterable())
            if _UNQUOTED_VALUE.search(self.text[:position]):
                message += '; text of several words is quoted, such as "Silo 4"'
            message += did_you_mean(nearest)
        elif field.type is FieldType.BOOL:
            nearest = (f"{field.name} = true",)
            message = f"write {nearest[0]}"
        else:
            nearest = (f"{field.name}:*",)
            message = f"expected an operator and a value after it; records that have one are {nearest[0]}"
        return FilterError(
            f"{shown(token)} alone is no condition: {message}",
            position=position,
            expected=(A_CONDITION,),
            nearest=nearest,
        )


_OPERATOR: Final = {HAS: Operator.EQ, **{operator.value: operator for operator in Operator}}
_OPERATOR_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "==": ("=",),
    "===": ("=",),
    "<>": ("!=",),
    "!==": ("!=",),
    "=!": ("!=",),
    "!": ("!=",),
    "=>": (">=",),
    "=<": ("<=",),
    ":=": ("=",),
    "!:": ("!=",),
}


def _step(compared: FieldComparison, field: FieldSpec, sign: Token, number: Token) -> FieldComparison:
    """Return a comparison whose right-hand side is multiplied or moved as well. FilterError where it cannot be."""
    is_money = field.type is FieldType.MONEY
    if not is_money and (sign.type == "TIMES" or field.type is not FieldType.DATE):
        message = f"{sign} is for amounts and for days on dates; {field.name} is {_TYPE_NAMES[field.type]}"
        raise FilterError(message, position=start_of(sign), expected=("AND",))
    if _STEP_NUMBER.fullmatch(number) is None:
        message = f"{shown(number)} is no number to compute with, such as 1.1"
        raise FilterError(message, position=start_of(number), expected=("a number",))
    if sign.type == "TIMES":
        return replace(compared, factor=plain(Decimal(number)))
    if not is_money and "." in number:
        raise FilterError(f"{shown(number)} is no whole number of days", position=start_of(number))
    amount = plain(Decimal(number)) if is_money else int(number)
    return replace(compared, plus=-amount if sign == "-" else amount)


def _field_comparison(field: FieldSpec, operator: str, other: FieldSpec, position: int) -> FieldComparison:
    """A field against another, which must hold values of the same kind."""
    if field.type is not other.type or field.values != other.values:
        quoted = f'; quote it where the text "{other.name}" is meant' if field.type in _TEXTUAL else ""
        message = (
            f"{other.name} is a field of another kind ({_TYPE_NAMES[other.type]}) than {field.name} "
            f"({_TYPE_NAMES[field.type]}){quoted}"
        )
        raise FilterError(message, position=position, expected=(_TYPE_NAMES[field.type],))
    return FieldComparison(field.name, _OPERATOR[operator], other.name)


def _missing_error(field: FieldSpec, problem: str, position: int) -> FilterError:
    """The error for a value that seems to ask for records without one, and how that is written."""
    missing = f"NOT {field.name}:*"
    message = f"{problem}; records without a value are {missing}"
    return FilterError(message, position=position, expected=("a value",), nearest=(missing,))


def _text_comparison(field: FieldSpec, operator: str, pieces: tuple[str, ...], position: int) -> Condition:
    """A text field against text whose wildcards stand between `pieces`."""
    if len(pieces) == 1 and not fold(pieces[0]):
        raise _missing_error(field, f"no {field.name} is an empty text", position)
    if operator == HAS:
        return Contains(field.name, pieces[0]) if len(pieces) == 1 else like(field.name, ("", *pieces, ""))
    if len(pieces) == 1:
        return Comparison(field.name, _OPERATOR[operator], pieces[0])
    if operator == Operator.EQ.value:
        return like(field.name, pieces)
    if operator == Operator.NE.value:
        return Not(like(field.name, pieces))
    message = f"* is a wildcard only after =, != and :, not after {operator}; write \\* for a star"
    raise FilterError(message, position=position, expected=("a value without *",))
