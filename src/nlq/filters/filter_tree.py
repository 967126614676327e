"""Filter tree: the nodes of a filter text as it was written, before the schema has its say.

Gives `read_tree`, its nodes (`Restriction`, `Computed`, `Bare`, `Negation`, `Group`) and the limits of a text. The text
passes `_refuse_characters`, then the grammar of `filter.lark`, with the limits watched over the tokens on their way.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedToken
from lark.lark import PostLex

from nlq.errors import FilterError
from nlq.filters.field_names import one_of, shown
from nlq.query import And, Or

MAX_CHARACTERS: Final = 16_384
"""Longest filter text, in code points."""
MAX_DEPTH: Final = 50
"""Most parentheses and negations open at once."""
MAX_COMPARISONS: Final = 500
"""Most comparisons in one filter; each value of a list in parentheses counts as one."""
# Surrogates and control characters cannot be stored, so no value has them; tab and line breaks are white space.
_REFUSED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
A_CONDITION: Final = "a comparison such as source = RENTAL"
_EXPECTED_WORDS: Final[Mapping[str, str]] = {
    "COMPARATOR": "an operator",
    "QUOTED": "a value",
    "OTHER": A_CONDITION,
    "_NOT": "NOT",
    "_OPEN": "(",
    "_AND": "AND",
    "_OR": "OR",
    "_CLOSE": ")",
    "$END": "the end of the filter",
}
"""What each terminal is in words; those that are not named say nothing that these do not."""
STRAY_CHARACTERS: Final[Mapping[str, str]] = {
    '"': "the quoted text that begins here never ends",
    ",": 'lists are written with OR, such as category = ("Cranes" OR "Forklifts")',
    "\\": "a backslash escapes the character after it; write \\\\ for a backslash",
    **dict.fromkeys("'“”‘’„«»", 'text is quoted with straight double quotes, such as "Silo 4"'),
}


def read_tree(text: str) -> Node | None:
    """Return the nodes of a filter text, None where it is blank.

    FilterError, with its position in code points, for a text that is none or is beyond the limits.
    """
    _refuse_characters(text)
    if not text.strip():
        return None
    try:
        return _parser().parse(text)  # type: ignore[return-value]  # the builder's result, not Lark's tree
    except UnexpectedToken as error:
        raise _syntax_error(error.token, text) from None


def _refuse_characters(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        message = f"the filter has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        raise FilterError(message, position=MAX_CHARACTERS)
    if match := _REFUSED.search(text):
        message = f"the character U+{ord(match[0]):04X} cannot stand in a filter"
        raise FilterError(message, position=match.start())


@dataclass(frozen=True, slots=True)
class Restriction:
    """A comparison as it was written: the argument is a token, or a group or negation of tokens."""

    field: Token
    operator: Token
    argument: Node


@dataclass(frozen=True, slots=True)
class Computed:
    """Another field on the right-hand side, multiplied or moved: its name, then signs and numbers in turn."""

    other: Token
    steps: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Bare:
    """A word that stands alone where a comparison should."""

    token: Token


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT before a condition, or a minus."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by AND, or by OR."""

    kind: type[And] | type[Or]
    operands: tuple[Node, ...]


Node = Restriction | Computed | Bare | Negation | Group | Token


class _Builder(Transformer[Token, Node]):
    """Builds the nodes while the parser runs: each method is the alias of a rule in the grammar."""

    def conjunction(self, children: list[Node]) -> Node:
        return Group(And, tuple(children))

    def disjunction(self, children: list[Node]) -> Node:
        return Group(Or, tuple(children))

    def negation(self, children: list[Node]) -> Node:
        return Negation(children[0])

    def comparison(self, children: list[Any]) -> Node:
        return Restriction(*children)

    def computed(self, children: list[Token]) -> Node:
        return Computed(children[0], tuple(children[1:]))

    def bare(self, children: list[Token]) -> Node:
        return Bare(children[0])


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
                raise FilterError(message, position=start_of(token))
            if comparisons > MAX_COMPARISONS:
                message = f"the filter has more than {MAX_COMPARISONS:,} comparisons"
                raise FilterError(message, position=start_of(token))
            yield token


@functools.cache
def _parser() -> Lark:
    """The parser, whose tables take some ten milliseconds to build. It keeps no state between texts."""
    grammar = resources.files("nlq.filters").joinpath("filter.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="condition", parser="lalr", lexer="basic", transformer=_Builder(), postlex=_Limits())


def start_of(token: Token) -> int:
    """Where a token begins; one made for the end of the text knows no place."""
    return token.start_pos or 0


def _syntax_error(token: Token, text: str) -> FilterError:
    """Say in words what stands there and what could."""
    at_end = token.type == "$END"
    position = len(text) if at_end else start_of(token)
    expected = _expected(text[:position])
    if at_end:
        message = f"the filter ends too early: expected {one_of(expected)}"
    else:
        reason = STRAY_CHARACTERS.get(token.value, f"expected {one_of(expected)}")
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
