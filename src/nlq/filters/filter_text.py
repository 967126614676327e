"""Filter text (AIP-160) → a condition: `parse_filter`.

The text passes through three steps: `_refuse_characters`, the grammar of `filter.lark` with the limits watched over
the tokens on their way to it, and `_Reader`, which settles each comparison against the schema.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib import resources
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedToken
from lark.lark import PostLex

from nlq.errors import FilterError
from nlq.filters.canonical import like
from nlq.filters.field_names import both_of, did_you_mean, nearest_fields, one_of, shown
from nlq.filters.literals import plain, read_literal, read_text
from nlq.query import (
    And,
    Comparison,
    Condition,
    Contains,
    FieldComparison,
    Not,
    Operator,
    Or,
    Present,
    fold,
)
from nlq.schema import FieldSpec, FieldType, Schema

MAX_CHARACTERS: Final = 16_384
"""Longest filter text, in code points."""
MAX_DEPTH: Final = 50
"""Most parentheses and negations open at once."""
MAX_COMPARISONS: Final = 500
"""Most comparisons in one filter; each value of a list in parentheses counts as one."""

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

# Surrogates and control characters cannot be stored, so no value has them; tab and line breaks are white space.
_REFUSED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_STEP_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_UNQUOTED_VALUE: Final = re.compile(r'[=<>!:]\s*[^\s()=<>!:,"]+\s+$')
_A_CONDITION: Final = "a comparison such as source = RENTAL"
_EXPECTED_WORDS: Final[Mapping[str, str]] = {
    "COMPARATOR": "an operator",
    "QUOTED": "a value",
    "OTHER": _A_CONDITION,
    "_NOT": "NOT",
    "_OPEN": "(",
    "_AND": "AND",
    "_OR": "OR",
    "_CLOSE": ")",
    "$END": "the end of the filter",
}
"""What each terminal is in words; those that are not named say nothing that these do not."""
_STRAY_CHARACTERS: Final[Mapping[str, str]] = {
    '"': "the quoted text that begins here never ends",
    ",": 'lists are written with OR, such as category = ("Cranes" OR "Forklifts")',
    "\\": "a backslash escapes the character after it; write \\\\ for a backslash",
    **dict.fromkeys("'“”‘’„«»", 'text is quoted with straight double quotes, such as "Silo 4"'),
}
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
    _refuse_characters(text)
    if not text.strip():
        return None
    try:
        node: _Node = _parser().parse(text)  # type: ignore[assignment]  # the builder's result, not Lark's tree
    except UnexpectedToken as error:
        raise _syntax_error(error.token, text) from None
    return _Reader(schema, text).condition(node)


def _refuse_characters(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        message = f"the filter has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        raise FilterError(message, position=MAX_CHARACTERS)
    if match := _REFUSED.search(text):
        message = f"the character U+{ord(match[0]):04X} cannot stand in a filter"
        raise FilterError(message, position=match.start())


@dataclass(frozen=True, slots=True)
class _Restriction:
    """A comparison as it was written: the argument is a token, or a group or negation of tokens."""

    field: Token
    operator: Token
    argument: _Node


@dataclass(frozen=True, slots=True)
class _Computed:
    """Another field on the right-hand side, multiplied or moved: its name, then signs and numbers in turn."""

    other: Token
    steps: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class _Bare:
    """A word that stands alone where a comparison should."""

    token: Token


@dataclass(frozen=True, slots=True)
class _Negation:
    operand: _Node


@dataclass(frozen=True, slots=True)
class _Group:
    kind: type[And] | type[Or]
    operands: tuple[_Node, ...]


_Node = _Restriction | _Computed | _Bare | _Negation | _Group | Token


class _Builder(Transformer[Token, _Node]):
    """Builds the nodes while the parser runs: each method is the alias of a rule in the grammar."""

    def conjunction(self, children: list[_Node]) -> _Node:
        return _Group(And, tuple(children))

    def disjunction(self, children: list[_Node]) -> _Node:
        return _Group(Or, tuple(children))

    def negation(self, children: list[_Node]) -> _Node:
        return _Negation(children[0])

    def comparison(self, children: list[Any]) -> _Node:
        return _Restriction(*children)

    def computed(self, children: list[Token]) -> _Node:
        return _Computed(children[0], tuple(children[1:]))

    def bare(self, children: list[Token]) -> _Node:
        return _Bare(children[0])


class _Limits(PostLex):
    """Watches the tokens on their way to the parser, so that it never gets deeper or further than the limits."""

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Pass the tokens on. FilterError at the one that is beyond a limit."""
        depth = pending = comparisons = 0  # pending: negations whose operand has not begun yet
        enclosing: list[int] = []
        for token in stream:
            kind = token.type
            if kind in ("_NOT", "_MINUS"):
                pending += 1
            elif kind == "_OPEN":
                depth += pending + 1
                enclosing.append(pending)
                pending = 0
            elif kind == "_CLOSE":
                depth -= enclosing.pop() + 1 if enclosing else 0
            else:
                pending = 0
                # Every comparison is a field and an operator with a value or more: words less operators.
                comparisons += -1 if kind in ("COMPARATOR", "TIMES", "ADDED") else kind not in ("_AND", "_OR")
            if depth + pending > MAX_DEPTH:
                message = f"the filter is nested more than {MAX_DEPTH} levels deep"
                raise FilterError(message, position=_start(token))
            if comparisons > MAX_COMPARISONS:
                message = f"the filter has more than {MAX_COMPARISONS:,} comparisons"
                raise FilterError(message, position=_start(token))
            yield token


@functools.cache
def _parser() -> Lark:
    """The parser, whose tables take some ten milliseconds to build. It keeps no state between texts."""
    grammar = resources.files("nlq.filters").joinpath("filter.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="condition", parser="lalr", lexer="basic", transformer=_Builder(), postlex=_Limits())


def _start(token: Token) -> int:
    """Where a token begins; one made for the end of the text knows no place."""
    return token.start_pos or 0


def _syntax_error(token: Token, text: str) -> FilterError:
    """Say in words what stands there and what could."""
    at_end = token.type == "$END"
    position = len(text) if at_end else _start(token)
    expected = _expected(text[:position])
    if at_end:
        message = f"the filter ends too early: expected {one_of(expected)}"
    else:
        reason = _STRAY_CHARACTERS.get(token.value, f"expected {one_of(expected)}")
        message = f"unexpected {shown(token.value)}: {reason}"
    return FilterError(message, position=position, expected=expected)


def _expected(text: str) -> tuple[str, ...]:
    """Return in words what could follow a text that begins a filter."""
    # The parser that failed no longer knows: it had already closed what the wrong token would have ended.
    parser = _parser().parse_interactive(text)
    parser.exhaust_lexer()
    accepted: set[str] = parser.accepts()  # type: ignore[no-untyped-call] # Lark does not type it
    if "_AND" in accepted:
        accepted -= {"_OPEN", "_NOT", "OTHER", "QUOTED"}  # AND may be left out, but saying so helps nobody
    elif "OTHER" in accepted:
        accepted -= {"QUOTED"}  # what could stand there is a comparison
    return tuple(word for name, word in _EXPECTED_WORDS.items() if name in accepted)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Settles what was written against the schema. Every method raises FilterError."""

    schema: Schema
    text: str

    def condition(self, node: _Node) -> Condition:
        match node:
            case _Restriction():
                return self._restriction(node)
            case _Group(kind, operands):
                return kind(tuple(map(self.condition, operands)))
            case _Negation(operand):
                return Not(self.condition(operand))
            case _Bare(token):
                raise self._bare_error(token)
        raise AssertionError(node)  # the grammar puts no other node there

    def _restriction(self, node: _Restriction) -> Condition:
        field = self._field(node)
        operator = str(node.operator)
        self._check_operator(field, node.operator)
        if operator == Operator.NE.value and not isinstance(node.argument, Token):
            if isinstance(node.argument, _Computed):
                return self._computed(field, operator, node.argument)
            # `!= ("A" OR "B")` means none of them, not "another than at least one", which would always hold.
            return Not(self._argument(field, Operator.EQ.value, node.argument))
        return self._argument(field, operator, node.argument)

    def _argument(self, field: FieldSpec, operator: str, node: _Node) -> Condition:
        match node:
            case Token():
                return self._comparison(field, operator, node)
            case _Computed():
                return self._computed(field, operator, node)
            case _Group(kind, operands):
                return kind(tuple(self._argument(field, operator, operand) for operand in operands))
            case _Negation(operand):
                return Not(self._argument(field, operator, operand))
        raise AssertionError(node)  # the grammar puts no other node there

    def _comparison(self, field: FieldSpec, operator: str, token: Token) -> Condition:
        position = _start(token)
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

    def _computed(self, field: FieldSpec, operator: str, node: _Computed) -> Condition:
        other = self.schema.by_name.get(self._named_field(str(node.other), _start(node.other)))
        assert other is not None  # noqa: S101 - it was just found
        compared = _field_comparison(field, operator, other, _start(node.other))
        for sign, number in zip(node.steps[::2], node.steps[1::2], strict=True):
            compared = _step(compared, field, sign, number)
        return compared

    def _field(self, node: _Restriction) -> FieldSpec:
        token = node.field
        field = self.schema.by_name.get(token)
        if field is not None and field.filterable:
            return field
        if token.type == "OTHER":
            raise self._bare_error(token)
        argument = node.argument
        if isinstance(argument, Token) and argument.type == "WORD" and argument in self.schema.by_name:
            message = f"a comparison begins with its field: {argument} stands on the left of {shown(token)}"
            raise FilterError(message, position=_start(token), expected=("a field",), nearest=(str(argument),))
        raise self._unknown_field(token[1:-1] if token.type == "QUOTED" else token, _start(token))

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
        raise FilterError(message, position=_start(token), expected=allowed, nearest=nearest)

    def _bare_error(self, token: Token) -> FilterError:
        """The error for what stands where a comparison should, with what was probably meant."""
        position = _start(token)
        if token.type == "OTHER":
            reason = _STRAY_CHARACTERS.get(token, f"expected {_A_CONDITION}")
            return FilterError(f"unexpected {shown(token)}: {reason}", position=position, expected=(_A_CONDITION,))
        # "category in (...)": the word after the field shows what was meant.
        following = re.compile(r"\s*([^\s()\"]*)").match(self.text, token.end_pos or 0)
        for word in (str(token), following[1] if following else ""):
            if word.casefold() in _FOREIGN_WORDS:
                message, nearest = _FOREIGN_WORDS[word.casefold()]
                return FilterError(
                    f"{shown(word)} is no word of a filter: {message}",
                    position=self.text.index(word, position),
                    expected=(_A_CONDITION,),
                    nearest=nearest,
                )
        return self._lone_word_error(token, position)

    def _lone_word_error(self, token: Token, position: int) -> FilterError:
        field = self.schema.by_name.get(token)
        nearest: tuple[str, ...]
        if field is None or not field.filterable:
            message, nearest = f"expected {_A_CONDITION}", nearest_fields(token, self._filterable())
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
            expected=(_A_CONDITION,),
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
        raise FilterError(message, position=_start(sign), expected=("AND",))
    if _STEP_NUMBER.fullmatch(number) is None:
        message = f"{shown(number)} is no number to compute with, such as 1.1"
        raise FilterError(message, position=_start(number), expected=("a number",))
    if sign.type == "TIMES":
        return replace(compared, factor=plain(Decimal(number)))
    if not is_money and "." in number:
        raise FilterError(f"{shown(number)} is no whole number of days", position=_start(number))
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
